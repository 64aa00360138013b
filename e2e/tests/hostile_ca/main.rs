//! A trusted CA that misbehaves: nothing is signed that should not be, nothing
//! is kept that was not ordered, and `dlogin` says so in one line.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod failover;
mod middle;
mod musts;

use std::sync::{Arc, Mutex};

use e2e::process;
use e2e::site::Site;
use middle::Middle;
use serde_json::{Value, json};

struct Hostile {
    // The server in the middle goes before the CA behind it.
    middle: Middle,
    site: Site,
}

/// An enrolled laptop whose CA is reached through the server in the middle.
fn hostile(serial: u32) -> Hostile {
    let mut site = Site::enrolled(serial).unwrap();
    site.ca_mut().stop().unwrap();
    let address = site.ca().address();
    let behind = process::free_address().unwrap();
    let settings = site.ca().dir().join("ca.toml");
    let text = std::fs::read_to_string(&settings).unwrap();
    let moved: String = text
        .lines()
        .map(|line| match line.starts_with("listen = ") {
            true => format!("listen = \"{behind}\"\n"),
            false => format!("{line}\n"),
        })
        .collect();
    assert!(moved.contains(&behind.to_string()), "{moved}");
    std::fs::write(&settings, moved).unwrap();
    let middle = Middle::start(address, behind, &site.ca().dir().join("pki"), site.dir());
    site.ca_mut().serve().unwrap();
    site.ca_mut()
        .server()
        .unwrap()
        .wait_for_port(behind)
        .unwrap();
    Hostile { middle, site }
}

impl Hostile {
    /// `dlogin ARGS` must end with 5, one line with `words`, and no new file;
    /// answers how many touches it cost.
    #[track_caller]
    fn refuses(&self, args: &[&str], words: &[&str]) -> u64 {
        let touches = self.site.touches();
        let before = self.held();
        let output = self.site.laptop().run(args).unwrap();
        let stderr = process::text(&output.stderr);
        assert_eq!(output.status.code(), Some(5), "{stderr}");
        let lines: Vec<_> = stderr
            .lines()
            .filter(|l| l.starts_with("dlogin: "))
            .collect();
        assert_eq!(lines.len(), 1, "{stderr}");
        for word in words {
            assert!(lines[0].contains(word), "{word:?} is not in: {stderr}");
        }
        assert_eq!(self.held(), before, "nothing was kept");
        self.site.touches() - touches
    }

    fn held(&self) -> Vec<(String, Vec<u8>)> {
        let folder = self.site.laptop().certificate("x");
        let Ok(entries) = std::fs::read_dir(folder.parent().unwrap()) else {
            return Vec::new();
        };
        let mut held: Vec<_> = entries
            .map(|entry| entry.unwrap())
            .map(|entry| {
                let name = entry.file_name().into_string().unwrap();
                (name, std::fs::read(entry.path()).unwrap())
            })
            .collect();
        held.sort();
        held
    }
}

/// Changes the token of every challenge.
fn with_token(token: impl Fn(&str) -> String + Send + 'static) -> impl FnMut(&str, &mut Value) {
    move |path, value| {
        if path.starts_with("/acme/authz/") {
            let challenge = &mut value["challenges"][0];
            challenge["token"] = token(challenge["token"].as_str().unwrap()).into();
        }
    }
}

#[test]
fn an_honest_ca_behind_the_middle_is_no_obstacle() {
    let hostile = hostile(34_000_001);
    hostile.site.laptop().succeed(&[]).unwrap();
    assert_eq!(hostile.held().len(), 5);
}

#[test]
fn a_challenge_with_another_magic_is_never_signed() {
    let hostile = hostile(34_000_002);
    // The magic of the other type, of an enrolment, and of nothing.
    let twists: [fn(&str) -> String; 3] = [
        |token| format!("QUNNRS1ZVUJJS0VZLTAy{}", &token[20..]),
        |token| format!("QUNNRS1ZVUJJS0VZLUVO{}", &token[20..]),
        |token| format!("{}{}", "A".repeat(20), &token[20..]),
    ];
    for twist in twists {
        let seen = Arc::new(Mutex::new((String::new(), String::new())));
        let record = Arc::clone(&seen);
        hostile.middle.twist_json(with_token(move |token| {
            *record.lock().unwrap() = (token.to_owned(), twist(token));
            twist(token)
        }));
        let touches = hostile.refuses(&["tls"], &["CA misbehaves", "do not answer"]);
        assert_eq!(touches, 0);
        let (honest, twisted) = seen.lock().unwrap().clone();
        assert_ne!(honest, twisted, "the token was really changed");
    }
}

#[test]
fn a_challenge_of_another_length_is_never_signed() {
    let hostile = hostile(34_000_003);
    let twists: [fn(&str) -> String; 4] = [
        |token| format!("{token}AA"),
        |token| token[..84].to_owned(),
        |_| String::new(),
        |token| token.repeat(1000),
    ];
    for twist in twists {
        hostile.middle.twist_json(with_token(twist));
        let touches = hostile.refuses(&["tls"], &["CA misbehaves", "64 bytes"]);
        assert_eq!(touches, 0);
    }
}

#[test]
fn a_token_that_is_not_canonical_is_never_signed() {
    let hostile = hostile(34_000_004);
    let twists: [fn(&str) -> String; 3] = [
        |token| format!("{token}=="),
        |token| token.replacen('Q', "+", 1),
        |token| format!("{token} "),
    ];
    for twist in twists {
        hostile.middle.twist_json(with_token(twist));
        let touches = hostile.refuses(&["tls"], &["CA misbehaves", "base64url"]);
        assert_eq!(touches, 0);
    }
}

#[test]
fn an_order_that_was_widened_is_never_signed() {
    let hostile = hostile(34_000_005);
    let cases: [(&str, Value); 3] = [
        ("profile", json!("tls-disk")),
        ("notAfter", json!("2099-01-01T00:00:00Z")),
        (
            "identifiers",
            json!([{ "type": "permanent-identifier", "value": "1" }]),
        ),
    ];
    for (member, value) in cases {
        hostile.middle.twist_json(move |path, answer| {
            if path == "/acme/new-order" {
                answer[member] = value.clone();
            }
        });
        let words = ["CA misbehaves", "than was asked for"];
        let touches = hostile.refuses(&["tls", "--valid", "30m"], &words);
        assert_eq!(touches, 0, "{member}");
    }
}

#[test]
fn a_challenge_type_that_no_yubikey_answers_is_told() {
    let hostile = hostile(34_000_006);
    hostile.middle.twist_json(|path, answer| {
        if path.starts_with("/acme/authz/") {
            answer["challenges"][0]["type"] = "http-01".into();
        }
    });
    let touches = hostile.refuses(&["tls"], &["no challenge that dlogin answers"]);
    assert_eq!(touches, 0);
}

#[test]
fn a_refusal_costs_the_certificate_that_is_there_nothing() {
    let hostile = hostile(34_000_007);
    hostile.site.laptop().succeed(&["tls"]).unwrap();
    let before = hostile.held();
    hostile.middle.twist_json(|path, answer| {
        if path.starts_with("/acme/challenge/") {
            answer["status"] = "invalid".into();
            answer["error"] = json!({"type": "urn:ietf:params:acme:error:unauthorized",
                "detail": "no"});
        }
    });
    let output = hostile.site.laptop().run(&["tls"]).unwrap();
    assert_eq!(output.status.code(), Some(3));
    assert_eq!(hostile.held(), before);
}

/// Puts a certificate of an earlier run in the place of the new one.
fn instead_of_the_new_one(hostile: &Hostile, file: &str) {
    let old = std::fs::read(hostile.site.laptop().certificate(file)).unwrap();
    hostile.middle.twist(move |answer| {
        if answer.path.starts_with("/acme/certificate/") {
            answer.body.clone_from(&old);
        }
    });
}

#[test]
fn a_certificate_for_another_key_is_not_kept() {
    let hostile = hostile(34_000_008);
    hostile.site.laptop().succeed(&[]).unwrap();
    let words = ["CA misbehaves", "not kept", "another key"];
    instead_of_the_new_one(&hostile, "tls-disk.pem");
    hostile.refuses(&["tls"], &words);
    // The key on disk is a new one each time.
    hostile.refuses(&["tls-disk"], &words);
}

#[test]
fn an_ssh_certificate_for_another_key_is_not_kept() {
    let (one, two) = (hostile(34_000_009), hostile(34_000_010));
    one.site.laptop().succeed(&["ssh"]).unwrap();
    let foreign = std::fs::read(one.site.laptop().certificate("ssh-cert.pub")).unwrap();
    two.middle.twist(move |answer| {
        if answer.path.starts_with("/acme/certificate/") {
            answer.body.clone_from(&foreign);
        }
    });
    two.refuses(&["ssh"], &["CA misbehaves", "not kept", "another key"]);
}

#[test]
fn a_certificate_that_lives_longer_than_asked_is_not_kept() {
    let hostile = hostile(34_000_011);
    hostile.site.laptop().succeed(&[]).unwrap();
    for (profile, file) in [("tls", "tls.pem"), ("ssh", "ssh-cert.pub")] {
        instead_of_the_new_one(&hostile, file);
        let words = ["CA misbehaves", "not kept", "longer than"];
        hostile.refuses(&[profile, "--valid", "30m"], &words);
    }
}

#[test]
fn what_is_no_certificate_is_not_kept() {
    let hostile = hostile(34_000_012);
    for body in [
        &b""[..],
        b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        b"ssh-ed25519-cert-v01@openssh.com AAAA",
        b"<html>",
    ] {
        hostile.middle.twist(move |answer| {
            if answer.path.starts_with("/acme/certificate/") {
                answer.body = body.to_vec();
            }
        });
        hostile.refuses(&["tls"], &["CA misbehaves", "not kept"]);
    }
}

#[test]
fn an_answer_without_end_is_cut_off() {
    let hostile = hostile(34_000_013);
    for path in ["/directory", "/acme/new-order", "/acme/certificate/"] {
        hostile.middle.twist(move |answer| {
            answer.endless = answer.path.starts_with(path);
        });
        hostile.refuses(&["tls"], &["CA misbehaves", "more than"]);
    }
}

#[test]
fn what_is_not_acme_is_told() {
    let hostile = hostile(34_000_014);
    for (path, body) in [
        ("/directory", "{}"),
        ("/directory", "[[[[[[[["),
        ("/acme/new-order", "null"),
        ("/acme/authz/", "{\"status\": 7}"),
        ("/acme/challenge/", "\"valid\""),
    ] {
        hostile.middle.twist(move |answer| {
            if answer.path.starts_with(path) {
                answer.body = body.into();
            }
        });
        hostile.refuses(&["tls"], &["CA misbehaves"]);
    }
}

#[test]
fn what_a_ca_says_cannot_reach_the_terminal() {
    let hostile = hostile(34_000_015);
    hostile.middle.twist_json(|path, answer| {
        if path.starts_with("/acme/challenge/") {
            *answer = json!({
                "type": "yubikey-01", "url": "https://x", "status": "invalid",
                "error": {
                    "type": "urn:ietf:params:acme:error:unauthorized",
                    "detail": "\u{1b}[2J\u{1b}]0;owned\u{7}\nno\u{202e}",
                },
            });
        }
    });
    let output = hostile.site.laptop().run(&["tls"]).unwrap();
    assert_eq!(output.status.code(), Some(3));
    let shown = [output.stdout, output.stderr].concat();
    let bad = |byte: &u8| *byte < 0x20 && *byte != b'\n';
    assert!(!shown.iter().any(bad), "{}", process::text(&shown));
    assert!(process::text(&shown).contains("tls: refused: "));
}

#[test]
fn a_profile_whose_name_leaves_the_folder_is_not_ordered() {
    let hostile = hostile(34_000_016);
    hostile.middle.twist_json(|path, answer| {
        if path == "/directory" {
            answer["meta"]["profiles"]["../../.config/dlogin/config"] = "x".into();
        }
    });
    let report = hostile.site.laptop().succeed(&["--json"]).unwrap();
    let report: Value = serde_json::from_str(&report).unwrap();
    let why = report["skipped"][0]["why"].as_str().unwrap();
    assert!(why.contains("cannot be the name"), "{report}");
    assert_eq!(hostile.held().len(), 5);
}
