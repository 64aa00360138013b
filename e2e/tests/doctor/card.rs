//! Faults of the card and of what stands around it: other programs, PINs, keys.

use std::fs;
use std::io::Read;
use std::process::Stdio;

use e2e::site::Site;
use e2e::{process, programs};
use virtual_yubikey::{Firmware, Launcher, Settings, TouchMode};

use crate::{examine, examine_with};

#[test]
fn a_program_that_holds_the_card_for_itself_is_named() {
    let site = Site::enrolled(37_000_004).unwrap();
    // OpenSC, set to share cards with nobody, as GnuPG does it by default.
    let settings = site.dir().join("opensc.conf");
    fs::write(
        &settings,
        "app default { reader_driver pcsc { connect_exclusive = true; } }\n",
    )
    .unwrap();
    let explorer = programs::system("opensc-explorer").unwrap();
    let mut explorer = site
        .laptop()
        .command(&explorer)
        .env("OPENSC_CONF", &settings)
        .args(["--mf", ""])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    // It waits for a command once it has the card.
    let mut output = explorer.stdout.take().unwrap();
    let mut said = Vec::new();
    while !process::text(&said).contains("OpenSC [") {
        let mut byte = [0];
        output.read_exact(&mut byte).unwrap();
        said.extend(byte);
    }
    let said = examine(site.laptop());
    drop(explorer.stdin.take());
    explorer.wait().unwrap();
    said.names("fault", "exclusive", "opensc-explorer", "close it");
    assert_eq!(said.code, 6);
    assert!(examine(site.laptop()).find("ok", "yubikey", "").is_some());
}

#[test]
fn several_yubikeys_want_a_choice() {
    let key = |serial| Settings::new(Firmware::V5_7_4).serial(serial);
    let launcher = Launcher::new().key(key(37_000_005)).key(key(37_000_006));
    let site = Site::start_with(launcher).unwrap();
    let said = examine(site.laptop());
    said.names("fault", "yubikey", "2 YubiKeys", "--serial");
    let one = site
        .laptop()
        .dlogin(&["doctor", "--json", "--serial", "37000006"]);
    let said = examine_with(one);
    assert!(said.find("ok", "yubikey", "37000006").is_some());
    let none = site.laptop().dlogin(&["doctor", "--json", "--serial", "1"]);
    examine_with(none).names("fault", "yubikey", "not plugged in", "plug that one in");
}

#[test]
fn a_pin_that_is_spent_is_told_with_what_is_left() {
    let mut site = Site::enrolled(37_000_007).unwrap();
    site.laptop_mut().set_pin("999999");
    let bundle = ["bundle", "--user", "alice"];
    assert!(!site.laptop().run(&bundle).unwrap().status.success());
    examine(site.laptop()).names("warning", "pin", "2 PIN tries", "the right PIN");
    // Looking costs nothing, however often.
    examine(site.laptop()).names("warning", "pin", "2 PIN tries", "");
    site.laptop_mut().set_pin("999998");
    assert!(!site.laptop().run(&bundle).unwrap().status.success());
    examine(site.laptop()).names("warning", "pin", "one PIN try", "PUK");
    let mut verify = site
        .laptop()
        .command(&programs::system("yubico-piv-tool").unwrap());
    verify.args(["-r", "", "-a", "verify-pin", "-P", "999997"]);
    assert!(!process::run(&mut verify).unwrap().status.success());
    let said = examine(site.laptop());
    said.names("fault", "pin", "blocked", "unblock-pin");
    assert_eq!(said.code, 6);
}

#[test]
fn another_root_and_an_edited_one_are_told_apart() {
    let site = Site::enrolled(37_000_009).unwrap();
    // The same URL, another CA.
    let other = Site::start(37_000_010, TouchMode::Auto).unwrap();
    let config = site.laptop().home().join(".config/dlogin/config.toml");
    let text = fs::read_to_string(&config).unwrap();
    fs::write(&config, text.replace(&site.ca().url(), &other.ca().url())).unwrap();
    let said = examine(site.laptop());
    said.names(
        "fault",
        "trust",
        "does not come from the pinned root",
        "operator",
    );
    assert_eq!(said.code, 5);
    let (before, after) = text.split_once("root_sha256 = \"").unwrap();
    let edited = format!("{before}root_sha256 = \"{}{}", "00", &after[2..]);
    fs::write(&config, edited).unwrap();
    examine(site.laptop()).names("fault", "trust", "was changed", "dlogin trust");
    fs::write(&config, "version = [").unwrap();
    let said = examine(site.laptop());
    said.names("fault", "config", "config.toml", "correct the file");
    assert_eq!(said.code, 2);
}

#[test]
fn keys_that_no_ca_takes_and_certificates_of_another_key_are_named() {
    let site = Site::enrolled(37_000_012).unwrap();
    site.laptop().succeed(&[]).unwrap();
    site.laptop()
        .succeed(&[
            "setup",
            "--use",
            "login",
            "--overwrite",
            "--touch-policy",
            "never",
        ])
        .unwrap();
    let said = examine(site.laptop());
    said.names("fault", "login-key", "without a touch", "--overwrite");
    said.names(
        "fault",
        "other-key",
        "the certificate tls",
        "plug in the YubiKey",
    );
    let config = site.laptop().home().join(".config/dlogin/config.toml");
    let text = fs::read_to_string(&config).unwrap();
    fs::write(&config, text.replace("proof = \"82\"", "proof = \"9a\"")).unwrap();
    examine(site.laptop()).names("fault", "proof-key", "both in slot 9a", "82");
}

#[test]
fn an_agent_that_is_gone_and_a_certificate_that_ends_are_warned_of() {
    let site = Site::enrolled(37_000_013).unwrap();
    site.laptop().succeed(&["--valid", "1m"]).unwrap();
    let socket = site.laptop().certificate("service.sock");
    drop(std::os::unix::net::UnixListener::bind(&socket).unwrap());
    let said = examine(site.laptop());
    said.names("warning", "agent", "left its socket", "dlogin agent");
    said.names("warning", "certificates", "tls ends at", "dlogin");
    said.names(
        "warning",
        "ssh-config",
        "does not know",
        "ssh-config --write",
    );
    assert_eq!(said.code, 0, "{:#?}", said.with("fault"));
}

#[test]
fn a_socket_that_pcscd_left_behind_is_told_from_none() {
    let site = Site::enrolled(37_000_003).unwrap();
    let socket = site.dir().join("nobody.comm");
    let said = || {
        let mut doctor = site.laptop().dlogin(&["doctor", "--json"]);
        doctor.env("PCSCLITE_CSOCK_NAME", &socket);
        examine_with(doctor)
    };
    said().names("fault", "pcscd", "is not there", "unset the variable");
    drop(std::os::unix::net::UnixListener::bind(&socket).unwrap());
    said().names("fault", "pcscd", "nobody answers", "systemctl restart");
}
