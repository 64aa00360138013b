//! A real sshd that trusts the CA's user keys, and `ssh` into it.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::process::{self, Background};
use crate::{Result, programs};

/// sshd on a port of loopback, for the user who runs this.
#[derive(Debug)]
pub struct Sshd {
    address: SocketAddr,
    dir: PathBuf,
    server: Background,
}

/// Where an sshd is and how it is known.
#[derive(Clone, Debug)]
pub struct Place {
    /// On loopback.
    pub port: u16,
    /// Its public host key.
    pub host_key: PathBuf,
    /// The line for it.
    pub known_hosts: PathBuf,
}

impl Sshd {
    /// Starts it in `dir`, with the file `krl` there as its RevokedKeys if there is one,
    /// with the `host_key` that is there if one is, and with `host_key-cert.pub`.
    /// `user_cas` are lines for TrustedUserCAKeys;
    /// `principal` is the one name that may enter.
    pub fn start(dir: &Path, user_cas: &str, principal: &str) -> Result<Self> {
        Self::start_as(
            Command::new(programs::system("sshd")?),
            dir,
            user_cas,
            principal,
        )
    }

    /// The same by a command for sshd that its caller prepared (with another clock, say).
    pub fn start_as(
        mut command: Command,
        dir: &Path,
        user_cas: &str,
        principal: &str,
    ) -> Result<Self> {
        fs::create_dir_all(dir)?;
        let address = process::free_address()?;
        let host_key = dir.join("host_key");
        if !host_key.exists() {
            process::succeed(
                Command::new(programs::system("ssh-keygen")?)
                    .args(["-q", "-t", "ed25519", "-N", "", "-f"])
                    .arg(&host_key),
            )?;
        }
        fs::write(dir.join("user_cas"), user_cas)?;
        fs::write(dir.join("principals"), format!("{principal}\n"))?;
        let d = dir.display();
        // Whoever wants them puts them there before.
        let line = |keyword: &str, file: &str| {
            if dir.join(file).exists() {
                format!("{keyword} {d}/{file}\n")
            } else {
                String::new()
            }
        };
        let revoked = line("RevokedKeys", "krl");
        let certificate = line("HostCertificate", "host_key-cert.pub");
        fs::write(
            dir.join("sshd_config"),
            format!(
                "ListenAddress {address}\n\
                 HostKey {d}/host_key\n\
                 TrustedUserCAKeys {d}/user_cas\n\
                 AuthorizedPrincipalsFile {d}/principals\n\
                 AuthorizedKeysFile none\n\
                 {revoked}{certificate}\
                 AuthenticationMethods publickey\n\
                 PasswordAuthentication no\n\
                 KbdInteractiveAuthentication no\n\
                 UsePAM no\n\
                 Subsystem sftp internal-sftp\n\
                 PermitRootLogin yes\n\
                 StrictModes no\n\
                 PidFile none\n\
                 LogLevel VERBOSE\n"
            ),
        )?;
        let public = fs::read_to_string(dir.join("host_key.pub"))?;
        fs::write(
            dir.join("known_hosts"),
            format!("[127.0.0.1]:{} {public}", address.port()),
        )?;
        command
            .args(["-D", "-e", "-f"])
            .arg(dir.join("sshd_config"));
        let mut server = Background::start(command, &dir.join("sshd.log"))?;
        server.wait_for_port(address)?;
        Ok(Self {
            address,
            dir: dir.to_owned(),
            server,
        })
    }

    /// What sshd logged: who came in, by which certificate, or why not.
    #[must_use]
    pub fn log(&self) -> String {
        self.server.log()
    }

    /// What a configuration of ssh has to say of it.
    #[must_use]
    pub fn place(&self) -> Place {
        Place {
            port: self.address.port(),
            host_key: self.dir.join("host_key.pub"),
            known_hosts: self.dir.join("known_hosts"),
        }
    }

    /// `ssh` to it with nothing of the person's own configuration; the key and
    /// the command to run are the caller's.
    pub fn ssh(&self) -> Result<Command> {
        let mut ssh = Command::new(programs::system("ssh")?);
        ssh.args(["-F", "none", "-p", &self.address.port().to_string()])
            .arg("-o")
            .arg(format!(
                "UserKnownHostsFile={}",
                self.dir.join("known_hosts").display()
            ))
            .args(["-o", "GlobalKnownHostsFile=none"])
            .args(["-o", "StrictHostKeyChecking=yes"])
            // Only what the caller names. (`IdentitiesOnly` would leave out the
            // keys of a PKCS#11 module, too.)
            .args(["-o", "IdentityFile=none", "-o", "IdentityAgent=none"])
            .args(["-o", "PreferredAuthentications=publickey"]);
        Ok(ssh)
    }

    /// The argument that names the host.
    #[must_use]
    pub fn host() -> &'static str {
        "127.0.0.1"
    }
}
