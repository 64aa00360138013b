//! What is revoked enters no more where relying parties ask: real sshd, real TLS servers.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

use std::path::Path;
use std::process::Command;

use e2e::process;
use e2e::site::{Site, USER};
use e2e::sshd::Sshd;

fn me() -> String {
    let name = process::succeed(Command::new("id").arg("-un")).unwrap();
    name.trim().to_owned()
}

fn write_krl(site: &Site, dir: &Path) -> String {
    let file = dir.join("krl");
    site.ca()
        .succeed(&["krl", "--out", file.to_str().unwrap()])
        .unwrap()
}

fn enters(site: &Site, sshd: &Sshd) -> bool {
    let output = process::run(&mut site.ssh(sshd, &me(), "echo entered").unwrap()).unwrap();
    match output.status.code() {
        Some(0) => true,
        Some(255) => false,
        _ => panic!("{output:?}"),
    }
}

/// The number of the one SSH certificate that is live.
fn live_ssh(site: &Site) -> String {
    let listed = site
        .ca()
        .succeed(&["--json", "cert", "list", "--user", USER, "--live"])
        .unwrap();
    let rows: serde_json::Value = serde_json::from_str(&listed).unwrap();
    let ssh: Vec<_> = rows
        .as_array()
        .unwrap()
        .iter()
        .filter(|row| row["kind"] == "ssh")
        .collect();
    assert_eq!(ssh.len(), 1, "{listed}");
    ssh[0]["id"].as_str().unwrap().to_owned()
}

#[test]
fn sshd_refuses_a_revoked_certificate_and_lets_the_next_one_in_until_its_key_is_revoked() {
    let site = Site::enrolled(31_000_101).unwrap();
    site.laptop().succeed(&["ssh"]).unwrap();
    let dir = site.dir().join("sshd-krl");
    std::fs::create_dir_all(&dir).unwrap();
    write_krl(&site, &dir);
    let cas = site.ca().succeed(&["ssh-ca"]).unwrap();
    let sshd = Sshd::start(&dir, &cas, USER).unwrap();
    assert!(enters(&site, &sshd), "{}", sshd.log());

    let id = live_ssh(&site);
    let said = site
        .ca()
        .succeed(&["cert", "revoke", &id, "--reason", "superseded"])
        .unwrap();
    assert!(said.contains("once it fetches the KRL again"), "{said}");
    assert!(enters(&site, &sshd), "sshd has not been told yet");
    write_krl(&site, &dir);
    assert!(!enters(&site, &sshd));
    let log = sshd.log();
    assert!(log.contains("revoked by file"), "{log}");

    // The same key with another certificate is somebody else to sshd.
    site.laptop().succeed(&["ssh"]).unwrap();
    assert!(enters(&site, &sshd), "{}", sshd.log());

    let listed = site.ca().succeed(&["--json", "key", "list"]).unwrap();
    let keys: serde_json::Value = serde_json::from_str(&listed).unwrap();
    let login = keys
        .as_array()
        .unwrap()
        .iter()
        .find(|key| key["use"] == "login")
        .unwrap();
    let id = login["id"].to_string();
    site.ca().succeed(&["key", "revoke", &id]).unwrap();
    write_krl(&site, &dir);
    assert!(!enters(&site, &sshd));
}
