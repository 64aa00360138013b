//! What was done, so that exactly that can be undone.

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
    /// Serial number of the certificate, hexadecimal.
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

    /// Writes it; an empty one is no file.
    pub(crate) fn save(&mut self, paths: &Paths) -> Result<(), Error> {
        let path = place(paths);
        self.version = 0;
        if *self == Self::default() {
            files::remove(&path)?;
            return Ok(());
        }
        self.version = VERSION;
        let text = serde_json::to_vec_pretty(self).unwrap_or_default();
        Ok(files::write_private(&path, &text)?)
    }
}

/// Adds what is not there yet.
pub(crate) fn remember<T: PartialEq>(list: &mut Vec<T>, item: T) {
    if !list.contains(&item) {
        list.push(item);
    }
}
