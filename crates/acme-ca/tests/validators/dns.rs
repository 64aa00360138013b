//! dns-01 (RFC 8555 §8.4).

use acme_ca::validators::{Method, Phase, Subject, ValidatorError};
use acme_wire::problem::ProblemType;
use hickory_proto::op::ResponseCode;

use crate::dns_server::Data;
use crate::world::{HASTY, World, key_authorization};

const NAME: &str = "_acme-challenge.a.test";

/// By openssl, not by the code that is tested.
fn digest() -> String {
    use std::io::Write;
    use std::process::{Command, Stdio};
    let mut openssl = Command::new("openssl")
        .args(["dgst", "-sha256", "-binary"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    openssl
        .stdin
        .take()
        .unwrap()
        .write_all(key_authorization().as_bytes())
        .unwrap();
    let digest = openssl.wait_with_output().unwrap().stdout;
    assert_eq!(digest.len(), 32);
    use base64ct::{Base64UrlUnpadded, Encoding};
    Base64UrlUnpadded::encode_string(&digest)
}

#[tokio::test]
async fn the_digest_of_the_key_authorization_is_in_a_txt_record() {
    let world = World::new();
    world.dns.add_text(NAME, &digest());
    assert_eq!(world.validate(Method::Dns01, "a.test").await, Ok(()));
    // A wildcard is validated under the name that it is below of (RFC 8555 §8.4).
    let wildcard = Subject::Wildcard("a.test".to_owned());
    assert_eq!(
        world.validate_subject(Method::Dns01, wildcard).await,
        Ok(())
    );
}

#[tokio::test]
async fn one_record_among_others_is_enough() {
    let world = World::new();
    for text in [
        "v=spf1 -all",
        "another order's digest",
        &"long ".repeat(200),
    ] {
        world.dns.add_text(NAME, text);
    }
    world.dns.add_text(NAME, &digest());
    assert_eq!(world.validate(Method::Dns01, "a.test").await, Ok(()));
}

#[tokio::test]
async fn aliases_are_followed() {
    let world = World::new();
    world
        .dns
        .set(NAME, [Data::Alias("one.other.test".to_owned())]);
    world
        .dns
        .set("one.other.test", [Data::Alias("two.other.test".to_owned())]);
    world.dns.add_text("two.other.test", &digest());
    assert_eq!(world.validate(Method::Dns01, "a.test").await, Ok(()));
}

#[tokio::test]
async fn aliases_in_a_circle_end() {
    let world = World::new();
    world.dns.set(NAME, [Data::Alias("one.test".to_owned())]);
    world.dns.set("one.test", [Data::Alias(NAME.to_owned())]);
    let error = world.validate(Method::Dns01, "a.test").await.unwrap_err();
    assert!(
        matches!(
            error,
            ValidatorError::NoTxt { .. } | ValidatorError::Lookup { .. }
        ),
        "{error:?}"
    );
}

#[tokio::test]
async fn truncated_answers_are_asked_for_again_over_tcp() {
    let world = World::new();
    world.dns.add_text(NAME, &digest());
    world.dns.truncate();
    assert_eq!(world.validate(Method::Dns01, "a.test").await, Ok(()));
    assert!(world.dns.asked_over_tcp() > 0);
}

#[tokio::test]
async fn what_is_missing_or_wrong_is_told_apart() {
    let world = World::new();
    let name = NAME.to_owned();
    let missing = world.validate(Method::Dns01, "a.test").await.unwrap_err();
    assert_eq!(missing, ValidatorError::NoSuchName { name: name.clone() });
    assert_eq!(missing.problem_type(), ProblemType::Dns);
    assert!(missing.may_pass());

    world.dns.address_of(NAME, "127.0.0.1");
    let empty = world.validate(Method::Dns01, "a.test").await.unwrap_err();
    assert_eq!(empty, ValidatorError::NoTxt { name: name.clone() });
    assert_eq!(empty.problem_type(), ProblemType::IncorrectResponse);

    world.dns.set(NAME, [Data::Text("wrong\u{7}".to_owned())]);
    let wrong = world.validate(Method::Dns01, "a.test").await.unwrap_err();
    let (expected, found) = (digest(), vec!["wrong\u{fffd}".to_owned()]);
    assert_eq!(
        wrong,
        ValidatorError::Txt {
            name: name.clone(),
            expected,
            found
        }
    );
    assert_eq!(wrong.problem_type(), ProblemType::IncorrectResponse);

    world.dns.fail(NAME, ResponseCode::ServFail);
    let failed = world.validate(Method::Dns01, "a.test").await.unwrap_err();
    assert!(
        matches!(failed, ValidatorError::Lookup { .. }),
        "{failed:?}"
    );
    assert_eq!(failed.problem_type(), ProblemType::Dns);
    assert!(failed.may_pass());
}

#[tokio::test]
async fn the_digest_with_anything_around_it_is_not_the_digest() {
    let world = World::new();
    let digest = digest();
    for text in [
        format!(" {digest}"),
        format!("{digest}="),
        format!("\"{digest}\""),
        digest.to_ascii_lowercase(),
        key_authorization(),
    ] {
        world.dns.set(NAME, [Data::Text(text.clone())]);
        let error = world.validate(Method::Dns01, "a.test").await.unwrap_err();
        assert!(
            matches!(error, ValidatorError::Txt { .. }),
            "{text}: {error:?}"
        );
    }
}

#[tokio::test]
async fn a_resolver_that_never_answers_is_not_waited_for() {
    let mut world = World::new();
    world.settings.timeout = HASTY;
    world.dns.silence(NAME);
    let error = world.validate(Method::Dns01, "a.test").await.unwrap_err();
    let phase = Phase::Lookup;
    assert!(
        matches!(error, ValidatorError::Lookup { .. })
            || matches!(error, ValidatorError::Timeout { phase: p, .. } if p == phase),
        "{error:?}"
    );
    assert_eq!(error.problem_type(), ProblemType::Dns);
}

#[tokio::test]
async fn an_address_has_no_zone() {
    let world = World::new();
    let error = world
        .validate_ip(Method::Dns01, "127.0.0.1")
        .await
        .unwrap_err();
    assert!(matches!(error, ValidatorError::NotFor { .. }), "{error:?}");
    assert!(world.dns.asked().is_empty());
}

#[tokio::test]
async fn nothing_is_remembered_from_one_validation_to_the_next() {
    let world = World::new();
    let validators = acme_ca::validators::Validators::new(&world.settings).unwrap();
    let target = crate::world::target(Subject::Dns("a.test".to_owned()));
    assert!(validators.validate(Method::Dns01, &target).await.is_err());
    world.dns.add_text(NAME, &digest());
    assert_eq!(validators.validate(Method::Dns01, &target).await, Ok(()));
    world.dns.remove(NAME);
    assert!(validators.validate(Method::Dns01, &target).await.is_err());
}
