//! The settings of a CA: `ca.toml`, read once at start; every error points at its line.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

mod acme;
mod allow;
mod duration;
mod fault;
mod key_challenge;
mod kubernetes;
mod policy;
mod profile;
mod raw;
mod revocation;
mod template;
mod url;
mod validation;

pub use acme::{Acme, BadPageUrl};
pub use allow::{Allow, Applicant};
pub use duration::{BadDuration, Seconds};
pub use fault::Fault;
pub(crate) use fault::Located;
use fault::position;
pub use key_challenge::{KeyChallenge, UnknownKeyChallenge};
pub use kubernetes::Cluster;
pub use policy::SitePolicy;
pub use profile::{
    BadName, BadValidity, CheckedBy, NameRules, Profile, ProfileKind, ProvenBy, SanKind,
    SshProfile, certificate_name,
};
pub(crate) use profile::{is_mail_address, is_uri};
pub use revocation::{BadCrlUrl, Revocation};
pub use template::template;
pub(crate) use url::is_dns_name;
pub use url::{BadHttpsUrl, BadUrl, CaUrl, Host, HttpsUrl};
pub use validation::Validation;

/// The settings.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where clients reach the CA.
    pub url: CaUrl,
    /// The address and port to listen on.
    pub listen: String,
    /// How long things last.
    pub lifetimes: Lifetimes,
    /// How much one client may have and do.
    pub limits: crate::web::Limits,
    /// Where people read about the limits; the CA has a page of its own.
    pub limits_page: Option<String>,
    /// What a key must be, beyond being genuine.
    pub policy: SitePolicy,
    /// Whether Yubico's roots are trusted.
    pub yubico_roots: bool,
    /// Roots trusted besides Yubico's, DER.
    pub attestation_roots: Vec<AttestationRoot>,
    /// What accounts must do, and what the directory says besides URLs.
    pub acme: Acme,
    /// Where relying parties learn of revocations.
    pub revocation: Revocation,
    /// How control of names is validated over the network.
    pub validation: Validation,
    /// Clusters whose pods may prove who they are.
    pub kubernetes: Vec<Arc<Cluster>>,
    /// What can be ordered, by name.
    pub profiles: BTreeMap<String, Arc<Profile>>,
    /// The profile of an order that names none; without one, each must name its own.
    pub default_profile: Option<String>,
}

/// A root that attestations may lead to.
#[derive(Debug, Clone)]
pub struct AttestationRoot {
    /// What people call it; the file's name if the settings give none.
    pub name: String,
    /// Where it was read from.
    pub path: PathBuf,
    /// The certificate, DER.
    pub der: Vec<u8>,
}

/// How long things last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lifetimes {
    /// An order that nobody finalizes.
    pub order: Seconds,
    /// A challenge that nobody answers.
    pub challenge: Seconds,
    /// For how long a valid authorization of a server's name serves further orders of its account;
    /// 0 if each order validates its names itself.
    pub authorization: Seconds,
    /// A nonce that nobody redeems.
    pub nonce: Seconds,
    /// How far back certificates begin, for clocks that are late.
    pub backdate: Seconds,
    /// The CA's own server certificate; it is renewed after two thirds of it.
    pub server_certificate: Seconds,
}

impl Default for Lifetimes {
    fn default() -> Self {
        Self {
            order: Seconds(15 * 60),
            challenge: Seconds(5 * 60),
            authorization: Seconds(60 * 60),
            nonce: Seconds(60 * 60),
            backdate: Seconds(5 * 60),
            server_certificate: Seconds(7 * 24 * 60 * 60),
        }
    }
}

/// What is wrong with `ca.toml`, and where.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read {path}: {error}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why not.
        error: std::io::Error,
    },
    /// There is no CA in this folder.
    #[error("there is no CA in {dir}: `ca --dir {dir} init --url https://HOST:PORT` makes one")]
    NotThere {
        /// The folder.
        dir: PathBuf,
    },
    /// A line says something that cannot be.
    #[error("{}:{line}:{column}: {fault}", path.display())]
    At {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The column in characters, from 1.
        column: usize,
        /// What is wrong.
        fault: Fault,
    },
}

impl Config {
    /// Reads `ca.toml` in `dir`.
    ///
    /// # Errors
    /// [`ConfigError`], with the line.
    pub fn load(dir: &Path) -> Result<Self, ConfigError> {
        let path = dir.join("ca.toml");
        match std::fs::read_to_string(&path) {
            Ok(text) => Self::parse(&text, &path),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                Err(ConfigError::NotThere {
                    dir: dir.to_owned(),
                })
            }
            Err(error) => Err(ConfigError::Unreadable { path, error }),
        }
    }

    /// Reads settings from `text`; `path` is where it stands, for errors and for the files
    /// that it names.
    ///
    /// # Errors
    /// [`ConfigError::At`].
    pub fn parse(text: &str, path: &Path) -> Result<Self, ConfigError> {
        raw::read(text, path.parent().unwrap_or(Path::new("."))).map_err(|located| {
            let (line, column) = position(text, located.offset);
            ConfigError::At {
                path: path.to_owned(),
                line,
                column,
                fault: located.fault,
            }
        })
    }

    /// Whether any profile is for names that are validated over the network.
    #[must_use]
    pub fn validates_names(&self) -> bool {
        self.profiles
            .values()
            .any(|profile| matches!(profile.proven_by, ProvenBy::Names(_)))
    }

    /// The names of this CA in CAA records, of all profiles that ask for them.
    #[must_use]
    pub fn caa_identities(&self) -> BTreeSet<&str> {
        self.profiles
            .values()
            .filter_map(|profile| match &profile.proven_by {
                ProvenBy::Names(rules) => Some(&rules.caa),
                ProvenBy::Yubikey(_) => None,
            })
            .flatten()
            .map(String::as_str)
            .collect()
    }

    /// A profile by its name.
    #[must_use]
    pub fn profile(&self, name: &str) -> Option<&Arc<Profile>> {
        self.profiles.get(name)
    }
}

impl fmt::Display for AttestationRoot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}
