//! What was done, so that exactly that can be undone.

use std::fs::File;
use std::path::PathBuf;

use dlogin_core::{Paths, files};
use serde::{Deserialize, Serialize};

use crate::Error;

const VERSION: u32 = 1;

/// `browser.json` in the folder of dlogin's state.
#[derive(Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub(crate) struct Record {
    version: u32,
    /// Databases that were made by us.
    #[serde(default)]
    pub(crate) made: Vec<PathBuf>,
    /// Profiles of Firefox whose `user.js` has our line.
    #[serde(default)]
    pub(crate) preferences: Vec<PathBuf>,
    /// Certificates that were copied into databases.
    #[serde(default)]
    pub(crate) imports: Vec<Import>,
}

/// A certificate in a database.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub(crate) struct Import {
    pub(crate) folder: PathBuf,
    /// "work/tls", or "tls" of the site without a name.
    pub(crate) name: String,
    /// Serial number of the certificate, hexadecimal; empty while it is not
    /// there: it is about to be put in, or could not be.
    pub(crate) serial: String,
}

fn place(paths: &Paths) -> PathBuf {
    paths.state_dir().join("browser.json")
}

impl Record {
    pub(crate) fn load(paths: &Paths) -> Result<Self, Error> {
        let path = place(paths);
        let Some(text) = files::read_text(&path)? else {
            return Ok(Self::default());
        };
        let foreign = |why: String| Error::Foreign {
            path: path.clone(),
            why,
        };
        let record: Self = serde_json::from_str(&text).map_err(|e| foreign(e.to_string()))?;
        if record.version > VERSION {
            return Err(foreign(format!("version {}", record.version)));
        }
        Ok(record)
    }
}

/// The record, ours alone from reading to writing.
#[derive(Debug)]
pub(crate) struct Held {
    pub(crate) record: Record,
    place: PathBuf,
    _lock: File,
}

impl Held {
    /// Waits until no other dlogin changes it.
    pub(crate) fn load(paths: &Paths) -> Result<Self, Error> {
        let lock = files::hold_dir(paths.state_dir())?;
        Ok(Self {
            record: Record::load(paths)?,
            place: place(paths),
            _lock: lock,
        })
    }

    /// Writes it; an empty one is no file.
    pub(crate) fn save(&mut self) -> Result<(), Error> {
        self.record.version = 0;
        if self.record == Record::default() {
            files::remove(&self.place)?;
            return Ok(());
        }
        self.record.version = VERSION;
        let text = serde_json::to_vec_pretty(&self.record).unwrap_or_default();
        Ok(files::write_private(&self.place, &text)?)
    }
}

/// Adds what is not there yet.
pub(crate) fn remember<T: PartialEq>(list: &mut Vec<T>, item: T) {
    if !list.contains(&item) {
        list.push(item);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_several_write_at_once_is_all_on_record() {
        let dir = tempfile::tempdir().unwrap();
        let home = dir.path().as_os_str().to_owned();
        let paths = Paths::from_lookup(|name| (name == "HOME").then(|| home.clone())).unwrap();
        let write = |name: &str| {
            for turn in 0..20 {
                let mut held = Held::load(&paths).unwrap();
                held.record.made.push(format!("/{name}/{turn}").into());
                held.save().unwrap();
            }
        };
        std::thread::scope(|scope| {
            for name in ["a", "b", "c", "d"] {
                scope.spawn(|| write(name));
            }
        });
        assert_eq!(Record::load(&paths).unwrap().made.len(), 80);
    }
}
