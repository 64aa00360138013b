//! What the command line of `dlogin` refuses, and how it says so.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

use e2e::site::Site;
use virtual_yubikey::TouchMode;

#[test]
fn arguments_that_make_no_sense_end_with_2() {
    let site = Site::start(32_000_021, TouchMode::Auto).unwrap();
    let url = site.ca().url();
    for args in [
        &["--valid", "0m"][..],
        &["--valid", "soon"],
        &["--serial", "abc"],
        &["../../etc/passwd"],
        &["trust", &url],
        &[
            "trust",
            "http://localhost",
            "--fingerprint",
            &"ab".repeat(32),
        ],
        &["trust", &url, "--fingerprint", "abc"],
        &["setup", "--use", "fun"],
    ] {
        let output = site.laptop().run(args).unwrap();
        assert_eq!(output.status.code(), Some(2), "{args:?}: {output:?}");
    }
}

#[test]
fn errors_are_json_where_json_is_asked_for() {
    let site = Site::start(32_000_022, TouchMode::Auto).unwrap();
    let output = site.laptop().run(&["--json"]).unwrap();
    assert!(output.stdout.is_empty());
    let error: serde_json::Value = serde_json::from_slice(&output.stderr).unwrap();
    assert_eq!(error["exit"], 4);
    assert!(error["error"].as_str().unwrap().contains("dlogin trust"));
}

#[test]
fn errors_in_the_arguments_are_json_too() {
    let site = Site::start(32_000_024, TouchMode::Auto).unwrap();
    for (args, word) in [
        (&["--json", "--valid", "soon"][..], "lifetime"),
        (&["trust", "https://h", "--json"], "--fingerprint"),
        (&["--what", "--json"], "--what"),
    ] {
        let output = site.laptop().run(args).unwrap();
        assert_eq!(output.status.code(), Some(2), "{args:?}: {output:?}");
        assert!(output.stdout.is_empty());
        let error: serde_json::Value = serde_json::from_slice(&output.stderr).unwrap();
        assert_eq!(error["exit"], 2);
        assert!(error["error"].as_str().unwrap().contains(word), "{error}");
    }
}

#[test]
fn json_is_refused_and_not_shown_where_there_is_no_report() {
    let site = Site::start(32_000_025, TouchMode::Auto).unwrap();
    for command in [
        &["agent"][..],
        &["ssh-config"],
        &["proxy", "localhost:1"],
        &["completions", "bash"],
        &["man", "/nowhere"],
    ] {
        let output = site.laptop().run(&[command, &["--json"]].concat()).unwrap();
        assert_eq!(output.status.code(), Some(2), "{command:?}: {output:?}");
        assert!(output.stdout.is_empty());
        let error: serde_json::Value = serde_json::from_slice(&output.stderr).unwrap();
        let said = error["error"].as_str().unwrap();
        assert!(said.contains("has no report"), "{said}");
        let help = site.laptop().succeed(&[command[0], "--help"]).unwrap();
        assert!(!help.contains("--json"), "{help}");
    }
    let help = site.laptop().succeed(&["status", "--help"]).unwrap();
    assert!(help.contains("--json"), "{help}");
}

#[test]
fn a_command_behind_an_option_is_not_taken_for_a_profile() {
    let site = Site::start(32_000_026, TouchMode::Auto).unwrap();
    for args in [&["--json", "status"][..], &["--json", "tls", "logout"]] {
        let output = site.laptop().run(args).unwrap();
        assert_eq!(output.status.code(), Some(2), "{args:?}: {output:?}");
        let error: serde_json::Value = serde_json::from_slice(&output.stderr).unwrap();
        let said = error["error"].as_str().unwrap();
        assert!(said.contains("is a command: write it first"), "{said}");
    }
}
