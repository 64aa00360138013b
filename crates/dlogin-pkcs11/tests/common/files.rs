//! Certificates as `dlogin` leaves them, made by openssl.

use std::path::Path;
use std::process::Command;

use p256::ecdsa::SigningKey;
use p256::pkcs8::DecodePrivateKey;

fn run(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(
        output.status.success(),
        "{command:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// Writes `PROFILE.pem`; its key goes to `key`. The certificate began a day ago
/// and ends in so many seconds.
fn make(folder: &Path, profile: &str, key: &Path, seconds: i64) {
    let offset = format!("{}", seconds - 86_400);
    let new = folder.join(format!(".{profile}.tmp"));
    run(Command::new("faketime")
        .args(["-f", &offset, "openssl", "req", "-x509", "-newkey", "ec"])
        .args([
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-days",
            "1",
        ])
        .args(["-subj", &format!("/CN={profile}.example")])
        .arg("-keyout")
        .arg(key)
        .arg("-out")
        .arg(&new));
    std::fs::rename(new, folder.join(format!("{profile}.pem"))).unwrap();
}

/// A certificate whose key is on disk.
pub fn on_disk(folder: &Path, profile: &str, seconds: i64) {
    make(
        folder,
        profile,
        &folder.join(format!("{profile}.key")),
        seconds,
    );
}

/// A certificate whose key only the agent has; gives the key to it.
pub fn in_yubikey(folder: &Path, profile: &str, seconds: i64) -> SigningKey {
    let elsewhere = tempfile::tempdir().unwrap();
    let key = elsewhere.path().join("key");
    make(folder, profile, &key, seconds);
    SigningKey::from_pkcs8_pem(&std::fs::read_to_string(key).unwrap()).unwrap()
}

/// Another certificate for the key.
pub fn renew(folder: &Path, profile: &str, key: &SigningKey) {
    use p256::pkcs8::{EncodePrivateKey, LineEnding};
    let elsewhere = tempfile::tempdir().unwrap();
    let file = elsewhere.path().join("key");
    let pem = p256::SecretKey::from(key)
        .to_pkcs8_pem(LineEnding::LF)
        .unwrap();
    std::fs::write(&file, pem.as_bytes()).unwrap();
    let new = folder.join(format!(".{profile}.tmp"));
    run(Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-days",
            "1",
            "-subj",
            &format!("/CN={profile}.example"),
            "-key",
        ])
        .arg(file)
        .arg("-out")
        .arg(&new));
    std::fs::rename(new, folder.join(format!("{profile}.pem"))).unwrap();
}
