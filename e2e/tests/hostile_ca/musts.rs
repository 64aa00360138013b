//! What the protocol wants of a client (sections 8 and 10), against a CA that
//! does not keep it.

use std::fs;

use serde_json::Value;

use crate::hostile;

/// Puts a URL into an answer.
type Twist = fn(&mut Value, Value);

#[test]
fn an_order_that_leaves_out_what_was_asked_for_is_never_signed() {
    let hostile = hostile(34_000_017);
    for member in ["profile", "notAfter"] {
        hostile.middle.twist_json(move |path, answer| {
            if path == "/acme/new-order" {
                let gone = answer.as_object_mut().unwrap().remove(member);
                assert!(gone.is_some(), "{answer}");
            }
        });
        let words = ["CA misbehaves", "than was asked for", member];
        let touches = hostile.refuses(&["tls", "--valid", "30m"], &words);
        assert_eq!(touches, 0, "{member}");
    }
    // Nor one that adds an end that nobody asked for.
    hostile.middle.twist_json(|path, answer| {
        if path == "/acme/new-order" {
            answer["notAfter"] = "2099-01-01T00:00:00Z".into();
        }
    });
    assert_eq!(hostile.refuses(&["tls"], &["another notAfter"]), 0);
}

#[test]
fn a_url_of_another_server_is_not_followed() {
    let hostile = hostile(34_000_018);
    // The same host under the same root, but another port: TLS alone would not
    // stop it.
    let twists: [(&str, Twist); 6] = [
        ("/directory", |answer, url| answer["newNonce"] = url),
        ("/directory", |answer, url| answer["newOrder"] = url),
        ("/acme/order/", |answer, url| {
            answer["authorizations"][0] = url
        }),
        ("/acme/authz/", |answer, url| {
            answer["challenges"][0]["url"] = url
        }),
        ("/acme/order/", |answer, url| answer["finalize"] = url),
        ("/acme/order/", |answer, url| answer["certificate"] = url),
    ];
    let elsewhere = e2e::process::free_address().unwrap();
    for (place, twist) in twists {
        let url = format!("https://localhost:{}/x", elsewhere.port());
        hostile.middle.twist_json(move |path, answer| {
            if path.starts_with(place) {
                twist(answer, url.clone().into());
            }
        });
        hostile.refuses(&["tls"], &["CA misbehaves", "origin", "localhost"]);
    }
}

#[test]
fn a_certificate_under_another_media_type_is_not_kept() {
    let hostile = hostile(34_000_019);
    let ssh = "application/vnd.dlogin.ssh-certificate";
    let pem = "application/pem-certificate-chain";
    for (profile, media_type) in [
        ("tls", ssh),
        ("tls", "text/plain"),
        ("tls", ""),
        ("ssh", pem),
        ("ssh", "application/octet-stream"),
    ] {
        hostile.middle.twist(move |answer| {
            if answer.path.starts_with("/acme/certificate/") {
                answer.media_type = Some(media_type);
            }
        });
        hostile.refuses(&[profile], &["CA misbehaves", "not kept"]);
    }
    // Parameters and case do not make it another type.
    hostile.middle.twist(|answer| {
        if answer.path.starts_with("/acme/certificate/") {
            answer.media_type = Some("Application/PEM-Certificate-Chain; charset=us-ascii");
        }
    });
    hostile.site.laptop().succeed(&["tls"]).unwrap();
}

#[test]
fn what_stands_beside_the_certificates_is_not_written() {
    let hostile = hostile(34_000_020);
    hostile.middle.twist(|answer| {
        if answer.path.starts_with("/acme/certificate/") {
            let honest = String::from_utf8(answer.body.clone()).unwrap();
            let key = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
            answer.body = format!("{key}words\n{honest}{key}").into_bytes();
        }
    });
    hostile.site.laptop().succeed(&["tls"]).unwrap();
    let written = fs::read_to_string(hostile.site.laptop().certificate("tls.pem")).unwrap();
    assert!(!written.contains("PRIVATE KEY"), "{written}");
    assert!(!written.contains("words"), "{written}");
    assert!(
        written.matches("BEGIN CERTIFICATE").count() >= 2,
        "{written}"
    );
}
