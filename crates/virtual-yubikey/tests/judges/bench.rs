//! What all judges need: a place to work, programs to run, a record to keep.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;
use virtual_yubikey::{Launcher, Rig, Settings};

use crate::table::Deed;

/// The factory's management key.
pub const MANAGEMENT_KEY: &str = "010203040506070801020304050607080102030405060708";
/// Another one.
pub const OTHER_MANAGEMENT_KEY: &str = "0102030405060708010203040506070801020304050607ab";
pub const PIN: &str = "123456";
pub const OTHER_PIN: &str = "654321";
pub const PUK: &str = "12345678";
pub const OTHER_PUK: &str = "87654321";

/// A judge at work: a key in a reader, a folder for files, and what was judged so far.
pub struct Bench {
    pub rig: Rig,
    dir: TempDir,
    judged: BTreeSet<Deed>,
}

impl Bench {
    pub fn new(settings: Settings) -> Self {
        let rig = Launcher::new().key(settings).start().unwrap();
        Self {
            rig,
            dir: tempfile::tempdir().unwrap(),
            judged: BTreeSet::new(),
        }
    }

    /// To be called after the deed was proven.
    pub fn judged(&mut self, deed: Deed) {
        self.judged.insert(deed);
    }

    pub fn verdict(self) -> BTreeSet<Deed> {
        self.judged
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn write(&self, name: &str, bytes: &[u8]) {
        std::fs::write(self.path(name), bytes).unwrap();
    }

    pub fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).unwrap()
    }

    /// Runs a program in the folder; whether it succeeded, and all it printed.
    pub fn run(&self, program: impl AsRef<OsStr>, arguments: &[&str]) -> (bool, String) {
        let output = self
            .rig
            .command(program.as_ref())
            .args(arguments)
            .current_dir(self.dir.path())
            .stdin(Stdio::null())
            .output()
            .unwrap_or_else(|e| {
                panic!("{}: {e}; scripts/setup installs it", name(program.as_ref()))
            });
        let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
        text.push_str(&String::from_utf8_lossy(&output.stderr));
        (output.status.success(), text)
    }

    /// Runs a program that must succeed.
    pub fn must(&self, program: impl AsRef<OsStr>, arguments: &[&str]) -> String {
        let (success, text) = self.run(program.as_ref(), arguments);
        assert!(success, "{} {arguments:?}:\n{text}", name(program.as_ref()));
        text
    }

    /// Runs a program that must fail, and say this.
    pub fn must_fail(&self, program: impl AsRef<OsStr>, arguments: &[&str], with: &str) {
        let (success, text) = self.run(program.as_ref(), arguments);
        let name = name(program.as_ref());
        assert!(!success, "{name} {arguments:?} succeeded:\n{text}");
        assert!(
            text.contains(with),
            "{name} {arguments:?} failed otherwise:\n{text}"
        );
    }

    pub fn openssl(&self, arguments: &[&str]) -> String {
        self.must("openssl", arguments)
    }

    /// The attestation chain, in these files, ends at the key's root; and it is
    /// about this public key.
    pub fn openssl_verifies(&self, leaf: &str, device: &str, public: &str) {
        let root = self.rig.root_pem();
        let root = root.to_str().unwrap();
        self.openssl(&[
            "verify",
            "-ignore_critical",
            "-CAfile",
            root,
            "-untrusted",
            device,
            leaf,
        ]);
        let attested = self.openssl(&["x509", "-in", leaf, "-noout", "-pubkey"]);
        let public = self.openssl(&["pkey", "-pubin", "-in", public]);
        assert_eq!(attested, public, "the attested key");
    }

    /// A certificate for a public key of the card, by a CA of the moment.
    pub fn openssl_certifies(&self, public: &str, certificate: &str) {
        if !self.path("ca.pem").exists() {
            self.openssl(&[
                "req",
                "-x509",
                "-newkey",
                "ec",
                "-pkeyopt",
                "ec_paramgen_curve:prime256v1",
                "-nodes",
                "-keyout",
                "ca.key",
                "-out",
                "ca.pem",
                "-subj",
                "/CN=CA",
            ]);
        }
        self.openssl(&[
            "x509",
            "-new",
            "-force_pubkey",
            public,
            "-CA",
            "ca.pem",
            "-CAkey",
            "ca.key",
            "-subj",
            "/CN=slot",
            "-out",
            certificate,
        ]);
    }

    /// Files NAME.key (PEM), NAME.pub (PEM) and NAME.pem, a certificate.
    pub fn openssl_key(&self, name: &str, algorithm: &[&str]) {
        let file = |ending: &str| format!("{name}.{ending}");
        let (key, public, certificate) = (file("key"), file("pub"), file("pem"));
        let generate = [&["genpkey", "-out", key.as_str()][..], algorithm].concat();
        self.openssl(&generate);
        self.openssl(&["pkey", "-in", &key, "-pubout", "-out", &public]);
        self.openssl(&[
            "req",
            "-x509",
            "-new",
            "-key",
            &key,
            "-subj",
            "/CN=import",
            "-out",
            &certificate,
        ]);
    }
}

pub const EC: &[&str] = &["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"];
pub const RSA: &[&str] = &["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"];

fn name(program: &OsStr) -> String {
    program.to_string_lossy().into_owned()
}

/// A PKCS#11 module or the like in the folder for libraries of this machine.
pub fn library(file: &str) -> PathBuf {
    let folders = std::fs::read_dir("/usr/lib").unwrap();
    folders
        .map(|folder| folder.unwrap().path().join(file))
        .find(|path| path.exists())
        .unwrap_or_else(|| panic!("{file} is missing; scripts/setup installs it"))
}

/// The current ykman, made on first use.
pub fn ykman_from_pypi() -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/ykman-from-pypi");
    let output = Command::new(script).arg(target).output().unwrap();
    assert!(
        output.status.success(),
        "ykman from PyPI cannot be had: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap().trim_end().into()
}
