//! `ssh-keygen` judges what is built here, and what it builds is read here.
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
    process::{Command, Stdio},
};

use base64ct::{Base64, Encoding};
use keys::{Ca, subjects, verify};
use sshcert_acme::{
    CheckError, CriticalOptions, Extensions, KeyId, Principals, ReadError, ReceivedCertificate,
    SshPublicKey, UserCertificate, Validity,
};

const AFTER: u64 = 1_900_000_000;
const BEFORE: u64 = 1_900_057_600;

fn template() -> UserCertificate {
    UserCertificate {
        serial: NonZeroU64::new(0xfedc_ba98_7654_3210).unwrap(),
        key_id: KeyId::new("alice key 9681620 order 7f3a").unwrap(),
        principals: Principals::new(["alice", "db-admins"]).unwrap(),
        validity: Validity::new(AFTER, BEFORE).unwrap(),
        critical_options: CriticalOptions::none()
            .source_addresses(["192.0.2.0/24", "2001:db8::/32"])
            .unwrap()
            .force_command("/usr/bin/true --all")
            .unwrap(),
        extensions: Extensions::flags(["permit-pty", "permit-agent-forwarding"])
            .unwrap()
            .with("login@example.com", "a value")
            .unwrap(),
    }
}

fn build(template: &UserCertificate, subject: &SshPublicKey, ca: &Ca) -> String {
    let tbs = template
        .to_be_signed(subject, &ca.public, [0x5a; 32])
        .unwrap();
    let signature = ca.sign(tbs.as_bytes());
    tbs.assemble(&signature).unwrap()
}

fn ssh_keygen(dir: &Path, arguments: &[&str]) -> String {
    let output = Command::new("ssh-keygen")
        .args(arguments)
        .current_dir(dir)
        .env("TZ", "UTC")
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .output()
        .expect("ssh-keygen is installed (Debian: openssh-client)");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    let (out, err) = (text(output.stdout), text(output.stderr));
    assert!(output.status.success(), "ssh-keygen {arguments:?}: {err}");
    out
}

#[test]
fn ssh_keygen_reads_what_was_put_in_for_every_kind_of_subject_and_ca() {
    let dir = tempfile::tempdir().unwrap();
    for ca in Ca::every() {
        for subject in subjects() {
            let line = build(&template(), &subject, &ca);
            fs::write(dir.path().join("a-cert.pub"), format!("{line}\n")).unwrap();
            let shown = ssh_keygen(dir.path(), &["-L", "-f", "a-cert.pub"]);
            let shown: Vec<_> = shown.lines().map(str::trim).collect();
            for expected in [
                &format!(
                    "Type: {} user certificate",
                    subject.kind().certificate_type()
                )[..],
                "Key ID: \"alice key 9681620 order 7f3a\"",
                "Serial: 18364758544493064720",
                "Valid: from 2030-03-17T17:46:40 to 2030-03-18T09:46:40",
                "alice",
                "db-admins",
                "force-command /usr/bin/true --all",
                "source-address 192.0.2.0/24,2001:db8::/32",
                "permit-agent-forwarding",
                "permit-pty",
            ] {
                assert!(shown.contains(&expected), "{expected:?} in {shown:#?}");
            }
            assert!(
                shown.iter().any(|line| line.starts_with("Signing CA:")
                    && line.contains(&format!("(using {})", ca.public.kind().key_type()))),
                "{shown:#?}"
            );
        }
    }
}

#[test]
fn ssh_keygen_without_options_or_extensions_shows_none() {
    let dir = tempfile::tempdir().unwrap();
    let bare = UserCertificate {
        critical_options: CriticalOptions::none(),
        extensions: Extensions::none(),
        ..template()
    };
    let line = build(&bare, &Ca::p256().public, &Ca::p256());
    fs::write(dir.path().join("a-cert.pub"), line).unwrap();
    let shown = ssh_keygen(dir.path(), &["-L", "-f", "a-cert.pub"]);
    assert!(shown.contains("Critical Options: (none)"), "{shown}");
    assert!(shown.contains("Extensions: (none)"), "{shown}");
}

#[test]
fn ssh_keygen_finds_our_serial_in_a_revocation_list_and_only_ours() {
    let dir = tempfile::tempdir().unwrap();
    let (ca, subject) = (Ca::p256(), Ca::p256().public);
    fs::write(dir.path().join("ca.pub"), ca.public.to_openssh()).unwrap();
    fs::write(dir.path().join("spec"), "serial: 18364758544493064720\n").unwrap();
    ssh_keygen(
        dir.path(),
        &["-k", "-q", "-f", "krl", "-s", "ca.pub", "spec"],
    );
    let query = |template: &UserCertificate| {
        fs::write(
            dir.path().join("a-cert.pub"),
            build(template, &subject, &ca),
        )
        .unwrap();
        Command::new("ssh-keygen")
            .args(["-Q", "-f", "krl", "a-cert.pub"])
            .current_dir(dir.path())
            .output()
            .unwrap()
            .status
            .success()
    };
    assert!(!query(&template()), "revoked");
    let other = UserCertificate {
        serial: NonZeroU64::MIN,
        ..template()
    };
    assert!(query(&other), "not revoked");
}

#[test]
fn another_reader_verifies_the_signature() {
    for ca in Ca::every() {
        for subject in subjects() {
            let line = build(&template(), &subject, &ca);
            let judge = ssh_key::Certificate::from_openssh(&line).unwrap();
            let ca_key = ssh_key::PublicKey::from_openssh(&ca.public.to_openssh()).unwrap();
            let fingerprint = ca_key.fingerprint(ssh_key::HashAlg::Sha256);
            judge.validate_at(AFTER, [&fingerprint]).unwrap();
            assert_eq!(judge.valid_principals(), ["alice", "db-admins"]);
            assert!(judge.validate_at(BEFORE, [&fingerprint]).is_err());
        }
    }
}

#[test]
fn what_was_built_is_read_back() {
    for ca in Ca::every() {
        for subject in subjects() {
            let line = build(&template(), &subject, &ca);
            let received = ReceivedCertificate::read(&format!("{line} comment\n")).unwrap();
            assert_eq!(
                received.check(&subject, AFTER, verify),
                Ok(template().serial)
            );
            assert_eq!(received.subject(), &subject);
            assert_eq!(received.ca(), &ca.public);
            assert_eq!(received.key_id(), &template().key_id);
            assert_eq!(received.principals(), template().principals.as_slice());
            assert_eq!(received.validity(), template().validity);
            assert_eq!(received.critical_options(), &template().critical_options);
            assert_eq!(received.extensions(), &template().extensions);
        }
    }
}

/// Lets `ssh-keygen` make the keys and sign.
fn signed_by_ssh_keygen(
    ca_type: &[&str],
    subject_type: &[&str],
    options: &[&str],
) -> (String, String) {
    let dir = tempfile::tempdir().unwrap();
    let key = |name, kind: &[&str]| {
        ssh_keygen(
            dir.path(),
            &[&["-q", "-N", "", "-f", name][..], kind].concat(),
        );
    };
    key("ca", ca_type);
    key("subject", subject_type);
    ssh_keygen(
        dir.path(),
        &[
            &["-q", "-s", "ca", "-I", "id", "-V", "0x713fb300:0x71409400"][..],
            options,
            &["subject.pub"],
        ]
        .concat(),
    );
    let read = |name| fs::read_to_string(dir.path().join(name)).unwrap();
    (read("subject.pub"), read("subject-cert.pub"))
}

#[test]
fn what_ssh_keygen_signs_is_read() {
    let p256 = &["-t", "ecdsa", "-b", "256"][..];
    let p384 = &["-t", "ecdsa", "-b", "384"][..];
    let ed25519 = &["-t", "ed25519"][..];
    let rsa = &["-t", "rsa", "-b", "2048"][..];
    for ca in [p256, p384, ed25519] {
        for subject in [p256, p384, ed25519, rsa] {
            let (public, line) = signed_by_ssh_keygen(
                ca,
                subject,
                &[
                    "-n",
                    "alice,bob",
                    "-z",
                    "7",
                    "-O",
                    "source-address=192.0.2.0/24",
                ],
            );
            let received = ReceivedCertificate::read(&line).unwrap();
            let subject = SshPublicKey::from_openssh(&public).unwrap();
            assert_eq!(
                received.check(&subject, 0x713f_b300, verify).unwrap().get(),
                7
            );
            assert_eq!(received.principals(), ["alice", "bob"]);
            assert_eq!(
                received.validity(),
                Validity::new(0x713f_b300, 0x7140_9400).unwrap()
            );
            let names: Vec<_> = received.extensions().iter().map(|(name, _)| name).collect();
            assert_eq!(names, Extensions::DEFAULT);
            let mut options = received.critical_options().iter();
            assert_eq!(options.next(), Some(("source-address", "192.0.2.0/24")));
        }
    }
}

#[test]
fn a_certificate_of_ssh_keygen_without_principals_serial_or_for_a_host_is_refused() {
    let ed25519 = &["-t", "ed25519"][..];
    let (_, everybody) = signed_by_ssh_keygen(ed25519, ed25519, &[]);
    let error = ReceivedCertificate::read(&everybody).unwrap_err();
    assert_eq!(
        error,
        ReadError::Field(sshcert_acme::FieldError::NoPrincipal)
    );

    let (_, host) = signed_by_ssh_keygen(ed25519, ed25519, &["-h", "-n", "host.example"]);
    let error = ReceivedCertificate::read(&host).unwrap_err();
    assert_eq!(error, ReadError::NotAUserCertificate);

    let (public, no_serial) = signed_by_ssh_keygen(ed25519, ed25519, &["-n", "alice"]);
    let received = ReceivedCertificate::read(&no_serial).unwrap();
    let subject = SshPublicKey::from_openssh(&public).unwrap();
    assert_eq!(
        received.check(&subject, 0x713f_b300, verify),
        Err(CheckError::NoSerial)
    );
}

#[test]
fn a_line_of_ssh_keygens_public_keys_is_what_we_write() {
    let dir = tempfile::tempdir().unwrap();
    for (name, kind) in [("p256", "ecdsa"), ("ed", "ed25519"), ("rsa", "rsa")] {
        ssh_keygen(
            dir.path(),
            &["-q", "-N", "", "-C", "", "-t", kind, "-f", name],
        );
        let line = fs::read_to_string(dir.path().join(format!("{name}.pub"))).unwrap();
        let key = SshPublicKey::from_openssh(&line).unwrap();
        assert_eq!(key.to_openssh(), line.trim_end());
        if kind == "ed25519" {
            continue; // OpenSSH 9.2 writes no SubjectPublicKeyInfo of these.
        }
        // And the SubjectPublicKeyInfo is what ssh-keygen makes of it.
        let exported = ssh_keygen(dir.path(), &["-e", "-m", "PKCS8", "-f", name]);
        let der: String = exported
            .lines()
            .filter(|line| !line.starts_with('-'))
            .collect();
        assert_eq!(Base64::encode_string(&key.to_spki_der()), der);
    }
}
