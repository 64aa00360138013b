use proptest::prelude::*;
use rstest::rstest;
use serde_json::json;

use super::*;
use crate::{AccountKey, ProblemType, jwk::JwkError};

const URL: &str = "https://ca.example/new-order";
const KID: &str = "https://ca.example/acct/1";

fn key() -> AccountKey {
    AccountKey::generate().unwrap()
}

/// A JWS around any protected header, its signature made of nothing.
fn with_header(header: &str) -> Vec<u8> {
    json!({
        "protected": base64url::encode(header.as_bytes()),
        "payload": "",
        "signature": "AA",
    })
    .to_string()
    .into_bytes()
}

fn parse_header(header: &str) -> Result<UnverifiedJws, JwsError> {
    UnverifiedJws::parse(&with_header(header))
}

fn parse_value(value: &Value) -> Result<UnverifiedJws, JwsError> {
    UnverifiedJws::parse(value.to_string().as_bytes())
}

fn good() -> Value {
    serde_json::from_slice(&with_header(
        r#"{"alg":"ES256","kid":"k","nonce":"bm9u","url":"u"}"#,
    ))
    .unwrap()
}

#[test]
fn what_the_client_signs_the_server_reads() {
    let key = key();
    let body = key
        .sign(URL, "bm9uY2U", KeyId::Account(KID), b"{\"a\":1}")
        .unwrap();
    let jws = UnverifiedJws::parse(body.as_bytes()).unwrap();
    assert_eq!(jws.signed_by(), &SignedBy::Kid(KID.to_owned()));
    assert_eq!((jws.nonce(), jws.url()), ("bm9uY2U", URL));
    let jws = jws.verify_with(key.jwk()).unwrap();
    assert_eq!(jws.payload(), b"{\"a\":1}");
    assert_eq!(
        (jws.nonce(), jws.url(), jws.key()),
        ("bm9uY2U", URL, key.jwk())
    );
    assert_eq!(jws.json::<Value>().unwrap(), json!({"a": 1}));
    assert!(!jws.is_post_as_get());
}

#[test]
fn an_embedded_key_verifies_itself() {
    let key = key();
    let body = key.sign(URL, "bm9u", KeyId::Embedded, b"{}").unwrap();
    let jws = UnverifiedJws::parse(body.as_bytes()).unwrap();
    assert_eq!(jws.signed_by(), &SignedBy::Jwk(key.jwk().clone()));
    assert!(
        !jws.verify_embedded().unwrap().is_post_as_get(),
        "{{}} is not a POST-as-GET"
    );
}

#[test]
fn an_empty_payload_is_a_post_as_get() {
    let key = key();
    let body = key.sign(URL, "bm9u", KeyId::Account(KID), b"").unwrap();
    let jws = UnverifiedJws::parse(body.as_bytes()).unwrap();
    assert!(jws.verify_with(key.jwk()).unwrap().is_post_as_get());
}

#[test]
fn jwk_and_kid_are_not_taken_for_each_other() {
    let key = key();
    let kid = key.sign(URL, "bm9u", KeyId::Account(KID), b"").unwrap();
    let jwk = key.sign(URL, "bm9u", KeyId::Embedded, b"").unwrap();
    let parse = |body: &str| UnverifiedJws::parse(body.as_bytes()).unwrap();
    assert_eq!(
        parse(&kid).verify_embedded().unwrap_err(),
        JwsError::KidWhereJwk
    );
    assert_eq!(
        parse(&jwk).verify_with(key.jwk()).unwrap_err(),
        JwsError::JwkWhereKid
    );
}

#[test]
fn another_key_does_not_verify() {
    let body = key().sign(URL, "bm9u", KeyId::Account(KID), b"").unwrap();
    let jws = UnverifiedJws::parse(body.as_bytes()).unwrap();
    assert_eq!(
        jws.verify_with(key().jwk()).unwrap_err(),
        JwsError::BadSignature
    );
}

#[test]
fn an_embedded_key_that_did_not_sign_does_not_verify() {
    let (signer, other) = (key(), key());
    let body = signer.sign(URL, "bm9u", KeyId::Embedded, b"").unwrap();
    let mut jws: Value = serde_json::from_str(&body).unwrap();
    let (protected, _) = signing_input(other.jwk(), URL, "bm9u", KeyId::Embedded, b"");
    jws["protected"] = protected.into();
    let jws = parse_value(&jws).unwrap();
    assert_eq!(jws.verify_embedded().unwrap_err(), JwsError::BadSignature);
}

#[test]
fn the_accounts_key_must_be_for_the_algorithm() {
    let mut p384 = parse_header(r#"{"alg":"ES384","kid":"k","nonce":"bm9u","url":"u"}"#).unwrap();
    p384.signature = vec![0; 96];
    let error = p384.verify_with(key().jwk()).unwrap_err();
    assert_eq!(
        error,
        JwsError::AlgorithmForKey {
            alg: "ES384",
            key: "ES256"
        }
    );
}

#[rstest]
#[case::none(
    r#"{"alg":"none","kid":"k","nonce":"bm9u","url":"u"}"#,
    JwsError::AlgorithmNone
)]
#[case::none_in_capitals(
    r#"{"alg":"NONE","kid":"k","nonce":"bm9u","url":"u"}"#,
    JwsError::AlgorithmNone
)]
#[case::hs256(
    r#"{"alg":"HS256","kid":"k","nonce":"bm9u","url":"u"}"#,
    JwsError::AlgorithmMac
)]
#[case::hs512(
    r#"{"alg":"HS512","kid":"k","nonce":"bm9u","url":"u"}"#,
    JwsError::AlgorithmMac
)]
#[case::rs512(r#"{"alg":"RS512","kid":"k","nonce":"bm9u","url":"u"}"#, JwsError::AlgorithmUnsupported { alg: "RS512".to_owned() })]
#[case::case_matters(r#"{"alg":"es256","kid":"k","nonce":"bm9u","url":"u"}"#, JwsError::AlgorithmUnsupported { alg: "es256".to_owned() })]
#[case::no_alg(r#"{"kid":"k","nonce":"bm9u","url":"u"}"#, JwsError::MissingMember { member: "alg" })]
#[case::alg_list(r#"{"alg":["ES256"],"kid":"k","nonce":"bm9u","url":"u"}"#, JwsError::MemberType { member: "alg" })]
#[case::both_keys(
    r#"{"alg":"ES256","jwk":{},"kid":"k","nonce":"bm9u","url":"u"}"#,
    JwsError::JwkAndKid
)]
#[case::no_key(
    r#"{"alg":"ES256","nonce":"bm9u","url":"u"}"#,
    JwsError::NeitherJwkNorKid
)]
#[case::kid_number(r#"{"alg":"ES256","kid":1,"nonce":"bm9u","url":"u"}"#, JwsError::MemberType { member: "kid" })]
#[case::jwk_text(r#"{"alg":"ES256","jwk":"k","nonce":"bm9u","url":"u"}"#, JwsError::MemberType { member: "jwk" })]
#[case::jwk_bad(r#"{"alg":"ES256","jwk":{},"nonce":"bm9u","url":"u"}"#, JwsError::Key(JwkError::MissingMember { member: "kty" }))]
#[case::crit(
    r#"{"alg":"ES256","crit":["exp"],"exp":1,"kid":"k","nonce":"bm9u","url":"u"}"#,
    JwsError::Critical
)]
#[case::crit_empty(
    r#"{"alg":"ES256","crit":[],"kid":"k","nonce":"bm9u","url":"u"}"#,
    JwsError::Critical
)]
#[case::unencoded(
    r#"{"alg":"ES256","b64":false,"kid":"k","nonce":"bm9u","url":"u"}"#,
    JwsError::UnencodedPayload
)]
#[case::no_nonce(r#"{"alg":"ES256","kid":"k","url":"u"}"#, JwsError::MissingNonce)]
#[case::empty_nonce(
    r#"{"alg":"ES256","kid":"k","nonce":"","url":"u"}"#,
    JwsError::MalformedNonce
)]
#[case::nonce_alphabet(
    r#"{"alg":"ES256","kid":"k","nonce":"a+b","url":"u"}"#,
    JwsError::MalformedNonce
)]
#[case::nonce_null(r#"{"alg":"ES256","kid":"k","nonce":null,"url":"u"}"#, JwsError::MemberType { member: "nonce" })]
#[case::no_url(r#"{"alg":"ES256","kid":"k","nonce":"bm9u"}"#, JwsError::MissingMember { member: "url" })]
#[case::alg_twice(r#"{"alg":"none","alg":"ES256","kid":"k","nonce":"bm9u","url":"u"}"#, JwsError::DuplicateHeader { member: "alg".to_owned() })]
#[case::in_jwk_twice(r#"{"alg":"ES256","jwk":{"x":"A","x":"B"},"nonce":"bm9u","url":"u"}"#, JwsError::DuplicateHeader { member: "x".to_owned() })]
#[case::not_an_object("[]", JwsError::HeaderNotAnObject)]
fn a_bad_protected_header_says_what_is_wrong(#[case] header: &str, #[case] error: JwsError) {
    assert_eq!(parse_header(header).unwrap_err(), error);
}

#[test]
fn hs256_with_the_public_key_as_secret_is_refused() {
    let key = key();
    let header = format!(
        r#"{{"alg":"HS256","jwk":{},"nonce":"bm9u","url":"u"}}"#,
        key.jwk().to_json()
    );
    assert_eq!(parse_header(&header).unwrap_err(), JwsError::AlgorithmMac);
}

#[test]
fn an_algorithm_that_is_not_the_embedded_keys_is_refused() {
    let header = format!(
        r#"{{"alg":"RS256","jwk":{},"nonce":"bm9u","url":"u"}}"#,
        key().jwk().to_json()
    );
    let error = JwsError::AlgorithmForKey {
        alg: "RS256",
        key: "ES256",
    };
    assert_eq!(parse_header(&header).unwrap_err(), error);
}

#[test]
fn unknown_members_of_the_header_are_ignored() {
    let header = r#"{"alg":"ES256","typ":"JWT","kid":"k","nonce":"bm9u","url":"u","x":{"y":[]}}"#;
    assert!(parse_header(header).is_ok());
}

#[rstest]
#[case::several("signatures", json!([]), JwsError::SeveralSignatures)]
#[case::unprotected("header", json!({}), JwsError::UnprotectedHeader)]
#[case::payload_type("payload", json!({}), JwsError::MemberType { member: "payload" })]
#[case::payload_padded("payload", json!("e30="), JwsError::NotBase64Url { member: "payload" })]
#[case::payload_trailing_bits("payload", json!("e31"), JwsError::NotBase64Url { member: "payload" })]
#[case::payload_alphabet("payload", json!("++++"), JwsError::NotBase64Url { member: "payload" })]
#[case::signature_padded("signature", json!("AA=="), JwsError::NotBase64Url { member: "signature" })]
#[case::protected_padded("protected", json!("e30="), JwsError::NotBase64Url { member: "protected" })]
fn a_bad_member_of_the_body_says_what_is_wrong(
    #[case] name: &str,
    #[case] value: Value,
    #[case] error: JwsError,
) {
    let mut body = good();
    body[name] = value;
    assert_eq!(parse_value(&body).unwrap_err(), error);
}

#[rstest]
#[case("protected")]
#[case("payload")]
#[case("signature")]
fn a_member_of_the_body_that_is_absent_is_named(#[case] name: &'static str) {
    let mut body = good();
    body.as_object_mut().unwrap().remove(name);
    assert_eq!(
        parse_value(&body).unwrap_err(),
        JwsError::MissingMember { member: name }
    );
}

#[test]
fn a_member_of_the_body_that_stands_twice_is_named() {
    let body = good().to_string().replacen('{', r#"{"payload":"e30","#, 1);
    let error = JwsError::DuplicateMember {
        member: "payload".to_owned(),
    };
    assert_eq!(UnverifiedJws::parse(body.as_bytes()).unwrap_err(), error);
}

#[test]
fn unknown_members_of_the_body_are_ignored() {
    let mut body = good();
    body["colour"] = "red".into();
    assert!(parse_value(&body).is_ok());
}

#[test]
fn a_compact_jws_is_not_json_and_an_array_no_object() {
    let compact = UnverifiedJws::parse(b"e30.e30.AA").unwrap_err();
    assert!(matches!(compact, JwsError::BodyNotJson { .. }));
    assert_eq!(
        UnverifiedJws::parse(b"[]").unwrap_err(),
        JwsError::BodyNotAnObject
    );
    assert!(matches!(
        parse_header("x").unwrap_err(),
        JwsError::HeaderNotJson { .. }
    ));
}

#[test]
fn an_oversized_body_and_oversized_header_values_are_refused() {
    let error = UnverifiedJws::parse(&vec![b' '; MAX_LEN + 1]).unwrap_err();
    assert_eq!(error, JwsError::TooLarge { len: MAX_LEN + 1 });
    for name in ["kid", "nonce", "url"] {
        let mut header = json!({"alg": "ES256", "kid": "k", "nonce": "bm9u", "url": "u"});
        header[name] = "a".repeat(MAX_HEADER_VALUE + 1).into();
        let error = parse_header(&header.to_string()).unwrap_err();
        assert_eq!(error, JwsError::LongMember { member: name });
    }
}

#[test]
fn a_payload_that_is_not_what_belongs_there_is_told() {
    let key = key();
    let body = key.sign(URL, "bm9u", KeyId::Account(KID), b"[1]").unwrap();
    let jws = UnverifiedJws::parse(body.as_bytes())
        .unwrap()
        .verify_with(key.jwk())
        .unwrap();
    assert!(matches!(
        jws.json::<crate::order::NewOrder>(),
        Err(JwsError::Payload { .. })
    ));
}

#[test]
fn errors_have_the_problem_types_of_rfc_8555_6_2() {
    for (error, kind) in [
        (JwsError::AlgorithmNone, ProblemType::BadSignatureAlgorithm),
        (JwsError::AlgorithmMac, ProblemType::BadSignatureAlgorithm),
        (
            JwsError::Key(JwkError::RsaExponent),
            ProblemType::BadPublicKey,
        ),
        (JwsError::MissingNonce, ProblemType::BadNonce),
        (JwsError::BadSignature, ProblemType::Malformed),
        (JwsError::JwkAndKid, ProblemType::Malformed),
    ] {
        assert_eq!(error.problem_type(), kind);
    }
}

#[test]
fn an_account_key_survives_storage() {
    let key = key();
    let stored = key.to_pkcs8_der().unwrap();
    let again = AccountKey::from_pkcs8_der(&stored).unwrap();
    assert_eq!(again.jwk(), key.jwk());
    assert!(AccountKey::from_pkcs8_der(&stored[1..]).is_err());
    assert!(!format!("{key:?}").contains("pair"));
}

proptest! {
    #[test]
    fn parsing_never_panics(body in any::<Vec<u8>>()) {
        let _ = UnverifiedJws::parse(&body);
    }

    #[test]
    fn parsing_any_header_never_panics(header in ".{0,200}") {
        let _ = parse_header(&header);
    }

    #[test]
    fn no_changed_byte_of_what_is_signed_verifies(part in 0..3_usize, index in any::<prop::sample::Index>(), bit in 0..8_u8) {
        let key = key();
        let body = key.sign(URL, "bm9u", KeyId::Account(KID), b"{\"profile\":\"tls\"}").unwrap();
        let mut jws: Value = serde_json::from_str(&body).unwrap();
        let name = ["protected", "payload", "signature"][part];
        let mut bytes = base64url::decode(jws[name].as_str().unwrap()).unwrap();
        let at = index.index(bytes.len());
        bytes[at] ^= 1 << bit;
        jws[name] = base64url::encode(&bytes).into();
        let verified = parse_value(&jws).and_then(|jws| jws.verify_with(key.jwk()));
        prop_assert!(verified.is_err());
    }

    #[test]
    fn every_payload_survives(payload in any::<Vec<u8>>()) {
        let key = key();
        let body = key.sign(URL, "bm9u", KeyId::Embedded, &payload).unwrap();
        let jws = UnverifiedJws::parse(body.as_bytes()).unwrap().verify_embedded().unwrap();
        prop_assert_eq!(jws.payload(), &payload[..]);
    }
}

#[test]
fn an_error_quotes_the_beginning_of_what_it_is_about_and_no_more() {
    let long = "\u{7f}".repeat(60_000);
    let key = key();
    let payload = json!({ "a": long }).to_string();
    let body = key
        .sign(URL, "bm9uY2U", KeyId::Embedded, payload.as_bytes())
        .unwrap();
    let jws = UnverifiedJws::parse(body.as_bytes()).unwrap();
    let jws = jws.verify_embedded().unwrap();
    let unfit = jws.json::<std::collections::BTreeMap<String, u8>>();
    let name = "\u{7f}".repeat(30_000);
    let twice = format!("{{\"{name}\":1,\"{name}\":1}}");
    for error in [
        unfit.unwrap_err(),
        UnverifiedJws::parse(twice.as_bytes()).unwrap_err(),
        parse_header(&twice).unwrap_err(),
    ] {
        let text = error.to_string();
        // Each character may be escaped once: `\u{7f}`.
        assert!(text.len() < 100 + 6 * QUOTED, "{}", text.len());
        assert!(text.contains('…'), "{text}");
    }
}
