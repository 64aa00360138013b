//! `dlogin` at a terminal: the PIN is typed unseen, and Ctrl-C leaves the
//! terminal as it was.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

use std::io::{Read, Write};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};

use e2e::programs;
use e2e::site::{PIN, Site};

/// A shell command at a terminal of its own, made by `script`.
struct Terminal {
    program: Child,
    keyboard: ChildStdin,
    screen: ChildStdout,
    shown: String,
}

impl Terminal {
    fn run(site: &Site, line: &str) -> Self {
        let script = programs::system("script").unwrap();
        let mut command = site.laptop().command(&script);
        let mut program = command
            .args(["-qefc", line, "/dev/null"])
            .env_remove("DLOGIN_ASKPASS")
            .env("DLOGIN", programs::ours("dlogin").unwrap())
            .env("SHELL", "/bin/sh")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        Self {
            keyboard: program.stdin.take().unwrap(),
            screen: program.stdout.take().unwrap(),
            program,
            shown: String::new(),
        }
    }

    /// Reads on until the screen has shown `text`.
    fn wait_for(&mut self, text: &str) {
        let mut bytes = [0; 256];
        while !self.shown.contains(text) {
            let read = self.screen.read(&mut bytes).unwrap();
            assert!(read > 0, "{text:?} never came: {}", self.shown);
            self.shown
                .push_str(&String::from_utf8_lossy(&bytes[..read]));
        }
    }

    fn type_in(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).unwrap();
        self.keyboard.flush().unwrap();
    }

    /// All that was shown, and how it ended.
    fn end(mut self) -> (String, Option<i32>) {
        let mut rest = Vec::new();
        self.screen.read_to_end(&mut rest).unwrap();
        let shown = self.shown + &String::from_utf8_lossy(&rest);
        (shown, self.program.wait().unwrap().code())
    }
}

#[test]
fn the_pin_is_typed_unseen_and_a_wrong_one_is_asked_for_again() {
    let site = Site::enrolled(35_000_001).unwrap();
    let mut terminal = Terminal::run(&site, r#""$DLOGIN" tls"#);
    terminal.wait_for("PIN for YubiKey 35000001 (3 tries left): ");
    terminal.type_in("111111\n");
    terminal.wait_for("Wrong PIN. PIN for YubiKey 35000001 (2 tries left): ");
    terminal.type_in(&format!("{PIN}\n"));
    let (shown, code) = terminal.end();
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
    let mut terminal = Terminal::run(&site, r#""$DLOGIN" tls"#);
    for (tries, pin) in [
        ("(3 tries left)", "111111\n"),
        ("(2 tries left)", "222222\n"),
    ] {
        terminal.wait_for(tries);
        terminal.type_in(pin);
    }
    terminal.wait_for("one PIN try left");
    terminal.wait_for("[y/N]");
    terminal.type_in("\n");
    let (shown, code) = terminal.end();
    assert_eq!(code, Some(6), "{shown}");
    assert!(shown.contains("not spent"), "{shown}");

    let mut terminal = Terminal::run(&site, r#""$DLOGIN" tls"#);
    terminal.wait_for("[y/N]");
    terminal.type_in("y\n");
    terminal.wait_for("(last try)");
    terminal.type_in(&format!("{PIN}\n"));
    let (shown, code) = terminal.end();
    assert_eq!(code, Some(0), "{shown}");
}

#[test]
fn ctrl_c_at_the_pin_ends_with_130_and_the_terminal_shows_what_is_typed_again() {
    let site = Site::enrolled(35_000_003).unwrap();
    let line = r#"trap : INT; "$DLOGIN" tls; echo "code=$?"; stty -a"#;
    let mut terminal = Terminal::run(&site, line);
    terminal.wait_for("tries left): ");
    terminal.type_in("\u{3}");
    let (shown, _) = terminal.end();
    assert!(shown.contains("code=130"), "{shown}");
    let echo = shown.split_whitespace().any(|word| word == "echo");
    assert!(echo, "the terminal is left without echo: {shown}");
    assert!(!site.laptop().certificate("tls.pem").exists());
}
