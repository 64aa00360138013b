//! Debian's `pebble`, a test ACME server that keeps all in memory: what this
//! CA is measured beside.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::process::{self, Background};
use crate::{Result, programs};

/// A running Pebble.
#[derive(Debug)]
pub struct Pebble {
    address: SocketAddr,
    root: PathBuf,
    server: Background,
}

impl Pebble {
    /// Starts it in `dir`. It asks `resolver` for names, and validates http-01
    /// on `http_port`.
    ///
    /// It neither sleeps, nor refuses good nonces, nor reuses authorizations,
    /// and runs on one thread: on more, it deadlocks under concurrent clients.
    pub fn start(dir: &Path, resolver: SocketAddr, http_port: u16) -> Result<Self> {
        fs::create_dir_all(dir)?;
        let address = process::free_address()?;
        certificate(dir)?;
        let config = serde_json::json!({"pebble": {
            "listenAddress": address.to_string(),
            "managementListenAddress": "",
            "certificate": dir.join("tls.pem"),
            "privateKey": dir.join("tls.key"),
            "httpPort": http_port,
            "tlsPort": process::free_address()?.port(),
            "ocspResponderURL": "",
            "externalAccountBindingRequired": false,
        }});
        fs::write(dir.join("pebble.json"), config.to_string())?;
        let mut command = Command::new(programs::system("pebble")?);
        command
            .arg("-config")
            .arg(dir.join("pebble.json"))
            .args(["-dnsserver", &resolver.to_string()])
            .env("PEBBLE_VA_NOSLEEP", "1")
            .env("PEBBLE_WFE_NONCEREJECT", "0")
            .env("PEBBLE_AUTHZREUSE", "0")
            .env("GOMAXPROCS", "1");
        let mut server = Background::start(command, &dir.join("pebble.log"))?;
        server.wait_for_port(address)?;
        Ok(Self {
            address,
            root: dir.join("root.pem"),
            server,
        })
    }

    /// The URL of its directory.
    #[must_use]
    pub fn directory(&self) -> String {
        format!("https://localhost:{}/dir", self.address.port())
    }

    /// The root of its own TLS certificate, PEM.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.server.id()
    }
}

/// A root and a certificate for localhost under it: the package has none.
fn certificate(dir: &Path) -> Result<()> {
    let openssl = |args: &[&str]| {
        process::succeed(
            Command::new(programs::system("openssl")?)
                .current_dir(dir)
                .args(args),
        )
    };
    let new_key = [
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
    ];
    let mut root = vec![
        "req",
        "-x509",
        "-days",
        "30",
        "-subj",
        "/CN=Pebble's TLS root",
    ];
    root.extend(new_key);
    root.extend(["-keyout", "root.key", "-out", "root.pem"]);
    openssl(&root)?;
    let mut request = vec!["req", "-subj", "/CN=localhost", "-keyout", "tls.key"];
    request.extend(new_key);
    request.extend(["-out", "tls.csr"]);
    openssl(&request)?;
    fs::write(
        dir.join("tls.ext"),
        "subjectAltName=DNS:localhost,IP:127.0.0.1\nextendedKeyUsage=serverAuth\n",
    )?;
    openssl(&[
        "x509",
        "-req",
        "-in",
        "tls.csr",
        "-CA",
        "root.pem",
        "-CAkey",
        "root.key",
        "-CAcreateserial",
        "-days",
        "30",
        "-extfile",
        "tls.ext",
        "-out",
        "tls.pem",
    ])?;
    Ok(())
}
