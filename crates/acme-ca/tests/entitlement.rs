//! Who may have what: every reason for a no, and that all of them are told.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

#[path = "support/device.rs"]
mod device;
#[path = "support/orders.rs"]
mod orders;
#[path = "support/site.rs"]
mod site;

use acme_ca::audit::{Decision, OPERATOR, Outcome};
use acme_ca::ca::now;
use acme_ca::entitlement::{Question, Refusal};
use acme_ca::records::{KeyState, KeyUse};
use acme_ca::store::Records;
use acme_wire::order::{Identifier, IdentifierType};
use acme_yubikey::ChallengeType;
use device::{Facts, TestKey};
use orders::{ask, question, refused};
use piv_attest::policy::Violation;
use piv_attest::{Difference, PublicKey};
use site::{Site, user};

fn decision() -> Decision {
    Decision::new(Outcome::Done, "test", OPERATOR, "test", now())
}

#[tokio::test]
async fn an_enrolled_key_gets_what_it_was_granted() {
    let (site, key) = Site::with_key(&["tls=alice.example"]).await;
    let entitled = ask(&site, question(&site, &key, &Facts::default(), "tls"))
        .await
        .unwrap();
    assert_eq!(entitled.names(), ["alice.example"]);
    assert_eq!(entitled.user().as_str(), "alice");
    assert_eq!(entitled.warnings().len(), 1, "EUCLEAK reaches 5.4.3");
}

/// Another key on the same YubiKey, with the same serial number, is another key.
#[tokio::test]
async fn the_record_is_that_of_the_public_key_never_that_of_the_serial() {
    let (site, _) = Site::with_key(&["tls=alice.example"]).await;
    let other = TestKey::p256();
    let refusals = refused(&site, question(&site, &other, &Facts::default(), "tls")).await;
    assert_eq!(refusals, [Refusal::NotEnrolled]);
}

#[tokio::test]
async fn every_fact_that_differs_from_the_record_is_told_and_is_an_alarm() {
    let (site, key) = Site::with_key(&["tls=alice.example"]).await;
    type Check = fn(&Difference) -> bool;
    let cases: [(Facts, Check); 4] = [
        (
            Facts {
                slot: "9c",
                ..Facts::default()
            },
            |d| matches!(d, Difference::Slot { .. }),
        ),
        (
            Facts {
                firmware: [5, 4, 4],
                ..Facts::default()
            },
            |d| matches!(d, Difference::Firmware { .. }),
        ),
        (
            Facts {
                pin_policy: 3,
                ..Facts::default()
            },
            |d| matches!(d, Difference::PinPolicy { .. }),
        ),
        (
            Facts {
                form_factor: Some(2),
                ..Facts::default()
            },
            |d| matches!(d, Difference::FormFactor { .. }),
        ),
    ];
    for (facts, check) in cases {
        let refusals = refused(&site, question(&site, &key, &facts, "tls")).await;
        assert!(
            matches!(&refusals[..], [refusal @ Refusal::Differs(difference)]
                if check(difference) && refusal.is_alarm()),
            "{refusals:?}"
        );
    }
    // A serial number that differs is also not the one that was ordered.
    let facts = Facts {
        serial: Some(1),
        ..Facts::default()
    };
    let refusals = refused(&site, question(&site, &key, &facts, "tls")).await;
    assert!(matches!(
        refusals[..],
        [
            Refusal::Differs(Difference::Serial { .. }),
            Refusal::OtherSerial { .. }
        ]
    ));
}

#[tokio::test]
async fn a_refusal_lists_all_that_failed() {
    let (site, key) = Site::with_key(&["tls=alice.example"]).await;
    let revoked = KeyState::Revoked {
        since: 1_700_000_000,
    };
    let id = site.ca.store().keys(None).await.unwrap()[0].id;
    let store = site.ca.store();
    store.set_key_state(id, revoked, decision()).await.unwrap();
    store
        .disable_user(&user("alice"), decision())
        .await
        .unwrap();
    let facts = Facts {
        slot: "9c",
        pin_policy: 1,
        touch_policy: 1,
        ..Facts::default()
    };
    let refusals = refused(&site, question(&site, &key, &facts, "ssh")).await;
    let count = |check: fn(&Refusal) -> bool| refusals.iter().filter(|r| check(r)).count();
    assert_eq!(count(|r| matches!(r, Refusal::Revoked { .. })), 1);
    assert_eq!(count(|r| matches!(r, Refusal::UserDisabled { .. })), 1);
    assert_eq!(count(|r| matches!(r, Refusal::Differs(_))), 3);
    assert_eq!(count(|r| matches!(r, Refusal::NotGranted { .. })), 1);
    assert_eq!(
        count(|r| matches!(r, Refusal::Policy(Violation::PinPolicy { .. }))),
        1
    );
    assert_eq!(
        count(|r| matches!(r, Refusal::Policy(Violation::TouchPolicy { .. }))),
        1
    );
    assert_eq!(refusals.len(), 8);
}

#[tokio::test]
async fn a_retired_key_is_refused_kindly_and_a_revoked_one_with_an_alarm() {
    let (site, key) = Site::with_key(&["tls=alice.example"]).await;
    let id = site.ca.store().keys(None).await.unwrap()[0].id;
    let store = site.ca.store();
    let retired = KeyState::Retired {
        since: 1_700_000_000,
    };
    store.set_key_state(id, retired, decision()).await.unwrap();
    let refusals = refused(&site, question(&site, &key, &Facts::default(), "tls")).await;
    assert_eq!(
        refusals[0].to_string(),
        "this key was retired on 2023-11-14"
    );
    assert!(refusals.len() == 1 && !refusals[0].is_alarm());
    let revoked = KeyState::Revoked {
        since: 1_700_086_400,
    };
    store.set_key_state(id, revoked, decision()).await.unwrap();
    let refusals = refused(&site, question(&site, &key, &Facts::default(), "tls")).await;
    assert_eq!(
        refusals,
        [Refusal::Revoked {
            since: 1_700_086_400
        }]
    );
    assert!(refusals[0].is_alarm());
    // It stays revoked.
    assert!(store.set_key_state(id, retired, decision()).await.is_err());
    assert!(
        store
            .set_key_state(id, KeyState::Active, decision())
            .await
            .is_err()
    );
}

#[tokio::test]
async fn a_disabled_user_gets_nothing() {
    let (site, key) = Site::with_key(&["tls=alice.example"]).await;
    let store = site.ca.store();
    store
        .disable_user(&user("alice"), decision())
        .await
        .unwrap();
    let refusals = refused(&site, question(&site, &key, &Facts::default(), "tls")).await;
    assert!(matches!(refusals[..], [Refusal::UserDisabled { .. }]));
}

#[tokio::test]
async fn a_profile_that_was_not_granted_is_refused_and_one_that_is_not_there() {
    let (site, key) = Site::with_key(&["tls=alice.example"]).await;
    let refusals = refused(&site, question(&site, &key, &Facts::default(), "ssh")).await;
    assert!(matches!(refusals[..], [Refusal::NotGranted { .. }]));
    let refusals = refused(&site, question(&site, &key, &Facts::default(), "vpn")).await;
    assert!(matches!(refusals[..], [Refusal::NoProfile { .. }]));
}

/// A login key signs digests for programs; one of them could be a challenge of yubikey-02.
#[tokio::test]
async fn a_login_key_does_not_answer_yubikey_02_nor_a_proof_key_yubikey_01() {
    let (site, key) = Site::with_key(&["tls=alice.example"]).await;
    let disk = PublicKey::from_spki_der(&TestKey::p256().spki).unwrap();
    let by_login = Question {
        answered: ChallengeType::Yubikey02.into(),
        certified_key: disk,
        ..question(&site, &key, &Facts::default(), "tls-disk")
    };
    let refusals = refused(&site, by_login).await;
    assert!(refusals.iter().any(|r| matches!(
        r,
        Refusal::OtherUse {
            wanted: KeyUse::Proof,
            found: KeyUse::Login,
            ..
        }
    )));
    let proof = TestKey::p256();
    site.enrol(
        "alice",
        &proof,
        KeyUse::Proof,
        &["tls-disk=alice-disk.example"],
    )
    .await;
    let refusals = refused(&site, question(&site, &proof, &Facts::default(), "tls")).await;
    assert!(refusals.iter().any(|r| matches!(
        r,
        Refusal::OtherUse {
            wanted: KeyUse::Login,
            ..
        }
    )));
}

#[tokio::test]
async fn the_answer_must_be_to_the_profiles_own_challenge() {
    let (site, key) = Site::with_key(&["tls=alice.example"]).await;
    let crossed = Question {
        answered: ChallengeType::Yubikey02.into(),
        certified_key: PublicKey::from_spki_der(&TestKey::p256().spki).unwrap(),
        ..question(&site, &key, &Facts::default(), "tls")
    };
    let refusals = refused(&site, crossed).await;
    assert!(
        refusals
            .iter()
            .any(|r| matches!(r, Refusal::OtherChallenge { .. }))
    );
}

#[tokio::test]
async fn the_identifier_must_be_the_keys_serial_or_a_name_of_its_record() {
    let (site, key) = Site::with_key(&["tls=alice.example"]).await;
    let with = |identifier| Question {
        identifier,
        ..question(&site, &key, &Facts::default(), "tls")
    };
    for other in [
        "9681621", "09681620", "+9681620", " 9681620", "", "0x93bad4",
    ] {
        let refusals = refused(&site, with(Identifier::permanent(other))).await;
        assert!(
            matches!(refusals[..], [Refusal::OtherSerial { .. }]),
            "{other:?}"
        );
    }
    assert!(
        ask(&site, with(Identifier::dns("alice.example")))
            .await
            .is_ok()
    );
    let refusals = refused(&site, with(Identifier::dns("bob.example"))).await;
    assert!(matches!(refusals[..], [Refusal::NameNotGranted { .. }]));
    let ip = Identifier {
        kind: IdentifierType::Ip,
        value: "192.0.2.1".into(),
    };
    let refusals = refused(&site, with(ip)).await;
    assert!(matches!(refusals[..], [Refusal::IdentifierType { .. }]));
}

/// A key without a serial number can be ordered for by name, and by no serial number.
#[tokio::test]
async fn a_key_without_a_serial_is_ordered_for_by_name() {
    let site = Site::new().await;
    site.add_user("alice").await;
    let key = TestKey::p256();
    let facts = Facts {
        serial: None,
        ..Facts::default()
    };
    let request = acme_ca::enrolment::Request {
        user: user("alice"),
        usage: KeyUse::Login,
        grants: site::parse(&["tls=alice.example"]),
        bundle: site.bundle("alice", &key, &facts),
    };
    let proposal = acme_ca::enrolment::examine(&site.ca, request, now()).await;
    proposal.unwrap().record(&site.ca).await.unwrap();
    let with = |identifier| Question {
        identifier,
        ..question(&site, &key, &facts, "tls")
    };
    assert!(
        ask(&site, with(Identifier::dns("alice.example")))
            .await
            .is_ok()
    );
    for serial in ["0", "", "None"] {
        let refusals = refused(&site, with(Identifier::permanent(serial))).await;
        assert!(matches!(
            refusals[..],
            [Refusal::OtherSerial { found: None, .. }]
        ));
    }
}
