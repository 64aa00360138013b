//! http-01 (RFC 8555 §8.3, RFC 8738).

use acme_ca::config::Seconds;
use acme_ca::validators::{Method, Phase, Subject, ValidatorError};
use acme_wire::problem::ProblemType;

use crate::server::{Reply, Server, ok, redirect, status};
use crate::world::{HASTY, TOKEN, World, key_authorization};

/// A world whose http-01 goes to a server.
async fn world(answer: impl Fn(&str) -> Reply + Send + Sync + 'static) -> (World, Server) {
    let mut world = World::new();
    let server = Server::start(answer).await;
    world.settings.http_port = server.at.port();
    (world, server)
}

async fn refused(answer: impl Fn(&str) -> Reply + Send + Sync + 'static) -> ValidatorError {
    let (world, _server) = world(answer).await;
    world.validate(Method::Http01, "a.test").await.unwrap_err()
}

#[tokio::test]
async fn the_file_is_fetched_and_is_the_key_authorization() {
    let (world, server) = world(|_| ok(&key_authorization())).await;
    assert_eq!(world.validate(Method::Http01, "a.test").await, Ok(()));
    let requests = server.requests();
    let port = server.at.port();
    let [request] = &requests[..] else {
        panic!("{requests:?}");
    };
    assert!(
        request.starts_with(&format!(
            "GET /.well-known/acme-challenge/{TOKEN} HTTP/1.1\r\n"
        )),
        "{request}"
    );
    assert!(
        request.contains(&format!("host: a.test:{port}\r\n")),
        "{request}"
    );
}

#[tokio::test]
async fn an_address_is_asked_directly() {
    let (world, server) = world(|_| ok(&key_authorization())).await;
    assert_eq!(world.validate_ip(Method::Http01, "127.0.0.1").await, Ok(()));
    assert!(world.dns.asked().is_empty());
    let host = format!("host: 127.0.0.1:{}\r\n", server.at.port());
    assert!(server.requests()[0].contains(&host));
}

#[tokio::test]
async fn an_ipv6_address_is_asked_directly() {
    let mut world = World::new();
    let server = Server::start_on("[::1]:0", |_| ok(&key_authorization())).await;
    world.settings.http_port = server.at.port();
    world.settings.allow_private = vec!["::1/128".parse().unwrap()];
    assert_eq!(world.validate_ip(Method::Http01, "::1").await, Ok(()));
    let host = format!("host: [::1]:{}\r\n", server.at.port());
    assert!(server.requests()[0].contains(&host));
}

#[tokio::test]
async fn white_space_at_the_end_is_ignored() {
    for end in ["\n", "\r\n", "  \t\n\n"] {
        let (world, _server) = world(move |_| ok(&format!("{}{end}", key_authorization()))).await;
        assert_eq!(
            world.validate(Method::Http01, "a.test").await,
            Ok(()),
            "{end:?}"
        );
    }
}

#[tokio::test]
async fn anything_else_is_wrong() {
    for body in [
        String::new(),
        TOKEN.to_owned(),
        format!(" {}", key_authorization()),
        format!("{}x", key_authorization()),
        key_authorization().to_ascii_lowercase(),
        format!("{}\n{}", key_authorization(), key_authorization()),
        "\u{1b}[31m<html>".to_owned(),
    ] {
        let text = body.clone();
        let error = refused(move |_| ok(&text)).await;
        let ValidatorError::Content { found, .. } = &error else {
            panic!("{body:?}: {error:?}");
        };
        assert!(!found.as_ref().unwrap().contains('\u{1b}'));
        assert_eq!(error.problem_type(), ProblemType::IncorrectResponse);
        assert!(!error.may_pass());
    }
}

#[tokio::test]
async fn another_status_is_wrong_even_with_the_right_body() {
    for (line, passes) in [
        ("404 Not Found", false),
        ("403 Forbidden", false),
        ("201 Created", false),
        ("304 Not Modified", false),
        ("503 Service Unavailable", true),
    ] {
        let error = refused(move |_| {
            let body = key_authorization();
            let length = body.len();
            let head = format!("HTTP/1.1 {line}\r\nContent-Length: {length}\r\n\r\n");
            Reply::Bytes(format!("{head}{body}").into_bytes())
        })
        .await;
        assert!(matches!(error, ValidatorError::Status { .. }), "{error:?}");
        assert_eq!(error.may_pass(), passes, "{line}");
    }
}

#[tokio::test]
async fn redirects_are_followed() {
    let (world, server) = world(|request| {
        if request.starts_with("GET /.well-known/") {
            redirect("/one?two")
        } else if request.starts_with("GET /one?two ") {
            redirect("//b.test/three")
        } else {
            ok(&key_authorization())
        }
    })
    .await;
    world.dns.address_of("b.test", "127.0.0.1");
    assert_eq!(world.validate(Method::Http01, "a.test").await, Ok(()));
    let requests = server.requests();
    assert_eq!(requests.len(), 3);
    assert!(requests[2].starts_with("GET /three "), "{requests:?}");
    assert!(requests[2].contains("host: b.test:"), "{requests:?}");
}

#[tokio::test]
async fn redirects_in_a_circle_end() {
    let error = refused(|request| {
        if request.starts_with("GET /one ") {
            redirect("/two")
        } else {
            redirect("/one")
        }
    })
    .await;
    assert!(
        matches!(error, ValidatorError::RedirectLoop { .. }),
        "{error:?}"
    );
}

#[tokio::test]
async fn redirects_without_end_are_not_followed_for_ever() {
    let (world, server) = world(|request| {
        let path = request.split(' ').nth(1).unwrap();
        redirect(&format!("{path}x"))
    })
    .await;
    let error = world.validate(Method::Http01, "a.test").await.unwrap_err();
    assert_eq!(error, ValidatorError::Redirects { most: 10 });
    assert_eq!(server.requests().len(), 11);
}

#[tokio::test]
async fn redirects_lead_to_web_servers_alone() {
    let error = refused(|_| redirect("ftp://a.test/file")).await;
    assert!(
        matches!(error, ValidatorError::RedirectScheme { .. }),
        "{error:?}"
    );
    let error = refused(|_| redirect("http://a.test:25/")).await;
    let ValidatorError::RedirectPort { port: 25, .. } = error else {
        panic!("{error:?}");
    };
    let error = refused(|_| status("302 Found")).await;
    assert!(
        matches!(error, ValidatorError::RedirectTarget { .. }),
        "{error:?}"
    );
    let error = refused(|_| redirect("http://user@a.test/")).await;
    assert!(
        matches!(error, ValidatorError::RedirectTarget { .. }),
        "{error:?}"
    );
}

#[tokio::test]
async fn an_endless_body_is_not_read() {
    for head in [
        "HTTP/1.1 200 OK\r\nContent-Length: 999999999999\r\n\r\n",
        "HTTP/1.1 200 OK\r\n\r\n",
    ] {
        let error =
            refused(move |_| Reply::Endless(head.as_bytes().to_vec(), vec![b'a'; 4096])).await;
        assert!(matches!(error, ValidatorError::TooMuch { .. }), "{error:?}");
        assert_eq!(error.problem_type(), ProblemType::IncorrectResponse);
    }
    let error = refused(|_| {
        Reply::Endless(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec(),
            b"1\r\na\r\n".repeat(500),
        )
    })
    .await;
    assert!(matches!(error, ValidatorError::TooMuch { .. }), "{error:?}");
}

#[tokio::test]
async fn endless_headers_are_not_read() {
    for again in [b"X: y\r\n".repeat(500), vec![b'a'; 4096]] {
        let error =
            refused(move |_| Reply::Endless(b"HTTP/1.1 200 OK\r\nX: ".to_vec(), again.clone()))
                .await;
        assert!(
            matches!(
                error,
                ValidatorError::TooMuch { .. } | ValidatorError::Http { .. }
            ),
            "{error:?}"
        );
    }
}

#[tokio::test]
async fn endless_interim_responses_are_not_read() {
    let error =
        refused(|_| Reply::Endless(Vec::new(), b"HTTP/1.1 103 Early Hints\r\n\r\n".repeat(100)))
            .await;
    assert!(matches!(error, ValidatorError::TooMuch { .. }), "{error:?}");
}

#[tokio::test]
async fn a_response_that_drips_is_not_waited_for() {
    for head in [
        "HTTP/1.1 200 OK\r\nX-Slow: ",
        "HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n",
    ] {
        let (mut world, _server) = world(move |_| Reply::Drip(head.as_bytes().to_vec())).await;
        world.settings.timeout = HASTY;
        let error = world.validate(Method::Http01, "a.test").await.unwrap_err();
        let (phase, limit) = (Phase::Exchange, Seconds(1));
        assert_eq!(error, ValidatorError::Timeout { phase, limit });
        assert_eq!(error.problem_type(), ProblemType::Connection);
        assert!(error.may_pass());
    }
}

#[tokio::test]
async fn phases_that_are_each_in_time_are_not_waited_for_for_ever() {
    let (mut world, _server) = world(|request| {
        if request.contains("GET /slow") {
            Reply::Silence
        } else {
            redirect("/slow")
        }
    })
    .await;
    world.settings.timeout = HASTY;
    let error = world.validate(Method::Http01, "a.test").await.unwrap_err();
    assert!(matches!(error, ValidatorError::Timeout { .. }), "{error:?}");
}

#[tokio::test]
async fn a_server_that_says_nothing_or_nonsense_is_told() {
    for bytes in [
        &b""[..],
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"\x15\x03\x01\x00\x02\x02\x46",
    ] {
        let error = refused(move |_| Reply::Bytes(bytes.to_vec())).await;
        assert!(
            matches!(error, ValidatorError::Http { .. }),
            "{bytes:?}: {error:?}"
        );
        assert_eq!(error.problem_type(), ProblemType::Connection);
    }
}

#[tokio::test]
async fn a_port_where_nobody_listens_is_told() {
    let mut world = World::new();
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    world.settings.http_port = port;
    // 127.0.0.9: nobody in these tests listens there.
    world.dns.address_of("a.test", "127.0.0.9");
    let error = world.validate(Method::Http01, "a.test").await.unwrap_err();
    assert!(matches!(error, ValidatorError::Connect { .. }), "{error:?}");
    assert_eq!(error.problem_type(), ProblemType::Connection);
    assert!(error.may_pass());
}

#[tokio::test]
async fn names_without_an_address_are_told() {
    let world = World::new();
    let error = world.validate(Method::Http01, "no.test").await.unwrap_err();
    let name = "no.test".to_owned();
    assert_eq!(error, ValidatorError::NoSuchName { name });
    world.dns.add_text("text.test", "no address");
    let error = world
        .validate(Method::Http01, "text.test")
        .await
        .unwrap_err();
    let name = "text.test".to_owned();
    assert_eq!(error, ValidatorError::NoAddress { name });
    assert_eq!(error.problem_type(), ProblemType::Dns);
}

#[tokio::test]
async fn a_file_says_nothing_about_a_wildcard() {
    let (world, server) = world(|_| ok(&key_authorization())).await;
    for method in [Method::Http01, Method::TlsAlpn01] {
        let wildcard = Subject::Wildcard("a.test".to_owned());
        let error = world.validate_subject(method, wildcard).await.unwrap_err();
        assert!(matches!(error, ValidatorError::NotFor { .. }), "{error:?}");
    }
    assert!(server.requests().is_empty());
}
