use super::*;

/// RFC 8555 §7.1.3.
const ORDER: &str = r#"{
    "status": "valid",
    "expires": "2016-01-20T14:09:07.00Z",
    "identifiers": [
        { "type": "dns", "value": "www.example.org" },
        { "type": "dns", "value": "example.org" }
    ],
    "notBefore": "2016-01-01T00:00:00Z",
    "notAfter": "2016-01-08T00:00:00Z",
    "authorizations": [
        "https://example.com/acme/authz/PAniVnsZcis",
        "https://example.com/acme/authz/r4HqLzrSrpI"
    ],
    "finalize": "https://example.com/acme/order/TOlocE8rfgo/finalize",
    "certificate": "https://example.com/acme/cert/jWCdfHVGY2M"
}"#;

/// RFC 8555 §7.1.4.
const AUTHORIZATION: &str = r#"{
    "status": "valid",
    "expires": "2015-03-01T14:09:07.00Z",
    "identifier": { "type": "dns", "value": "www.example.org" },
    "challenges": [
        {
            "url": "https://example.com/acme/chall/prV_B7yEyA4",
            "type": "http-01",
            "status": "valid",
            "token": "DGyRejmCefe7v4NfDGDKfA",
            "validated": "2014-12-01T12:05:58.16Z"
        }
    ],
    "wildcard": false
}"#;

fn round_trip<T>(value: &T)
where
    T: Serialize + for<'de> Deserialize<'de> + PartialEq + fmt::Debug,
{
    let text = serde_json::to_string(value).unwrap();
    assert_eq!(&serde_json::from_str::<T>(&text).unwrap(), value);
}

#[test]
fn the_order_of_rfc_8555_7_1_3() {
    let order: Order = serde_json::from_str(ORDER).unwrap();
    assert_eq!(order.status, OrderStatus::Valid);
    assert_eq!(order.identifiers[1], Identifier::dns("example.org"));
    assert_eq!(order.not_after.unwrap().epoch_seconds(), 1_452_211_200);
    assert_eq!(order.profile, None);
    round_trip(&order);
}

#[test]
fn the_authorization_of_rfc_8555_7_1_4() {
    let authorization: Authorization = serde_json::from_str(AUTHORIZATION).unwrap();
    let challenge = &authorization.challenges[0];
    assert_eq!(challenge.kind, "http-01");
    assert_eq!(challenge.status, ChallengeStatus::Valid);
    // 2014-12-01T12:05:58.16Z, rounded down.
    assert_eq!(challenge.validated.unwrap().epoch_seconds(), 1_417_435_558);
    round_trip(&authorization);
}

#[test]
fn a_time_asked_for_must_be_in_whole_seconds() {
    let order = |time| {
        let text = format!(r#"{{"identifiers":[],"notAfter":"{time}"}}"#);
        serde_json::from_str::<NewOrder>(&text)
    };
    assert!(order("2030-01-01T00:00:00Z").unwrap().not_after.is_some());
    assert!(order("2030-01-01T00:00:00.5Z").is_err());
    assert!(order("tomorrow").is_err());
}

#[test]
fn a_challenge_keeps_members_of_types_that_we_do_not_know() {
    let text = r#"{"type":"dns-9","url":"u","status":"pending","colour":"red"}"#;
    let challenge: Challenge = serde_json::from_str(text).unwrap();
    assert_eq!(challenge.more["colour"], "red");
    round_trip(&challenge);
}

#[test]
fn an_order_for_a_permanent_identifier_with_profile_and_not_after() {
    let order = NewOrder {
        identifiers: vec![Identifier::permanent("9681620")],
        profile: Some("tls".to_owned()),
        not_before: None,
        not_after: Timestamp::from_epoch(1_900_000_000),
        replaces: None,
    };
    assert_eq!(
        serde_json::to_string(&order).unwrap(),
        r#"{"identifiers":[{"type":"permanent-identifier","value":"9681620"}],"profile":"tls","notAfter":"2030-03-17T17:46:40Z"}"#
    );
    round_trip(&order);
}

#[test]
fn an_unknown_identifier_type_is_kept_so_that_it_can_be_named() {
    let id: Identifier = serde_json::from_str(r#"{"type":"email","value":"a@b"}"#).unwrap();
    assert_eq!(id.kind, IdentifierType::Unknown("email".to_owned()));
}

#[test]
fn finalize_takes_an_absent_and_an_empty_csr() {
    assert_eq!(serde_json::from_str::<Finalize>("{}").unwrap().csr, None);
    let empty: Finalize = serde_json::from_str(r#"{"csr":""}"#).unwrap();
    assert_eq!(empty.csr.as_deref(), Some(""));
}

#[test]
fn statuses_read_and_write_the_same_names() {
    for name in ["pending", "ready", "processing", "valid", "invalid"] {
        let status: OrderStatus = name.parse().unwrap();
        assert_eq!(status.as_str(), name);
        assert_eq!(serde_json::to_string(&status).unwrap(), format!("{name:?}"));
    }
    assert_eq!("deactivated".parse::<OrderStatus>(), Err(UnknownStatus));
}
