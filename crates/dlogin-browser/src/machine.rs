//! For everybody on a machine: the managed policies of Chromium, Chrome and
//! Firefox. They are root's.

mod chromium;
mod firefox;

use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::{Changed, Error, Site};

/// What is to be written.
#[derive(Clone, Debug)]
pub struct Wanted<'a> {
    /// Below which folder `etc` is: `/`, or an image that is being made.
    pub root: &'a Path,
    /// The module's path as the machine will have it.
    pub module: &'a Path,
    /// Sites that get a certificate without a question, in Chromium and Chrome.
    /// Those that were there stay.
    pub sites: &'a [Site],
    /// The common name of the certificate that these sites get. Without,
    /// Chromium takes any that the site accepts, the newest first, be its key
    /// in the YubiKey or on disk.
    pub subject: Option<&'a str>,
}

/// What the machine's policies have of ours.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Policies {
    /// The module that Firefox gets.
    pub firefox_module: Option<PathBuf>,
    /// Sites of Chromium and Chrome.
    pub sites: Vec<SitePolicy>,
    /// Files of others that set the same policy: browsers take one of them.
    pub rivals: Vec<PathBuf>,
}

/// A site that gets a certificate without a question.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SitePolicy {
    /// The pattern.
    pub pattern: String,
    /// The common name that the certificate has to have; any, without.
    pub subject: Option<String>,
}

fn allowed(root: &Path, command: &'static str) -> Result<(), Error> {
    if root == Path::new("/") && !rustix::process::geteuid().is_root() {
        return Err(Error::NotRoot { command });
    }
    Ok(())
}

/// Writes the policies: the module for every profile of Firefox, the sites for
/// Chromium and Chrome.
///
/// # Errors
/// [`Error::NotRoot`]; [`Error::Foreign`] where a file of somebody else cannot
/// be understood; [`Error::File`].
pub fn install(wanted: &Wanted<'_>) -> Result<Vec<Changed>, Error> {
    allowed(wanted.root, "install")?;
    let mut changed = vec![firefox::install(wanted.root, wanted.module)?];
    if !wanted.sites.is_empty() {
        changed.extend(chromium::install(
            wanted.root,
            wanted.sites,
            wanted.subject,
        )?);
    }
    Ok(changed)
}

/// Takes them away.
///
/// # Errors
/// Those of [`install`].
pub fn remove(root: &Path) -> Result<Vec<Changed>, Error> {
    allowed(root, "remove")?;
    let mut changed: Vec<_> = firefox::remove(root)?.into_iter().collect();
    changed.extend(chromium::remove(root)?);
    Ok(changed)
}

/// What is there.
///
/// # Errors
/// [`Error::File`], [`Error::Foreign`].
pub fn status(root: &Path) -> Result<Policies, Error> {
    Ok(Policies {
        firefox_module: firefox::registered(root)?,
        sites: chromium::sites(root)?,
        rivals: chromium::rivals(root),
    })
}

/// JSON, or nothing where there is no file.
fn read(path: &Path) -> Result<Option<serde_json::Value>, Error> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(crate::error::file(path, "read")(error)),
    };
    serde_json::from_str(&text)
        .map(Some)
        .map_err(|error| Error::Foreign {
            path: path.to_owned(),
            why: error.to_string(),
        })
}

/// Writes a file whole or not at all, for everybody to read.
fn write(path: &Path, value: &serde_json::Value) -> Result<(), Error> {
    use std::os::unix::fs::PermissionsExt;
    let folder = path.parent().unwrap_or(path);
    let failed = |doing| crate::error::file(path, doing);
    std::fs::create_dir_all(folder).map_err(failed("make the folder of"))?;
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".dlogin-new");
    let new = path.with_file_name(name);
    let text = serde_json::to_string_pretty(value).unwrap_or_default() + "\n";
    std::fs::write(&new, text)
        .and_then(|()| {
            std::fs::set_permissions(&new, std::fs::Permissions::from_mode(0o644))?;
            std::fs::rename(&new, path)
        })
        .map_err(|error| {
            let _ = std::fs::remove_file(&new);
            failed("write")(error)
        })
}

/// Removes folders that are empty now, upwards, at most so many.
fn prune(file: &Path, levels: usize) {
    for folder in file.ancestors().skip(1).take(levels) {
        if std::fs::remove_dir(folder).is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests;
