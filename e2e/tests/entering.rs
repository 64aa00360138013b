//! What the certificates open, and what they do not: real sshd, real mTLS.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

use std::process::Command;

use e2e::site::{DISK_NAME, HARDWARE_NAME, Site, USER};
use e2e::sshd::Sshd;
use e2e::{process, programs};

fn me() -> String {
    let name = process::succeed(Command::new("id").arg("-un")).unwrap();
    name.trim().to_owned()
}

/// A program in the future.
fn in_17_hours(program: &str) -> Command {
    programs::with_clock(Command::new(programs::system(program).unwrap()), "+17h").unwrap()
}

#[test]
fn one_login_opens_ssh_and_tls_with_one_pin_and_a_touch_for_each_key() {
    let site = Site::enrolled(31_000_001).unwrap();
    let asked = site.laptop().pin_prompts().len();
    let before = site.touches();
    site.laptop().succeed(&[]).unwrap();
    assert_eq!(
        site.touches() - before,
        2,
        "one for the login key, one for the proof key"
    );
    assert_eq!(site.laptop().pin_prompts().len() - asked, 1, "one PIN");

    let sshd = site.sshd(USER).unwrap();
    let mut ssh = site.ssh(&sshd, &me(), "echo entered").unwrap();
    assert_eq!(process::succeed(&mut ssh).unwrap(), "entered\n");
    assert_eq!(site.touches() - before, 3, "one for ssh");

    let server = site.mtls().unwrap();
    let page = process::succeed(&mut site.curl_disk(&server).unwrap()).unwrap();
    assert!(page.contains(DISK_NAME), "{page}");
    assert_eq!(site.touches() - before, 3, "none for the key on disk");
    let page = site.curl_hardware(&server).unwrap();
    assert!(page.contains(HARDWARE_NAME), "{page}");
    assert_eq!(site.touches() - before, 4, "one for the handshake");
}

#[test]
fn sshd_refuses_another_principal() {
    let site = Site::enrolled(31_000_002).unwrap();
    site.laptop().succeed(&["ssh"]).unwrap();
    let sshd = site.sshd("bob").unwrap();
    let output = process::run(&mut site.ssh(&sshd, &me(), "true").unwrap()).unwrap();
    assert_eq!(output.status.code(), Some(255));
    let log = sshd.log();
    assert!(
        log.contains("does not contain an authorized principal"),
        "{log}"
    );
    assert!(!log.contains("Accepted publickey"), "{log}");
}

#[test]
fn sshd_refuses_the_certificate_after_it_expires() {
    let site = Site::enrolled(31_000_003).unwrap();
    site.laptop().succeed(&["ssh"]).unwrap();
    let cas = site.ca().succeed(&["ssh-ca"]).unwrap();
    let dir = site.dir().join("sshd-later");
    let sshd = Sshd::start_as(in_17_hours("sshd"), &dir, &cas, USER).unwrap();
    let output = process::run(&mut site.ssh(&sshd, &me(), "true").unwrap()).unwrap();
    assert_eq!(output.status.code(), Some(255));
    let log = sshd.log();
    assert!(log.contains("Certificate invalid: expired"), "{log}");
}

#[test]
fn sshd_refuses_the_certificate_of_another_ca() {
    let ours = Site::enrolled(31_000_004).unwrap();
    let theirs = Site::enrolled(31_000_005).unwrap();
    ours.laptop().succeed(&["ssh"]).unwrap();
    let sshd = theirs.sshd(USER).unwrap();
    let output = process::run(&mut ours.ssh(&sshd, &me(), "true").unwrap()).unwrap();
    assert_eq!(output.status.code(), Some(255), "{}", sshd.log());
    assert!(!sshd.log().contains("Accepted publickey"));
}

#[test]
fn ssh_keygen_and_openssl_accept_what_dlogin_wrote_until_it_expires() {
    let site = Site::enrolled(31_000_006).unwrap();
    site.laptop().succeed(&[]).unwrap();
    let shown = site.ssh_certificate().unwrap();
    assert!(shown.contains("ecdsa-sha2-nistp256-cert-v01@openssh.com user certificate"));
    assert!(
        shown.contains("Principals: \n                alice\n"),
        "{shown}"
    );

    let root = site.root_file().unwrap();
    for profile in ["tls.pem", "tls-disk.pem"] {
        let verify = |mut command: Command| {
            let file = site.laptop().certificate(profile);
            command
                .args(["verify", "-purpose", "sslclient", "-x509_strict", "-CAfile"])
                .arg(&root)
                .arg("-untrusted")
                .arg(&file)
                .arg(&file);
            process::run(&mut command).unwrap()
        };
        let now = verify(Command::new("openssl"));
        assert!(now.status.success(), "{}", process::text(&now.stderr));
        let later = verify(in_17_hours("openssl"));
        assert!(!later.status.success());
        assert!(process::text(&later.stderr).contains("certificate has expired"));
    }
}

#[test]
fn a_tls_server_refuses_the_certificate_after_it_expires() {
    let site = Site::enrolled(31_000_007).unwrap();
    site.laptop().succeed(&["tls-disk"]).unwrap();
    let root = site.root_file().unwrap();
    let dir = site.dir().join("mtls-later");
    let server = e2e::mtls::MtlsServer::start_as(in_17_hours("openssl"), &dir, &root).unwrap();
    let mut curl = site.curl_disk(&server).unwrap();
    // The server's own certificate began, and ends, in curl's time too.
    let output = process::run(&mut curl).unwrap();
    assert!(!output.status.success());
    assert!(
        server.log().contains("certificate has expired"),
        "{}",
        server.log()
    );
}
