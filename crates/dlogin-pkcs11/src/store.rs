//! The certificates that are on this computer now: the files of `dlogin`.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::certificate::Certificate;
use crate::object::{Object, Place};

/// No file of dlogin is longer.
const MAX_FILE: u64 = 1 << 20;
/// Nobody has more profiles.
const MAX_PROFILES: usize = 64;
/// Nor more sites.
const MAX_SITES: usize = 16;
/// Nor more files in one folder: four for each profile, and what stands beside.
const MAX_ENTRIES: usize = 1024;

/// The folder that `dlogin` writes to, and the agent's socket in it.
#[derive(Clone, Debug)]
pub(crate) struct Store {
    socket: Option<PathBuf>,
}

/// Seconds since 1970.
pub(crate) fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

impl Store {
    /// The folder that the environment names.
    pub(crate) fn from_env() -> Self {
        Self {
            socket: dlogin_service::socket(|name| std::env::var_os(name)),
        }
    }

    /// The agent's socket.
    pub(crate) fn socket(&self) -> Option<&Path> {
        self.socket.as_deref()
    }

    /// Everything that can be used now. What cannot be read is not there: a
    /// sandboxed process sees an empty token.
    pub(crate) fn read(&self) -> Vec<Object> {
        let now = now();
        let mut held: Vec<_> = self
            .profiles()
            .into_iter()
            .filter_map(|(profile, chain)| Held::read(profile, &chain, now))
            .collect();
        // The YubiKey's before the disk's, for programs that take the first.
        held.sort_by_key(|held| held.place != Place::Yubikey);
        let mut objects = Vec::new();
        for held in &held {
            held.objects(&mut objects);
        }
        objects
    }

    /// `tls`, and `work/tls` for those of a site: each has a folder of its name.
    fn profiles(&self) -> Vec<(String, PathBuf)> {
        let Some(folder) = self.socket.as_deref().and_then(Path::parent) else {
            return Vec::new();
        };
        let mut profiles = Vec::new();
        let mut sites = Vec::new();
        for (name, path) in entries(folder) {
            match name.strip_suffix(".pem") {
                Some(profile) => profiles.push((profile.to_owned(), path)),
                None if path.is_dir() => sites.push((name, path)),
                None => {}
            }
        }
        profiles.sort();
        sites.sort();
        for (site, folder) in sites.iter().take(MAX_SITES) {
            let mut of_site: Vec<_> = entries(folder)
                .filter_map(|(name, path)| {
                    let profile = name.strip_suffix(".pem")?;
                    Some((format!("{site}/{profile}"), path))
                })
                .collect();
            of_site.sort();
            profiles.append(&mut of_site);
        }
        profiles.truncate(MAX_PROFILES);
        profiles
    }
}

/// What is in a folder. What is not in its place yet begins with a dot.
fn entries(folder: &Path) -> impl Iterator<Item = (String, PathBuf)> + use<> {
    fs::read_dir(folder)
        .into_iter()
        .flatten()
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let name = entry.file_name().into_string().ok()?;
            (!name.starts_with('.')).then(|| (name, entry.path()))
        })
        .take(MAX_ENTRIES)
}

/// A certificate with all that belongs to it.
struct Held {
    profile: String,
    chain: Vec<Certificate>,
    place: Place,
}

impl Held {
    fn read(profile: String, path: &Path, now: u64) -> Option<Self> {
        let chain = Certificate::read_chain(&read_text(path)?)?;
        let leaf = chain.first()?;
        if leaf.not_after <= now {
            return None;
        }
        let file = path.with_extension("key");
        let place = if file.exists() {
            Place::Disk {
                file,
                not_after: leaf.not_after,
            }
        } else {
            Place::Yubikey
        };
        Some(Self {
            profile,
            chain,
            place,
        })
    }

    /// Adds its objects. A key with two certificates is one key, an
    /// intermediate of two certificates one certificate.
    fn objects(&self, objects: &mut Vec<Object>) {
        let Some((leaf, intermediates)) = self.chain.split_first() else {
            return;
        };
        let Some(key) = &leaf.key else { return };
        let known: BTreeSet<_> = objects
            .iter()
            .filter_map(|object| object.signing_key())
            .map(|key| key.id)
            .collect();
        objects.push(Object::certificate(&self.profile, leaf, true));
        if !known.contains(&leaf.key_id()) {
            objects.push(Object::public_key(&self.profile, leaf, key));
            let place = self.place.clone();
            objects.push(Object::private_key(&self.profile, leaf, key, place));
        }
        for intermediate in intermediates {
            let object = Object::certificate("dlogin CA", intermediate, false);
            if !objects.contains(&object) {
                objects.push(object);
            }
        }
    }
}

fn read_text(path: &Path) -> Option<String> {
    // Looked at before it is opened: a pipe would wait for a writer.
    if !fs::metadata(path).ok()?.is_file() {
        return None;
    }
    let mut text = String::new();
    let file = File::open(path).ok()?;
    let length = file.take(MAX_FILE + 1).read_to_string(&mut text).ok()?;
    (length as u64 <= MAX_FILE).then_some(text)
}
