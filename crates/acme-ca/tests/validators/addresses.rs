//! Where the CA lets itself be sent: not to itself, not to its neighbours, not somewhere else
//! than it looked.

use acme_ca::validators::{Method, Special, Subject, ValidatorError};
use acme_wire::problem::ProblemType;
use hickory_proto::rr::RecordType;

use crate::dns_server::Data;
use crate::server::{Server, ok, redirect};
use crate::world::{World, key_authorization};

fn at(address: &str) -> Data {
    Data::Address(address.parse().unwrap())
}

async fn honest() -> Server {
    Server::start(|_| ok(&key_authorization())).await
}

#[tokio::test]
async fn private_addresses_are_refused_unless_the_settings_name_them() {
    let server = honest().await;
    let mut world = World::new();
    world.settings.http_port = server.at.port();
    assert_eq!(world.validate(Method::Http01, "a.test").await, Ok(()));
    world.settings.allow_private = vec!["10.0.0.0/8".parse().unwrap()];
    for method in [Method::Http01, Method::TlsAlpn01] {
        world.settings.tls_port = server.at.port();
        let error = world.validate(method, "a.test").await.unwrap_err();
        let refused = vec![("127.0.0.1".parse().unwrap(), Special::Loopback)];
        let host = "a.test".to_owned();
        assert_eq!(error, ValidatorError::Forbidden { host, refused });
        assert_eq!(error.problem_type(), ProblemType::Connection);
        assert!(!error.may_pass());
        let error = world.validate_ip(method, "127.0.0.1").await.unwrap_err();
        assert!(
            matches!(error, ValidatorError::Forbidden { .. }),
            "{error:?}"
        );
    }
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn however_an_address_is_dressed_it_is_judged_by_what_it_is() {
    let server = honest().await;
    let mut world = World::new();
    world.settings.http_port = server.at.port();
    world.settings.allow_private.clear();
    for address in [
        "::ffff:127.0.0.1",
        "::1",
        "0.0.0.0",
        "::",
        "169.254.169.254",
        "fe80::1",
        "100.64.0.1",
        "64:ff9b::7f00:1",
        "2002:7f00:1::1",
        "224.0.0.1",
    ] {
        world.dns.address_of("evil.test", address);
        for subject in [
            Subject::Dns("evil.test".to_owned()),
            Subject::Ip(address.parse().unwrap()),
        ] {
            let error = world
                .validate_subject(Method::Http01, subject)
                .await
                .unwrap_err();
            assert!(
                matches!(error, ValidatorError::Forbidden { .. }),
                "{address}: {error:?}"
            );
        }
    }
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn a_redirect_to_a_private_address_is_refused() {
    let mut world = World::new();
    let server = Server::start(|_| redirect("http://cloud.test/latest/meta-data/")).await;
    world.settings.http_port = server.at.port();
    world.dns.address_of("cloud.test", "10.0.0.1");
    let error = world.validate(Method::Http01, "a.test").await.unwrap_err();
    let refused = vec![("10.0.0.1".parse().unwrap(), Special::Private)];
    let host = "cloud.test".to_owned();
    assert_eq!(error, ValidatorError::Forbidden { host, refused });
}

#[tokio::test]
async fn a_redirect_to_an_address_is_refused_and_may_be_to_the_same_one() {
    let mut world = World::new();
    let server = Server::start(|request| match request.split(' ').nth(1) {
        Some("/moved") => ok(&key_authorization()),
        _ => redirect("http://127.0.0.1/moved"),
    })
    .await;
    world.settings.http_port = server.at.port();
    let error = world.validate(Method::Http01, "a.test").await.unwrap_err();
    assert!(
        matches!(error, ValidatorError::RedirectAddress { .. }),
        "{error:?}"
    );
    assert_eq!(error.problem_type(), ProblemType::Connection);
    assert_eq!(world.validate_ip(Method::Http01, "127.0.0.1").await, Ok(()));
}

#[tokio::test]
async fn what_is_behind_a_redirect_is_not_told() {
    let mut world = World::new();
    let server = Server::start(|request| match request.split(' ').nth(1) {
        Some("/admin") => ok("the secret page"),
        _ => redirect("http://inside.test/admin"),
    })
    .await;
    world.settings.http_port = server.at.port();
    world.dns.address_of("inside.test", "127.0.0.1");
    let error = world.validate(Method::Http01, "a.test").await.unwrap_err();
    let text = error.to_string();
    assert!(
        text.contains("something else") && !text.contains("secret"),
        "{text}"
    );
    assert_eq!(server.requests().len(), 2);
}

#[tokio::test]
async fn a_name_is_looked_up_once_and_the_connection_goes_where_was_looked() {
    let server = honest().await;
    let mut world = World::new();
    world.settings.http_port = server.at.port();
    // The first answer would be refused; the second would not, and is never asked for.
    world
        .dns
        .set_turns("rebind.test", [vec![at("10.0.0.1")], vec![at("127.0.0.1")]]);
    let error = world
        .validate(Method::Http01, "rebind.test")
        .await
        .unwrap_err();
    assert!(
        matches!(error, ValidatorError::Forbidden { .. }),
        "{error:?}"
    );
    assert!(server.requests().is_empty());
    // The other way round: what was admitted is what is connected to.
    world
        .dns
        .set_turns("turn.test", [vec![at("127.0.0.1")], vec![at("10.0.0.1")]]);
    assert_eq!(world.validate(Method::Http01, "turn.test").await, Ok(()));
    for name in ["rebind.test", "turn.test"] {
        let times = world
            .dns
            .asked()
            .iter()
            .filter(|(asked, kind)| asked == name && *kind == RecordType::A)
            .count();
        assert_eq!(times, 1, "{name}");
    }
}

#[tokio::test]
async fn an_answer_that_changes_between_redirects_is_judged_again() {
    let mut world = World::new();
    let server = Server::start(|_| redirect("/again")).await;
    world.settings.http_port = server.at.port();
    world
        .dns
        .set_turns("turn.test", [vec![at("127.0.0.1")], vec![at("10.0.0.1")]]);
    let error = world
        .validate(Method::Http01, "turn.test")
        .await
        .unwrap_err();
    assert!(
        matches!(error, ValidatorError::Forbidden { .. }),
        "{error:?}"
    );
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn of_several_addresses_the_ones_that_may_be_used_are_tried() {
    let server = honest().await;
    let mut world = World::new();
    world.settings.http_port = server.at.port();
    // 127.0.0.2 refuses the connection: the server listens on 127.0.0.1 alone.
    world.dns.set(
        "many.test",
        [
            at("fd00::1"),
            at("10.0.0.1"),
            at("127.0.0.2"),
            at("127.0.0.1"),
        ],
    );
    assert_eq!(world.validate(Method::Http01, "many.test").await, Ok(()));
}

#[tokio::test]
async fn only_so_many_addresses_are_tried() {
    let server = honest().await;
    let mut world = World::new();
    world.settings.http_port = server.at.port();
    let dead = (2..60).map(|last| at(&format!("127.0.0.{last}")));
    world.dns.set(
        "many.test",
        dead.chain([at("127.0.0.1")]).collect::<Vec<_>>(),
    );
    let error = world
        .validate(Method::Http01, "many.test")
        .await
        .unwrap_err();
    assert!(matches!(error, ValidatorError::Connect { .. }), "{error:?}");
    assert!(server.requests().is_empty());
}
