//! The judges are OpenSSL and NSS.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use super::*;

fn run(command: &mut Command) -> Output {
    command.output().unwrap()
}

fn printed(command: &mut Command) -> String {
    let output = run(command);
    assert!(output.status.success(), "{command:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap()
}

/// A chain of two and the key of the first.
fn identity(dir: &Path) -> (String, String) {
    let openssl = |args: &str| {
        printed(
            Command::new("openssl")
                .current_dir(dir)
                .args(args.split_whitespace()),
        )
    };
    let new = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj";
    openssl(&format!(
        "req -x509 {new} /CN=CA -days 2 -keyout ca.key -out ca.pem"
    ));
    openssl(&format!("req {new} /CN=alice -keyout k.key -out k.csr"));
    openssl("x509 -req -in k.csr -CA ca.pem -CAkey ca.key -days 2 -out k.pem");
    let read = |name: &str| fs::read_to_string(dir.join(name)).unwrap();
    (read("k.pem") + &read("ca.pem"), read("k.key"))
}

#[test]
fn openssl_reads_certificates_and_key_with_the_password_and_not_without() {
    let dir = tempfile::tempdir().unwrap();
    let (chain, key) = identity(dir.path());
    // Beyond ASCII too: the password is UTF-16 in there.
    for password in ["secret", "pässwört-€"] {
        let file = dir.path().join("k.p12");
        fs::write(&file, make(&chain, &key, "dlogin tls", password).unwrap()).unwrap();
        let text = printed(
            Command::new("openssl")
                .args(["pkcs12", "-nodes", "-info", "-passin"])
                .arg(format!("pass:{password}"))
                .arg("-in")
                .arg(&file),
        );
        assert_eq!(text.matches("BEGIN CERTIFICATE").count(), 2, "{text}");
        assert!(text.contains("friendlyName: dlogin tls\n"), "{text}");
        assert!(text.contains("friendlyName: dlogin tls CA\n"), "{text}");
        assert!(text.contains("pbeWithSHA1And3-KeyTripleDES-CBC"), "{text}");
        let body = key.lines().nth(1).unwrap();
        assert!(text.contains(body), "{text}");
        let wrong = run(Command::new("openssl")
            .args(["pkcs12", "-nodes", "-passin", "pass:other", "-in"])
            .arg(&file));
        assert!(!wrong.status.success());
    }
}

#[test]
fn nss_imports_it_under_our_name() {
    let dir = tempfile::tempdir().unwrap();
    let (chain, key) = identity(dir.path());
    let password = password().unwrap();
    let file = dir.path().join("k.p12");
    fs::write(&file, make(&chain, &key, "dlogin tls", &password).unwrap()).unwrap();
    let database = format!("sql:{}", dir.path().display());
    printed(Command::new("certutil").args(["-N", "--empty-password", "-d", &database]));
    printed(
        Command::new("pk12util")
            .args(["-d", &database, "-W", &password, "-K", "", "-i"])
            .arg(&file),
    );
    let list = printed(Command::new("certutil").args(["-L", "-d", &database]));
    assert!(list.contains("dlogin tls "), "{list}");
    let keys = printed(Command::new("certutil").args(["-K", "-d", &database]));
    assert!(keys.contains("dlogin tls"), "{keys}");
}

#[test]
fn what_is_no_certificate_or_key_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (chain, key) = identity(dir.path());
    assert_eq!(make("", &key, "n", "p"), Err(Error::Certificate));
    assert_eq!(make(&key, &key, "n", "p"), Err(Error::Certificate));
    assert_eq!(make(&chain, &chain, "n", "p"), Err(Error::Key));
    assert_eq!(make(&chain, "", "n", "p"), Err(Error::Key));
    assert_eq!(make(&chain, &key, "n", ""), Err(Error::EmptyPassword));
}

#[test]
fn a_generated_password_can_be_typed_and_is_never_the_same() {
    let [a, b] = [password().unwrap(), password().unwrap()];
    assert_ne!(*a, *b);
    assert_eq!(a.len(), 31);
    assert!(a.chars().all(|c| c == '-' || c.is_ascii_alphanumeric()));
}
