//! What is remembered of each certificate that is here, beside what it says
//! itself: the YubiKey that it was fetched with, and whether its end was told.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::held::{Certificate, Folder};
use crate::{Error, Paths, ProfileName, files};

/// `issued.toml` of a site.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Issued(BTreeMap<ProfileName, Entry>);

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    /// The certificate's: what is remembered of another one does not count.
    serial: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    yubikey: Option<String>,
    /// That it ends soon was told.
    #[serde(default)]
    told: bool,
}

fn place(paths: &Paths) -> std::path::PathBuf {
    paths.state_dir().join("issued.toml")
}

impl Issued {
    /// A file that cannot be understood is as good as none.
    pub(crate) fn load(paths: &Paths) -> Result<Self, Error> {
        let text = files::read_text(&place(paths))?.unwrap_or_default();
        Ok(toml::from_str(&text).unwrap_or_default())
    }

    fn of(&self, held: &Certificate) -> Option<&Entry> {
        self.0
            .get(&held.profile)
            .filter(|entry| entry.serial == held.serial)
    }

    /// The YubiKey that a certificate was fetched with.
    pub(crate) fn yubikey(&self, held: &Certificate) -> Option<&str> {
        self.of(held)?.yubikey.as_deref()
    }

    /// Whether the end of a certificate was told.
    pub(crate) fn was_told(&self, held: &Certificate) -> bool {
        self.of(held).is_some_and(|entry| entry.told)
    }

    /// Notes the YubiKey of new certificates, under the folder's lock.
    pub(crate) fn fetched<'a>(
        _lock: &Folder,
        paths: &Paths,
        new: impl Iterator<Item = &'a Certificate>,
        yubikey: Option<&str>,
    ) -> Result<(), Error> {
        let mut issued = Self::load(paths)?;
        for held in new {
            let entry = Entry {
                serial: held.serial.clone(),
                yubikey: yubikey.map(str::to_owned),
                told: false,
            };
            issued.0.insert(held.profile.clone(), entry);
        }
        issued.save(paths)
    }

    /// Notes that the end of these certificates was told, under the folder's
    /// lock.
    pub(crate) fn told(_lock: &Folder, paths: &Paths, held: &[Certificate]) -> Result<(), Error> {
        let mut issued = Self::load(paths)?;
        for held in held {
            let yubikey = issued.yubikey(held).map(str::to_owned);
            let entry = Entry {
                serial: held.serial.clone(),
                yubikey,
                told: true,
            };
            issued.0.insert(held.profile.clone(), entry);
        }
        issued.save(paths)
    }

    fn save(&self, paths: &Paths) -> Result<(), Error> {
        let text = toml::to_string(self).map_err(|source| Error::ConfigWrite { source })?;
        files::write_private(&place(paths), text.as_bytes())
    }
}
