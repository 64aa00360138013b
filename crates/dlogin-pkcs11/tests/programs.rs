//! The library as programs load it: OpenSC's pkcs11-tool, GnuTLS, p11-kit,
//! OpenSSL's engine, OpenSSH.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]
#![allow(unsafe_code, reason = "shares a folder with tests of the C interface")]

mod common;

use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;

use common::agent::{Agent, Manner};
use common::files;
use common::programs::{library, run};
use dlogin_service::Refusal;
use sha2::{Digest, Sha256};
use tempfile::TempDir;

const HOUR: i64 = 3600;

/// A person with one certificate in the YubiKey (`tls`) and one on disk
/// (`disk`), whose agent signs.
struct Person {
    runtime: TempDir,
    agent: Agent,
}

impl Person {
    fn new() -> Self {
        let runtime = tempfile::tempdir().unwrap();
        let folder = runtime.path().join("dlogin");
        std::fs::create_dir(&folder).unwrap();
        files::on_disk(&folder, "disk", HOUR);
        let key = files::in_yubikey(&folder, "tls", HOUR);
        let agent = Agent::start(&folder, Manner::Sign(key));
        Self { runtime, agent }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.runtime.path().join(name)
    }

    fn certificate(&self, profile: &str) -> PathBuf {
        self.file("dlogin").join(format!("{profile}.pem"))
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command
            .env("XDG_RUNTIME_DIR", self.runtime.path())
            .env("HOME", self.runtime.path())
            .env("PKCS11_MODULE_PATH", library());
        command
    }

    fn pkcs11_tool(&self) -> Command {
        let mut command = self.command("pkcs11-tool");
        command.arg("--module").arg(library());
        command
    }

    /// The public key of a certificate, PEM.
    fn public_key(&self, profile: &str) -> String {
        run(Command::new("openssl")
            .args(["x509", "-noout", "-pubkey", "-in"])
            .arg(self.certificate(profile)))
    }

    /// What identifies its objects: SHA-256 of the public key, hexadecimal.
    fn id(&self, profile: &str) -> String {
        let pem = self.public_key(profile);
        let (_, spki) = pem_rfc7468::decode_vec(pem.as_bytes()).unwrap();
        let digest = Sha256::digest(spki);
        digest.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// That openssl finds the signature to be of the certificate's key.
    fn judge(&self, profile: &str, data: &Path, signature: &Path) {
        let key = self.file("public");
        std::fs::write(&key, self.public_key(profile)).unwrap();
        run(Command::new("openssl")
            .args(["dgst", "-sha256", "-verify"])
            .arg(key)
            .arg("-signature")
            .arg(signature)
            .arg(data));
    }

    fn data(&self) -> PathBuf {
        let data = self.file("data");
        std::fs::write(&data, "sign me").unwrap();
        data
    }
}

#[test]
fn pkcs11_tool_lists_the_objects_and_its_test_passes() {
    let person = Person::new();
    let list = run(person.pkcs11_tool().arg("--list-objects"));
    for line in [
        "label:      tls",
        "label:      disk",
        "DN: CN=tls.example",
        "Access:     sensitive, always sensitive, never extractable, local",
    ] {
        assert!(list.contains(line), "{line}\n{list}");
    }
    let slots = run(person.pkcs11_tool().arg("--list-slots"));
    assert!(slots.contains("token initialized, readonly"), "{slots}");
    assert!(!slots.contains("login required"), "{slots}");
    let test = run(person.pkcs11_tool().arg("--test"));
    assert!(test.contains("No errors"), "{test}");
    assert!(person.agent.asked().is_empty(), "none of this signs");
}

#[test]
fn pkcs11_tool_signs_with_both_keys_and_every_mechanism() {
    let person = Person::new();
    let data = person.data();
    let digest = person.file("digest");
    run(Command::new("openssl")
        .args(["dgst", "-sha256", "-binary", "-out"])
        .arg(&digest)
        .arg(&data));
    for profile in ["tls", "disk"] {
        for (mechanism, input) in [("ECDSA", &digest), ("ECDSA-SHA256", &data)] {
            let signature = person.file(&format!("{profile}-{mechanism}"));
            run(person
                .pkcs11_tool()
                .args([
                    "--sign",
                    "--mechanism",
                    mechanism,
                    "--id",
                    &person.id(profile),
                ])
                .args(["--signature-format", "openssl", "--input-file"])
                .arg(input)
                .arg("--output-file")
                .arg(&signature));
            person.judge(profile, &data, &signature);
        }
    }
    assert_eq!(person.agent.asked().len(), 2, "the key on disk needs none");
}

#[test]
fn gnutls_lists_and_signs() {
    let person = Person::new();
    let tool = || {
        let mut command = person.command("p11tool");
        command.arg("--provider").arg(library());
        command
    };
    let list = run(tool().args(["--list-all", "pkcs11:token=dlogin"]));
    assert_eq!(list.matches("URL: pkcs11:").count(), 6, "{list}");
    let keys = run(tool().args(["--list-privkeys", "pkcs11:token=dlogin"]));
    assert_eq!(keys.matches("type=private").count(), 2, "{keys}");
    let test = run(tool().args(["--test-sign", "pkcs11:object=tls;type=private"]));
    assert_eq!(test.matches("... ok").count(), 3, "{test}");
    assert!(!person.agent.asked().is_empty());
}

#[test]
fn openssl_signs_through_its_engine() {
    let person = Person::new();
    let (data, signature) = (person.data(), person.file("signature"));
    run(person
        .command("openssl")
        .args(["dgst", "-engine", "pkcs11", "-keyform", "engine"])
        .args(["-sha256", "-sign", "pkcs11:object=tls;type=private", "-out"])
        .arg(&signature)
        .arg(&data));
    person.judge("tls", &data, &signature);
    assert_eq!(person.agent.asked().len(), 1);
}

#[test]
fn openssh_sees_the_keys() {
    let person = Person::new();
    let list = run(person.command("ssh-keygen").arg("-D").arg(library()));
    assert_eq!(list.matches("ecdsa-sha2-nistp256 ").count(), 2, "{list}");
}

#[test]
fn p11_kit_shows_the_token_to_every_program() {
    let person = Person::new();
    let home = person.runtime.path();
    let modules = home.join(".config/pkcs11/modules");
    std::fs::create_dir_all(&modules).unwrap();
    // p11-kit reads no configuration of root's own.
    let root = rustix::process::getuid().is_root();
    let module = person.file("libdlogin_pkcs11.so");
    std::fs::copy(library(), &module).unwrap();
    let line = format!("module: {}\n", module.display());
    std::fs::write(modules.join("dlogin.module"), line).unwrap();
    let command = |program: &str| {
        if !root {
            return person.command(program);
        }
        let mut command = person.command("setpriv");
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups", program]);
        command
    };
    if root {
        let open = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(home, open).unwrap();
        for entry in std::fs::read_dir(home.join("dlogin")).unwrap() {
            chown(entry.unwrap().path(), Some(65534), Some(65534)).unwrap();
        }
    }
    let list = run(command("p11-kit").arg("list-modules"));
    assert!(list.contains("token: dlogin"), "{list}");
    assert!(list.contains("library-description: dlogin certificates"));
    let all = run(command("p11tool").args(["--list-all", "pkcs11:token=dlogin"]));
    assert_eq!(all.matches("URL: pkcs11:").count(), 6, "{all}");
}

#[test]
fn a_refusal_ends_the_program_and_its_reason_can_be_seen() {
    let person = Person::new();
    person.agent.change(Manner::Refuse(Refusal::NotTouched));
    let (data, signature) = (person.data(), person.file("signature"));
    let sign = |log: &str| {
        let output = person
            .pkcs11_tool()
            .env("DLOGIN_PKCS11_LOG", log)
            .args(["--sign", "--mechanism", "ECDSA-SHA256", "--label", "tls"])
            .arg("--input-file")
            .arg(&data)
            .arg("--output-file")
            .arg(&signature)
            .output()
            .unwrap();
        assert!(!output.status.success());
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    let said = sign("1");
    assert!(said.contains("CKR_FUNCTION_CANCELED"), "{said}");
    assert!(
        said.contains("dlogin: no signature: the YubiKey was not touched in time"),
        "{said}"
    );
    assert!(!sign("").contains("dlogin: no signature"));
}
