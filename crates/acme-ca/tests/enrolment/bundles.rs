//! What a bundle must be: possession, for this CA and this user, attested, and within policy.

use acme_ca::audit::Outcome;
use acme_ca::ca::now;
use acme_ca::enrolment::{EnrolRefusal, examine};
use acme_ca::records::KeyState;
use acme_yubikey::enrolment::BundleError;
use piv_attest::policy::Violation;
use piv_attest::{PinPolicy, TouchPolicy};

use crate::device::{Device, Facts, TestKey, bundle, bundle_signed_by};
use crate::site::Site;
use crate::{request, with_alice};

#[tokio::test]
async fn a_good_bundle_becomes_a_record_with_every_fact() {
    let site = with_alice().await;
    let key = TestKey::p256();
    let proposal = examine(
        &site.ca,
        request(site.bundle("alice", &key, &Facts::default())),
        now(),
    )
    .await
    .unwrap();
    // EUCLEAK reaches 5.4.3, and is told at enrolment.
    assert_eq!(proposal.attestation().warnings().len(), 1);
    let record = proposal.record(&site.ca).await.unwrap();
    assert_eq!(record.attested.serial.unwrap().to_string(), "9681620");
    assert_eq!(record.attested.slot.to_string(), "9a");
    assert_eq!(record.attested.pin_policy, PinPolicy::Once);
    assert_eq!(record.attested.touch_policy, TouchPolicy::Always);
    assert_eq!(record.state, KeyState::Active);
    assert_eq!(record.chain.len(), 2);
    let ssh = record.grants.iter().find(|grant| grant.profile == "ssh");
    assert_eq!(ssh.unwrap().names, ["alice", "deploy"]);
    let last = site.decisions().await.pop().unwrap();
    assert_eq!(
        (last.action.as_ref(), last.outcome),
        ("key.add", Outcome::Done)
    );
    assert_eq!(last.facts["serial"], "9681620");
    assert_eq!(last.facts["key"], record.id.to_string());
}

#[tokio::test]
async fn a_bundle_without_possession_is_refused() {
    let site = with_alice().await;
    let key = TestKey::p256();
    let chain = site.device.attest(&key, &Facts::default());
    let root = site.ca.hierarchy().root_fingerprint();
    let stolen = bundle_signed_by(root, "alice", &key, &TestKey::p256(), &chain);
    let refusals = site.refusals(request(stolen)).await;
    assert!(matches!(
        refusals[..],
        [EnrolRefusal::Bundle(BundleError::Signature)]
    ));
}

#[tokio::test]
async fn a_bundle_for_another_ca_is_refused() {
    let site = with_alice().await;
    let key = TestKey::p256();
    let chain = site.device.attest(&key, &Facts::default());
    let refusals = site
        .refusals(request(bundle([9; 32], "alice", &key, &chain)))
        .await;
    assert!(matches!(
        refusals[..],
        [EnrolRefusal::Bundle(BundleError::OtherCa { .. })]
    ));
}

#[tokio::test]
async fn a_bundle_for_another_user_is_refused() {
    let site = with_alice().await;
    let key = TestKey::p256();
    let refusals = site
        .refusals(request(site.bundle("bob", &key, &Facts::default())))
        .await;
    assert!(matches!(
        refusals[..],
        [EnrolRefusal::Bundle(BundleError::OtherUser { .. })]
    ));
}

/// Whether a chain for a key is refused because of what it attests.
async fn is_not_attested(site: &Site, key: &TestKey, chain: &[Vec<u8>]) -> bool {
    let root = site.ca.hierarchy().root_fingerprint();
    let sent = request(bundle(root, "alice", key, chain));
    matches!(
        site.refusals(sent).await[..],
        [EnrolRefusal::Bundle(BundleError::Attestation(_))]
    )
}

#[tokio::test]
async fn a_device_whose_owner_replaced_f9_is_refused() {
    let site = with_alice().await;
    let key = TestKey::p256();
    let replaced = site.device.with_replaced_f9();
    let chain = replaced.attest(&key, &Facts::default());
    assert!(is_not_attested(&site, &key, &chain).await);
}

#[tokio::test]
async fn a_slot_certificate_used_as_f9_is_refused() {
    let site = with_alice().await;
    let key = TestKey::p256();
    let chain = site.device.attest_by_slot(&TestKey::p256(), &key);
    assert!(is_not_attested(&site, &key, &chain).await);
}

#[tokio::test]
async fn an_unknown_root_is_refused() {
    let site = with_alice().await;
    let key = TestKey::p256();
    let chain = Device::new().attest(&key, &Facts::default());
    assert!(is_not_attested(&site, &key, &chain).await);
}

/// An imported key has no attestation; all that its owner can send is another key's.
#[tokio::test]
async fn an_imported_key_is_refused() {
    let site = with_alice().await;
    let imported = TestKey::p256();
    let generated = TestKey::p256();
    let root = site.ca.hierarchy().root_fingerprint();
    let anothers = site.device.attest(&generated, &Facts::default());
    let borrowed = bundle_signed_by(root, "alice", &generated, &imported, &anothers);
    let refusals = site.refusals(request(borrowed)).await;
    assert!(matches!(
        refusals[..],
        [EnrolRefusal::Bundle(BundleError::Signature)]
    ));
    // The device's own certificate attests no key of a slot.
    let own = bundle(
        root,
        "alice",
        &imported,
        std::slice::from_ref(&site.device.f9),
    );
    let refusals = site.refusals(request(own)).await;
    assert!(matches!(refusals[..], [EnrolRefusal::Bundle(_)]));
}

#[tokio::test]
async fn what_is_no_bundle_is_refused_as_unreadable() {
    let site = with_alice().await;
    for text in [
        &b""[..],
        b"{}",
        b"[]",
        b"\xff\xfe",
        b"{\"version\":1}",
        &[b'['; 60_000],
    ] {
        let refusals = site.refusals(request(text.to_vec())).await;
        assert!(refusals.iter().all(EnrolRefusal::is_unreadable));
    }
}

#[tokio::test]
async fn the_policy_refuses_at_enrolment_and_lists_all_that_is_wrong() {
    let site = with_alice().await;
    let facts = Facts {
        pin_policy: 1,
        touch_policy: 3,
        ..Facts::default()
    };
    let refusals = site
        .refusals(request(site.bundle("alice", &TestKey::p256(), &facts)))
        .await;
    assert!(matches!(
        refusals[..],
        [
            EnrolRefusal::Policy(Violation::PinPolicy {
                found: PinPolicy::Never
            }),
            EnrolRefusal::Policy(Violation::TouchPolicy {
                found: TouchPolicy::Cached
            })
        ]
    ));
}

#[tokio::test]
async fn the_strict_preset_refuses_keys_that_eucleak_reaches() {
    let site = Site::with("preset = \"default\"", "preset = \"strict\"").await;
    site.add_user("alice").await;
    let old = site.bundle("alice", &TestKey::p256(), &Facts::default());
    let refusals = site.refusals(request(old)).await;
    assert!(matches!(
        refusals[..],
        [EnrolRefusal::Policy(Violation::Advisory { .. })]
    ));
}
