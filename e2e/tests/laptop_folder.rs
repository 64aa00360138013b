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
use std::path::Path;
use std::process::Output;

use e2e::process::{self, Background};
use e2e::programs;
use e2e::site::{Site, USER};
use rustix::process::Signal;

/// `dlogin ARGS` after so long.
fn later(site: &Site, shift: &str, args: &[&str]) -> Output {
    process::run(&mut programs::with_clock(site.laptop().dlogin(args), shift).unwrap()).unwrap()
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

/// The modes of everything below a folder.
fn modes(folder: &Path, found: &mut Vec<(String, u32)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let metadata = entry.metadata().unwrap();
        let mode = metadata.permissions().mode() & 0o777;
        found.push((entry.path().display().to_string(), mode));
        if metadata.is_dir() {
            modes(&entry.path(), found);
        }
    }
}

#[test]
fn what_dlogin_keeps_is_for_its_owner_alone() {
    let site = Site::enrolled(32_000_023).unwrap();
    site.laptop().succeed(&[]).unwrap();
    let home = site.laptop().home();
    let mut found = Vec::new();
    for folder in [".config/dlogin", ".local/state/dlogin", "run/dlogin"] {
        modes(&home.join(folder), &mut found);
    }
    assert!(found.len() >= 8, "{found:?}");
    for (path, mode) in found {
        assert_eq!(mode & 0o077, 0, "{path}: {mode:o}");
    }
}
