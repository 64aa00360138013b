//! Certificates of servers, made by the openssl program.

use std::path::Path;
use std::process::Command;

use crate::{Result, process, programs};

/// Makes `server.pem` and `server.key` in `dir`: for localhost, signed by itself.
pub fn self_signed(dir: &Path) -> Result<()> {
    process::succeed(
        Command::new(programs::system("openssl")?)
            .current_dir(dir)
            .args(["req", "-x509", "-newkey", "ec", "-pkeyopt"])
            .args(["ec_paramgen_curve:P-256", "-nodes", "-days", "2"])
            .args(["-subj", "/CN=localhost", "-addext"])
            .args(["subjectAltName=DNS:localhost,IP:127.0.0.1", "-addext"])
            // rustls takes no authority for a server.
            .args(["basicConstraints=critical,CA:FALSE"])
            .args(["-keyout", "server.key", "-out", "server.pem"]),
    )?;
    Ok(())
}
