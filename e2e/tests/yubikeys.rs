//! Several YubiKeys of one person, and the end of certificates told once.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

use std::os::unix::fs::PermissionsExt;

use e2e::agent::{Agent, ssh_config};
use e2e::site::{PIN, Site, USER};
use e2e::terminal::Terminal;
use e2e::{process, programs};
use virtual_yubikey::{Firmware, Launcher, Settings, TouchMode};

const A: u32 = 44_000_001;
const B: u32 = 44_000_002;

/// Two new YubiKeys are plugged in, and the CA is trusted.
fn two() -> Site {
    let key = |serial| Settings::new(Firmware::V5_7_4).serial(serial);
    let launcher = Launcher::new().key(key(A)).key(key(B));
    let site = Site::start_with(launcher.touch(TouchMode::Auto)).unwrap();
    site.trust_ca().unwrap();
    site.add_user().unwrap();
    site
}

/// Makes the login key of this one, and enrols it.
fn enrol(site: &Site, serial: u32) {
    let serial = serial.to_string();
    let made = ["setup", "--use", "login", "--serial", &serial];
    site.laptop().succeed(&made).unwrap();
    let bundle = ["bundle", "--user", USER, "--serial", &serial];
    let bundle = site.laptop().succeed(&bundle).unwrap();
    let file = site.dir().join(format!("{serial}.bundle"));
    std::fs::write(&file, bundle).unwrap();
    site.enrol("login", &file, &["ssh=alice".to_owned()])
        .unwrap();
}

/// The YubiKey that `dlogin ARGS` used.
fn used(site: &Site, args: &[&str]) -> String {
    let args = [args, &["--json"]].concat();
    let report = site.laptop().succeed(&args).unwrap();
    let report: serde_json::Value = serde_json::from_str(&report).unwrap();
    report["serial"].as_str().unwrap_or("none").to_owned()
}

#[test]
fn nothing_is_made_on_a_yubikey_that_nobody_named() {
    let site = two();
    let output = site.laptop().run(&["setup"]).unwrap();
    let stderr = process::text(&output.stderr);
    assert_eq!(output.status.code(), Some(6), "{stderr}");
    for word in ["--serial", &A.to_string(), &B.to_string()] {
        assert!(stderr.contains(word), "{word}: {stderr}");
    }
    // At a terminal the person says which.
    let mut terminal =
        Terminal::run(site.laptop(), r#""$DLOGIN" setup --pin-policy once"#).unwrap();
    terminal
        .wait_for(&format!("YubiKey {B}, firmware 5.7.4, no keys yet"))
        .unwrap();
    terminal.wait_for("Number: ").unwrap();
    terminal.type_in("2\n").unwrap();
    for question in ["New PIN (6 to 8 characters): ", "New PIN again: "] {
        terminal.wait_for(question).unwrap();
        terminal.type_in(&format!("{PIN}\n")).unwrap();
    }
    let (shown, code) = terminal.end().unwrap();
    assert_eq!(code, Some(0), "{shown}");
    assert!(
        shown.contains(&format!("slot 82 of YubiKey {B}")),
        "{shown}"
    );
    // Now it is the only one with keys: a bundle is made with it.
    let output = site.laptop().run(&["bundle", "--user", USER]).unwrap();
    let stderr = process::text(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    assert!(stderr.contains(&format!("YubiKey {B}")), "{stderr}");
}

#[test]
fn the_one_that_was_granted_something_is_used_and_a_backup_needs_no_configuration() {
    let site = two();
    enrol(&site, A);
    assert_eq!(used(&site, &["ssh"]), A.to_string());
    enrol(&site, B);
    // Both have keys now; the CA knows A by a grant.
    assert_eq!(used(&site, &["--renew"]), A.to_string());
    let control = site.rig().control().unwrap();
    let touches = |serial| control.of_key(serial).status().unwrap().touch.touches;

    // A is away: the certificate is of no use with B, which gets its own.
    control.of_key(A).unplug().unwrap();
    assert_eq!(used(&site, &[]), B.to_string());
    let status = site.laptop().succeed(&["status"]).unwrap();
    let of_b = format!("SSH, key in the YubiKey ({B})");
    assert!(status.contains(&of_b), "{status}");
    // And nothing more is needed.
    assert_eq!(used(&site, &[]), "none");

    // Both are there: the last one used. The agent takes the one whose
    // certificate it is, wherever it is plugged in.
    control.of_key(A).replug().unwrap();
    assert_eq!(used(&site, &["--renew"]), B.to_string());
    let sshd = site.sshd(USER).unwrap();
    let agent = Agent::start(site.laptop(), &[]).unwrap();
    let me = process::succeed(std::process::Command::new("id").arg("-un")).unwrap();
    let config = ssh_config(site.laptop(), &sshd, "host", me.trim()).unwrap();
    for serial in [B, A] {
        site.laptop()
            .succeed(&["ssh", "--serial", &serial.to_string()])
            .unwrap();
        let before = touches(serial);
        let mut ssh = site.laptop().command(&programs::system("ssh").unwrap());
        ssh.arg("-F").arg(&config).args(["host", "echo in"]);
        let printed = process::succeed(&mut ssh).unwrap_or_else(|e| panic!("{e}\n{}", agent.log()));
        assert_eq!(printed, "in\n");
        assert_eq!(touches(serial) - before, 1, "YubiKey {serial}");
    }
}

#[test]
fn the_end_of_a_certificate_is_told_once() {
    let site = Site::enrolled(44_000_003).unwrap();
    site.laptop().succeed(&["tls"]).unwrap();
    let shown = site.dir().join("shown");
    let bin = site.dir().join("bin");
    std::fs::create_dir(&bin).unwrap();
    // The desktop, which takes its time: what is shown on it.
    let notify = bin.join("notify-send");
    let script = format!(
        "#!/bin/sh\nsleep 0.2\nprintf '%s\\n' \"$@\" >>'{}'\n",
        shown.display()
    );
    std::fs::write(&notify, script).unwrap();
    std::fs::set_permissions(&notify, std::fs::Permissions::from_mode(0o755)).unwrap();
    let remind = |shift: &str| {
        let mut remind = programs::with_clock(site.laptop().dlogin(&["remind"]), shift).unwrap();
        let path = std::env::var("PATH").unwrap();
        remind.env("PATH", format!("{}:{path}", bin.display()));
        process::succeed(&mut remind).unwrap()
    };
    assert_eq!(remind("+15h"), "", "there is an hour left");
    let told = remind("+940m");
    assert!(told.starts_with("tls ends at "), "{told}");
    assert!(told.contains("run `dlogin`"), "{told}");
    assert_eq!(remind("+950m"), "", "it was told");
    // By then it is shown: systemd ends what its unit leaves running.
    let desktop = std::fs::read_to_string(&shown).unwrap_or_default();
    assert!(desktop.contains("tls ends at"), "{desktop}");
    assert_eq!(remind("+17h"), "", "it has ended");

    // A new one is told again.
    site.laptop().succeed(&["tls"]).unwrap();
    assert!(remind("+940m").starts_with("tls ends at "));
}
