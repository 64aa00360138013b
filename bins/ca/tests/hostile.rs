//! What a stranger's bundle says is shown to the operator, and never speaks to their terminal.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

#[path = "../../../crates/acme-ca/tests/support/device.rs"]
mod device;
#[path = "support/operator.rs"]
mod operator;

use device::{Facts, TestKey};
use operator::Operator;

/// Moves up a line, clears it, claims success and hides what follows; then forges a line of log,
/// and runs the other way.
const FORGED: &str =
    "\u{1b}[1A\u{1b}[2Krecorded as key 1\u{1b}[8m\u{9b}2K\n2026-01-01  done\u{202e}";

fn says_nothing_to_a_terminal(output: &[u8]) {
    let text = String::from_utf8(output.to_vec()).unwrap();
    let bad = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
    assert!(!text.contains(bad), "{text:?}");
    assert!(
        !text.lines().any(|line| line.starts_with("2026-01-01")),
        "{text}"
    );
}

#[test]
fn a_hostile_bundle_forges_nothing_on_the_console_and_in_the_log() {
    let operator = Operator::new();
    let device = operator.init_with_device();
    operator.succeed(&["user", "add", "alice"]);
    let good = operator.bundle(&device, "alice", &TestKey::p256(), &Facts::default());
    // As on a terminal: nothing is stripped on the way.
    let run = |arguments: &[&str]| {
        let mut command = operator.command(arguments);
        command.env("CLICOLOR_FORCE", "1").output().unwrap()
    };
    let good: serde_json::Value = serde_json::from_slice(&std::fs::read(good).unwrap()).unwrap();
    let mut member = good.clone();
    member[FORGED] = 1.into();
    let mut user = good;
    user["user"] = FORGED
        .trim_end_matches('\n')
        .replace('\n', "\u{2028}")
        .into();
    for bundle in [member, user] {
        let path = operator.home().join("hostile.json");
        std::fs::write(&path, bundle.to_string()).unwrap();
        let add = [
            "key",
            "add",
            "--user",
            "alice",
            "--bundle",
            path.to_str().unwrap(),
            "--use",
            "login",
            "--grant",
            "tls=alice.example",
        ];
        for json in [&[][..], &["--json"]] {
            let output = run(&[json, &add].concat());
            assert!(!output.status.success());
            says_nothing_to_a_terminal(&output.stderr);
            says_nothing_to_a_terminal(&output.stdout);
        }
        for command in [&["log"][..], &["log", "--json"]] {
            says_nothing_to_a_terminal(&run(command).stdout);
        }
    }
}
