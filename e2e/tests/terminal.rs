//! `dlogin` at a terminal: the PIN is typed unseen, and Ctrl-C leaves the
//! terminal as it was.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

use e2e::site::{PIN, Site};
use e2e::terminal::Terminal;

#[test]
fn the_pin_is_typed_unseen_and_a_wrong_one_is_asked_for_again() {
    let site = Site::enrolled(35_000_001).unwrap();
    let mut terminal = Terminal::run(site.laptop(), r#""$DLOGIN" tls"#).unwrap();
    terminal
        .wait_for("PIN for YubiKey 35000001 (3 tries left): ")
        .unwrap();
    terminal.type_in("111111\n").unwrap();
    terminal
        .wait_for("Wrong PIN. PIN for YubiKey 35000001 (2 tries left): ")
        .unwrap();
    terminal.type_in(&format!("{PIN}\n")).unwrap();
    let (shown, code) = terminal.end().unwrap();
    assert_eq!(code, Some(0), "{shown}");
    assert!(!shown.contains(PIN) && !shown.contains("111111"), "{shown}");
    // What is signed is shown before the PIN is asked for, the touch after it.
    let at = |text: &str| {
        shown
            .find(text)
            .unwrap_or_else(|| panic!("{text}: {shown}"))
    };
    assert!(at("is about to ask") < at("PIN for"), "{shown}");
    assert!(at("(2 tries left)") < at("Touch the YubiKey"), "{shown}");
    assert!(site.laptop().certificate("tls.pem").is_file());
}

#[test]
fn the_last_try_is_spent_only_by_a_yes() {
    let site = Site::enrolled(35_000_002).unwrap();
    let mut terminal = Terminal::run(site.laptop(), r#""$DLOGIN" tls"#).unwrap();
    for (tries, pin) in [
        ("(3 tries left)", "111111\n"),
        ("(2 tries left)", "222222\n"),
    ] {
        terminal.wait_for(tries).unwrap();
        terminal.type_in(pin).unwrap();
    }
    terminal.wait_for("one PIN try left").unwrap();
    terminal.wait_for("[y/N]").unwrap();
    terminal.type_in("\n").unwrap();
    let (shown, code) = terminal.end().unwrap();
    assert_eq!(code, Some(6), "{shown}");
    assert!(shown.contains("not spent"), "{shown}");

    let mut terminal = Terminal::run(site.laptop(), r#""$DLOGIN" tls"#).unwrap();
    terminal.wait_for("[y/N]").unwrap();
    terminal.type_in("y\n").unwrap();
    terminal.wait_for("(last try)").unwrap();
    terminal.type_in(&format!("{PIN}\n")).unwrap();
    let (shown, code) = terminal.end().unwrap();
    assert_eq!(code, Some(0), "{shown}");
}

#[test]
fn ctrl_c_at_the_pin_ends_with_130_and_the_terminal_shows_what_is_typed_again() {
    let site = Site::enrolled(35_000_003).unwrap();
    let line = r#"trap : INT; "$DLOGIN" tls; echo "code=$?"; stty -a"#;
    let mut terminal = Terminal::run(site.laptop(), line).unwrap();
    terminal.wait_for("tries left): ").unwrap();
    terminal.type_in("\u{3}").unwrap();
    let (shown, _) = terminal.end().unwrap();
    assert!(shown.contains("code=130"), "{shown}");
    let echo = shown.split_whitespace().any(|word| word == "echo");
    assert!(echo, "the terminal is left without echo: {shown}");
    assert!(!site.laptop().certificate("tls.pem").exists());
}
