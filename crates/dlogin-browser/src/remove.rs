//! Taking away what was registered, and nothing else.

use std::fs;

use dlogin_core::Paths;

use crate::install::{Change, Changed, backup, discard, not_in_use, own_home};
use crate::nss::{self, Database};
use crate::places::Home;
use crate::record::Held;
use crate::{Error, import, prefs};

/// Takes the module out of every database that has it, the preference out of
/// the profiles that got it from us, and the certificates that were imported.
/// A database that was made by us goes too if nothing else came into it.
///
/// # Errors
/// [`Error`]. What was taken away before an error stays away.
pub fn remove(home: &Home, paths: &Paths) -> Result<Vec<Changed>, Error> {
    own_home(home)?;
    let mut held = Held::load(paths)?;
    let record = &mut held.record;
    let mut having = Vec::new();
    for place in home.places() {
        if Database(&place.folder).registered()?.is_some() {
            having.push(place.folder);
        }
    }
    let touched: Vec<_> = having
        .iter()
        .chain(&record.preferences)
        .chain(record.imports.iter().map(|import| &import.folder))
        .cloned()
        .collect();
    if !touched.is_empty() {
        nss::tools()?;
        not_in_use(touched.iter().map(std::path::PathBuf::as_path))?;
    }
    import::take_out(record, |_| true)?;
    for folder in &having {
        let database = Database(folder);
        database.delete_module()?;
        let copy = backup(folder);
        let _ = fs::remove_file(copy);
        if record.made.contains(folder) && database.is_empty() {
            discard(folder);
        }
    }
    for profile in &record.preferences {
        prefs::unset(profile)?;
    }
    record.made.clear();
    record.preferences.clear();
    held.save()?;
    let mut changed: Vec<Changed> = Vec::new();
    for path in touched {
        if changed.iter().all(|known| known.path != path) {
            changed.push(Changed {
                path,
                change: Change::Removed,
            });
        }
    }
    Ok(changed)
}
