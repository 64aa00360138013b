//! A web server that lets in whoever holds a client certificate of the CA, and
//! serves files over HTTP/1.1 with keep-alive: nginx.

use std::fs;
use std::path::{Path, PathBuf};

use crate::nginx::Server;
use crate::{Result, openssl};

/// nginx in a folder of its own.
#[derive(Debug)]
pub struct Intranet(Server);

impl Intranet {
    /// Starts it in `dir`; clients are verified against `client_root` (PEM).
    /// `/whoami` says who came in; files are below [`Self::files`].
    pub fn start(dir: &Path, client_root: &Path) -> Result<Self> {
        fs::create_dir_all(dir.join("www"))?;
        openssl::self_signed(dir)?;
        let lines = format!(
            "root {}/www;\n\
             location = /whoami {{ default_type text/plain; return 200 \"$ssl_client_s_dn\\n\"; }}",
            dir.display()
        );
        let server = Server::start(dir, client_root, "", "access_log off;", &lines)?;
        Ok(Self(server))
    }

    /// `https://localhost:PORT` and a path that begins with `/`.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("https://{}{path}", self.0.host_and_port())
    }

    /// As `dlogin proxy` and others take it.
    #[must_use]
    pub fn host_and_port(&self) -> String {
        self.0.host_and_port()
    }

    /// What to trust it by.
    #[must_use]
    pub fn certificate(&self) -> PathBuf {
        self.0.file("server.pem")
    }

    /// The folder of the files that it serves.
    #[must_use]
    pub fn files(&self) -> PathBuf {
        self.0.file("www")
    }

    /// What went wrong, if anything.
    #[must_use]
    pub fn log(&self) -> String {
        self.0.log()
    }
}
