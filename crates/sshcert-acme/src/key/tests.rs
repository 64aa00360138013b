use aws_lc_rs::{
    encoding::{AsDer, PublicKeyX509Der},
    rsa::{KeyPair, KeySize},
    signature::{self as sig, KeyPair as _},
};
use proptest::prelude::*;
use rstest::rstest;

use super::*;

fn spki(key: &impl AsDer<PublicKeyX509Der<'static>>) -> Vec<u8> {
    key.as_der().unwrap().as_ref().to_vec()
}

/// One SubjectPublicKeyInfo of each kind, by another library.
fn keys() -> Vec<(KeyKind, Vec<u8>)> {
    let ec = |algorithm| {
        let pair = sig::EcdsaKeyPair::generate(algorithm).unwrap();
        spki(pair.public_key())
    };
    vec![
        (KeyKind::P256, ec(&sig::ECDSA_P256_SHA256_ASN1_SIGNING)),
        (KeyKind::P384, ec(&sig::ECDSA_P384_SHA384_ASN1_SIGNING)),
        (
            KeyKind::Ed25519,
            spki(sig::Ed25519KeyPair::generate().unwrap().public_key()),
        ),
        (
            KeyKind::Rsa,
            spki(KeyPair::generate(KeySize::Rsa2048).unwrap().public_key()),
        ),
        (
            KeyKind::Rsa,
            spki(KeyPair::generate(KeySize::Rsa4096).unwrap().public_key()),
        ),
    ]
}

#[test]
fn every_kind_survives_spki_line_and_blob() {
    for (kind, der) in keys() {
        let key = SshPublicKey::from_spki_der(&der).unwrap();
        assert_eq!(key.kind(), kind);
        assert_eq!(key.to_spki_der(), der, "{kind:?}");
        assert_eq!(
            SshPublicKey::from_openssh(&key.to_openssh()),
            Ok(key.clone())
        );
        assert_eq!(SshPublicKey::from_blob(&key.to_blob()), Ok(key.clone()));
        // A second reader's opinion.
        let judge = ssh_key::PublicKey::from_openssh(&key.to_openssh()).unwrap();
        assert_eq!(judge.to_bytes().unwrap(), key.to_blob());
    }
}

#[test]
fn a_comment_and_one_newline_are_dropped() {
    let (_, der) = keys().remove(2);
    let key = SshPublicKey::from_spki_der(&der).unwrap();
    let line = key.to_openssh();
    assert_eq!(
        SshPublicKey::from_openssh(&format!("{line} alice@laptop key 1\n")),
        Ok(key.clone())
    );
    assert_eq!(key.to_string(), line);
    for bad in [
        format!("{line}\n\n"),
        format!("\n{line}"),
        format!("{line}\0"),
        String::new(),
    ] {
        assert_eq!(
            SshPublicKey::from_openssh(&bad),
            Err(ReadError::NotALine),
            "{bad:?}"
        );
    }
}

#[test]
fn the_type_before_the_base64_must_be_the_one_in_it() {
    let all: Vec<_> = keys()
        .iter()
        .map(|(_, der)| SshPublicKey::from_spki_der(der).unwrap())
        .collect();
    let (_, blob) = all[0]
        .to_openssh()
        .split_once(' ')
        .map(|(a, b)| (a.to_owned(), b.to_owned()))
        .unwrap();
    let error = SshPublicKey::from_openssh(&format!("ssh-ed25519 {blob}"));
    assert_eq!(error, Err(ReadError::TypeMismatch));
    let error = SshPublicKey::from_openssh(&format!("ssh-dss {blob}"));
    assert_eq!(error, Err(ReadError::UnsupportedType));
}

#[rstest]
#[case::empty(&[], KeyError::NotSpki)]
#[case::truncated(&[0x30, 0x05, 0x30], KeyError::NotSpki)]
// X25519 (RFC 8410), which does not sign.
#[case::x25519(&[&[0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x6e, 0x03, 0x21, 0x00][..], &[9; 32]].concat(), KeyError::UnsupportedKey)]
#[case::ed25519_short(&[&[0x30, 0x29, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x20, 0x00][..], &[9; 31]].concat(), KeyError::Malformed)]
fn a_bad_spki_says_what_is_wrong(#[case] der: &[u8], #[case] error: KeyError) {
    assert_eq!(SshPublicKey::from_spki_der(der), Err(error));
}

#[test]
fn an_rsa_key_of_1024_bits_is_refused() {
    assert_eq!(
        SshPublicKey::rsa(&[0xff; 128], &[1, 0, 1]).err(),
        Some(KeyError::RsaBits { bits: 1024 })
    );
    assert!(SshPublicKey::rsa(&[0xff; 256], &[1, 0, 1]).is_ok());
    assert_eq!(
        SshPublicKey::rsa(&[0xff; 256], &[1]).err(),
        Some(KeyError::Malformed)
    );
    assert_eq!(
        SshPublicKey::rsa(&[0xfe; 256], &[3]).err(),
        Some(KeyError::Malformed)
    );
}

#[test]
fn a_compressed_point_is_refused() {
    let mut blob = Writer::default();
    blob.string(b"ecdsa-sha2-nistp256")
        .string(b"nistp256")
        .string(&[2; 33]);
    assert_eq!(
        SshPublicKey::from_blob(&blob.into_bytes()),
        Err(ReadError::Key)
    );
    let mut blob = Writer::default();
    blob.string(b"ecdsa-sha2-nistp256")
        .string(b"nistp384")
        .string(&[4; 65]);
    assert_eq!(
        SshPublicKey::from_blob(&blob.into_bytes()),
        Err(ReadError::Key)
    );
}

proptest! {
    #[test]
    fn reading_never_panics(line in ".{0,200}", der in any::<Vec<u8>>()) {
        let _ = SshPublicKey::from_openssh(&line);
        let _ = SshPublicKey::from_blob(&der);
        let _ = SshPublicKey::from_spki_der(&der);
    }
}
