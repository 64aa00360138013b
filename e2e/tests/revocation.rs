//! What is revoked enters no more where relying parties ask: real sshd, real TLS servers.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

use e2e::nginx::Nginx;
use e2e::site::{Site, USER};
use e2e::sshd::Sshd;
use e2e::{process, programs};

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

/// The number of the one certificate of this profile that is live.
fn live(site: &Site, profile: &str) -> String {
    let listed = site
        .ca()
        .succeed(&["--json", "cert", "list", "--user", USER, "--live"])
        .unwrap();
    let rows: serde_json::Value = serde_json::from_str(&listed).unwrap();
    let rows = rows.as_array().unwrap().iter();
    let found: Vec<_> = rows.filter(|row| row["profile"] == profile).collect();
    assert_eq!(found.len(), 1, "{listed}");
    found[0]["id"].as_str().unwrap().to_owned()
}

/// sshd with the KRL of now, and a person with a certificate.
fn sshd_with_krl(serial: u32) -> (Site, PathBuf, Sshd) {
    let site = Site::enrolled(serial).unwrap();
    site.laptop().succeed(&["ssh"]).unwrap();
    let dir = site.dir().join("sshd-krl");
    fs::create_dir_all(&dir).unwrap();
    write_krl(&site, &dir);
    let cas = site.ca().succeed(&["ssh-ca"]).unwrap();
    let sshd = Sshd::start(&dir, &cas, USER).unwrap();
    (site, dir, sshd)
}

#[test]
fn sshd_refuses_a_revoked_certificate_and_lets_the_next_one_in_until_its_key_is_revoked() {
    let (site, dir, sshd) = sshd_with_krl(31_000_101);
    assert!(enters(&site, &sshd), "{}", sshd.log());

    let id = live(&site, "ssh");
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

#[test]
fn nobody_stands_outside_while_the_krl_is_replaced() {
    let (site, dir, sshd) = sshd_with_krl(31_000_102);
    let krl = dir.join("krl");
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let mut times = 0;
            while !done.load(Ordering::Relaxed) {
                write_krl(&site, &dir);
                times += 1;
            }
            times
        });
        for _ in 0..3 {
            assert!(enters(&site, &sshd), "{}", sshd.log());
        }
        let mut ask = Command::new(programs::system("ssh-keygen").unwrap());
        ask.args(["-Q", "-f"])
            .arg(&krl)
            .arg(site.laptop().certificate("ssh-cert.pub"));
        for _ in 0..200 {
            let said = process::succeed(&mut ask).unwrap();
            assert!(said.contains(": ok"), "{said}");
        }
        done.store(true, Ordering::Relaxed);
        assert!(writer.join().unwrap() > 1);
    });

    // Why it is replaced, and not written: half of it, or none, is a closed door.
    let whole = fs::read(&krl).unwrap();
    fs::write(&krl, &whole[..whole.len() / 2]).unwrap();
    assert!(!enters(&site, &sshd), "{}", sshd.log());
    fs::remove_file(&krl).unwrap();
    assert!(!enters(&site, &sshd), "{}", sshd.log());
    write_krl(&site, &dir);
    assert!(enters(&site, &sshd), "{}", sshd.log());
}

/// What nginx says of a certificate and its key: its name for the verdict.
fn asks_nginx(nginx: &Nginx, certificate: &Path, key: &Path) -> String {
    let before = nginx.access_log().lines().count();
    let mut curl = Command::new(programs::system("curl").unwrap());
    curl.args(["--silent", "--show-error", "--max-time", "60"])
        .args(["--output", "/dev/null", "--cacert"])
        .arg(nginx.root())
        .arg("--cert")
        .arg(certificate)
        .arg("--key")
        .arg(key)
        .arg(nginx.url());
    process::succeed(&mut curl).unwrap_or_else(|error| panic!("{error}\n{}", nginx.log()));
    // It writes the line when the answer is on its way already.
    let written = || nginx.access_log().lines().count() > before;
    assert!(process::within(process::PATIENCE, written));
    let log = nginx.access_log();
    let line = log.lines().last().unwrap();
    line.split(" \"").next().unwrap().to_owned()
}

/// `ca crl` to where nginx reads it.
fn write_crls(site: &Site, dir: &Path) {
    let out = dir.join("crls.pem");
    let out = out.to_str().unwrap();
    site.ca().succeed(&["crl", "--out", out]).unwrap();
}

const REVOKED: &str = "FAILED:certificate revoked";

#[test]
fn nginx_refuses_a_revoked_certificate_and_then_all_of_a_disabled_user() {
    let site = Site::enrolled(31_000_103).unwrap();
    let held = |name: &str| site.laptop().certificate(name);
    let dir = site.dir().join("nginx");
    fs::create_dir_all(&dir).unwrap();
    write_crls(&site, &dir);
    let mut nginx = Nginx::start(&dir, &site.root_file().unwrap(), 0).unwrap();

    site.laptop().succeed(&["tls-disk"]).unwrap();
    let old = (dir.join("old.pem"), dir.join("old.key"));
    fs::copy(held("tls-disk.pem"), &old.0).unwrap();
    fs::copy(held("tls-disk.key"), &old.1).unwrap();
    assert_eq!(asks_nginx(&nginx, &old.0, &old.1), "SUCCESS");
    let id = live(&site, "tls-disk");
    let revoke = ["cert", "revoke", &id, "--reason", "key-compromise"];
    let said = site.ca().succeed(&revoke).unwrap();
    for expected in [
        "1 for TLS, 0 for SSH",
        "once it fetches the CRL again",
        "the CRL that it may have now is good until",
        "a server that fetches neither lets them in until",
    ] {
        assert!(said.contains(expected), "{expected}: {said}");
    }
    assert_eq!(
        asks_nginx(&nginx, &old.0, &old.1),
        "SUCCESS",
        "nobody told it"
    );
    write_crls(&site, &dir);
    nginx.restart().unwrap();
    assert_eq!(asks_nginx(&nginx, &old.0, &old.1), REVOKED);

    site.laptop().succeed(&["--renew", "tls-disk"]).unwrap();
    let next = (held("tls-disk.pem"), held("tls-disk.key"));
    assert_eq!(asks_nginx(&nginx, &next.0, &next.1), "SUCCESS");
    let said = site.ca().succeed(&["user", "disable", USER]).unwrap();
    // Both: what is revoked counts until its own end.
    assert!(said.contains("2 for TLS, 0 for SSH"), "{said}");
    write_crls(&site, &dir);
    nginx.restart().unwrap();
    assert_eq!(asks_nginx(&nginx, &next.0, &next.1), REVOKED);
}
