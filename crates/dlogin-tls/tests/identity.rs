//! Which certificate is shown, and why none is. Certificates by openssl.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

use std::path::Path;
use std::process::Command;

use dlogin_tls::{Error, Identity};
use rustls::SignatureScheme;
use rustls::client::ResolvesClientCert;
use tempfile::TempDir;

/// `PROFILE.pem`, which ends in a day or, of no days, has ended; its key beside it if it is on disk.
fn make(folder: &Path, profile: &str, days: i32, on_disk: bool) {
    let elsewhere = tempfile::tempdir().unwrap();
    let keys = if on_disk { folder } else { elsewhere.path() };
    let output = Command::new("faketime")
        .args([
            "-f",
            &format!("{:+}", (days - 1) * 90_000),
            "openssl",
            "req",
            "-x509",
        ])
        .args(["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"])
        .args(["-nodes", "-days", "1", "-subj", &format!("/CN={profile}")])
        .arg("-keyout")
        .arg(keys.join(format!("{profile}.key")))
        .arg("-out")
        .arg(folder.join(format!("{profile}.pem")))
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
}

fn identity(folder: &TempDir) -> Identity {
    let folder = folder.path();
    Identity::new(folder.to_owned(), folder.join("service.sock"))
}

/// The certificate that is shown, PEM or DER: compared with the file's.
fn shown(identity: &Identity) -> Vec<u8> {
    identity.read().unwrap().cert[0].to_vec()
}

fn der(folder: &TempDir, profile: &str) -> Vec<u8> {
    let output = Command::new("openssl")
        .args(["x509", "-outform", "DER", "-in"])
        .arg(folder.path().join(format!("{profile}.pem")))
        .output()
        .unwrap();
    output.stdout
}

#[test]
fn the_yubikeys_comes_before_the_disks_and_a_live_one_before_an_expired_one() {
    let folder = tempfile::tempdir().unwrap();
    make(folder.path(), "a-disk", 1, true);
    assert_eq!(shown(&identity(&folder)), der(&folder, "a-disk"));
    make(folder.path(), "tls", 1, false);
    // Read afresh: the same identity, another certificate.
    let identity = identity(&folder);
    assert_eq!(shown(&identity), der(&folder, "tls"));
    make(folder.path(), "tls", 0, false);
    assert_eq!(shown(&identity), der(&folder, "a-disk"));
    let disk = identity.clone().of_profile("a-disk");
    assert_eq!(shown(&disk), der(&folder, "a-disk"));
}

#[test]
fn where_none_can_be_shown_it_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let any = identity(&folder);
    assert!(matches!(any.read(), Err(Error::None { .. })));
    assert!(matches!(
        any.clone().of_profile("tls").read(),
        Err(Error::NoSuch { .. })
    ));
    std::fs::write(folder.path().join("odd.pem"), "no certificate").unwrap();
    assert!(matches!(any.read(), Err(Error::None { .. })));
    make(folder.path(), "old", 0, false);
    assert!(matches!(any.read(), Err(Error::Expired { profile }) if profile == "old"));
    make(folder.path(), "one", 1, true);
    make(folder.path(), "two", 1, true);
    let file = |name: &str| folder.path().join(name);
    std::fs::rename(file("two.key"), file("one.key")).unwrap();
    let other = any.clone().of_profile("one");
    assert!(
        matches!(other.read(), Err(Error::Key { .. })),
        "another key"
    );
    std::fs::write(file("one.key"), "no key").unwrap();
    assert!(matches!(other.read(), Err(Error::Key { .. })));
}

#[test]
fn a_server_that_takes_no_signature_of_the_key_is_shown_nothing() {
    let folder = tempfile::tempdir().unwrap();
    make(folder.path(), "tls", 1, false);
    let identity = identity(&folder);
    let p256 = [SignatureScheme::ECDSA_NISTP256_SHA256];
    assert!(identity.resolve(&[], &p256).is_some());
    assert!(identity.resolve(&[], &[SignatureScheme::ED25519]).is_none());
}

#[test]
fn a_key_in_the_yubikey_without_an_agent_fails_at_once() {
    let folder = tempfile::tempdir().unwrap();
    make(folder.path(), "tls", 1, false);
    let key = identity(&folder).read().unwrap().key.clone();
    let signer = key
        .choose_scheme(&[SignatureScheme::ECDSA_NISTP256_SHA256])
        .unwrap();
    let error = signer.sign(b"message").unwrap_err();
    assert!(
        error.to_string().contains("start `dlogin agent`"),
        "{error}"
    );
}
