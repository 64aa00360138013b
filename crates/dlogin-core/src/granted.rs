//! What the CA granted to each key before: what a run without names orders.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::config::Ca;
use crate::held::Folder;
use crate::{Error, Paths, ProfileName, files};

/// `granted.toml`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Granted {
    directory: String,
    root_sha256: String,
    /// By what the orders named: serial number of the YubiKey, or a name.
    #[serde(default)]
    keys: BTreeMap<String, BTreeSet<ProfileName>>,
}

fn place(paths: &Paths) -> std::path::PathBuf {
    paths.state_dir().join("granted.toml")
}

impl Granted {
    /// What this CA granted. A file that cannot be understood is as good as
    /// none: everything on offer is ordered again.
    pub(crate) fn load(paths: &Paths, ca: &Ca) -> Result<Self, Error> {
        let stored = files::read_text(&place(paths))?
            .and_then(|text| toml::from_str::<Self>(&text).ok())
            .filter(|stored| {
                stored.directory == ca.directory && stored.root_sha256 == ca.root_sha256
            });
        Ok(stored.unwrap_or_else(|| Self {
            directory: ca.directory.clone(),
            root_sha256: ca.root_sha256.clone(),
            keys: BTreeMap::new(),
        }))
    }

    /// The profiles of one YubiKey; empty before its first success.
    pub(crate) fn to(&self, key: &str) -> Vec<ProfileName> {
        self.keys
            .get(key)
            .map(|profiles| profiles.iter().cloned().collect())
            .unwrap_or_default()
    }

    /// The profiles of all YubiKeys that were seen.
    pub(crate) fn to_any(&self) -> Vec<ProfileName> {
        let all: BTreeSet<_> = self.keys.values().flatten().cloned().collect();
        all.into_iter().collect()
    }

    /// Adds to what is on file what a run learnt. What other runs learnt in
    /// the meantime is read once more, under the folder's lock, and stays.
    pub(crate) fn learn(
        _lock: &Folder,
        paths: &Paths,
        ca: &Ca,
        key: &str,
        granted: &[ProfileName],
        denied: &[ProfileName],
    ) -> Result<(), Error> {
        let mut known = Self::load(paths, ca)?;
        let before = known.keys.clone();
        let profiles = known.keys.entry(key.to_owned()).or_default();
        profiles.extend(granted.iter().cloned());
        profiles.retain(|profile| !denied.contains(profile));
        if known.keys == before {
            return Ok(());
        }
        let text = toml::to_string(&known).map_err(|source| Error::ConfigWrite { source })?;
        files::write_private(&place(paths), text.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ca(root: &str) -> Ca {
        Ca {
            url: "https://h".to_owned(),
            directory: "https://h/directory".to_owned(),
            root_sha256: root.to_owned(),
            root_pem: String::new(),
        }
    }

    #[test]
    fn grants_are_remembered_by_key_and_ca_and_forgotten_when_denied() {
        let dir = tempfile::tempdir().unwrap();
        let paths =
            Paths::from_lookup(|name| (name == "HOME").then(|| dir.path().as_os_str().to_owned()))
                .unwrap();
        let [tls, ssh] = ["tls", "ssh"].map(|name| ProfileName::new(name).unwrap());
        let load = |root| Granted::load(&paths, &ca(root)).unwrap();
        let learn = |granted: &[ProfileName], denied: &[ProfileName]| {
            let folder = Folder::lock(&paths).unwrap();
            Granted::learn(&folder, &paths, &ca("a"), "1", granted, denied).unwrap();
        };
        // Two runs began with the same knowledge; each adds its own.
        learn(std::slice::from_ref(&tls), &[]);
        learn(std::slice::from_ref(&ssh), &[]);
        assert_eq!(load("a").to("1"), [ssh.clone(), tls.clone()]);
        assert!(load("a").to("2").is_empty());
        assert!(load("b").to("1").is_empty());
        learn(&[], &[ssh]);
        assert_eq!(load("a").to("1"), [tls]);
    }
}
