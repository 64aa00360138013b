//! Which answers of a CA are none, so that the next CA of the site is asked, and
//! which are a refusal, so that none is.

use e2e::ca::Ca;
use e2e::process;
use serde_json::{Value, json};

use crate::{Hostile, hostile};

/// The hostile CA first, and an honest one after it.
fn two(serial: u32) -> (Hostile, Ca) {
    let hostile = hostile(serial);
    let other = hostile.site.another_ca("other", &[]).unwrap();
    (hostile, other)
}

fn problem(kind: &str) -> String {
    json!({
        "type": format!("urn:ietf:params:acme:error:{kind}"),
        "detail": "the words of the CA",
    })
    .to_string()
}

impl Hostile {
    /// Every answer to a path that begins like this is that, from now on.
    fn answers(&self, path: &'static str, status: u16, body: String) {
        self.middle.twist(move |answer| {
            if answer.path.starts_with(path) {
                answer.status = Some(status);
                answer.body = body.clone().into_bytes();
            }
        });
    }

    /// `dlogin tls --json`: the report, the exit code, all that was said, touches.
    fn login(&self) -> (Value, Option<i32>, String, u64) {
        let touches = self.site.touches();
        let output = self.site.laptop().run(&["tls", "--json"]).unwrap();
        let said = process::text(&output.stderr) + &process::text(&output.stdout);
        let report = serde_json::from_slice(&output.stdout).unwrap_or_default();
        let touches = self.site.touches() - touches;
        (report, output.status.code(), said, touches)
    }
}

const HTML: &str = "<html>not now</html>";

#[test]
fn a_ca_that_cannot_answer_now_is_passed_over_whatever_words_it_has_for_it() {
    let (hostile, other) = two(34_000_021);
    let cases = [
        ("/directory", 503, HTML.to_owned()),
        ("/directory", 429, problem("rateLimited")),
        ("/acme/new-account", 503, problem("serverInternal")),
        ("/acme/new-order", 500, problem("serverInternal")),
        ("/acme/new-order", 429, problem("rateLimited")),
        ("/acme/new-order", 502, HTML.to_owned()),
        // The status says that it is no judgement.
        ("/acme/new-order", 503, problem("unauthorized")),
        // The type says so.
        ("/acme/new-order", 403, problem("rateLimited")),
        // What stands before the CA, and has not found it.
        ("/directory", 404, HTML.to_owned()),
        ("/acme/new-order", 403, HTML.to_owned()),
        ("/acme/order/", 503, HTML.to_owned()),
        ("/acme/authz/", 503, problem("serverInternal")),
    ];
    for (path, status, body) in cases {
        let case = format!("{path} {status} {body}");
        hostile.answers(path, status, body);
        let (report, code, said, touches) = hostile.login();
        assert_eq!(code, Some(0), "{case}: {said}");
        assert_eq!(report["ca"], other.url().as_str(), "{case}");
        let passed = &report["passed_over"][0];
        assert_eq!(passed["ca"], hostile.site.ca().url().as_str(), "{case}");
        let told: Vec<_> = said.lines().filter(|l| l.contains("instead")).collect();
        assert_eq!(told.len(), 1, "{case}: {said}");
        assert_eq!(touches, 1, "{case}: nothing was signed for the first");
    }
}

#[test]
fn a_refusal_is_final_and_costs_no_touch() {
    let (hostile, other) = two(34_000_022);
    for (path, status, kind) in [
        ("/acme/new-account", 403, "externalAccountRequired"),
        ("/acme/new-order", 403, "unauthorized"),
        ("/acme/new-order", 400, "rejectedIdentifier"),
        ("/acme/new-order", 400, "invalidProfile"),
        ("/acme/new-order", 403, "userActionRequired"),
        ("/acme/new-order", 403, "ofSomebodysOwn"),
    ] {
        hostile.answers(path, status, problem(kind));
        let (_, code, said, touches) = hostile.login();
        assert_eq!(code, Some(3), "{kind}: {said}");
        assert!(said.contains("the words of the CA"), "{kind}: {said}");
        assert!(!said.contains(&other.url()), "{kind}: {said}");
        assert_eq!(touches, 0, "{kind}");
    }
}

#[test]
fn a_ca_that_falls_silent_in_the_middle_is_passed_over() {
    let (hostile, other) = two(34_000_023);
    for path in ["/directory", "/acme/new-order"] {
        hostile.middle.twist(move |answer| {
            answer.silent = answer.path.starts_with(path);
        });
        let (report, code, said, touches) = hostile.login();
        assert_eq!(code, Some(0), "{path}: {said}");
        assert_eq!(report["ca"], other.url().as_str(), "{path}");
        assert!(said.contains("did not answer within 8 s"), "{path}: {said}");
        assert_eq!(touches, 1, "{path}");
    }
}

#[test]
fn one_that_goes_down_after_the_touch_costs_that_touch_and_the_next_run_another_ca() {
    let (hostile, other) = two(34_000_024);
    hostile.answers("/acme/challenge/", 503, problem("serverInternal"));
    let (report, code, said, touches) = hostile.login();
    assert_eq!(code, Some(5), "{said}");
    assert!(said.contains("try again later"), "{said}");
    assert_eq!(report["certificates"], json!([]));
    assert!(!said.contains(&other.url()), "{said}");
    assert_eq!(touches, 1);
    hostile.answers("/", 503, HTML.to_owned());
    let (report, code, said, _) = hostile.login();
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(report["ca"], other.url().as_str());
}

#[test]
fn with_nobody_else_to_ask_the_words_are_told() {
    let hostile = hostile(34_000_025);
    for (path, status, kind) in [
        ("/directory", 503, "serverInternal"),
        ("/acme/new-order", 429, "rateLimited"),
    ] {
        hostile.answers(path, status, problem(kind));
        let (_, code, said, touches) = hostile.login();
        assert_eq!(code, Some(5), "{said}");
        for words in [
            "cannot answer now",
            &status.to_string(),
            "(the words of the CA)",
        ] {
            assert!(said.contains(words), "{words}: {said}");
        }
        assert_eq!(touches, 0);
    }
}

#[test]
fn what_one_ca_took_is_fetched_and_what_it_could_not_take_is_left_to_the_next_run() {
    let (hostile, other) = two(34_000_026);
    hostile.middle.twist(|answer| {
        if String::from_utf8_lossy(&answer.body).contains("\"profile\":\"tls\"") {
            answer.status = Some(503);
        }
    });
    let output = hostile.site.laptop().run(&["tls", "ssh", "--json"]);
    let report: Value = serde_json::from_slice(&output.unwrap().stdout).unwrap();
    assert_eq!(report["ca"], hostile.site.ca().url().as_str());
    assert_eq!(report["certificates"][0]["profile"], "ssh", "{report}");
    assert_eq!(report["failed"][0]["profile"], "tls", "{report}");
    let (report, code, said, _) = hostile.login();
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(report["ca"], other.url().as_str());
}
