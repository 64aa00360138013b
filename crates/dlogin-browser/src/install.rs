//! Registering the module with one person's browsers.

use std::fs;
use std::path::{Path, PathBuf};

use dlogin_core::Paths;
use serde::Serialize;

use crate::error::file;
use crate::nss::{self, Database};
use crate::places::{Browser, Home, Place};
use crate::record::{Held, remember};
use crate::{Error, prefs};

/// What is to be registered.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// The module, as [`find_module`](crate::find_module) gives it.
    pub module: PathBuf,
    /// Whether Firefox shall pick a certificate by itself, on every site that
    /// asks for one.
    pub firefox_selects: bool,
}

/// What was done in one place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Changed {
    /// The folder or the file.
    pub path: PathBuf,
    /// What happened to it.
    pub change: Change,
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Change {
    /// It has the module now.
    Added,
    /// It had another path of the module, and has this one now.
    Updated,
    /// All was there already.
    Unchanged,
    /// What was ours is gone.
    Removed,
}

/// Where a copy of NSS's list of modules is kept before the first change.
pub(crate) fn backup(folder: &Path) -> PathBuf {
    folder.join("pkcs11.txt.before-dlogin")
}

/// Root's files in somebody's home would be in the way of its owner.
pub(crate) fn own_home(home: &Home) -> Result<(), Error> {
    use std::os::unix::fs::MetadataExt;
    let path = home.path();
    let owner = fs::metadata(path).map_err(file(path, "look at"))?.uid();
    if owner == rustix::process::geteuid().as_raw() {
        return Ok(());
    }
    Err(Error::NotYourHome {
        path: path.to_owned(),
    })
}

/// Nobody may have any of them open.
pub(crate) fn not_in_use<'a>(folders: impl Iterator<Item = &'a Path>) -> Result<(), Error> {
    let users: Vec<_> = folders
        .flat_map(|folder| {
            Database(folder)
                .users()
                .into_iter()
                .map(move |user| format!("{}: {user}", folder.display()))
        })
        .collect();
    if users.is_empty() {
        return Ok(());
    }
    Err(Error::InUse { users })
}

/// What is to be done in one place.
struct Plan {
    place: Place,
    module: Option<Change>,
    preference: bool,
}

impl Plan {
    fn of(place: Place, wanted: &Wanted) -> Result<Self, Error> {
        let module = match Database(&place.folder).registered()? {
            None => Some(Change::Added),
            Some(path) if path == wanted.module => None,
            Some(_) => Some(Change::Updated),
        };
        let preference = wanted.firefox_selects
            && place.browser == Browser::Firefox
            && !prefs::is_set(&place.folder)?;
        Ok(Self {
            place,
            module,
            preference,
        })
    }

    fn is_done(&self) -> bool {
        self.module.is_none() && !self.preference
    }

    fn carry_out(&self, wanted: &Wanted, undo: &mut Undo) -> Result<(), Error> {
        let folder = &self.place.folder;
        let database = Database(folder);
        if let Some(change) = self.module {
            if database.exists() {
                undo.keep(folder)?;
            } else {
                undo.made.push(folder.clone());
                database.create()?;
            }
            if change == Change::Updated {
                database.delete_module()?;
            }
            database.add_module(&wanted.module)?;
        }
        if self.preference {
            undo.preferences.push(folder.clone());
            prefs::set(folder)?;
        }
        Ok(())
    }
}

/// How to put back what this run changed.
#[derive(Default)]
struct Undo {
    lists: Vec<(PathBuf, Option<Vec<u8>>)>,
    made: Vec<PathBuf>,
    preferences: Vec<PathBuf>,
}

impl Undo {
    /// Remembers a list of modules, and keeps a copy of the first one.
    fn keep(&mut self, folder: &Path) -> Result<(), Error> {
        let list = Database(folder).modules_file();
        let bytes = match fs::read(&list) {
            Ok(bytes) => Some(bytes),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => return Err(file(&list, "read")(error)),
        };
        let copy = backup(folder);
        if let Some(bytes) = &bytes
            && !copy.exists()
        {
            fs::write(&copy, bytes).map_err(file(&copy, "write"))?;
        }
        self.lists.push((list, bytes));
        Ok(())
    }

    fn put_back(self) {
        for (list, bytes) in self.lists {
            let _ = match bytes {
                Some(bytes) => fs::write(list, bytes),
                None => fs::remove_file(list),
            };
        }
        for folder in self.made {
            discard(&folder);
        }
        for folder in self.preferences {
            let _ = prefs::unset(&folder);
        }
    }
}

/// Removes a database that is ours and empty, and its folders if nothing else
/// is in them.
pub(crate) fn discard(folder: &Path) {
    for name in ["cert9.db", "key4.db", "pkcs11.txt"] {
        let _ = fs::remove_file(folder.join(name));
    }
    let _ = fs::remove_file(backup(folder));
    // Not where anything else is in them.
    let _ = fs::remove_dir(folder);
    if folder.ends_with(".pki/nssdb") {
        let _ = folder.parent().map(fs::remove_dir);
    }
}

/// Registers the module with every browser of this home that has a profile.
/// The database that Chromium and Chrome share is made if it is not there.
///
/// # Errors
/// [`Error`]; nothing was changed then.
pub fn install(home: &Home, paths: &Paths, wanted: &Wanted) -> Result<Vec<Changed>, Error> {
    own_home(home)?;
    let mut held = Held::load(paths)?;
    let plans = home
        .places()
        .into_iter()
        .map(|place| Plan::of(place, wanted))
        .collect::<Result<Vec<_>, _>>()?;
    let open: Vec<_> = plans.iter().filter(|plan| !plan.is_done()).collect();
    if !open.is_empty() {
        nss::tools()?;
        not_in_use(open.iter().map(|plan| plan.place.folder.as_path()))?;
        let mut undo = Undo::default();
        let done = open
            .iter()
            .try_for_each(|plan| plan.carry_out(wanted, &mut undo))
            .and_then(|()| {
                for folder in &undo.made {
                    remember(&mut held.record.made, folder.clone());
                }
                for folder in &undo.preferences {
                    remember(&mut held.record.preferences, folder.clone());
                }
                held.save()
            });
        if let Err(error) = done {
            undo.put_back();
            return Err(error);
        }
    }
    Ok(plans
        .into_iter()
        .map(|plan| Changed {
            change: plan.module.unwrap_or(if plan.preference {
                Change::Updated
            } else {
                Change::Unchanged
            }),
            path: plan.place.folder,
        })
        .collect())
}
