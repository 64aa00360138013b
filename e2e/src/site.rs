//! A whole site in a temporary folder: a YubiKey, a CA, a laptop, one person.

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;
use virtual_yubikey::{Firmware, Launcher, Rig, Settings, TouchMode};

use crate::ca::Ca;
use crate::intranet::Intranet;
use crate::laptop::Laptop;
use crate::mtls::MtlsServer;
use crate::sshd::Sshd;
use crate::{Failure, Result, process, programs};

/// The PIN that the person chose.
pub const PIN: &str = "648219";
/// The person.
pub const USER: &str = "alice";
/// The name in the TLS certificate of the hardware key.
pub const HARDWARE_NAME: &str = "alice.laptop.example.net";
/// The name in the TLS certificate of the disk key: another one, so that access
/// lists can tell them apart.
pub const DISK_NAME: &str = "alice.disk.example.net";

/// The folder of a site and what runs in it.
#[derive(Debug)]
pub struct Site {
    // Dropped in this order: nothing may outlive the folder.
    ca: Ca,
    laptop: Laptop,
    rig: Rig,
    dir: TempDir,
}

impl Site {
    /// A YubiKey of firmware 5.7.4 plugged into a laptop, and a CA that serves
    /// and trusts such (virtual) keys. Nobody is enrolled.
    pub fn start(serial: u32, touch: TouchMode) -> Result<Self> {
        let key = Settings::new(Firmware::V5_7_4).serial(serial);
        Self::start_with(Launcher::new().key(key).touch(touch))
    }

    /// The same with other YubiKeys.
    pub fn start_with(launcher: Launcher) -> Result<Self> {
        let dir = TempDir::with_prefix("dlogin-")?;
        let rig = launcher.dir(dir.path().join("yubikey")).start()?;
        let mut ca = Ca::init(&dir.path().join("ca"))?;
        ca.trust_attestation_root(&rig.root_pem())?;
        ca.serve()?;
        let laptop = Laptop::new(&dir.path().join("home"), rig.env(), PIN)?;
        Ok(Self {
            ca,
            laptop,
            rig,
            dir,
        })
    }

    /// Ready to log in: the person's PIN is set, a login key is in 9a and a
    /// proof key in 82, and both are enrolled for the default profiles.
    pub fn enrolled(serial: u32) -> Result<Self> {
        Self::enrolled_with(Settings::new(Firmware::V5_7_4).serial(serial))
    }

    /// The same with another YubiKey.
    pub fn enrolled_with(key: Settings) -> Result<Self> {
        let site = Self::start_with(Launcher::new().key(key).touch(TouchMode::Auto))?;
        site.trust_ca()?;
        site.add_user()?;
        site.make_keys()?;
        for (key_use, grants) in site.keys() {
            let bundle = site.write_bundle(key_use)?;
            site.enrol(key_use, &bundle, &grants)?;
        }
        Ok(site)
    }

    /// The two keys of the person, and what each is granted.
    #[must_use]
    pub fn keys(&self) -> [(&'static str, Vec<String>); 2] {
        [
            (
                "login",
                vec![format!("tls={HARDWARE_NAME}"), format!("ssh={USER}")],
            ),
            ("proof", vec![format!("tls-disk={DISK_NAME}")]),
        ]
    }

    /// `dlogin trust`, with the fingerprint that the operator reads out.
    pub fn trust_ca(&self) -> Result<String> {
        let root: serde_json::Value = serde_json::from_str(&self.ca.succeed(&["root", "--json"])?)?;
        let fingerprint = root
            .get("sha256")
            .and_then(serde_json::Value::as_str)
            .ok_or_else(|| Failure::new("ca root --json has no \"sha256\""))?;
        self.laptop
            .succeed(&["trust", &self.ca.url(), "--fingerprint", fingerprint])
    }

    /// `ca user add`.
    pub fn add_user(&self) -> Result<String> {
        self.ca.succeed(&["user", "add", USER])
    }

    /// `dlogin setup`: nothing of the factory's is left, the PIN is the
    /// person's, and both keys are there.
    pub fn make_keys(&self) -> Result<String> {
        self.laptop.succeed(&["setup"])
    }

    /// `dlogin setup --use login|proof`: the same with one key.
    pub fn make_key(&self, key_use: &str) -> Result<String> {
        self.laptop.succeed(&["setup", "--use", key_use])
    }

    /// `dlogin bundle`, into a file that goes to the operator.
    pub fn write_bundle(&self, key_use: &str) -> Result<PathBuf> {
        let bundle = self
            .laptop
            .succeed(&["bundle", "--user", USER, "--use", key_use])?;
        let file = self.dir.path().join(format!("{key_use}.bundle"));
        std::fs::write(&file, bundle)?;
        Ok(file)
    }

    /// `ca key add`.
    pub fn enrol(&self, key_use: &str, bundle: &Path, grants: &[String]) -> Result<String> {
        let bundle = bundle.display().to_string();
        let mut args = vec![
            "key", "add", "--user", USER, "--bundle", &bundle, "--use", key_use,
        ];
        for grant in grants {
            args.extend(["--grant", grant]);
        }
        self.ca.succeed(&args)
    }

    /// Another CA that serves and trusts such keys, in `dir` of this name, at
    /// which the person is enrolled with both keys; `trust` are the arguments of
    /// `dlogin trust` that say for which site it is.
    pub fn another_ca(&self, name: &str, trust: &[&str]) -> Result<Ca> {
        let mut ca = Ca::init(&self.dir.path().join(name))?;
        ca.trust_attestation_root(&self.rig.root_pem())?;
        ca.serve()?;
        let url = ca.url();
        let root = self.dir.path().join(format!("{name}-root.pem"));
        ca.write_root(&root)?;
        let root = root.display().to_string();
        let args = ["trust", &url, "--root", &root];
        self.laptop.succeed(&[&args[..], trust].concat())?;
        ca.succeed(&["user", "add", USER])?;
        for (key_use, grants) in self.keys() {
            let args = ["bundle", "--user", USER, "--use", key_use, "--ca", &url];
            let bundle = self.laptop.succeed(&[&args[..], trust].concat())?;
            let file = self.dir.path().join(format!("{name}-{key_use}.bundle"));
            std::fs::write(&file, bundle)?;
            let file = file.display().to_string();
            let mut args = vec![
                "key", "add", "--user", USER, "--bundle", &file, "--use", key_use,
            ];
            for grant in &grants {
                args.extend(["--grant", grant]);
            }
            ca.succeed(&args)?;
        }
        Ok(ca)
    }

    /// The CA's root as a file of its own.
    pub fn root_file(&self) -> Result<PathBuf> {
        let file = self.dir.path().join("root.pem");
        self.ca.write_root(&file)?;
        Ok(file)
    }

    /// An sshd that lets `principal` in.
    pub fn sshd(&self, principal: &str) -> Result<Sshd> {
        let dir = self.dir.path().join(format!("sshd-{principal}"));
        Sshd::start(&dir, &self.ca.succeed(&["ssh-ca"])?, principal)
    }

    /// An mTLS server that lets the CA's clients in.
    pub fn mtls(&self) -> Result<MtlsServer> {
        MtlsServer::start(&self.dir.path().join("mtls"), &self.root_file()?)
    }

    /// A web server that lets the CA's clients in.
    pub fn intranet(&self) -> Result<Intranet> {
        Intranet::start(&self.dir.path().join("intranet"), &self.root_file()?)
    }

    /// `ssh` with the SSH certificate and the private key in the card.
    pub fn ssh(&self, sshd: &Sshd, login: &str, command: &str) -> Result<Command> {
        let mut ssh = self.laptop.adopt(sshd.ssh()?);
        ssh.arg("-o")
            .arg(format!(
                "PKCS11Provider={}",
                programs::library("libykcs11.so.2")?.display()
            ))
            .arg("-o")
            .arg(format!(
                "CertificateFile={}",
                self.laptop.certificate("ssh-cert.pub").display()
            ))
            .args(["-l", login, Sshd::host(), command]);
        Ok(ssh)
    }

    /// `curl` with the certificate and the key on disk.
    pub fn curl_disk(&self, server: &MtlsServer) -> Result<Command> {
        let mut curl = self.laptop.adopt(server.curl()?);
        curl.arg("--cert")
            .arg(self.laptop.certificate("tls-disk.pem"))
            .arg("--key")
            .arg(self.laptop.certificate("tls-disk.key"))
            .arg(server.url());
        Ok(curl)
    }

    /// `curl` with the certificate of the hardware key, which signs through
    /// OpenSSL's PKCS#11 engine. Gives what the server answered.
    pub fn curl_hardware(&self, server: &MtlsServer) -> Result<String> {
        let mut curl = self.laptop.adopt(server.curl()?);
        curl.env("PKCS11_MODULE_PATH", programs::library("libykcs11.so.2")?)
            .arg("--cert")
            .arg(self.laptop.certificate("tls.pem"))
            .args(["--engine", "pkcs11", "--key-type", "ENG", "--key"])
            // Key 1 of ykcs11 is slot 9a. A PIN does not belong among the
            // arguments, where every process can read it.
            .arg("pkcs11:id=%01;type=private?pin-source=/dev/stdin")
            .arg(server.url());
        let output = process::run_with_input(&mut curl, PIN)?;
        process::printed(&curl, &output)
    }

    /// `curl` with the certificate of that profile, and its key in our PKCS#11 module, which
    /// has the agent sign.
    pub fn curl_module(&self, server: &MtlsServer, profile: &str) -> Result<Command> {
        let mut curl = self.laptop.adopt(server.curl()?);
        curl.env("PKCS11_MODULE_PATH", programs::module()?)
            .env("DLOGIN_PKCS11_LOG", "1")
            .arg("--cert")
            .arg(self.laptop.certificate(&format!("{profile}.pem")))
            .args(["--engine", "pkcs11", "--key-type", "ENG", "--key"])
            .arg(format!("pkcs11:token=dlogin;object={profile};type=private"))
            .arg(server.url());
        Ok(curl)
    }

    /// How often the key was touched so far.
    #[must_use]
    pub fn touches(&self) -> u64 {
        self.rig.touch().status().touches
    }

    /// The CA.
    #[must_use]
    pub fn ca(&self) -> &Ca {
        &self.ca
    }

    /// The CA, to start and stop.
    pub fn ca_mut(&mut self) -> &mut Ca {
        &mut self.ca
    }

    /// The laptop.
    #[must_use]
    pub fn laptop(&self) -> &Laptop {
        &self.laptop
    }

    /// The laptop, to change what the person types.
    pub fn laptop_mut(&mut self) -> &mut Laptop {
        &mut self.laptop
    }

    /// The YubiKeys.
    #[must_use]
    pub fn rig(&self) -> &Rig {
        &self.rig
    }

    /// The folder.
    #[must_use]
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Text of an SSH certificate, as `ssh-keygen -L` shows it.
    pub fn ssh_certificate(&self) -> Result<String> {
        process::succeed(
            Command::new(programs::system("ssh-keygen")?)
                .arg("-Lf")
                .arg(self.laptop.certificate("ssh-cert.pub")),
        )
    }
}
