//! What is recorded: whose key it is, and what it may have; also when two are at it at once.

use acme_ca::audit::{Decision, OPERATOR, Outcome};
use acme_ca::ca::now;
use acme_ca::enrolment::{EnrolRefusal, Request, examine};
use acme_ca::records::{KeyState, KeyUse, NameClash};
use acme_ca::store::{Records, StoreError};

use crate::device::{Facts, TestKey};
use crate::site::{Site, parse, user};
use crate::{request, with_alice};

#[tokio::test]
async fn the_user_must_exist_and_be_enabled() {
    let site = Site::new().await;
    let key = TestKey::p256();
    let refusals = site
        .refusals(request(site.bundle("alice", &key, &Facts::default())))
        .await;
    assert!(matches!(refusals[..], [EnrolRefusal::NoUser { .. }]));
    site.add_user("alice").await;
    let decision = Decision::new(Outcome::Done, "user.disable", OPERATOR, "test", now());
    let disabled = site.ca.store().disable_user(&user("alice"), decision).await;
    assert!(disabled.unwrap().disabled.is_some());
    let refusals = site
        .refusals(request(site.bundle("alice", &key, &Facts::default())))
        .await;
    assert!(matches!(refusals[..], [EnrolRefusal::UserDisabled { .. }]));
}

#[tokio::test]
async fn a_public_key_belongs_to_one_user() {
    let site = with_alice().await;
    site.add_user("bob").await;
    let key = TestKey::p256();
    let first = site
        .enrol("alice", &key, KeyUse::Login, &["tls=alice.example"])
        .await;
    let mut again = request(site.bundle("bob", &key, &Facts::default()));
    again.user = user("bob");
    again.grants = parse(&["tls=bob.example"]);
    let refusals = site.refusals(again.clone()).await;
    assert!(matches!(&refusals[..], [EnrolRefusal::Known { id, .. }] if *id == first.id));
    // Also a retired one, and also when the check before did not see it.
    let decision = Decision::new(Outcome::Done, "key.retire", OPERATOR, "test", now());
    let retired = KeyState::Retired { since: now() };
    site.ca
        .store()
        .set_key_state(first.id, retired, decision)
        .await
        .unwrap();
    assert_eq!(site.refusals(again).await.len(), 1);
    let fresh = TestKey::p256();
    let twice = || request(site.bundle("alice", &fresh, &Facts::default()));
    let one = examine(&site.ca, twice(), now()).await.unwrap();
    let two = examine(&site.ca, twice(), now()).await.unwrap();
    one.record(&site.ca).await.unwrap();
    assert!(matches!(
        two.record(&site.ca).await,
        Err(StoreError::Exists { .. })
    ));
}

#[tokio::test]
async fn grants_must_fit_profiles_names_and_use() {
    let site = with_alice().await;
    type Check = fn(&EnrolRefusal) -> bool;
    let cases: [(KeyUse, &[&str], Check); 8] = [
        (KeyUse::Login, &["vpn=alice.example"], |r| {
            matches!(r, EnrolRefusal::NoProfile { .. })
        }),
        (KeyUse::Login, &["tls-disk=alice-disk.example"], |r| {
            matches!(r, EnrolRefusal::OtherUse { .. })
        }),
        (KeyUse::Proof, &["tls=alice.example"], |r| {
            matches!(r, EnrolRefusal::OtherUse { .. })
        }),
        (KeyUse::Login, &["tls=*.example"], |r| {
            matches!(r, EnrolRefusal::Name(_))
        }),
        (KeyUse::Login, &["tls=alice@example"], |r| {
            matches!(r, EnrolRefusal::Name(_))
        }),
        (KeyUse::Login, &["ssh=root *"], |r| {
            matches!(r, EnrolRefusal::Name(_))
        }),
        (KeyUse::Login, &["tls=a.example", "tls=b.example"], |r| {
            matches!(r, EnrolRefusal::GrantedTwice { .. })
        }),
        (KeyUse::Login, &[], |r| matches!(r, EnrolRefusal::NoGrant)),
    ];
    for (usage, grants, check) in cases {
        let refused = Request {
            usage,
            grants: parse(grants),
            ..request(site.bundle("alice", &TestKey::p256(), &Facts::default()))
        };
        let refusals = site.refusals(refused).await;
        assert!(
            refusals.len() == 1 && check(&refusals[0]),
            "{grants:?}: {refusals:?}"
        );
    }
}

#[tokio::test]
async fn a_tls_name_is_one_persons_and_of_one_kind_and_reserved() {
    let site = with_alice().await;
    site.add_user("bob").await;
    site.enrol(
        "alice",
        &TestKey::p256(),
        KeyUse::Login,
        &["tls=Alice.example", "ssh=deploy"],
    )
    .await;
    let reserved = async |name| site.ca.store().name_is_reserved(name).await.unwrap();
    assert!(reserved("alice.example").await && reserved("ALICE.example").await);
    assert!(!reserved("carol.example").await);
    let mut taken = request(site.bundle("bob", &TestKey::p256(), &Facts::default()));
    taken.user = user("bob");
    // `deploy` is a principal, and may be shared.
    taken.grants = parse(&["tls=ALICE.example", "ssh=deploy"]);
    let refusals = site.refusals(taken).await;
    assert!(matches!(
        refusals[..],
        [EnrolRefusal::Clash(NameClash::Taken { .. })]
    ));
    let disk = Request {
        usage: KeyUse::Proof,
        grants: parse(&["tls-disk=alice.example"]),
        ..request(site.bundle("alice", &TestKey::p256(), &Facts::default()))
    };
    let refusals = site.refusals(disk).await;
    assert!(matches!(
        refusals[..],
        [EnrolRefusal::Clash(NameClash::OtherKind { .. })]
    ));
    // A second key of the same person may have the same name.
    site.enrol(
        "alice",
        &TestKey::p256(),
        KeyUse::Login,
        &["tls=alice.example"],
    )
    .await;
}

#[tokio::test]
async fn a_site_may_allow_one_key_for_both() {
    let site = Site::with("one_key_for_both = false", "one_key_for_both = true").await;
    site.add_user("alice").await;
    let grants = &["tls=alice.example", "tls-disk=alice-disk.example"];
    site.enrol("alice", &TestKey::p256(), KeyUse::Login, grants)
        .await;
}

#[tokio::test]
async fn one_request_cannot_grant_one_tls_name_for_hardware_and_disk() {
    let site = Site::with("one_key_for_both = false", "one_key_for_both = true").await;
    site.add_user("alice").await;
    let mut both = request(site.bundle("alice", &TestKey::p256(), &Facts::default()));
    both.grants = parse(&["tls=alice.example", "tls-disk=ALICE.example"]);
    let refusals = site.refusals(both).await;
    assert!(matches!(
        refusals[..],
        [EnrolRefusal::Clash(NameClash::OtherKind { .. })]
    ));
}

#[tokio::test]
async fn two_enrolments_at_once_do_not_share_a_tls_name() {
    let site = with_alice().await;
    site.add_user("bob").await;
    let alice = request(site.bundle("alice", &TestKey::p256(), &Facts::default()));
    let mut bob = request(site.bundle("bob", &TestKey::p256(), &Facts::default()));
    bob.user = user("bob");
    // Both are looked at before either is recorded.
    let alice = examine(&site.ca, alice, now()).await.unwrap();
    let bob = examine(&site.ca, bob, now()).await.unwrap();
    alice.record(&site.ca).await.unwrap();
    let error = bob.record(&site.ca).await.unwrap_err();
    assert!(matches!(&error, StoreError::Conflict { what } if what.contains("alice")));
    assert!(
        site.ca
            .store()
            .keys(Some(&user("bob")))
            .await
            .unwrap()
            .is_empty()
    );
    let last = site.decisions().await.pop().unwrap();
    assert_eq!(
        (last.action.as_ref(), last.outcome),
        ("key.add", Outcome::Refused)
    );
}

#[tokio::test]
async fn a_user_disabled_during_an_enrolment_gets_no_key() {
    let site = with_alice().await;
    let bundle = site.bundle("alice", &TestKey::p256(), &Facts::default());
    let proposal = examine(&site.ca, request(bundle), now()).await.unwrap();
    let decision = Decision::new(Outcome::Done, "user.disable", OPERATOR, "test", now());
    let store = site.ca.store();
    store.disable_user(&user("alice"), decision).await.unwrap();
    let error = proposal.record(&site.ca).await.unwrap_err();
    assert!(matches!(error, StoreError::Conflict { .. }), "{error}");
    assert!(store.keys(None).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_grant_has_no_more_names_than_a_certificate() {
    let site = with_alice().await;
    let mut many = request(site.bundle("alice", &TestKey::p256(), &Facts::default()));
    let names: Vec<String> = (0..257).map(|number| format!("p{number}")).collect();
    many.grants = parse(&[format!("ssh={}", names.join(",")).as_str()]);
    let refusals = site.refusals(many).await;
    assert!(matches!(
        refusals[..],
        [EnrolRefusal::TooManyNames {
            count: 257,
            most: 256,
            ..
        }]
    ));
}

#[tokio::test]
async fn a_key_that_others_know_is_not_enrolled() {
    let site = with_alice().await;
    let key = TestKey::p256();
    let digest = piv_attest::PublicKey::from_spki_der(&key.spki)
        .unwrap()
        .spki_sha256();
    rusqlite::Connection::open(site.ca.layout().database())
        .unwrap()
        .execute("INSERT INTO compromised_keys VALUES (?1, 1)", [digest])
        .unwrap();
    let request = request(site.bundle("alice", &key, &Facts::default()));
    let proposal = examine(&site.ca, request, now()).await.unwrap();
    let refused = proposal.record(&site.ca).await.unwrap_err();
    assert!(refused.to_string().contains("others may know"), "{refused}");
    assert!(site.ca.store().keys(None).await.unwrap().is_empty());
}
