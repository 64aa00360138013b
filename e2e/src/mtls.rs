//! A real TLS server that lets in whoever holds a client certificate of the CA.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::process::{self, Background};
use crate::{Result, openssl, programs};

/// `openssl s_server -Verify`, serving a status page that shows who came in.
#[derive(Debug)]
pub struct MtlsServer {
    address: SocketAddr,
    certificate: PathBuf,
    server: Background,
}

impl MtlsServer {
    /// Starts it in `dir`; clients are verified against `client_root` (PEM).
    pub fn start(dir: &Path, client_root: &Path) -> Result<Self> {
        Self::start_as(Command::new(programs::system("openssl")?), dir, client_root)
    }

    /// The same by a command for openssl that its caller prepared (with another clock, say).
    pub fn start_as(mut command: Command, dir: &Path, client_root: &Path) -> Result<Self> {
        std::fs::create_dir_all(dir)?;
        let address = process::free_address()?;
        openssl::self_signed(dir)?;
        let certificate = dir.join("server.pem");
        command
            .args(["s_server", "-accept", &address.to_string()])
            .arg("-cert")
            .arg(&certificate)
            .arg("-key")
            .arg(dir.join("server.key"))
            .arg("-CAfile")
            .arg(client_root)
            // -Verify wants a certificate; without the second flag a bad one
            // is reported and let in.
            .args([
                "-Verify",
                "4",
                "-verify_return_error",
                "-purpose",
                "sslclient",
                "-www",
            ]);
        let mut server = Background::start(command, &dir.join("s_server.log"))?;
        server.wait_for("ACCEPT", {
            let log = dir.join("s_server.log");
            move || std::fs::read_to_string(&log).is_ok_and(|log| log.contains("ACCEPT"))
        })?;
        Ok(Self {
            address,
            certificate,
            server,
        })
    }

    /// What it logged.
    #[must_use]
    pub fn log(&self) -> String {
        self.server.log()
    }

    /// The page that only a verified client sees.
    #[must_use]
    pub fn url(&self) -> String {
        format!("https://localhost:{}/", self.address.port())
    }

    /// `curl` to the page; the client certificate and key are the caller's.
    pub fn curl(&self) -> Result<Command> {
        let mut curl = Command::new(programs::system("curl")?);
        curl.args(["--silent", "--show-error", "--fail", "--max-time", "60"])
            .arg("--cacert")
            .arg(&self.certificate)
            .args([
                "--resolve",
                &format!("localhost:{}:127.0.0.1", self.address.port()),
            ]);
        Ok(curl)
    }
}
