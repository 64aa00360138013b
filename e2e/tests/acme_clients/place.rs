//! A CA that validates servers, a name server, a webroot, and hook scripts.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use e2e::ca::Ca;
use e2e::http01::Http01;
use e2e::zone::Zone;
use e2e::{process, programs};
use tempfile::TempDir;

use crate::judge::Got;

/// Everything but the client.
#[derive(Debug)]
pub(crate) struct Place {
    // Dropped in this order: nothing may outlive the folder.
    ca: Ca,
    _webroot: Http01,
    zone: Zone,
    /// Where the CA connects to for http-01.
    pub(crate) http_port: u16,
    /// Where it connects to for tls-alpn-01.
    pub(crate) tls_port: u16,
    dir: TempDir,
}

impl Place {
    /// Clients put files below [`webroot`](Self::webroot).
    pub(crate) fn with_webroot() -> Self {
        Self::start(false, |webroot| webroot.port())
    }

    /// Clients listen themselves, on [`http_port`](Self::http_port).
    pub(crate) fn standalone() -> Self {
        Self::start(false, |_| process::free_address().unwrap().port())
    }

    /// With a webroot, and a CA that wants accounts that are bound to a key of
    /// the operator's.
    pub(crate) fn with_external_account() -> Self {
        Self::start(true, |webroot| webroot.port())
    }

    fn start(external: bool, http_port: impl FnOnce(&Http01) -> u16) -> Self {
        let dir = TempDir::with_prefix("acme-").unwrap();
        let webroot = Http01::webroot(&dir.path().join("webroot")).unwrap();
        let zone = Zone::start(&dir.path().join("zone")).unwrap();
        let http_port = http_port(&webroot);
        let tls_port = process::free_address().unwrap().port();
        let mut ca = Ca::init(&dir.path().join("ca")).unwrap();
        ca.certify_servers(".example.test", zone.address(), http_port, tls_port)
            .unwrap();
        if external {
            ca.configure_section("acme", "external_account_required = true")
                .unwrap();
        }
        ca.serve().unwrap();
        ca.write_root(&dir.path().join("root.pem")).unwrap();
        Self {
            ca,
            _webroot: webroot,
            zone,
            http_port,
            tls_port,
            dir,
        }
    }

    pub(crate) fn directory(&self) -> String {
        self.ca.directory()
    }

    /// The root of the CA: of its own server certificate and of what it issues.
    pub(crate) fn root(&self) -> PathBuf {
        self.dir.path().join("root.pem")
    }

    /// A key for an external account: its name, and the secret in base64url.
    pub(crate) fn eab(&self) -> (String, String) {
        self.ca.succeed(&["user", "add", "admin"]).unwrap();
        let made = self
            .ca
            .succeed(&["user", "eab", "admin", "--json"])
            .unwrap();
        let made: serde_json::Value = serde_json::from_str(&made).unwrap();
        let text = |name: &str| made[name].as_str().unwrap().to_owned();
        (text("id"), text("hmac_key"))
    }

    /// The CA has it on record as revoked, and why.
    pub(crate) fn is_revoked(&self, got: &Got, reason: &str) {
        let rows = self.ca.succeed(&["cert", "list", "--json"]).unwrap();
        let rows: serde_json::Value = serde_json::from_str(&rows).unwrap();
        let serial = got.serial.to_ascii_lowercase();
        let mut rows = rows.as_array().unwrap().iter();
        let row = rows.find(|row| row["serial"] == *serial).unwrap();
        assert_eq!(row["status"], "revoked", "{row}");
        assert_eq!(row["revocation_reason"], reason, "{row}");
    }

    /// A folder for the client alone.
    pub(crate) fn client(&self) -> PathBuf {
        let dir = self.dir.path().join("client");
        fs::create_dir_all(&dir).unwrap();
        dir
    }

    pub(crate) fn webroot(&self) -> PathBuf {
        self.dir.path().join("webroot")
    }

    /// Where the webroot has its challenges.
    pub(crate) fn challenges(&self) -> PathBuf {
        self.webroot().join(".well-known/acme-challenge")
    }

    /// The folder of the name server's TXT records.
    pub(crate) fn zone(&self) -> &Path {
        self.zone.dir()
    }

    /// Where the name server answers.
    pub(crate) fn resolver(&self) -> String {
        self.zone.address().to_string()
    }

    /// A program with nothing of the surroundings but its path, at home in the
    /// client's folder.
    pub(crate) fn command(&self, program: &str) -> Command {
        let mut command = Command::new(programs::system(program).unwrap());
        command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("LANG", "C.UTF-8")
            .env("HOME", self.client())
            .env("ZONE", self.zone())
            .env("CHALLENGES", self.challenges())
            .current_dir(self.client());
        command
    }

    /// Writes a hook script for `sh`; it finds `$ZONE` and `$CHALLENGES`.
    pub(crate) fn hook(&self, name: &str, script: &str) -> String {
        let path = self.dir.path().join(name);
        fs::write(&path, format!("#!/bin/sh\nset -eu\n{script}")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path.display().to_string()
    }

    /// Judges what lies in the client's folder.
    pub(crate) fn judge(&self, chain: &Path, key: &Path, names: &[&str]) -> Got {
        let client = self.client();
        Got::judge(&self.root(), &client.join(chain), &client.join(key), names)
    }
}

/// Runs and wants success; gives what was printed, errors included.
pub(crate) fn succeed(command: &mut Command) -> String {
    let output = process::run(command).unwrap();
    let said = process::text(&output.stdout) + &process::text(&output.stderr);
    assert!(
        output.status.success(),
        "{:?} ended with {}\n{said}",
        command,
        output.status
    );
    said
}
