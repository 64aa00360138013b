//! `config.toml`: which CA is trusted, and which slots hold the keys.
//!
//! One file, replaced as a whole, so that no half of a change can survive.

use piv_attest::Slot;
use serde::{Deserialize, Serialize};

use crate::files;
use crate::setup::KeyUse;
use crate::{Error, Paths};

/// The newest form of the file that this program understands.
const VERSION: u32 = 1;

/// All of `config.toml`.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Config {
    version: u32,
    /// The CA; none before `dlogin trust`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca: Option<Ca>,
    /// The slots of the two keys.
    #[serde(default)]
    pub keys: Keys,
}

/// A trusted CA.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Ca {
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
            ca: None,
            keys: Keys::default(),
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
        let config: Self = toml::from_str(&text).map_err(|source| Error::Config {
            path: path.clone(),
            source: Box::new(source),
        })?;
        if config.version > VERSION {
            return Err(Error::ConfigVersion {
                path,
                found: config.version,
                known: VERSION,
            });
        }
        Ok(config)
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

    /// The trusted CA.
    ///
    /// # Errors
    /// [`Error::NoCa`] before `dlogin trust`.
    pub fn trusted_ca(&self) -> Result<&Ca, Error> {
        self.ca.as_ref().ok_or(Error::NoCa)
    }
}

#[cfg(test)]
mod tests;
