use proptest::prelude::*;

use super::*;

const KIND: ChallengeType = ChallengeType::Yubikey01;

fn value() -> ChallengeValue {
    ChallengeValue::new(KIND, [0xa5; 48])
}

#[test]
fn a_magic_is_15_ascii_characters_and_a_nul() {
    for kind in ChallengeType::ALL {
        let (text, nul) = kind.magic().split_at(15);
        assert!(text.iter().all(u8::is_ascii_graphic));
        assert_eq!(nul, [0]);
        assert_eq!(kind.as_str().parse(), Ok(kind));
    }
    assert_eq!("dns-01".parse::<ChallengeType>(), Err(UnknownChallengeType));
    assert_eq!(
        "YUBIKEY-01".parse::<ChallengeType>(),
        Err(UnknownChallengeType)
    );
}

#[test]
fn a_magic_is_no_start_of_tls_13_ssh_or_x509_signature_inputs() {
    for kind in ChallengeType::ALL {
        let start = kind.magic();
        // TLS 1.3 CertificateVerify: 64 spaces (RFC 8446 §4.4.3).
        assert_ne!(start[0], b' ');
        // SSH userauth: a session identifier, so a length of a few dozen (RFC 4252 §7).
        assert_ne!(start[..3], [0, 0, 0]);
        // SSHSIG (PROTOCOL.sshsig).
        assert_ne!(&start[..6], b"SSHSIG");
        // X.509 and PKCS#10: a DER SEQUENCE.
        assert_ne!(start[0], 0x30);
    }
}

#[test]
fn a_wrong_length_is_refused() {
    for len in [0, 16, 63, 65, 96, 128] {
        let mut bytes = KIND.magic().to_vec();
        bytes.resize(len, 7);
        let error = ChallengeValueError::Length { len };
        assert_eq!(ChallengeValue::from_bytes(&bytes), Err(error));
    }
    let long = value().to_token().repeat(1000);
    let error = ChallengeValue::from_token(KIND, &long).unwrap_err();
    assert!(matches!(error, ChallengeValueError::Length { .. }));
}

#[test]
fn a_wrong_magic_is_refused() {
    for index in 0..16 {
        let mut bytes = value().to_bytes();
        bytes[index] ^= 0x20;
        let token = to_base64url(&bytes);
        let error = ChallengeValue::from_token(KIND, &token);
        assert_eq!(error, Err(ChallengeValueError::Magic), "byte {index}");
    }
    let enrolment = [&crate::enrolment::MAGIC[..], &[7; 48]].concat();
    assert_eq!(
        ChallengeValue::from_bytes(&enrolment),
        Err(ChallengeValueError::Magic)
    );
}

#[test]
fn the_magic_of_the_other_type_is_refused() {
    let error = ChallengeValueError::OtherType {
        expected: ChallengeType::Yubikey02,
        found: KIND,
    };
    let token = value().to_token();
    assert_eq!(
        ChallengeValue::from_token(ChallengeType::Yubikey02, &token),
        Err(error)
    );
}

#[test]
fn a_token_that_is_not_canonical_base64url_is_refused() {
    let token = value().to_token();
    assert_eq!(token.len(), 86);
    // The last character carries four bits; the other two must be zero.
    assert!(token.ends_with('Q'));
    for bad in [
        format!("{token}=="),
        format!("{token}\n"),
        format!(" {token}"),
        format!("{}R", &token[..85]),
        token.replace('Q', "+"),
        token[..85].to_owned(),
    ] {
        let error = ChallengeValue::from_token(KIND, &bad);
        assert_eq!(error, Err(ChallengeValueError::NotBase64Url), "{bad:?}");
    }
}

proptest! {
    #[test]
    fn a_value_survives_its_token(random in any::<[u8; 32]>(), more in any::<[u8; 16]>()) {
        let mut all = [0; 48];
        all[..32].copy_from_slice(&random);
        all[32..].copy_from_slice(&more);
        for kind in ChallengeType::ALL {
            let value = ChallengeValue::new(kind, all);
            prop_assert_eq!(ChallengeValue::from_token(kind, &value.to_token()), Ok(value));
        }
    }

    #[test]
    fn reading_a_token_never_panics(token in ".{0,200}") {
        let _ = ChallengeValue::from_token(KIND, &token);
    }
}
