//! The operator's side: a folder made by `ca init`, and `ca serve` in the
//! background.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::process::{self, Background};
use crate::{Failure, Result, programs};

/// A CA in its own folder.
#[derive(Debug)]
pub struct Ca {
    program: PathBuf,
    dir: PathBuf,
    address: SocketAddr,
    server: Option<Background>,
}

impl Ca {
    /// `ca init` in `dir`, for a free port of loopback.
    pub fn init(dir: &Path) -> Result<Self> {
        Self::init_at(dir, process::free_address()?)
    }

    /// The same for a given port of loopback.
    pub fn init_at(dir: &Path, address: SocketAddr) -> Result<Self> {
        let ca = Self {
            program: programs::ours("ca")?,
            dir: dir.to_owned(),
            address,
            server: None,
        };
        ca.succeed(&["init", "--url", &ca.url()])?;
        Ok(ca)
    }

    /// The CA's URL, as people type it.
    #[must_use]
    pub fn url(&self) -> String {
        format!("https://localhost:{}", self.address.port())
    }

    /// The URL of its directory, which ACME clients want.
    #[must_use]
    pub fn directory(&self) -> String {
        format!("{}/directory", self.url())
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The folder that holds everything.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Adds lines to `ca.toml`.
    pub fn configure(&self, lines: &str) -> Result<()> {
        let path = self.dir.join("ca.toml");
        let mut settings = fs::read_to_string(&path)?;
        settings.push_str(lines);
        Ok(fs::write(path, settings)?)
    }

    /// Adds lines to a section of `ca.toml`; what stands before all sections
    /// has the name "".
    pub fn configure_section(&self, section: &str, lines: &str) -> Result<()> {
        let path = self.dir.join("ca.toml");
        let settings = fs::read_to_string(&path)?;
        let head = format!("[{section}]\n");
        let settings = if section.is_empty() {
            format!("{lines}\n{settings}")
        } else if let Some((before, after)) = settings.split_once(&format!("\n{head}")) {
            format!("{before}\n{head}{lines}\n{after}")
        } else {
            format!("{settings}\n{head}{lines}\n")
        };
        Ok(fs::write(path, settings)?)
    }

    /// Has it certify servers: names below each of `names`, for anybody who
    /// controls them. It asks `resolver`, and connects to loopback.
    pub fn certify_servers(
        &self,
        names: &str,
        resolver: SocketAddr,
        http_port: u16,
        tls_port: u16,
    ) -> Result<()> {
        self.configure_section("", "default_profile = \"servers\"")?;
        self.configure_section(
            "validation",
            &format!(
                "resolver = \"{resolver}\"\nhttp_port = {http_port}\ntls_port = {tls_port}\n\
                 allow_private = [\"127.0.0.0/8\"]"
            ),
        )?;
        self.configure(&format!(
            "\n[profiles.servers]\n\
             description = \"TLS server certificate\"\n\
             kind = \"x509-server\"\n\
             challenges = [\"http-01\", \"dns-01\", \"tls-alpn-01\"]\n\
             [[profiles.servers.allow]]\n\
             who = \"anyone\"\n\
             names = [\"{names}\"]\n\
             wildcards = true\n\
             addresses = [\"127.0.0.1\"]\n"
        ))
    }

    /// Names another attestation root, such as the virtual YubiKey's.
    pub fn trust_attestation_root(&self, pem: &Path) -> Result<()> {
        self.configure(&format!(
            "\n[[attestation_root]]\nfile = \"{}\"\n",
            pem.display()
        ))
    }

    /// `ca --dir DIR ARGS…`, not yet run.
    #[must_use]
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.arg("--dir").arg(&self.dir).args(args);
        command
    }

    /// Runs `ca --dir DIR ARGS…`.
    pub fn run(&self, args: &[&str]) -> Result<Output> {
        process::run(&mut self.command(args))
    }

    /// Runs it and wants success; gives what it printed.
    pub fn succeed(&self, args: &[&str]) -> Result<String> {
        process::succeed(&mut self.command(args))
    }

    /// Starts `ca serve` and waits until it listens.
    pub fn serve(&mut self) -> Result<()> {
        let command = self.command(&["serve"]);
        self.serve_with(command)
    }

    /// Starts the server as `command` says (under faketime, say).
    pub fn serve_with(&mut self, command: Command) -> Result<()> {
        let log = self.dir.with_extension("log");
        let mut server = Background::start(command, &log)?;
        server.wait_for_port(self.address)?;
        self.server = Some(server);
        Ok(())
    }

    /// The running server.
    pub fn server(&mut self) -> Result<&mut Background> {
        self.server
            .as_mut()
            .ok_or_else(|| Failure::new("the CA is not serving"))
    }

    /// SIGTERM, and waits until it has drained.
    pub fn stop(&mut self) -> Result<()> {
        if let Some(mut server) = self.server.take() {
            let status = server.stop()?;
            if !status.success() {
                return Err(Failure::new(format!(
                    "ca serve ended with {status}:\n{}",
                    server.log()
                )));
            }
        }
        Ok(())
    }

    /// Writes the root certificate to `file`.
    pub fn write_root(&self, file: &Path) -> Result<()> {
        Ok(fs::write(file, self.succeed(&["root"])?)?)
    }
}
