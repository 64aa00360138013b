//! `dlogin setup` as it is run: what is said when the YubiKey is pulled out in
//! the middle, and what ykman makes of the PUK.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

use e2e::site::{PIN, Site};
use e2e::{process, programs};
use serde_json::Value;
use virtual_yubikey::TouchMode;

fn ykman(site: &Site, args: &[&str]) -> String {
    let mut ykman = site.laptop().command(&programs::system("ykman").unwrap());
    process::succeed(ykman.args(args)).unwrap()
}

/// Puts it back when pcscd has seen that it is gone.
fn replug(site: &Site) {
    let control = site.rig().control().unwrap();
    control.unplug().unwrap();
    control.replug().unwrap();
}

#[test]
fn pulled_while_the_pin_is_changed_it_says_what_the_pin_may_be() {
    let site = Site::start(49_000_001, TouchMode::Auto).unwrap();
    let control = site.rig().control().unwrap();
    control.unplug_with_change(1).unwrap();
    let output = site.laptop().run(&["setup"]).unwrap();
    let said = process::text(&output.stderr);
    assert_eq!(output.status.code(), Some(6), "{said}");
    assert!(
        said.contains("PIN was changed: it is the new one"),
        "{said}"
    );
    assert!(!process::text(&output.stdout).contains("PIN:"));
    replug(&site);
    let said = site.laptop().succeed(&["setup"]).unwrap();
    assert!(!said.contains("PIN:            changed"), "{said}");
    for done in [
        "management key: random",
        "made: login",
        "made: proof",
        "PUK:",
    ] {
        assert!(said.contains(done), "{done}: {said}");
    }
}

#[test]
fn pulled_while_the_puk_is_set_the_puk_is_told() {
    for (serial, json) in [(49_000_002, false), (49_000_003, true)] {
        let site = Site::start(serial, TouchMode::Auto).unwrap();
        site.laptop()
            .succeed(&["setup", "--no-change-puk"])
            .unwrap();
        // The PUK is all that is left to change.
        let control = site.rig().control().unwrap();
        control.unplug_with_change(1).unwrap();
        let args = if json {
            &["setup", "--json"][..]
        } else {
            &["setup"]
        };
        let output = site.laptop().run(args).unwrap();
        let printed = process::text(&output.stdout);
        assert_eq!(output.status.code(), Some(6), "{printed}");
        let puk = if json {
            let report: Value = serde_json::from_str(&printed).unwrap();
            assert!(report["puk"].is_null(), "{report}");
            assert_eq!(report["exit"], 6);
            assert_eq!(report["keys"].as_array().unwrap().len(), 2);
            let error = report["error"].as_str().unwrap();
            assert!(error.contains("PUK was changed"), "{error}");
            report["puk_unconfirmed"].as_str().unwrap().to_owned()
        } else {
            let said = process::text(&output.stderr);
            assert!(said.contains("keep it"), "{said}");
            let (_, puk) = printed.split_once("new PUK:").unwrap();
            puk.split_whitespace().next().unwrap().to_owned()
        };
        replug(&site);
        let said = site.laptop().succeed(&["setup"]).unwrap();
        assert!(!said.contains("PUK"), "it was set: {said}");
        let unblock = ["piv", "access", "unblock-pin", "-p", &puk, "-n", PIN];
        ykman(&site, &unblock);
    }
}

#[test]
fn a_puk_that_is_blocked_is_said_and_unblocks_nothing() {
    let site = Site::start(49_000_004, TouchMode::Auto).unwrap();
    let output = site.laptop().run(&["setup", "--puk", "block"]).unwrap();
    assert_eq!(
        process::text(&output.stderr),
        "",
        "no warning of the old one"
    );
    let said = process::text(&output.stdout);
    assert!(said.contains("PUK:            blocked"), "{said}");
    let tool = programs::system("ykman").unwrap();
    let mut unblock = site.laptop().command(&tool);
    unblock.args(["piv", "access", "unblock-pin", "-p", "12345678", "-n", PIN]);
    assert!(!process::run(&mut unblock).unwrap().status.success());
    // Nothing is left to do about it, nor to warn of.
    let again = site.laptop().succeed(&["setup"]).unwrap();
    assert!(!again.contains("PUK"), "{again}");
    let doctor = process::text(&site.laptop().run(&["doctor"]).unwrap().stdout);
    assert!(!doctor.contains("PUK"), "{doctor}");
}
