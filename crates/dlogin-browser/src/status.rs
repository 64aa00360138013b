//! What is registered where.

use std::path::{Path, PathBuf};

use dlogin_core::Paths;
use serde::Serialize;

use crate::machine::{self, Policies};
use crate::nss::Database;
use crate::places::{Browser, Home, Sandbox};
use crate::record::Record;
use crate::{Error, prefs};

/// All that is known.
#[derive(Clone, Debug, Serialize)]
pub struct Status {
    /// The module that belongs to this `dlogin`.
    pub module: Option<PathBuf>,
    /// The databases.
    pub databases: Vec<Registered>,
    /// The policies of the machine.
    pub policies: Policies,
    /// Browsers that are left alone.
    pub sandboxes: Vec<Sandbox>,
}

/// A database and what it has of ours.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Registered {
    /// Who reads it.
    pub browser: Browser,
    /// The folder.
    pub folder: PathBuf,
    /// The module that it has.
    pub module: Option<PathBuf>,
    /// Whether that module's file is there.
    pub module_exists: bool,
    /// Whether Firefox picks a certificate by itself, by our setting.
    pub selects: bool,
    /// The names of certificates that were imported.
    pub imported: Vec<String>,
}

/// Looks at everything and changes nothing.
///
/// # Errors
/// Where something cannot be read.
pub fn status(home: &Home, paths: &Paths, module: Option<&Path>) -> Result<Status, Error> {
    let record = Record::load(paths)?;
    let databases = home
        .places()
        .into_iter()
        .map(|place| {
            let module = Database(&place.folder).registered()?;
            Ok(Registered {
                module_exists: module.as_deref().is_some_and(Path::is_file),
                module,
                selects: place.browser == Browser::Firefox && prefs::is_set(&place.folder)?,
                imported: record
                    .imports
                    .iter()
                    .filter(|import| import.folder == place.folder && !import.serial.is_empty())
                    .map(|import| import.name.clone())
                    .collect(),
                browser: place.browser,
                folder: place.folder,
            })
        })
        .collect::<Result<_, Error>>()?;
    Ok(Status {
        module: module.map(Path::to_owned),
        databases,
        policies: machine::status(Path::new("/"))?,
        sandboxes: home.sandboxes(),
    })
}
