//! What the CA granted to each key before: what a run without names orders.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::config::Ca;
use crate::held::Folder;
use crate::{Error, Paths, ProfileName, files};

/// More CAs than any site has; the one that was used longest ago is forgotten.
const MAX_CAS: usize = 32;

/// `granted.toml` of a site.
#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default, rename = "ca")]
    cas: Vec<Granted>,
}

/// What one CA granted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Granted {
    directory: String,
    root_sha256: String,
    /// The last of the keys that something was granted to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    last: Option<String>,
    /// By what the orders named: serial number of the YubiKey, or a name.
    #[serde(default)]
    keys: BTreeMap<String, BTreeSet<ProfileName>>,
}

impl File {
    /// A file that cannot be understood is as good as none: everything on
    /// offer is ordered again. It once held one CA and nothing else.
    fn load(paths: &Paths) -> Result<Self, Error> {
        let text = files::read_text(&place(paths))?.unwrap_or_default();
        let several = toml::from_str::<Self>(&text).ok();
        let one = || {
            let one = toml::from_str::<Granted>(&text).ok()?;
            Some(Self { cas: vec![one] })
        };
        Ok(several.or_else(one).unwrap_or_default())
    }
}

fn place(paths: &Paths) -> std::path::PathBuf {
    paths.state_dir().join("granted.toml")
}

impl Granted {
    /// What this CA granted.
    pub(crate) fn load(paths: &Paths, ca: &Ca) -> Result<Self, Error> {
        let known = File::load(paths)?.cas;
        let stored = known.into_iter().find(|stored| stored.is_of(ca));
        Ok(stored.unwrap_or_else(|| Self {
            directory: ca.directory.clone(),
            root_sha256: ca.root_sha256.clone(),
            ..Self::default()
        }))
    }

    fn is_of(&self, ca: &Ca) -> bool {
        self.directory == ca.directory && self.root_sha256 == ca.root_sha256
    }

    /// What any of these CAs granted, to one key or, without, to all of them:
    /// they stand for the same site.
    pub(crate) fn by_any(
        paths: &Paths,
        cas: &[&Ca],
        key: Option<&str>,
    ) -> Result<Vec<ProfileName>, Error> {
        let mut all = BTreeSet::new();
        for ca in cas {
            let granted = Self::load(paths, ca)?;
            all.extend(key.map_or_else(|| granted.to_any(), |key| granted.to(key)));
        }
        Ok(all.into_iter().collect())
    }

    /// The keys that these CAs granted anything to, the last one of each CA
    /// first.
    pub(crate) fn keys_at(paths: &Paths, cas: &[&Ca]) -> Result<Vec<String>, Error> {
        let mut last = Vec::new();
        let mut others = Vec::new();
        for ca in cas {
            let granted = Self::load(paths, ca)?;
            last.extend(granted.last);
            others.extend(granted.keys.into_keys());
        }
        last.extend(others);
        Ok(last)
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
        let before = known.clone();
        let profiles = known.keys.entry(key.to_owned()).or_default();
        profiles.extend(granted.iter().cloned());
        profiles.retain(|profile| !denied.contains(profile));
        if !granted.is_empty() {
            known.last = Some(key.to_owned());
        }
        if known == before {
            return Ok(());
        }
        let mut file = File::load(paths)?;
        file.cas.retain(|other| !other.is_of(ca));
        file.cas.insert(0, known);
        file.cas.truncate(MAX_CAS);
        let text = toml::to_string(&file).map_err(|source| Error::ConfigWrite { source })?;
        files::write_private(&place(paths), text.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ca(root: &str) -> Ca {
        Ca {
            site: None,
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
        learn(&[], std::slice::from_ref(&ssh));
        assert_eq!(load("a").to("1"), std::slice::from_ref(&tls));

        // Another CA of the site has a memory of its own.
        let folder = Folder::lock(&paths).unwrap();
        let both = [tls.clone(), ssh.clone()];
        Granted::learn(&folder, &paths, &ca("b"), "2", &both, &[]).unwrap();
        assert_eq!(load("a").to("1"), std::slice::from_ref(&tls));
        let (a, b) = (ca("a"), ca("b"));
        let any = |key| Granted::by_any(&paths, &[&a, &b], key).unwrap();
        assert_eq!(any(None), [ssh.clone(), tls.clone()]);
        assert_eq!(any(Some("1")), [tls]);
        let keys = Granted::keys_at(&paths, &[&b, &a]).unwrap();
        assert_eq!(keys.get(..2), Some(&["2".to_owned(), "1".to_owned()][..]));
    }

    #[test]
    fn the_file_of_before_several_cas_is_still_read() {
        let dir = tempfile::tempdir().unwrap();
        let home = dir.path().as_os_str();
        let paths = Paths::from_lookup(|name| (name == "HOME").then(|| home.to_owned())).unwrap();
        let text =
            "directory = \"https://h/directory\"\nroot_sha256 = \"a\"\n\n[keys]\n7 = [\"tls\"]\n";
        files::write_private(&place(&paths), text.as_bytes()).unwrap();
        let granted = Granted::load(&paths, &ca("a")).unwrap();
        assert_eq!(granted.to("7"), [ProfileName::new("tls").unwrap()]);
    }
}
