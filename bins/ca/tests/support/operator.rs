//! An operator with a folder of their own.
#![allow(dead_code)]

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use super::device::{self, Device, Facts, TestKey};

pub(crate) struct Operator {
    home: tempfile::TempDir,
}

impl Operator {
    pub(crate) fn new() -> Self {
        Self {
            home: tempfile::tempdir().unwrap(),
        }
    }

    /// The CA's folder; not there before `init`.
    pub(crate) fn dir(&self) -> PathBuf {
        self.home.path().join("ca")
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ca"));
        command
            .arg("--dir")
            .arg(self.dir())
            .args(arguments)
            .env_remove("CA_DIR")
            .env_remove("RUST_LOG")
            .stdin(Stdio::null());
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// Runs it and wants success; gives what it printed.
    pub(crate) fn succeed(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {said}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Runs it and wants this exit code and nothing on stdout; gives what it said.
    pub(crate) fn fail(&self, code: i32, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
        assert!(
            !said.is_empty() && output.stdout.is_empty(),
            "{arguments:?}"
        );
        said
    }

    pub(crate) fn json(&self, arguments: &[&str]) -> serde_json::Value {
        let printed = self.succeed(&[&["--json"], arguments].concat());
        serde_json::from_str(&printed).unwrap()
    }

    pub(crate) fn init(&self) -> String {
        self.succeed(&["init", "--url", "https://localhost:8443"])
    }

    /// A CA that trusts a device.
    pub(crate) fn init_with_device(&self) -> Device {
        self.init();
        let device = Device::new();
        self.trust(&device);
        device
    }

    pub(crate) fn trust(&self, device: &Device) {
        std::fs::write(self.dir().join("device.pem"), device.root_pem()).unwrap();
        let mut settings = std::fs::OpenOptions::new()
            .append(true)
            .open(self.dir().join("ca.toml"))
            .unwrap();
        settings
            .write_all(b"\n[[attestation_root]]\nfile = \"device.pem\"\n")
            .unwrap();
    }

    /// SHA-256 of the root, hex.
    pub(crate) fn fingerprint(&self) -> String {
        let root = self.json(&["root"]);
        root["sha256"].as_str().unwrap().to_owned()
    }

    /// A file with a bundle for this CA.
    pub(crate) fn bundle(
        &self,
        device: &Device,
        user: &str,
        key: &TestKey,
        facts: &Facts,
    ) -> PathBuf {
        let root: [u8; 32] = hex::decode(self.fingerprint()).unwrap().try_into().unwrap();
        let bundle = device::bundle(root, user, key, &device.attest(key, facts));
        let (mut file, path) = tempfile::NamedTempFile::new_in(self.home.path())
            .unwrap()
            .keep()
            .unwrap();
        file.write_all(&bundle).unwrap();
        path
    }

    pub(crate) fn home(&self) -> &Path {
        self.home.path()
    }
}
