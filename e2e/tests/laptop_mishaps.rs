//! What goes wrong on the laptop: one clear line, an exit code, nothing issued,
//! nothing lost.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Output};
use std::time::Duration;

use e2e::process::{self, Background};
use e2e::programs;
use e2e::site::{PIN, Site};
use rustix::process::Signal;
use virtual_yubikey::{Firmware, Launcher, Settings, TouchMode};

/// Everything in the folder of the certificates.
fn held(site: &Site) -> BTreeMap<String, Vec<u8>> {
    let folder = site.laptop().certificate("x");
    let folder = folder.parent().unwrap();
    std::fs::read_dir(folder)
        .map(|entries| {
            entries
                .map(|entry| entry.unwrap())
                .map(|entry| {
                    let name = entry.file_name().into_string().unwrap();
                    (name, std::fs::read(entry.path()).unwrap())
                })
                .collect()
        })
        .unwrap_or_default()
}

/// `dlogin ARGS` must end with `code` and one line that has `words`.
#[track_caller]
fn fails(output: &Output, code: i32, words: &[&str]) {
    let stderr = process::text(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{stderr}");
    let lines: Vec<_> = stderr
        .lines()
        .filter(|line| line.starts_with("dlogin: ") && !line.contains("warning:"))
        .collect();
    assert_eq!(lines.len(), 1, "{stderr}");
    for word in words {
        assert!(lines[0].contains(word), "{word:?} is not in: {stderr}");
    }
}

/// Every certificate of somebody that the CA has on record, as JSON; its own,
/// as a server, comes when it begins to serve.
fn issued(site: &Site) -> String {
    let list = site.ca().succeed(&["cert", "list", "--json"]).unwrap();
    let mut list: Vec<serde_json::Value> = serde_json::from_str(&list).unwrap();
    list.retain(|each| each["kind"] != "server");
    serde_json::Value::from(list).to_string()
}

/// The same of a run of `dlogin`, after which the CA has issued nothing and
/// everything that was held is there.
#[track_caller]
fn dlogin_fails(site: &Site, args: &[&str], code: i32, words: &[&str]) {
    let before = (issued(site), held(site));
    fails(&site.laptop().run(args).unwrap(), code, words);
    assert_eq!((issued(site), held(site)), before, "nothing issued or lost");
}

/// `dlogin` in the background, waiting for a touch that does not come.
fn waiting_for_touch(site: &Site) -> Background {
    site.rig().touch().set_mode(TouchMode::Manual);
    let log = site.dir().join("waiting.log");
    let running = Background::start(site.laptop().dlogin(&["tls"]), &log).unwrap();
    site.rig()
        .touch()
        .wait_until_asked(process::PATIENCE)
        .unwrap();
    running
}

#[test]
fn a_wrong_pin_is_told_with_the_tries_left_and_never_sent_twice() {
    let mut site = Site::enrolled(32_000_001).unwrap();
    site.laptop_mut().set_pin("111111");
    dlogin_fails(&site, &["tls"], 6, &["wrong PIN", "2 tries left"]);
    assert!(held(&site).is_empty());
    // The program that answers gave the same PIN again; it was not sent.
    site.laptop_mut().set_pin(PIN);
    site.laptop().succeed(&["tls"]).unwrap();
}

#[test]
fn the_last_pin_try_is_not_spent_unasked_and_a_blocked_pin_is_told() {
    let mut site = Site::enrolled(32_000_002).unwrap();
    // The second ends before its own question is asked again.
    for (pin, left) in [
        ("111111", "2 tries left"),
        ("222222", "one PIN try is left"),
    ] {
        site.laptop_mut().set_pin(pin);
        dlogin_fails(&site, &["tls"], 6, &[left]);
    }
    // Even the right PIN is not sent: nobody said that the try may be spent.
    site.laptop_mut().set_pin(PIN);
    dlogin_fails(
        &site,
        &["tls"],
        6,
        &["one PIN try is left", "not spent", "PUK"],
    );

    // Somebody else spends it.
    let tool = programs::system("yubico-piv-tool").unwrap();
    let mut tool = site.laptop().command(&tool);
    tool.args(["-a", "verify-pin", "-P", "333333"]);
    let _ = process::run(&mut tool).unwrap();
    dlogin_fails(&site, &["tls"], 6, &["PIN is blocked", "PUK"]);
    assert!(held(&site).is_empty());
}

#[test]
fn without_a_touch_in_time_nothing_is_issued_and_nothing_is_lost() {
    let site = Site::enrolled(32_000_003).unwrap();
    site.laptop().succeed(&[]).unwrap();
    let before = held(&site);
    site.rig().touch().set_mode(TouchMode::Deny);
    dlogin_fails(&site, &["--renew"], 6, &["not touched in time"]);
    assert_eq!(held(&site), before);
}

#[test]
fn a_touch_that_is_missing_for_the_second_key_costs_the_first_nothing() {
    let site = Site::enrolled(32_000_004).unwrap();
    site.rig().touch().set_mode(TouchMode::Manual);
    let log = site.dir().join("log");
    let mut running = Background::start(site.laptop().dlogin(&[]), &log).unwrap();
    let touch = site.rig().touch();
    touch.touch_when_asked(process::PATIENCE).unwrap();
    touch.wait_until_asked(process::PATIENCE).unwrap();
    touch.set_mode(TouchMode::Deny);
    let status = running.wait().unwrap();
    assert_eq!(status.code(), Some(6), "{}", running.log());
    assert!(
        running
            .log()
            .contains("tls-disk: the YubiKey was not touched in time")
    );
    let names: Vec<_> = held(&site).into_keys().collect();
    assert_eq!(names, ["ssh-cert.pub", "ssh.pub", "tls.pem"]);
    assert!(!issued(&site).contains("tls-disk"), "{}", issued(&site));
}

#[test]
fn no_yubikey_is_told() {
    let site = Site::enrolled(32_000_005).unwrap();
    site.rig().control().unwrap().unplug().unwrap();
    dlogin_fails(&site, &[], 6, &["no YubiKey is plugged in"]);
    site.rig().control().unwrap().replug().unwrap();
    site.laptop().succeed(&[]).unwrap();
}

#[test]
fn a_yubikey_that_is_pulled_while_it_waits_is_told() {
    let site = Site::enrolled(32_000_006).unwrap();
    site.laptop().succeed(&["tls"]).unwrap();
    let before = (issued(&site), held(&site));
    let mut running = waiting_for_touch(&site);
    site.rig().control().unwrap().unplug().unwrap();
    let status = running.wait().unwrap();
    assert_eq!(status.code(), Some(6), "{}", running.log());
    assert!(running.log().contains("unplugged"), "{}", running.log());
    assert_eq!((issued(&site), held(&site)), before);
}

#[test]
fn of_two_yubikeys_one_must_be_chosen() {
    let keys =
        [32_000_007, 32_000_008].map(|serial| Settings::new(Firmware::V5_7_4).serial(serial));
    let [one, two] = keys;
    let site = Site::start_with(Launcher::new().key(one).key(two)).unwrap();
    site.trust_ca().unwrap();
    let words = ["2 YubiKeys", "--serial", "32000007", "32000008"];
    dlogin_fails(&site, &[], 6, &words);
    dlogin_fails(&site, &["setup"], 6, &words);
    // The chosen one is asked: it has no key yet, and that is another error.
    dlogin_fails(
        &site,
        &["--serial", "32000008"],
        4,
        &["no key in slot 9a", "dlogin setup"],
    );
    dlogin_fails(
        &site,
        &["--serial", "5"],
        6,
        &["YubiKey 5 is not plugged in"],
    );
}

#[test]
fn a_yubikey_that_another_program_holds_is_told() {
    let site = Site::enrolled(32_000_009).unwrap();
    // The other program is a second dlogin, which holds the card while it
    // waits for its touch.
    let mut other = waiting_for_touch(&site);
    dlogin_fails(&site, &["tls"], 6, &["another program holds the YubiKey"]);
    site.rig().touch().set_mode(TouchMode::Auto);
    let _ = site.rig().touch().touch();
    assert!(other.wait().unwrap().success(), "{}", other.log());
}

#[test]
fn a_ca_that_is_not_there_is_told_and_nothing_is_lost() {
    let mut site = Site::enrolled(32_000_010).unwrap();
    site.laptop().succeed(&[]).unwrap();
    let (before, touches) = (held(&site), site.touches());
    site.ca_mut().stop().unwrap();
    let words = ["CA not reachable", &site.ca().url()];
    dlogin_fails(&site, &["--renew"], 5, &words);
    assert_eq!(held(&site), before);
    assert_eq!(site.touches(), touches, "nobody was asked for a touch");
}

#[test]
fn another_ca_at_the_same_address_is_not_trusted() {
    let mut site = Site::enrolled(32_000_011).unwrap();
    let touches = site.touches();
    site.ca_mut().stop().unwrap();
    let dir = site.dir().join("impostor");
    let ca = |args: &[&str]| {
        let mut command = Command::new(programs::ours("ca").unwrap());
        command.arg("--dir").arg(&dir).args(args);
        command
    };
    process::succeed(&mut ca(&["init", "--url", &site.ca().url()])).unwrap();
    let mut impostor = Background::start(ca(&["serve"]), &site.dir().join("impostor.log")).unwrap();
    impostor.wait_for_port(site.ca().address()).unwrap();
    dlogin_fails(
        &site,
        &[],
        5,
        &["CA not trusted", "pinned root", "dlogin trust"],
    );
    assert_eq!(site.touches(), touches);
    assert!(held(&site).is_empty());
    impostor.stop().unwrap();
}

#[test]
fn a_root_with_another_fingerprint_is_not_stored() {
    let site = Site::start(32_000_012, TouchMode::Auto).unwrap();
    let wrong = "ab".repeat(32);
    let args = ["trust", &site.ca().url(), "--fingerprint", &wrong];
    dlogin_fails(
        &site,
        &args,
        5,
        &["CA not trusted", "fingerprint", "nothing was stored"],
    );
    dlogin_fails(&site, &[], 4, &["no CA is trusted yet", "dlogin trust"]);
}

#[test]
fn the_right_fingerprint_pins_the_root() {
    let site = Site::start(32_000_013, TouchMode::Auto).unwrap();
    let shown = site.ca().succeed(&["root"]).unwrap();
    // As it stands there.
    let fingerprint = shown.lines().next().unwrap();
    let args = [
        "trust",
        &site.ca().url(),
        "--fingerprint",
        fingerprint,
        "--json",
    ];
    let trusted = site.laptop().succeed(&args).unwrap();
    let trusted: serde_json::Value = serde_json::from_str(&trusted).unwrap();
    let root = trusted["root_sha256"].as_str().unwrap();
    assert_eq!(format!("SHA256:{root}"), fingerprint);
    assert!(trusted["profiles"]["tls-disk"].is_string());
}

#[test]
fn another_root_from_a_file_is_not_stored() {
    let site = Site::start(32_000_014, TouchMode::Auto).unwrap();
    // The virtual YubiKey's root is a certificate, but not this CA's.
    let other = site.rig().root_pem().display().to_string();
    let args = ["trust", &site.ca().url(), "--root", &other];
    dlogin_fails(&site, &args, 5, &["CA not trusted"]);
    let missing = site.dir().join("missing").display().to_string();
    let args = ["trust", &site.ca().url(), "--root", &missing];
    dlogin_fails(&site, &args, 7, &["no file"]);
    let askpass = site.laptop().home().join("askpass").display().to_string();
    let args = ["trust", &site.ca().url(), "--root", &askpass];
    dlogin_fails(&site, &args, 7, &["not a certificate"]);
}

#[test]
fn a_clock_that_is_wrong_is_told_before_any_touch() {
    let site = Site::enrolled(32_000_015).unwrap();
    site.laptop().succeed(&[]).unwrap();
    let (before, touches) = ((issued(&site), held(&site)), site.touches());
    for shift in ["-400d", "-2h", "+20m", "+30h", "+400d"] {
        let command = site.laptop().dlogin(&["--renew"]);
        let mut command = programs::with_clock(command, shift).unwrap();
        fails(
            &process::run(&mut command).unwrap(),
            5,
            &["clock wrong", "set the clock"],
        );
        assert_eq!(
            (issued(&site), held(&site)),
            before,
            "{shift}: a wrong clock costs no certificate"
        );
    }
    assert_eq!(site.touches(), touches);
}

#[test]
fn a_clock_that_is_a_little_off_is_no_obstacle() {
    let site = Site::enrolled(32_000_016).unwrap();
    for shift in ["-120s", "+120s"] {
        let command = site.laptop().dlogin(&["tls", "--valid", "16h"]);
        process::succeed(&mut programs::with_clock(command, shift).unwrap()).unwrap();
    }
}

#[test]
fn a_full_disk_is_told_and_the_old_certificates_stay() {
    let site = Site::enrolled(32_000_017).unwrap();
    site.laptop().succeed(&[]).unwrap();
    let (issued_before, before) = (issued(&site), held(&site));
    // No file may grow: writing fails as on a full disk.
    let shell = programs::system("sh").unwrap();
    let mut command = site.laptop().command(&shell);
    command
        .args(["-c", r#"trap "" XFSZ; ulimit -f 0; exec "$0" --renew"#])
        .arg(programs::ours("dlogin").unwrap());
    let output = process::run(&mut command).unwrap();
    let stderr = process::text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains("cannot write"), "{stderr}");
    assert_eq!(held(&site), before);
    // The one mishap that comes after the CA has issued: the certificates are
    // on its record, for keys that are gone or in the YubiKey.
    assert_ne!(issued(&site), issued_before);
}

#[test]
fn ctrl_c_leaves_nothing_behind_and_nothing_is_lost() {
    for signal in [Signal::INT, Signal::TERM, Signal::HUP] {
        let site = Site::enrolled(32_000_018).unwrap();
        site.laptop().succeed(&[]).unwrap();
        let before = (issued(&site), held(&site));
        let mut running = waiting_for_touch(&site);
        running.signal(signal).unwrap();
        let status = running.wait().unwrap();
        assert_eq!(
            status.code(),
            Some(130),
            "{:?} {}",
            status.signal(),
            running.log()
        );
        assert!(running.log().contains("interrupted"), "{}", running.log());
        assert_eq!((issued(&site), held(&site)), before);
        // The card is free again, without the PIN of the interrupted run.
        site.rig().touch().set_mode(TouchMode::Auto);
        let again = || site.laptop().run(&["tls"]).unwrap().status.success();
        assert!(process::within(Duration::from_secs(30), again));
    }
}

#[test]
fn without_anybody_to_ask_for_the_pin_it_is_told() {
    let site = Site::enrolled(32_000_019).unwrap();
    // A session of its own has no terminal.
    let setsid = programs::system("setsid").unwrap();
    let mut command = site.laptop().command(&setsid);
    command
        .arg("--wait")
        .arg(programs::ours("dlogin").unwrap())
        .env_remove("DLOGIN_ASKPASS");
    fails(
        &process::run(&mut command).unwrap(),
        4,
        &["nobody to ask", "DLOGIN_ASKPASS"],
    );
    assert!(held(&site).is_empty());
}

#[test]
fn a_configuration_that_makes_no_sense_is_told_with_its_line() {
    let site = Site::enrolled(32_000_020).unwrap();
    let file = site.laptop().home().join(".config/dlogin/config.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, format!("colour = \"red\"\n{text}")).unwrap();
    dlogin_fails(&site, &[], 2, &["config.toml", "line 1", "colour"]);
    // Whoever may write the file may choose the root; a slip is noticed.
    std::fs::write(
        &file,
        text.replacen("root_sha256 = \"", "root_sha256 = \"0", 1),
    )
    .unwrap();
    dlogin_fails(&site, &[], 2, &["changed", "dlogin trust"]);
}
