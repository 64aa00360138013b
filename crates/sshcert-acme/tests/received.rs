//! A certificate that is not what was ordered is not taken.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

#[path = "support/keys.rs"]
#[allow(dead_code)]
mod keys;

use std::num::NonZeroU64;

use base64ct::{Base64, Encoding};
use keys::{Ca, subjects, verify};
use proptest::prelude::*;
use sshcert_acme::{
    CheckError, CriticalOptions, Extensions, FieldError, KeyError, KeyId, Principals, ReadError,
    ReceivedCertificate, UserCertificate, Validity,
};

const AFTER: u64 = 1_900_000_000;
const BEFORE: u64 = 1_900_057_600;

fn template() -> UserCertificate {
    UserCertificate {
        serial: NonZeroU64::new(7).unwrap(),
        key_id: KeyId::new("alice").unwrap(),
        principals: Principals::new(["alice", "bob"]).unwrap(),
        validity: Validity::new(AFTER, BEFORE).unwrap(),
        critical_options: CriticalOptions::none(),
        extensions: Extensions::flags(["permit-pty", "permit-user-rc"]).unwrap(),
    }
}

/// A certificate of an Ed25519 CA for an Ed25519 key, as type and decoded base64.
fn certificate() -> (sshcert_acme::SshPublicKey, String, Vec<u8>) {
    let (ca, subject) = (Ca::ed25519(), Ca::ed25519().public);
    let tbs = template()
        .to_be_signed(&subject, &ca.public, [1; 32])
        .unwrap();
    let signature = ca.sign(tbs.as_bytes());
    let line = tbs.assemble(&signature).unwrap();
    let (kind, base64) = line.split_once(' ').unwrap();
    let blob = Base64::decode_vec(base64).unwrap();
    (subject, kind.to_owned(), blob)
}

fn read(kind: &str, blob: &[u8]) -> Result<ReceivedCertificate, ReadError> {
    ReceivedCertificate::read(&format!("{kind} {}", Base64::encode_string(blob)))
}

/// Replaces bytes that must occur once.
fn replace(blob: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let at: Vec<_> = (0..blob.len())
        .filter(|at| blob[*at..].starts_with(from))
        .collect();
    assert_eq!(at.len(), 1, "{from:?} occurs once");
    [&blob[..at[0]], to, &blob[at[0] + from.len()..]].concat()
}

#[test]
fn another_key_is_refused() {
    let (_, kind, blob) = certificate();
    let received = read(&kind, &blob).unwrap();
    for other in subjects() {
        assert_eq!(
            received.check(&other, AFTER, verify),
            Err(CheckError::OtherKey)
        );
    }
}

#[test]
fn only_within_its_validity() {
    let (subject, kind, blob) = certificate();
    let received = read(&kind, &blob).unwrap();
    assert!(received.check(&subject, AFTER, verify).is_ok());
    assert!(received.check(&subject, BEFORE - 1, verify).is_ok());
    let early = CheckError::NotYetValid {
        after: AFTER,
        now: AFTER - 1,
    };
    assert_eq!(received.check(&subject, AFTER - 1, verify), Err(early));
    let late = CheckError::Expired {
        before: BEFORE,
        now: BEFORE,
    };
    assert_eq!(received.check(&subject, BEFORE, verify), Err(late));
}

#[test]
fn a_changed_principal_does_not_verify() {
    let (subject, kind, blob) = certificate();
    let changed = replace(&blob, b"\0\0\0\x03bob", b"\0\0\0\x03eve");
    let received = read(&kind, &changed).unwrap();
    assert_eq!(
        received.check(&subject, AFTER, verify),
        Err(CheckError::Signature)
    );
}

#[test]
fn malformed_structures_are_refused() {
    let (_, kind, blob) = certificate();
    assert_eq!(
        read(&kind, &blob[..blob.len() - 1]),
        Err(ReadError::Truncated)
    );
    assert_eq!(
        read(&kind, &[&blob[..], &[0]].concat()),
        Err(ReadError::Trailing)
    );
    assert_eq!(read(&kind, &[]), Err(ReadError::Truncated));
    assert_eq!(read(&kind, &[0xff; 8]), Err(ReadError::Truncated));
    assert_eq!(read("ssh-ed25519", &blob), Err(ReadError::UnsupportedType));
    assert_eq!(
        read("ssh-rsa-cert-v01@openssh.com", &blob),
        Err(ReadError::TypeMismatch)
    );
    let host = replace(
        &blob,
        b"\0\0\0\x01\0\0\0\x05alice",
        b"\0\0\0\x02\0\0\0\x05alice",
    );
    assert_eq!(read(&kind, &host), Err(ReadError::NotAUserCertificate));
}

#[test]
fn no_or_repeated_or_unsorted_fields_are_refused() {
    let (_, kind, blob) = certificate();
    let principals = b"\0\0\0\x10\0\0\0\x05alice\0\0\0\x03bob";
    let none = replace(&blob, principals, &[0; 4]);
    assert_eq!(read(&kind, &none), Err(FieldError::NoPrincipal.into()));
    let twice = replace(
        &blob,
        principals,
        b"\0\0\0\x12\0\0\0\x05alice\0\0\0\x05alice",
    );
    assert_eq!(read(&kind, &twice), Err(FieldError::PrincipalTwice.into()));
    let wildcard = replace(&blob, b"\0\0\0\x03bob", b"\0\0\0\x03b*b");
    assert_eq!(read(&kind, &wildcard), Err(FieldError::Principal.into()));
    let unsorted = replace(&blob, b"permit-pty", b"zermit-pty");
    assert_eq!(read(&kind, &unsorted), Err(ReadError::OptionOrder));
    let for_ever = replace(&blob, &BEFORE.to_be_bytes(), &[0xff; 8]);
    assert_eq!(read(&kind, &for_ever), Err(FieldError::Validity.into()));
    let control = replace(
        &blob,
        b"\0\0\0\x01\0\0\0\x05alice",
        b"\0\0\0\x01\0\0\0\x05al\nce",
    );
    assert_eq!(read(&kind, &control), Err(FieldError::KeyId.into()));
}

#[test]
fn lines_are_bounded_and_one() {
    let (_, kind, blob) = certificate();
    let line = format!("{kind} {}", Base64::encode_string(&blob));
    for bad in [
        format!("{line}\n{line}"),
        format!("\n{line}"),
        format!("{line}\r\n"),
        kind.clone(),
    ] {
        assert_eq!(ReceivedCertificate::read(&bad), Err(ReadError::NotALine));
    }
    let error = ReceivedCertificate::read(&format!("{kind} a{}", &line[kind.len() + 1..]));
    assert_eq!(error, Err(ReadError::NotBase64));
    let long = "a".repeat(40_000);
    assert!(matches!(
        ReceivedCertificate::read(&long),
        Err(ReadError::TooLong { .. })
    ));
}

#[test]
fn a_signature_of_another_form_is_not_assembled() {
    let subject = &Ca::p256().public;
    for ca in Ca::every() {
        let tbs = template()
            .to_be_signed(subject, &ca.public, [1; 32])
            .unwrap();
        for bad in [
            &[][..],
            &[0; 63],
            &[0x30, 0x00],
            &[0x30, 0x06, 2, 1, 0, 2, 1, 0],
        ] {
            assert_eq!(tbs.clone().assemble(bad), Err(KeyError::Signature));
        }
    }
}

#[test]
fn an_rsa_key_is_no_ca() {
    let all = subjects();
    let error = template().to_be_signed(&all[0], &all[3], [1; 32]);
    assert_eq!(error, Err(KeyError::UnsupportedCaKey));
}

#[test]
fn the_nonce_and_nothing_else_makes_two_certificates_differ() {
    let (ca, subject) = (Ca::p256(), Ca::p256().public);
    let bytes = |nonce| {
        let tbs = template()
            .to_be_signed(&subject, &ca.public, nonce)
            .unwrap();
        tbs.as_bytes().to_vec()
    };
    assert_eq!(bytes([1; 32]), bytes([1; 32]));
    assert_ne!(bytes([1; 32]), bytes([2; 32]));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn reading_never_panics(line in ".{0,300}", blob in any::<Vec<u8>>()) {
        let _ = ReceivedCertificate::read(&line);
        let _ = read("ssh-ed25519-cert-v01@openssh.com", &blob);
    }

    #[test]
    fn no_flipped_bit_is_taken(index in any::<prop::sample::Index>(), bit in 0..8_u8) {
        let (subject, kind, mut blob) = certificate();
        let at = index.index(blob.len());
        blob[at] ^= 1 << bit;
        let taken = read(&kind, &blob)
            .is_ok_and(|received| received.check(&subject, AFTER, verify).is_ok());
        prop_assert!(!taken);
    }

    #[test]
    fn good_templates_survive(
        serial in 1_u64..,
        id in "[ -~]{1,60}",
        names in prop::collection::btree_set("[a-z0-9._@-]{1,20}", 1..6),
        after in 0_u64..2_000_000_000,
        life in 1_u64..100_000,
        options in prop::collection::btree_map("[a-z-]{1,12}@example\\.com", "[ -~]{0,20}", 0..4),
    ) {
        let (ca, subject) = (Ca::ed25519(), Ca::p256().public);
        let mut extensions = Extensions::none();
        for (name, value) in options {
            extensions = extensions.with(name, value).unwrap();
        }
        let template = UserCertificate {
            serial: NonZeroU64::new(serial).unwrap(),
            key_id: KeyId::new(id).unwrap(),
            principals: Principals::new(names).unwrap(),
            validity: Validity::new(after, after + life).unwrap(),
            critical_options: CriticalOptions::none(),
            extensions,
        };
        let tbs = template.to_be_signed(&subject, &ca.public, [3; 32]).unwrap();
        let signature = ca.sign(tbs.as_bytes());
        let received = ReceivedCertificate::read(&tbs.assemble(&signature).unwrap()).unwrap();
        prop_assert_eq!(received.check(&subject, after, verify), Ok(template.serial));
        prop_assert_eq!(received.key_id(), &template.key_id);
        prop_assert_eq!(received.principals(), template.principals.as_slice());
        prop_assert_eq!(received.extensions(), &template.extensions);
    }
}
