//! `ssh-keygen -Q` judges the lists that are built here.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

#[path = "support/keys.rs"]
#[allow(dead_code)]
mod keys;

use std::{
    fs,
    num::NonZeroU64,
    path::Path,
    process::{Command, Output, Stdio},
};

use aws_lc_rs::digest::{SHA256, digest};
use keys::{Ca, subjects};
use sshcert_acme::{
    CriticalOptions, Extensions, KeyId, Krl, Principals, SshPublicKey, UserCertificate, Validity,
};

fn certificate(ca: &Ca, subject: &SshPublicKey, serial: u64) -> String {
    let tbs = UserCertificate {
        serial: NonZeroU64::new(serial).unwrap(),
        key_id: KeyId::new("alice").unwrap(),
        principals: Principals::new(["alice"]).unwrap(),
        validity: Validity::new(1_900_000_000, 1_900_057_600).unwrap(),
        critical_options: CriticalOptions::none(),
        extensions: Extensions::none(),
    }
    .to_be_signed(subject, &ca.public, [0x5a; 32])
    .unwrap();
    let signature = ca.sign(tbs.as_bytes());
    tbs.assemble(&signature).unwrap()
}

fn sha256(key: &SshPublicKey) -> [u8; 32] {
    digest(&SHA256, &key.to_blob()).as_ref().try_into().unwrap()
}

fn ssh_keygen(dir: &Path, arguments: &[&str]) -> Output {
    Command::new("ssh-keygen")
        .args(arguments)
        .current_dir(dir)
        .env("TZ", "UTC")
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .output()
        .expect("ssh-keygen is installed (Debian: openssh-client)")
}

/// Whether `ssh-keygen -Q` finds a key or certificate in a list.
fn is_revoked(krl: &Krl, line: &str) -> bool {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("krl"), krl.to_bytes()).unwrap();
    fs::write(dir.path().join("key.pub"), format!("{line}\n")).unwrap();
    let output = ssh_keygen(dir.path(), &["-Q", "-f", "krl", "key.pub"]);
    let said = String::from_utf8(output.stdout).unwrap();
    match output.status.code() {
        Some(0) if said.contains(": ok") => false,
        Some(1) if said.contains(": REVOKED") => true,
        _ => panic!("{said} {}", String::from_utf8_lossy(&output.stderr)),
    }
}

#[test]
fn serials_are_revoked_for_their_ca_alone() {
    let cas = Ca::every();
    let subject = &subjects()[0];
    let gone = [1, 0x00ff_0000_0000_0001, u64::MAX];
    let mut krl = Krl::new(1, 1_900_000_000, "test");
    krl.revoke_serials(&cas[0].public, gone);
    for serial in gone {
        assert!(is_revoked(&krl, &certificate(&cas[0], subject, serial)));
        for other in &cas[1..] {
            assert!(!is_revoked(&krl, &certificate(other, subject, serial)));
        }
    }
    for serial in [2, 0x00ff_0000_0000_0002, u64::MAX - 1] {
        assert!(!is_revoked(&krl, &certificate(&cas[0], subject, serial)));
    }
    assert!(!is_revoked(&krl, &subject.to_openssh()), "the key is not");
}

#[test]
fn several_cas_stand_in_one_list() {
    let cas = Ca::every();
    let subject = &subjects()[0];
    let mut krl = Krl::new(1, 1_900_000_000, "test");
    for (serial, ca) in (7..).zip(&cas) {
        krl.revoke_serials(&ca.public, [serial]);
    }
    for (serial, ca) in (7..).zip(&cas) {
        assert!(is_revoked(&krl, &certificate(ca, subject, serial)));
        assert!(!is_revoked(&krl, &certificate(ca, subject, serial + 1)));
    }
}

#[test]
fn a_key_of_any_kind_is_revoked_with_every_certificate_of_it() {
    let ca = &Ca::every()[0];
    for subject in subjects() {
        let mut krl = Krl::new(1, 1_900_000_000, "test");
        krl.revoke_key(sha256(&subject));
        assert!(is_revoked(&krl, &subject.to_openssh()));
        assert!(is_revoked(&krl, &certificate(ca, &subject, 5)));
        for other in subjects().iter().filter(|other| **other != subject) {
            assert!(!is_revoked(&krl, &other.to_openssh()));
        }
    }
}

#[test]
fn a_list_tells_its_version_its_date_and_its_comment() {
    let dir = tempfile::tempdir().unwrap();
    let mut krl = Krl::new(42, 1_900_000_000, "ca.example\n7");
    krl.revoke_serials(&Ca::every()[0].public, [3, 1, 2, 0, 2]);
    krl.revoke_key(sha256(&subjects()[0]));
    fs::write(dir.path().join("krl"), krl.to_bytes()).unwrap();
    let output = ssh_keygen(dir.path(), &["-Q", "-l", "-f", "krl"]);
    assert!(output.status.success());
    let said = String::from_utf8(output.stdout).unwrap();
    for expected in [
        "# KRL version 42",
        "# Generated at 20300317T",
        "# Comment: ca.example7",
        "serial: 1-3",
        "hash: SHA256:",
    ] {
        assert!(said.contains(expected), "{expected:?} in\n{said}");
    }
}

#[test]
fn an_empty_list_revokes_nobody() {
    let krl = Krl::new(1, 1_900_000_000, "");
    assert!(!is_revoked(&krl, &subjects()[0].to_openssh()));
    let mut zero = krl.clone();
    zero.revoke_serials(&Ca::every()[0].public, [0]);
    assert_eq!(zero.to_bytes(), krl.to_bytes());
}
