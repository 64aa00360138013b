//! The servers that are measured.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use e2e::ca::Ca;
use e2e::pebble::Pebble;
use e2e::{Result, process};
use tempfile::TempDir;

/// Where a server runs and what it asks.
pub(crate) struct Place {
    pub(crate) dir: TempDir,
    pub(crate) resolver: SocketAddr,
    pub(crate) http_port: u16,
}

/// A running server.
pub(crate) struct Server {
    name: &'static str,
    process: u32,
    directory: String,
    root: PathBuf,
    issues_under_root: bool,
    _running: Running,
}

#[expect(dead_code, reason = "held until the row is done")]
enum Running {
    Ca(Ca),
    Pebble(Pebble),
}

impl Server {
    /// `ca serve`, with its usual lifetimes.
    pub(crate) fn ca(place: &Place) -> Result<Self> {
        Self::ca_with(place, &[])
    }

    /// `ca serve` with more lines in sections of its settings. One address does
    /// here what many would, so limits for each address are far away.
    pub(crate) fn ca_with(place: &Place, settings: &[(&str, &str)]) -> Result<Self> {
        let mut ca = Ca::init(&place.dir.path().join("ca"))?;
        ca.certify_servers(
            ".bench.test",
            place.resolver,
            place.http_port,
            process::free_address()?.port(),
        )?;
        ca.configure_section("limits", "orders_per_minute = 1000000")?;
        for (section, lines) in settings {
            ca.configure_section(section, lines)?;
        }
        ca.serve()?;
        let root = place.dir.path().join("root.pem");
        ca.write_root(&root)?;
        Ok(Self {
            name: "ca, durable",
            process: ca.server()?.id(),
            directory: ca.directory(),
            root,
            issues_under_root: true,
            _running: Running::Ca(ca),
        })
    }

    /// Debian's Pebble.
    pub(crate) fn pebble(place: &Place) -> Result<Self> {
        let pebble = Pebble::start(
            &place.dir.path().join("pebble"),
            place.resolver,
            place.http_port,
        )?;
        Ok(Self {
            name: "Pebble, in memory",
            process: pebble.id(),
            directory: pebble.directory(),
            root: pebble.root().to_owned(),
            issues_under_root: false,
            _running: Running::Pebble(pebble),
        })
    }

    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    /// The process id.
    pub(crate) fn id(&self) -> u32 {
        self.process
    }

    pub(crate) fn directory(&self) -> &str {
        &self.directory
    }

    /// What its TLS certificate leads to.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// What the certificates that it issues lead to, where that is known.
    pub(crate) fn issuing_root(&self) -> Option<&Path> {
        self.issues_under_root.then_some(self.root.as_path())
    }
}
