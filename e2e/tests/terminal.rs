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
use virtual_yubikey::TouchMode;

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
    for back in ["echo", "isig"] {
        let on = shown.split_whitespace().any(|word| word == back);
        assert!(on, "{back} is off: {shown}");
    }
    assert!(!site.laptop().certificate("tls.pem").exists());
}

#[test]
fn ctrl_c_at_the_password_of_an_export_leaves_a_terminal_that_shows_what_is_typed() {
    let site = Site::enrolled(35_000_006).unwrap();
    site.laptop().succeed(&["tls-disk"]).unwrap();
    let line =
        r#"trap : INT; "$DLOGIN" export tls-disk --pkcs12 "$HOME/a.p12"; echo "code=$?"; stty -a"#;
    let mut terminal = Terminal::run(site.laptop(), line).unwrap();
    terminal.wait_for("Password for the file: ").unwrap();
    terminal.type_in("half a pass\u{3}").unwrap();
    let (shown, _) = terminal.end().unwrap();
    assert!(shown.contains("interrupted\r\ncode=130"), "{shown}");
    assert!(!shown.contains("half a pass"), "{shown}");
    for back in ["echo", "isig"] {
        let on = shown.split_whitespace().any(|word| word == back);
        assert!(on, "{back} is off: {shown}");
    }
    assert!(!site.laptop().home().join("a.p12").exists());
}

#[test]
fn setup_explains_asks_and_leaves_nothing_of_the_factorys() {
    let site = Site::start(35_000_004, TouchMode::Auto).unwrap();
    let mut terminal = Terminal::run(site.laptop(), r#""$DLOGIN" setup"#).unwrap();
    // What it means comes before the choice.
    terminal.wait_for("wants a touch").unwrap();
    terminal
        .wait_for("each signature wants the PIN anew")
        .unwrap();
    terminal.wait_for("Number [1]: ").unwrap();
    terminal.type_in("7\n").unwrap();
    terminal.wait_for("Number [1]: ").unwrap();
    terminal.type_in("2\n").unwrap();
    for question in ["New PIN (6 to 8 characters): ", "New PIN again: "] {
        terminal.wait_for(question).unwrap();
        terminal.type_in(&format!("{PIN}\n")).unwrap();
    }
    let (shown, code) = terminal.end().unwrap();
    assert_eq!(code, Some(0), "{shown}");
    assert!(!shown.contains(PIN), "{shown}");
    for line in [
        "PIN:            changed",
        "management key: random from now on",
        "made: login key in slot 9a of YubiKey 35000004: P-256, PIN always, touch always",
        "made: proof key in slot 82 of YubiKey 35000004: P-256, PIN always, touch always",
        "new PUK:        ",
        "PUK:            changed",
        "next: `dlogin bundle --user NAME` and `dlogin bundle --user NAME --use proof`",
    ] {
        assert!(shown.contains(line), "{line}: {shown}");
    }

    // What is there would be lost only by a yes.
    let again = r#""$DLOGIN" setup --use login --pin-policy once"#;
    let mut terminal = Terminal::run(site.laptop(), again).unwrap();
    terminal
        .wait_for("slot 9a holds a P-256 key (made on the YubiKey)")
        .unwrap();
    terminal.wait_for("[y/N]").unwrap();
    terminal.type_in("\n").unwrap();
    let (shown, code) = terminal.end().unwrap();
    assert_eq!(code, Some(3), "{shown}");
    assert!(shown.contains("nothing was changed"), "{shown}");
    let mut terminal = Terminal::run(site.laptop(), again).unwrap();
    terminal.wait_for("[y/N]").unwrap();
    terminal.type_in("yes\n").unwrap();
    terminal.wait_for("PIN for YubiKey 35000004").unwrap();
    terminal.type_in(&format!("{PIN}\n")).unwrap();
    let (shown, code) = terminal.end().unwrap();
    assert_eq!(code, Some(0), "{shown}");
    assert!(shown.contains("made: login key"), "{shown}");
}

#[test]
fn ctrl_c_in_setup_says_what_stays_and_the_next_run_does_the_rest() {
    let site = Site::start(35_000_005, TouchMode::Auto).unwrap();
    let line = r#"trap : INT; "$DLOGIN" setup --pin-policy once; echo "code=$?""#;
    let mut terminal = Terminal::run(site.laptop(), line).unwrap();
    terminal.wait_for("New PIN (6 to 8 characters): ").unwrap();
    terminal.type_in(&format!("{PIN}\n")).unwrap();
    terminal.wait_for("New PIN again: ").unwrap();
    terminal.type_in("\u{3}").unwrap();
    let (shown, _) = terminal.end().unwrap();
    assert!(shown.contains("code=130"), "{shown}");
    assert!(shown.contains("again does the rest"), "{shown}");
    // By a script, with an askpass program; as JSON.
    let made = site.laptop().succeed(&["setup", "--json"]).unwrap();
    let made: serde_json::Value = serde_json::from_str(&made).unwrap();
    assert_eq!(made["pin_changed"], true, "{made}");
    assert_eq!(made["management_key_protected"], true, "{made}");
    assert_eq!(made["puk"].as_str().unwrap().len(), 8, "{made}");
    let keys = made["keys"].as_array().unwrap();
    let made = |key: &serde_json::Value| (key["use"].clone(), key["made"].clone());
    assert_eq!(made(&keys[0]), ("login".into(), true.into()));
    assert_eq!(made(&keys[1]), ("proof".into(), true.into()));
    let again = site.laptop().succeed(&["setup", "--json"]).unwrap();
    let again: serde_json::Value = serde_json::from_str(&again).unwrap();
    assert!(again["puk"].is_null() && again["pin_changed"] == false);
    assert_eq!(made(&again["keys"][0]), ("login".into(), false.into()));
}
