//! openssl judges what the clients got.

use std::path::{Path, PathBuf};
use std::process::Command;

use e2e::{process, programs};

fn openssl(args: &[&str], file: &Path) -> String {
    let mut openssl = Command::new(programs::system("openssl").unwrap());
    process::succeed(openssl.args(args).arg(file)).unwrap()
}

/// A certificate as a client left it on disk, with the chain behind it.
#[derive(Debug, Clone)]
pub(crate) struct Got {
    chain: PathBuf,
    /// The serial number, hex.
    pub(crate) serial: String,
}

impl Got {
    /// The chain in `chain` (PEM, leaf first) must lead to `root`, be for
    /// servers, name exactly `names`, and certify the key in `key`.
    pub(crate) fn judge(root: &Path, chain: &Path, key: &Path, names: &[&str]) -> Self {
        let mut verify = Command::new(programs::system("openssl").unwrap());
        verify
            .args(["verify", "-purpose", "sslserver", "-x509_strict", "-CAfile"])
            .arg(root)
            .arg("-untrusted")
            .arg(chain)
            .arg(chain);
        process::succeed(&mut verify).unwrap();

        let shown = openssl(&["x509", "-noout", "-ext", "subjectAltName", "-in"], chain);
        let mut carried: Vec<String> = shown
            .lines()
            .skip(1)
            .flat_map(|line| line.split(','))
            .map(|name| name.trim().replace("IP Address:", "IP:"))
            .collect();
        carried.sort();
        let mut wanted: Vec<String> = names
            .iter()
            .map(|name| match name.parse::<std::net::IpAddr>() {
                Ok(_) => format!("IP:{name}"),
                Err(_) => format!("DNS:{name}"),
            })
            .collect();
        wanted.sort();
        assert_eq!(carried, wanted, "the names in {}", chain.display());

        let certified = openssl(&["x509", "-noout", "-pubkey", "-in"], chain);
        let held = openssl(&["pkey", "-pubout", "-in"], key);
        assert_eq!(certified, held, "the key in {}", chain.display());

        let serial = openssl(&["x509", "-noout", "-serial", "-in"], chain);
        Self {
            chain: chain.to_owned(),
            serial: serial.trim().trim_start_matches("serial=").to_owned(),
        }
    }

    /// Where it lies.
    pub(crate) fn chain(&self) -> &Path {
        &self.chain
    }
}
