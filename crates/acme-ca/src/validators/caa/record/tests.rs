use proptest::prelude::*;

use super::*;

const ACCOUNT: &str = "https://ca.example:8443/acme/acct/abc";

fn property(critical: bool, tag: &str, value: &str) -> Property {
    Property {
        critical,
        tag: tag.to_owned(),
        value: value.as_bytes().to_vec(),
    }
}

fn judged(wildcard: bool, records: &[(&str, &str)]) -> Result<(), Forbids> {
    let records: Vec<Property> = records
        .iter()
        .map(|(tag, value)| property(false, tag, value))
        .collect();
    judge(&records, wildcard, application(&["ca.example".to_owned()]))
}

fn application(identities: &[String]) -> Application<'_> {
    Application {
        identities,
        account: ACCOUNT,
        method: "http-01",
    }
}

fn permits(records: &[(&str, &str)]) -> bool {
    judged(false, records).is_ok()
}

#[test]
fn without_issue_everybody_may() {
    assert!(permits(&[]));
    assert!(permits(&[("iodef", "mailto:a@example.net")]));
    assert!(permits(&[("issuewild", "other.example")]));
    assert!(permits(&[("issuemail", ";"), ("tbs", "Unknown")]));
}

#[test]
fn with_issue_who_is_named_may() {
    for named in [
        "ca.example",
        "CA.Example",
        " ca.example\t",
        "ca.example;",
        "ca.example ; ",
        "ca.example; policy=ev ; x=a=b",
    ] {
        assert!(permits(&[("issue", named)]), "{named:?}");
        assert!(permits(&[("issue", "other.example"), ("ISSUE", named)]));
    }
    for other in [
        "",
        ";",
        "other.example",
        "a.ca.example",
        "example",
        "ca.example.",
        "ca.example x",
        "ca.example;x",
        "ca.example; x=1;",
        "ca.example; -x=1",
        "ca.example; x=a b",
        "ca.example; x=\u{fc}",
        "%%%%%",
    ] {
        assert!(!permits(&[("issue", other)]), "{other:?}");
    }
    let refused = judged(false, &[("issue", "other.example")]).unwrap_err();
    assert!(
        refused.to_string().contains("\"other.example\""),
        "{refused}"
    );
}

#[test]
fn wildcards_have_a_property_of_their_own() {
    let both = [("issue", "other.example"), ("issuewild", "ca.example")];
    assert!(judged(true, &both).is_ok());
    assert!(judged(false, &both).is_err());
    let swapped = [("issue", "ca.example"), ("issuewild", ";")];
    assert!(judged(true, &swapped).is_err());
    assert!(judged(false, &swapped).is_ok());
    assert!(judged(true, &[("issue", "ca.example")]).is_ok());
    assert!(judged(true, &[("issue", ";")]).is_err());
}

#[test]
fn what_is_critical_must_be_known() {
    let ours = ["ca.example".to_owned()];
    let judge = |records: &[Property]| judge(records, false, application(&ours));
    let issue = property(true, "issue", "ca.example");
    assert_eq!(
        judge(&[issue.clone(), property(true, "iodef", "x")]),
        Ok(())
    );
    let unknown = property(true, "tbs", "Unknown");
    let tag = "tbs".to_owned();
    assert_eq!(judge(&[issue, unknown]), Err(Forbids::Critical { tag }));
}

#[test]
fn an_account_or_a_challenge_can_be_named_rfc_8657() {
    for good in [
        &format!("ca.example; accounturi={ACCOUNT}") as &str,
        &format!("ca.example;AccountURI = {ACCOUNT};validationmethods=dns-01,http-01"),
        "ca.example; validationmethods=http-01",
        "ca.example; validationmethods=ca-foo,http-01",
    ] {
        assert!(permits(&[("issue", good)]), "{good}");
    }
    for bad in [
        &format!("ca.example; accounturi={ACCOUNT}d") as &str,
        &format!("ca.example; accounturi={ACCOUNT}; accounturi={ACCOUNT}"),
        "ca.example; accounturi=",
        "ca.example; validationmethods=dns-01",
        "ca.example; validationmethods=",
        "ca.example; validationmethods=http-01,",
        "ca.example; validationmethods=HTTP-01",
        "ca.example; validationmethods=http-01; validationmethods=http-01",
    ] {
        assert!(!permits(&[("issue", bad)]), "{bad}");
    }
}

proptest! {
    #[test]
    fn any_bytes_are_a_value_or_not(value: Vec<u8>, tag: String, critical: bool, wildcard: bool) {
        let ours = ["ca.example".to_owned()];
        let records = [Property { critical, tag, value }];
        let _ = judge(&records, wildcard, application(&ours));
    }

    #[test]
    fn what_is_read_says_the_same_when_it_is_written(
        domain in "([a-z][a-z0-9]{0,5}(\\.[a-z][a-z0-9]{0,5}){0,3})?",
        parameters in prop::collection::vec(("[a-z0-9]{1,6}", "[!-:<-~]{0,12}"), 0..4),
        space in "[ \t]{0,2}",
    ) {
        let rest: Vec<String> = parameters
            .iter()
            .map(|(tag, value)| format!("{tag}{space}={space}{value}"))
            .collect();
        let text = format!("{space}{domain}{space};{space}{}{space}", rest.join(&format!("{space};{space}")));
        let read = Issuer::read(text.as_bytes()).unwrap();
        prop_assert_eq!(read.domain, domain);
        let read: Vec<_> = read.parameters.iter().map(|(t, v)| (t.to_string(), v.to_string())).collect();
        prop_assert_eq!(read, parameters);
    }
}
