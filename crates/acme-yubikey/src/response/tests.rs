use proptest::prelude::*;
use rstest::rstest;
use serde_json::{Value, json};

use super::*;
use crate::{ChallengeType, ChallengeValue, Detail, Entry};

fn message() -> Message {
    let value = ChallengeValue::new(ChallengeType::Yubikey01, [1; 48]);
    Message::new(
        vec![Entry {
            value,
            detail: Detail([2; 32]),
        }],
        [3; 32],
    )
    .unwrap()
}

fn json() -> Value {
    let response = Response::new(vec![vec![1], vec![2]], &message(), vec![3], Some(vec![4]));
    serde_json::from_slice(&response.unwrap().to_json()).unwrap()
}

fn read(value: &Value) -> Result<Response, ResponseError> {
    Response::from_json(value.to_string().as_bytes())
}

#[test]
fn a_response_survives_json() {
    for key in [None, Some(vec![4])] {
        let response = Response::new(vec![vec![1], vec![2]], &message(), vec![3], key).unwrap();
        assert_eq!(Response::from_json(&response.to_json()), Ok(response));
    }
    let names: Vec<_> = json().as_object().unwrap().keys().cloned().collect();
    assert_eq!(names, ["attestation", "message", "publicKey", "signature"]);
    let without = Response::new(vec![vec![1]], &message(), vec![3], None).unwrap();
    assert!(
        !String::from_utf8(without.to_json())
            .unwrap()
            .contains("publicKey")
    );
}

#[test]
fn members_that_are_not_known_are_ignored() {
    let mut value = json();
    value["keyAuthorization"] = "x".into();
    assert!(read(&value).is_ok());
}

#[rstest]
#[case("message")]
#[case("signature")]
#[case("publicKey")]
fn non_canonical_base64url_is_refused(#[case] part: &'static str) {
    for bad in ["AA==", "AB", "A", "+/8A", "AA\n", " AA"] {
        let mut value = json();
        value[part] = bad.into();
        assert_eq!(
            read(&value),
            Err(ResponseError::NotBase64Url { part }),
            "{bad:?}"
        );
    }
    let mut value = json();
    value["attestation"] = json!(["AQ", "AB"]);
    let error = ResponseError::NotBase64Url {
        part: "attestation",
    };
    assert_eq!(read(&value), Err(error));
}

#[rstest]
#[case("attestation")]
#[case("message")]
#[case("signature")]
fn a_missing_or_repeated_member_is_refused(#[case] part: &str) {
    let mut value = json();
    let member = value.as_object_mut().unwrap().remove(part).unwrap();
    assert!(matches!(read(&value), Err(ResponseError::NotJson { .. })));
    let twice = json()
        .to_string()
        .replacen('{', &format!("{{\"{part}\":{member},"), 1);
    let error = Response::from_json(twice.as_bytes()).unwrap_err();
    assert!(matches!(error, ResponseError::NotJson { .. }), "{error}");
}

#[test]
fn empty_parts_are_refused() {
    for (part, value) in [
        ("attestation", json!([])),
        ("attestation", json!([""])),
        ("message", json!("")),
        ("signature", json!("")),
        ("publicKey", json!("")),
    ] {
        let mut whole = json();
        whole[part] = value;
        assert_eq!(read(&whole), Err(ResponseError::Empty { part }));
    }
}

#[test]
fn every_part_is_bounded() {
    let long = |len: usize| to_base64url(&vec![1; len]);
    for (part, value, max) in [
        (
            "attestation",
            json!([long(MAX_CERTIFICATE + 1)]),
            MAX_CERTIFICATE,
        ),
        (
            "message",
            json!(long(Message::MAX_LEN * 2 + 1)),
            Message::MAX_LEN * 2,
        ),
        ("signature", json!(long(MAX_SIGNATURE + 1)), MAX_SIGNATURE),
        ("publicKey", json!(long(MAX_PUBLIC_KEY + 1)), MAX_PUBLIC_KEY),
    ] {
        let mut whole = json();
        whole[part] = value;
        assert_eq!(read(&whole), Err(ResponseError::TooLong { part, max }));
    }
    let mut many = json();
    many["attestation"] = json!(vec!["AQ"; MAX_CERTIFICATES + 1]);
    assert_eq!(
        read(&many),
        Err(ResponseError::TooManyCertificates { count: 9 })
    );
    let huge = vec![b' '; MAX_LEN + 1];
    let error = ResponseError::TooLong {
        part: "response",
        max: MAX_LEN,
    };
    assert_eq!(Response::from_json(&huge), Err(error));
}

#[test]
fn the_client_half_is_bounded_too() {
    let error = Response::new(Vec::new(), &message(), vec![3], None).unwrap_err();
    assert_eq!(
        error,
        ResponseError::Empty {
            part: "attestation"
        }
    );
}

#[test]
fn the_longest_response_within_bounds_is_read() {
    let entries = (0..16)
        .map(|byte| Entry {
            value: ChallengeValue::new(ChallengeType::Yubikey01, [byte; 48]),
            detail: Detail([2; 32]),
        })
        .collect();
    let message = Message::new(entries, [3; 32]).unwrap();
    let chain = vec![vec![1; MAX_CERTIFICATE]; MAX_CERTIFICATES];
    let signature = vec![1; MAX_SIGNATURE];
    let key = Some(vec![1; MAX_PUBLIC_KEY]);
    let response = Response::new(chain, &message, signature, key).unwrap();
    assert_eq!(Response::from_json(&response.to_json()), Ok(response));
}

proptest! {
    #[test]
    fn reading_never_panics(bytes in any::<Vec<u8>>()) {
        let _ = Response::from_json(&bytes);
    }

    #[test]
    fn what_is_read_survives(
        attestation in prop::collection::vec("[A-Za-z0-9_-]{1,12}", 0..4),
        message in "[A-Za-z0-9_-]{1,8}",
        signature in "[A-Za-z0-9_-]{1,8}",
    ) {
        let value = json!({"attestation": attestation, "message": message, "signature": signature});
        if let Ok(response) = read(&value) {
            let again: Value = serde_json::from_slice(&response.to_json()).unwrap();
            prop_assert_eq!(again, value);
        }
    }
}
