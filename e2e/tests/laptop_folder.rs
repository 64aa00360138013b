//! The folder of the certificates: what expires leaves it, whoever waits for it
//! can be interrupted, and looking changes nothing.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::process::Output;

use e2e::process::{self, Background};
use e2e::programs;
use e2e::site::{Site, USER};
use rustix::process::Signal;

/// `dlogin ARGS` after so long.
fn later(site: &Site, shift: &str, args: &[&str]) -> Output {
    let mut command = site
        .laptop()
        .command(&programs::system("faketime").unwrap());
    command
        .args(["-f", shift])
        .arg(programs::ours("dlogin").unwrap())
        .args(args);
    process::run(&mut command).unwrap()
}

#[test]
fn an_expired_disk_key_goes_with_the_next_command_whatever_it_is() {
    let mut site = Site::enrolled(36_000_001).unwrap();
    let key = site.laptop().certificate("tls-disk.key");
    let config = site.laptop().home().join(".config/dlogin/config.toml");
    let good = fs::read_to_string(&config).unwrap();
    for args in [
        &["bundle", "--user", USER][..],
        &["setup", "--use", "proof"],
        &["trust", "https://localhost:1", "--fingerprint", "x"],
    ] {
        site.laptop()
            .succeed(&["tls-disk", "--valid", "1h"])
            .unwrap();
        assert!(key.is_file());
        let output = later(&site, "+2h", args);
        let stderr = process::text(&output.stderr);
        assert!(!key.exists(), "{args:?}: {stderr}");
        assert!(stderr.contains("tls-disk: had expired"), "{stderr}");
    }
    // A login that comes to nothing, too: no configuration, and no CA.
    site.laptop()
        .succeed(&["tls-disk", "--valid", "1h"])
        .unwrap();
    fs::write(&config, "colour = 1\n").unwrap();
    assert_eq!(later(&site, "+2h", &[]).status.code(), Some(2));
    assert!(!key.exists());
    fs::write(&config, good).unwrap();
    site.laptop()
        .succeed(&["tls-disk", "--valid", "1h"])
        .unwrap();
    site.ca_mut().stop().unwrap();
    assert_eq!(later(&site, "+2h", &[]).status.code(), Some(5));
    assert!(!key.exists());
}

#[test]
fn status_changes_nothing() {
    let site = Site::enrolled(36_000_002).unwrap();
    let folder = site.laptop().certificate("x").parent().unwrap().to_owned();
    site.laptop().succeed(&["status"]).unwrap();
    assert!(!folder.exists(), "it made the folder");
    site.laptop()
        .succeed(&["tls-disk", "--valid", "1h"])
        .unwrap();
    fs::set_permissions(&folder, Permissions::from_mode(0o755)).unwrap();
    let shown = later(&site, "+2h", &["status", "--json"]);
    let status: serde_json::Value = serde_json::from_slice(&shown.stdout).unwrap();
    assert_eq!(status["certificates"][0]["expired"], true);
    assert!(site.laptop().certificate("tls-disk.key").is_file());
    let mode = fs::metadata(&folder).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o755, "it changed the folder");
}

#[test]
fn ctrl_c_is_heard_while_another_process_holds_the_folder() {
    let site = Site::enrolled(36_000_003).unwrap();
    site.laptop().succeed(&["tls-disk"]).unwrap();
    let folder = site.laptop().certificate("x").parent().unwrap().to_owned();
    let other = File::open(folder).unwrap();
    other.lock().unwrap();
    let log = site.dir().join("waiting.log");
    let mut running = Background::start(site.laptop().dlogin(&[]), &log).unwrap();
    running
        .wait_for("a line that tells", || {
            fs::read_to_string(&log).unwrap().contains("another dlogin")
        })
        .unwrap();
    running.signal(Signal::INT).unwrap();
    let status = running.wait().unwrap();
    assert_eq!(status.code(), Some(130), "{}", running.log());
    assert!(site.laptop().certificate("tls-disk.key").is_file());
    // And goes on when it is free.
    let mut running = Background::start(site.laptop().dlogin(&["logout"]), &log).unwrap();
    other.unlock().unwrap();
    assert!(running.wait().unwrap().success(), "{}", running.log());
    assert!(!site.laptop().certificate("tls-disk.key").exists());
}
