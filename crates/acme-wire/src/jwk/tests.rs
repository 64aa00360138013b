use aws_lc_rs::{rand::SystemRandom, rsa, signature::KeyPair};
use proptest::prelude::*;
use rstest::rstest;

use super::*;

/// RFC 7638 §3.1.
const RFC_7638: &str = r#"{
    "kty": "RSA",
    "n": "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw",
    "e": "AQAB",
    "alg": "RS256",
    "kid": "2011-04-29"
}"#;

/// RFC 8037 A.2.
const RFC_8037: &str =
    r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;

/// RFC 7515 A.3.1.
const RFC_7515_A3: &str = r#"{"kty":"EC","crv":"P-256",
    "x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
    "y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}"#;

fn jwk(text: &str) -> Result<Jwk, JwkError> {
    Jwk::from_json(
        serde_json::from_str::<Value>(text)
            .unwrap()
            .as_object()
            .unwrap(),
    )
}

#[test]
fn the_thumbprint_of_rfc_7638_3_1() {
    let thumbprint = base64url::encode(&jwk(RFC_7638).unwrap().thumbprint());
    assert_eq!(thumbprint, "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
}

#[test]
fn the_thumbprint_of_rfc_8037_a_3() {
    let thumbprint = base64url::encode(&jwk(RFC_8037).unwrap().thumbprint());
    assert_eq!(thumbprint, "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
}

#[test]
fn the_ed25519_signature_of_rfc_8037_a_4() {
    let message = b"eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc";
    let signature = base64url::decode(
        "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg",
    )
    .unwrap();
    let key = jwk(RFC_8037).unwrap();
    assert_eq!(key.verify(message, &signature), Ok(()));
    assert_eq!(key.verify(&message[1..], &signature), Err(BadSignature));
}

#[test]
fn the_ecdsa_signature_of_rfc_7515_a_3() {
    let message = b"eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
    let signature = base64url::decode(
        "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q",
    )
    .unwrap();
    assert_eq!(
        jwk(RFC_7515_A3).unwrap().verify(message, &signature),
        Ok(())
    );
}

#[rstest]
#[case::kty_absent(r#"{}"#, JwkError::MissingMember { member: "kty" })]
#[case::kty_number(r#"{"kty":1}"#, JwkError::MemberType { member: "kty" })]
#[case::symmetric(r#"{"kty":"oct"}"#, JwkError::unsupported("kty", "oct"))]
#[case::symmetric_secret(r#"{"kty":"oct","k":"AA"}"#, JwkError::PrivateMember { member: "k" })]
#[case::curve(
    r#"{"kty":"EC","crv":"secp256k1"}"#,
    JwkError::unsupported("crv", "secp256k1")
)]
#[case::okp_curve(
    r#"{"kty":"OKP","crv":"X25519"}"#,
    JwkError::unsupported("crv", "X25519")
)]
#[case::x_absent(r#"{"kty":"EC","crv":"P-256"}"#, JwkError::MissingMember { member: "x" })]
#[case::x_padded(r#"{"kty":"EC","crv":"P-256","x":"AA=="}"#, JwkError::NotBase64Url { member: "x" })]
#[case::short(r#"{"kty":"EC","crv":"P-256","x":"AA","y":"AA"}"#, JwkError::CoordinateLength { curve: "P-256" })]
#[case::short_okp(r#"{"kty":"OKP","crv":"Ed25519","x":"AA"}"#, JwkError::CoordinateLength { curve: "Ed25519" })]
#[case::rsa_small(r#"{"kty":"RSA","n":"gQ","e":"AQAB"}"#, JwkError::RsaModulus { bits: 8 })]
#[case::rsa_empty(r#"{"kty":"RSA","n":"","e":"AQAB"}"#, JwkError::LeadingZero { member: "n" })]
#[case::rsa_zero(r#"{"kty":"RSA","n":"AAE","e":"AQAB"}"#, JwkError::LeadingZero { member: "n" })]
fn a_malformed_key_says_what_is_wrong(#[case] text: &str, #[case] error: JwkError) {
    assert_eq!(jwk(text), Err(error));
}

#[rstest]
#[case::private(r#""d":"AA""#, JwkError::PrivateMember { member: "d" })]
#[case::encryption(r#""use":"enc""#, JwkError::unsupported("use", "enc"))]
#[case::other_alg(r#""alg":"ES384""#, JwkError::unsupported("alg", "ES384"))]
fn a_good_key_with_a_bad_member_is_refused(#[case] member: &str, #[case] error: JwkError) {
    let text = RFC_7515_A3.replacen('{', &format!("{{{member},"), 1);
    assert_eq!(jwk(&text), Err(error));
}

#[test]
fn members_that_are_not_needed_are_ignored() {
    let text = RFC_7515_A3.replacen(
        '{',
        r#"{"use":"sig","alg":"ES256","key_ops":["verify"],"#,
        1,
    );
    assert_eq!(jwk(&text), jwk(RFC_7515_A3));
}

#[test]
fn a_point_off_the_curve_is_refused() {
    let mut point = [7; 65];
    point[0] = 4;
    assert_eq!(
        Jwk::p256(&point),
        Err(JwkError::NotOnCurve { curve: "P-256" })
    );
    let mut point = [7; 97];
    point[0] = 4;
    assert_eq!(
        Jwk::p384(&point),
        Err(JwkError::NotOnCurve { curve: "P-384" })
    );
    assert!(Jwk::p256(&[0]).is_err(), "the point at infinity");
}

#[rstest]
#[case(&[1])]
#[case(&[2])]
#[case(&[1, 0, 0])]
#[case(&[1, 0, 0, 0, 1])]
fn an_rsa_exponent_is_odd_three_or_more_and_short(#[case] e: &[u8]) {
    let n = [0xff; 256];
    assert_eq!(Jwk::rsa(&n, e), Err(JwkError::RsaExponent));
    assert!(Jwk::rsa(&n, &[3]).is_ok());
}

#[rstest]
#[case::bits_2047(&[&[0x7f][..], &[0xff; 255]].concat(), 2047)]
#[case::bits_4097(&[&[0x01][..], &[0xff; 512]].concat(), 4097)]
#[case::even(&[0xfe; 256], 2048)]
fn an_rsa_modulus_is_odd_and_of_2048_to_4096_bits(#[case] n: &[u8], #[case] bits: usize) {
    assert_eq!(Jwk::rsa(n, &[1, 0, 1]), Err(JwkError::RsaModulus { bits }));
}

/// One fresh key of each kind: the public key, its SubjectPublicKeyInfo by the library that made
/// it, and a signature over `message`.
fn fresh(message: &[u8]) -> Vec<(Jwk, Vec<u8>, Vec<u8>)> {
    use aws_lc_rs::{encoding::AsDer, signature as sig};
    let random = SystemRandom::new();
    let ec = |algorithm, make: fn(&[u8]) -> Result<Jwk, JwkError>| {
        let pair = sig::EcdsaKeyPair::generate(algorithm).unwrap();
        let spki = pair.public_key().as_der().unwrap().as_ref().to_vec();
        let signature = pair.sign(&random, message).unwrap().as_ref().to_vec();
        (make(pair.public_key().as_ref()).unwrap(), spki, signature)
    };
    let ed = sig::Ed25519KeyPair::generate().unwrap();
    let ed_public = ed.public_key().as_ref().try_into().unwrap();
    let rsa = rsa::KeyPair::generate(rsa::KeySize::Rsa2048).unwrap();
    let mut rsa_signature = vec![0; rsa.public_modulus_len()];
    rsa.sign(&sig::RSA_PKCS1_SHA256, &random, message, &mut rsa_signature)
        .unwrap();
    let rsa_public = rsa.public_key();
    // RSAPublicKey of 2048 bits: 30 82 010a, 02 82 0101 00 modulus, 02 03 exponent.
    let (n, e) = (&rsa_public.as_ref()[9..265], &rsa_public.as_ref()[267..]);
    vec![
        ec(&sig::ECDSA_P256_SHA256_FIXED_SIGNING, Jwk::p256),
        ec(&sig::ECDSA_P384_SHA384_FIXED_SIGNING, Jwk::p384),
        (
            Jwk::ed25519(&ed_public).unwrap(),
            ed.public_key().as_der().unwrap().as_ref().to_vec(),
            ed.sign(message).as_ref().to_vec(),
        ),
        (
            Jwk::rsa(n, e).unwrap(),
            rsa_public.as_der().unwrap().as_ref().to_vec(),
            rsa_signature,
        ),
    ]
}

#[test]
fn every_kind_of_key_verifies_what_it_signed_and_nothing_else() {
    let keys = fresh(b"message");
    for (key, _, signature) in &keys {
        assert_eq!(key.verify(b"message", signature), Ok(()));
        assert_eq!(key.verify(b"massage", signature), Err(BadSignature));
        assert_eq!(key.verify(b"message", &[]), Err(BadSignature));
        for (_, _, other) in keys.iter().filter(|(other, ..)| other != key) {
            assert_eq!(key.verify(b"message", other), Err(BadSignature));
        }
    }
}

#[test]
fn every_kind_of_key_has_the_spki_that_its_library_writes() {
    for (key, spki, _) in fresh(b"") {
        assert_eq!(key.spki_der(), spki, "{key:?}");
    }
}

#[test]
fn every_kind_of_key_survives_json_with_its_thumbprint() {
    for (key, ..) in fresh(b"") {
        assert_eq!(jwk(&key.to_json()).unwrap(), key);
        let through_serde: Jwk =
            serde_json::from_str(&serde_json::to_string(&key).unwrap()).unwrap();
        assert_eq!(through_serde.thumbprint(), key.thumbprint());
    }
}

proptest! {
    #[test]
    fn reading_a_key_never_panics(
        kty in "EC|RSA|OKP|oct",
        crv in "P-256|P-384|Ed25519|.{0,4}",
        x in "[A-Za-z0-9_-]{0,90}",
        y in "[A-Za-z0-9_-]{0,90}",
    ) {
        let object = serde_json::json!({"kty": kty, "crv": crv, "x": x, "y": y, "n": x, "e": y});
        if let Ok(key) = Jwk::from_json(object.as_object().unwrap()) {
            prop_assert_eq!(jwk(&key.to_json()), Ok(key));
        }
    }
}
