//! The matrix of `docs/clients.md`, read back: what a journey did must be what
//! the document says of its client.

use std::collections::BTreeSet;
use std::fmt;
use std::path::Path;
use std::process::Command;

use e2e::process;

/// The columns of the matrix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Did {
    /// Made an account.
    Account,
    /// Made one with an external account binding, where the CA wants it.
    Eab,
    /// Got a certificate by http-01.
    Http01,
    /// Got one by dns-01, a wildcard among its names.
    Dns01,
    /// Got one by tls-alpn-01.
    TlsAlpn01,
    /// Got one for an IP address.
    Ip,
    /// Got a new certificate in place of an old one.
    Renew,
    /// Asked when to renew (RFC 9773), and named what is replaced.
    Ari,
    /// Revoked a certificate.
    Revoke,
    /// Changed the account's contact.
    Contact,
    /// Changed the account's key.
    KeyChange,
    /// Gave the account up.
    Deactivate,
}

impl Did {
    const ALL: [Self; 12] = [
        Self::Account,
        Self::Eab,
        Self::Http01,
        Self::Dns01,
        Self::TlsAlpn01,
        Self::Ip,
        Self::Renew,
        Self::Ari,
        Self::Revoke,
        Self::Contact,
        Self::KeyChange,
        Self::Deactivate,
    ];

    fn column(self) -> &'static str {
        match self {
            Self::Account => "account",
            Self::Eab => "EAB",
            Self::Http01 => "http-01",
            Self::Dns01 => "dns-01",
            Self::TlsAlpn01 => "tls-alpn-01",
            Self::Ip => "IP",
            Self::Renew => "renew",
            Self::Ari => "ARI",
            Self::Revoke => "revoke",
            Self::Contact => "contact",
            Self::KeyChange => "new key",
            Self::Deactivate => "deactivate",
        }
    }
}

impl fmt::Display for Did {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.column())
    }
}

/// What one client has done so far.
#[derive(Debug)]
pub(crate) struct Journey {
    client: &'static str,
    version: String,
    did: BTreeSet<Did>,
}

impl Journey {
    /// Of a client that Debian packages.
    pub(crate) fn of_package(client: &'static str) -> Self {
        let mut dpkg = Command::new("dpkg-query");
        dpkg.args([
            "--show",
            "--showformat",
            "${source:Upstream-Version}",
            client,
        ]);
        Self::of(client, process::succeed(&mut dpkg).unwrap())
    }

    /// Of a client whose version is known.
    pub(crate) fn of(client: &'static str, version: String) -> Self {
        Self {
            client,
            version,
            did: BTreeSet::new(),
        }
    }

    /// Notes that it did something: the journey got past it.
    pub(crate) fn did(&mut self, what: Did) {
        self.did.insert(what);
    }

    /// Ends the journey: the document must say the same.
    pub(crate) fn ends(self) {
        let row = Row::read(self.client);
        let said: Vec<Did> = row.did.iter().copied().collect();
        let did: Vec<Did> = self.did.iter().copied().collect();
        assert_eq!(
            did, said,
            "what {} did, and what docs/clients.md says that it does",
            self.client
        );
        // Other releases have other versions; the document speaks of Debian 12.
        if debian_12() || self.client == "instant-acme" {
            assert_eq!(
                self.version, row.version,
                "the version of {} here, and in docs/clients.md",
                self.client
            );
        }
    }
}

fn debian_12() -> bool {
    let release = std::fs::read_to_string("/etc/os-release").unwrap_or_default();
    release.contains("VERSION_CODENAME=bookworm")
}

/// A row of the matrix.
struct Row {
    version: String,
    did: BTreeSet<Did>,
}

impl Row {
    fn read(client: &str) -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/clients.md");
        let text = std::fs::read_to_string(path).unwrap();
        let rows: Vec<Vec<&str>> = text.lines().filter_map(cells).collect();
        let head = rows
            .iter()
            .find(|row| row[0] == "client")
            .expect("the matrix has a head");
        let columns: Vec<&str> = Did::ALL.iter().map(|did| did.column()).collect();
        assert_eq!(head[..2], ["client", "version"]);
        assert_eq!(head[2..], columns, "the columns of docs/clients.md");
        let row = rows
            .iter()
            .find(|row| row[0] == client)
            .unwrap_or_else(|| panic!("docs/clients.md has no row of {client}"));
        assert_eq!(row.len(), head.len(), "the row of {client}");
        let did = Did::ALL
            .iter()
            .zip(&row[2..])
            .filter_map(|(did, cell)| match *cell {
                "yes" => Some(*did),
                "-" => None,
                other => panic!("{client}, {did}: {other:?} is neither yes nor -"),
            });
        Self {
            version: row[1].to_owned(),
            did: did.collect(),
        }
    }
}

/// The cells of a line of a table.
fn cells(line: &str) -> Option<Vec<&str>> {
    let inner = line.trim().strip_prefix('|')?.strip_suffix('|')?;
    Some(inner.split('|').map(str::trim).collect())
}
