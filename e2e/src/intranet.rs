//! A web server that lets in whoever holds a client certificate of the CA, and
//! serves files over HTTP/1.1 with keep-alive: nginx.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::process::{self, Background};
use crate::{Result, programs};

/// nginx in a folder of its own.
#[derive(Debug)]
pub struct Intranet {
    address: SocketAddr,
    dir: PathBuf,
    server: Background,
}

impl Intranet {
    /// Starts it in `dir`; clients are verified against `client_root` (PEM).
    /// `/whoami` says who came in; files are below [`Self::files`].
    pub fn start(dir: &Path, client_root: &Path) -> Result<Self> {
        fs::create_dir_all(dir.join("www"))?;
        let address = process::free_address()?;
        process::succeed(
            Command::new(programs::system("openssl")?)
                .current_dir(dir)
                .args(["req", "-x509", "-newkey", "ec", "-pkeyopt"])
                .args(["ec_paramgen_curve:P-256", "-nodes", "-days", "2"])
                .args(["-subj", "/CN=localhost", "-addext"])
                .args(["subjectAltName=DNS:localhost,IP:127.0.0.1", "-addext"])
                .args(["basicConstraints=critical,CA:FALSE"])
                .args(["-keyout", "server.key", "-out", "server.pem"]),
        )?;
        let d = dir.display();
        let user = if rustix::process::getuid().is_root() {
            "user root;"
        } else {
            ""
        };
        let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .iter()
            .map(|kind| format!("{kind}_temp_path {d}/{kind};\n"))
            .collect();
        fs::write(
            dir.join("nginx.conf"),
            format!(
                "{user} daemon off; worker_processes 1; pid {d}/nginx.pid;\n\
                 events {{ worker_connections 512; }}\n\
                 http {{\n{temporary}access_log off;\n\
                 server {{\n\
                 listen {address} ssl;\n\
                 ssl_certificate {d}/server.pem; ssl_certificate_key {d}/server.key;\n\
                 ssl_client_certificate {}; ssl_verify_client on; ssl_verify_depth 4;\n\
                 keepalive_timeout 600s; root {d}/www;\n\
                 location = /whoami {{ default_type text/plain; return 200 \"$ssl_client_s_dn\\n\"; }}\n\
                 }} }}\n",
                client_root.display()
            ),
        )?;
        let mut nginx = Command::new(programs::system("nginx")?);
        nginx
            .arg("-p")
            .arg(dir)
            .arg("-e")
            .arg(dir.join("error.log"));
        nginx.arg("-c").arg(dir.join("nginx.conf"));
        let mut server = Background::start(nginx, &dir.join("nginx.log"))?;
        server.wait_for_port(address)?;
        Ok(Self {
            address,
            dir: dir.to_owned(),
            server,
        })
    }

    /// `https://localhost:PORT` and a path that begins with `/`.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("https://localhost:{}{path}", self.address.port())
    }

    /// As `dlogin proxy` and others take it.
    #[must_use]
    pub fn host_and_port(&self) -> String {
        format!("localhost:{}", self.address.port())
    }

    /// What to trust it by.
    #[must_use]
    pub fn certificate(&self) -> PathBuf {
        self.dir.join("server.pem")
    }

    /// The folder of the files that it serves.
    #[must_use]
    pub fn files(&self) -> PathBuf {
        self.dir.join("www")
    }

    /// What went wrong, if anything.
    #[must_use]
    pub fn log(&self) -> String {
        self.server.log() + &fs::read_to_string(self.dir.join("error.log")).unwrap_or_default()
    }
}

impl Drop for Intranet {
    /// Killed at once, the master would leave its worker behind.
    fn drop(&mut self) {
        let _ = self.server.stop();
    }
}
