//! Enrolment bundles: possession, for one CA and one user.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

#[path = "support/pki.rs"]
#[allow(dead_code)]
mod pki;

use acme_yubikey::{
    AttestationError, ChallengeType,
    enrolment::{Bundle, BundleError, EnrolmentMessage, Expected, MAX_LEN, VerifiedBundle},
};
use piv_attest::{PublicKey, UnixTime, Verifier};
use pki::{Key, Pki};
use proptest::prelude::*;
use rstest::rstest;
use serde_json::Value;

const NOW: UnixTime = UnixTime::from_secs(1_900_000_000);
const ROOT: [u8; 32] = [0xca; 32];
const NONCE: [u8; 32] = [0x4e; 32];

fn bundle_by(key: &Key, signer: &Key, user: &str, pki: &Pki) -> Bundle {
    let spki_sha256 = PublicKey::from_spki_der(&key.spki).unwrap().spki_sha256();
    let message = EnrolmentMessage::new(ROOT, user, &NONCE, spki_sha256).unwrap();
    let signature = signer.sign(message.as_bytes());
    Bundle::new(ROOT, user, NONCE.to_vec(), pki.attest(&key.spki), signature).unwrap()
}

fn bundle() -> Bundle {
    let key = Key::p256(0x21);
    bundle_by(&key, &key, "alice", &Pki::new())
}

fn json() -> Value {
    serde_json::from_str(&bundle().to_json()).unwrap()
}

fn read(value: &Value) -> Result<Bundle, BundleError> {
    Bundle::from_json(value.to_string().as_bytes())
}

fn verify(bundle: Bundle) -> Result<VerifiedBundle, BundleError> {
    let expected = Expected {
        root_fingerprint: ROOT,
        user: "alice",
    };
    let verifier = Verifier::builder().root(&Pki::new().root).unwrap().build();
    bundle.verify(&expected, &verifier, NOW)
}

#[test]
fn a_good_bundle_gives_the_facts_of_the_key() {
    let verified = verify(Bundle::from_json(bundle().to_json().as_bytes()).unwrap()).unwrap();
    assert_eq!(verified.user(), "alice");
    assert_eq!(verified.nonce(), NONCE);
    assert_eq!(verified.chain().len(), 2);
    assert_eq!(
        verified.attestation().public_key().spki_der(),
        Key::p256(0x21).spki
    );
    assert_eq!(verified.attestation().slot().to_string(), "9a");
}

#[rstest]
#[case::p384(Key::p384())]
#[case::ed25519(Key::ed25519())]
#[case::rsa2048(Key::rsa2048())]
fn every_kind_of_key_can_be_enrolled(#[case] key: Key) {
    verify(bundle_by(&key, &key, "alice", &Pki::new())).unwrap();
}

#[test]
fn an_enrolment_message_has_80_bytes_and_a_magic_of_its_own() {
    let message = EnrolmentMessage::new(ROOT, "alice", &NONCE, [1; 32]).unwrap();
    assert_eq!(message.as_bytes().len(), 80);
    assert_eq!(&message.as_bytes()[..16], b"ACME-YUBIKEY-EN\0");
    assert_eq!(message.as_bytes()[16..48], ROOT);
    for kind in ChallengeType::ALL {
        assert_ne!(&message.as_bytes()[..16], kind.magic());
    }
}

#[test]
fn every_part_of_an_enrolment_message_counts() {
    let message =
        |root, user, nonce: &[u8], key| EnrolmentMessage::new(root, user, nonce, key).unwrap();
    let good = message(ROOT, "alice", &NONCE, [1; 32]);
    assert_ne!(message([0; 32], "alice", &NONCE, [1; 32]), good);
    assert_ne!(message(ROOT, "alicf", &NONCE, [1; 32]), good);
    assert_ne!(message(ROOT, "alice", &[0x4e; 31], [1; 32]), good);
    assert_ne!(message(ROOT, "alice", &NONCE, [2; 32]), good);
    // A byte that moves from one part to the next.
    assert_ne!(message(ROOT, "aliceN", &NONCE[1..], [1; 32]), good);
}

#[test]
fn a_bundle_without_possession_is_refused() {
    // Attestations are public: anybody may have this one.
    let bundle = bundle_by(&Key::p256(0x21), &Key::p256(0x66), "alice", &Pki::new());
    assert_eq!(verify(bundle).unwrap_err(), BundleError::Signature);
    let mut other_nonce = json();
    other_nonce["nonce"] = "AAAAAAAAAAAAAAAAAAAAAA".into();
    assert_eq!(
        verify(read(&other_nonce).unwrap()).unwrap_err(),
        BundleError::Signature
    );
}

#[test]
fn a_bundle_for_another_user_is_refused() {
    let key = Key::p256(0x21);
    let bundle = bundle_by(&key, &key, "mallory", &Pki::new());
    let error = BundleError::OtherUser {
        expected: "alice".to_owned(),
        found: "mallory".to_owned(),
    };
    assert_eq!(verify(bundle).unwrap_err(), error);
    // Nor does a new name on it help.
    let mut renamed: Value = json();
    renamed["user"] = "alice2".into();
    let expected = Expected {
        root_fingerprint: ROOT,
        user: "alice2",
    };
    let verifier = Verifier::builder().root(&Pki::new().root).unwrap().build();
    let error = read(&renamed)
        .unwrap()
        .verify(&expected, &verifier, NOW)
        .unwrap_err();
    assert_eq!(error, BundleError::Signature);
}

#[test]
fn a_bundle_for_another_ca_is_refused() {
    let verifier = Verifier::builder().root(&Pki::new().root).unwrap().build();
    let expected = Expected {
        root_fingerprint: [0xcb; 32],
        user: "alice",
    };
    let error = bundle().verify(&expected, &verifier, NOW).unwrap_err();
    assert!(matches!(error, BundleError::OtherCa { .. }));
    let mut readdressed = json();
    readdressed["root"] = "cb".repeat(32).into();
    let error = read(&readdressed)
        .unwrap()
        .verify(&expected, &verifier, NOW)
        .unwrap_err();
    assert_eq!(error, BundleError::Signature);
}

#[test]
fn a_key_that_is_in_no_trusted_yubikey_is_refused() {
    let key = Key::p256(0x21);
    let forged = Pki::with_keys(Key::p256(0x31), Key::p256(0x32));
    let error = verify(bundle_by(&key, &key, "alice", &forged)).unwrap_err();
    assert!(matches!(
        error,
        BundleError::Attestation(AttestationError::Attestation(_))
    ));
}

#[rstest]
#[case("user")]
#[case("root")]
#[case("nonce")]
#[case("attestation")]
#[case("signature")]
#[case("version")]
fn a_missing_or_repeated_member_is_refused(#[case] name: &str) {
    let mut value = json();
    let member = value.as_object_mut().unwrap().remove(name).unwrap();
    assert!(matches!(read(&value), Err(BundleError::NotJson { .. })));
    let twice = json()
        .to_string()
        .replacen('{', &format!("{{\"{name}\":{member},"), 1);
    assert!(matches!(
        Bundle::from_json(twice.as_bytes()),
        Err(BundleError::NotJson { .. })
    ));
}

#[test]
fn an_unknown_member_is_refused() {
    let mut value = json();
    value["use"] = "login".into();
    assert!(matches!(read(&value), Err(BundleError::NotJson { .. })));
}

#[test]
fn an_error_repeats_nothing_that_the_file_says() {
    let mut value = json();
    value["\u{1b}[2Krecorded as key 1"] = 1.into();
    let said = read(&value).unwrap_err().to_string();
    assert!(!said.contains("recorded"), "{said:?}");
    assert!(said.contains("line 1 column"), "{said:?}");
}

#[test]
fn another_version_is_told_as_such_whatever_else_it_has() {
    let error = Bundle::from_json(br#"{"version":2,"keys":[]}"#).unwrap_err();
    assert_eq!(error, BundleError::Version { found: 2 });
}

#[rstest]
#[case::user_empty("user", "", BundleError::User)]
#[case::user_control("user", "al\nice", BundleError::User)]
#[case::user_long("user", &"a".repeat(129), BundleError::User)]
#[case::root_short("root", "ca", BundleError::RootNotHex)]
#[case::root_capitals("root", &"CA".repeat(32), BundleError::RootNotHex)]
#[case::nonce_short("nonce", "AAAA", BundleError::Nonce { len: 3 })]
#[case::nonce_padded("nonce", "AA==", BundleError::NotBase64Url { part: "nonce" })]
#[case::signature_not_canonical("signature", "AB", BundleError::NotBase64Url { part: "signature" })]
#[case::signature_empty("signature", "", BundleError::Empty { part: "signature" })]
fn a_malformed_member_says_what_is_wrong(
    #[case] name: &str,
    #[case] text: &str,
    #[case] error: BundleError,
) {
    let mut value = json();
    value[name] = text.into();
    assert_eq!(read(&value).unwrap_err(), error);
}

#[test]
fn every_part_is_bounded() {
    let huge = vec![b' '; MAX_LEN + 1];
    assert_eq!(
        Bundle::from_json(&huge).unwrap_err(),
        BundleError::TooLong {
            part: "bundle",
            max: MAX_LEN
        }
    );
    let mut value = json();
    value["attestation"] = vec!["AQ"; 9].into();
    assert_eq!(
        read(&value).unwrap_err(),
        BundleError::TooManyCertificates { count: 9 }
    );
    value["attestation"] = Value::Array(Vec::new());
    assert_eq!(
        read(&value).unwrap_err(),
        BundleError::Empty {
            part: "attestation"
        }
    );
    value["attestation"] = vec!["AAAA".repeat(1366)].into();
    assert_eq!(
        read(&value).unwrap_err(),
        BundleError::TooLong {
            part: "attestation",
            max: 4096
        }
    );
}

proptest! {
    #[test]
    fn reading_never_panics(bytes in any::<Vec<u8>>()) {
        let _ = Bundle::from_json(&bytes);
    }

    #[test]
    fn a_bundle_survives_its_file(user in "[a-zäöü0-9@.-]{1,40}", nonce in prop::collection::vec(any::<u8>(), 16..=64)) {
        let bundle = Bundle::new(ROOT, user, nonce, vec![vec![1], vec![2]], vec![3]).unwrap();
        prop_assert_eq!(Bundle::from_json(bundle.to_json().as_bytes()), Ok(bundle));
    }
}
