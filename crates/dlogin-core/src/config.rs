//! `config.toml`: which CAs are trusted, and which slots hold the keys.
//!
//! One file, replaced as a whole, so that no half of a change can survive.

use piv_attest::Slot;
use serde::{Deserialize, Serialize};

use crate::files;
use crate::setup::KeyUse;
use crate::{Error, Paths, SiteName};

/// The newest form of the file that this program understands.
const VERSION: u32 = 2;

/// All of `config.toml`.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Config {
    version: u32,
    /// The slots of the two keys.
    #[serde(default)]
    pub keys: Keys,
    /// The CAs, in the order in which they are asked; none before
    /// `dlogin trust`.
    #[serde(default, rename = "ca", skip_serializing_if = "Vec::is_empty")]
    pub cas: Vec<Ca>,
}

/// Version 1 knew one CA.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct First {
    #[serde(rename = "version")]
    _version: u32,
    #[serde(default)]
    ca: Option<Ca>,
    #[serde(default)]
    keys: Keys,
}

impl From<First> for Config {
    fn from(first: First) -> Self {
        Self {
            version: VERSION,
            keys: first.keys,
            cas: first.ca.into_iter().collect(),
        }
    }
}

/// The one thing that is the same in every version.
#[derive(Deserialize)]
struct Versioned {
    version: Option<u32>,
}

/// A trusted CA.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Ca {
    /// The site that it is of; `None` is the one without a name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub site: Option<SiteName>,
    /// Its base, as given to `dlogin trust`, without a trailing slash.
    pub url: String,
    /// The ACME directory (RFC 8555 section 7.1.1).
    pub directory: String,
    /// SHA-256 of the root certificate (DER), lower-case hexadecimal.
    pub root_sha256: String,
    /// The root certificate. It alone is trusted, for TLS and for what the CA
    /// issues.
    pub root_pem: String,
}

/// Which slots hold what. Slots as `piv_attest::Slot` displays them.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Keys {
    /// The login key: TLS and SSH with the key in the YubiKey.
    pub login: String,
    /// The proof key: vouches for keys on disk, does nothing else.
    pub proof: String,
    /// The YubiKey to use when several are plugged in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serial: Option<u32>,
    /// A name that the CA has for the key, to order by instead of the serial
    /// number: for a YubiKey that does not tell one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

impl Default for Keys {
    fn default() -> Self {
        Self {
            login: "9a".to_owned(),
            proof: "82".to_owned(),
            serial: None,
            name: None,
        }
    }
}

impl Ca {
    /// SHA-256 of the root certificate (DER).
    ///
    /// # Errors
    /// [`Error::StoredRoot`] where the file was edited.
    pub fn root_fingerprint(&self) -> Result<[u8; 32], Error> {
        crate::trust::stored_root(self)?;
        let mut fingerprint = [0; 32];
        hex::decode_to_slice(&self.root_sha256, &mut fingerprint).map_err(|_| Error::StoredRoot)?;
        Ok(fingerprint)
    }
}

impl Keys {
    /// What the file says of the slot for this use, to be changed.
    pub(crate) fn of_mut(&mut self, key_use: KeyUse) -> &mut String {
        match key_use {
            KeyUse::Login => &mut self.login,
            KeyUse::Proof => &mut self.proof,
        }
    }

    /// The slot of the key for this use.
    ///
    /// # Errors
    /// [`Error::SlotName`] where the file names none.
    pub fn slot(&self, key_use: KeyUse) -> Result<Slot, Error> {
        let text = match key_use {
            KeyUse::Login => &self.login,
            KeyUse::Proof => &self.proof,
        };
        text.parse().map_err(|_| Error::SlotName {
            found: crate::text::printable(text),
        })
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            version: VERSION,
            keys: Keys::default(),
            cas: Vec::new(),
        }
    }
}

impl Config {
    /// Reads the file; the default where there is none.
    ///
    /// # Errors
    /// [`Error::Config`] where the file is not what this program understands,
    /// with the line; [`Error::Unreadable`] where it cannot be read.
    pub fn load(paths: &Paths) -> Result<Self, Error> {
        let path = paths.config_file();
        let Some(text) = files::read_text(&path)? else {
            return Ok(Self::default());
        };
        let read = || -> Result<Result<Self, u32>, toml::de::Error> {
            // Before anything else: a newer file has fields that we do not know.
            match toml::from_str::<Versioned>(&text)?.version {
                Some(1) => Ok(Ok(toml::from_str::<First>(&text)?.into())),
                Some(found) if found > VERSION => Ok(Err(found)),
                _ => Ok(Ok(toml::from_str(&text)?)),
            }
        };
        match read() {
            Ok(Ok(config)) => Ok(config),
            Ok(Err(found)) => Err(Error::ConfigVersion {
                path,
                found,
                known: VERSION,
            }),
            Err(source) => Err(Error::Config {
                path,
                source: Box::new(source),
            }),
        }
    }

    /// Replaces the file.
    ///
    /// # Errors
    /// [`Error::File`] where it cannot be written; the old one is still there
    /// then.
    pub fn save(&self, paths: &Paths) -> Result<(), Error> {
        let text = toml::to_string(self).map_err(|source| Error::ConfigWrite { source })?;
        files::write_private(&paths.config_file(), text.as_bytes())
    }

    /// The CAs of a site, in the order in which they are asked: at least one.
    ///
    /// # Errors
    /// [`Error::NoCa`] before the first `dlogin trust`; [`Error::NoSite`] where
    /// others are trusted, but none for this site.
    pub fn cas_of(&self, site: Option<&SiteName>) -> Result<Vec<&Ca>, Error> {
        let cas: Vec<_> = self
            .cas
            .iter()
            .filter(|ca| ca.site.as_ref() == site)
            .collect();
        if !cas.is_empty() {
            return Ok(cas);
        }
        let known = self.sites().into_iter().flatten().collect();
        match site {
            None if self.cas.is_empty() => Err(Error::NoCa),
            site => Err(Error::NoSite {
                wanted: site.cloned(),
                known,
            }),
        }
    }

    /// The first CA of a site.
    ///
    /// # Errors
    /// Those of [`Config::cas_of`].
    pub fn first_ca(&self, site: Option<&SiteName>) -> Result<&Ca, Error> {
        self.cas_of(site)?.first().copied().ok_or(Error::NoCa)
    }

    /// The first CA of the site without a name.
    ///
    /// # Errors
    /// Those of [`Config::cas_of`].
    pub fn trusted_ca(&self) -> Result<&Ca, Error> {
        self.first_ca(None)
    }

    /// Every site that has a CA, in the order of the file; `None` is the one
    /// without a name.
    #[must_use]
    pub fn sites(&self) -> Vec<Option<SiteName>> {
        let mut sites: Vec<Option<SiteName>> = Vec::new();
        for ca in &self.cas {
            if !sites.contains(&ca.site) {
                sites.push(ca.site.clone());
            }
        }
        sites
    }
}

#[cfg(test)]
mod tests;
