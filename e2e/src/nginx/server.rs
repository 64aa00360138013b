//! nginx in a folder of its own, whatever it serves.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::process::{self, Background};
use crate::{Result, programs};

/// A running nginx.
#[derive(Debug)]
pub(crate) struct Server {
    address: SocketAddr,
    dir: PathBuf,
    process: Background,
}

impl Server {
    /// Starts it in `dir`, where `server.pem` and `server.key` are already. Only
    /// clients under `client_root` (PEM) get in. `http` and `server` are further lines
    /// of these two blocks; `listen` says how it listens, beside `ssl`.
    pub(crate) fn start(
        dir: &Path,
        client_root: &Path,
        listen: &str,
        http: &str,
        server: &str,
    ) -> Result<Self> {
        let address = process::free_address()?;
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
        let clients = client_root.display();
        // One process: a worker would outlive a master that is killed.
        fs::write(
            dir.join("nginx.conf"),
            format!(
                "{user} daemon off; master_process off; pid {d}/nginx.pid;\n\
                 events {{ worker_connections 512; }}\n\
                 http {{\n{temporary}{http}\n\
                 server {{\n\
                 listen {address} ssl {listen};\n\
                 ssl_certificate {d}/server.pem; ssl_certificate_key {d}/server.key;\n\
                 ssl_client_certificate {clients}; ssl_verify_client on; ssl_verify_depth 4;\n\
                 ssl_protocols TLSv1.2 TLSv1.3;\n\
                 keepalive_timeout 600s;\n\
                 {server}\n}} }}\n",
            ),
        )?;
        Ok(Self {
            address,
            dir: dir.to_owned(),
            process: Self::run(dir, address)?,
        })
    }

    fn run(dir: &Path, address: SocketAddr) -> Result<Background> {
        let mut command = Command::new(programs::system("nginx")?);
        command
            .args(["-e", "stderr", "-p"])
            .arg(dir)
            .arg("-c")
            .arg(dir.join("nginx.conf"));
        let mut process = Background::start(command, &dir.join("nginx.log"))?;
        process.wait_for_port(address)?;
        Ok(process)
    }

    /// Ends it and starts it again at the same place.
    pub(crate) fn restart(&mut self) -> Result<()> {
        self.process.stop()?;
        self.process = Self::run(&self.dir, self.address)?;
        Ok(())
    }

    /// Where it listens: `localhost:PORT`.
    pub(crate) fn host_and_port(&self) -> String {
        format!("localhost:{}", self.address.port())
    }

    /// A file of its folder.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// What it complained of.
    pub(crate) fn log(&self) -> String {
        self.process.log()
    }
}
