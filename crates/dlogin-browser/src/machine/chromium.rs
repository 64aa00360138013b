//! `AutoSelectCertificateForUrls`: a file of our own in the folder of managed
//! policies, of Chromium and of Chrome.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::{SitePolicy, prune, read, write};
use crate::install::{Change, Changed};
use crate::{Error, Site};

const POLICY: &str = "AutoSelectCertificateForUrls";
const FILE: &str = "dlogin.json";
/// Debian's Chromium, and Google's Chrome.
const FOLDERS: [&str; 2] = [
    "etc/chromium/policies/managed",
    "etc/opt/chrome/policies/managed",
];

fn files(root: &Path) -> [PathBuf; 2] {
    FOLDERS.map(|folder| root.join(folder).join(FILE))
}

/// A JSON text in a JSON string, as the policy wants it.
fn entry(site: &str, subject: Option<&str>) -> String {
    let filter = match subject {
        Some(name) => json!({ "SUBJECT": { "CN": name } }),
        None => json!({}),
    };
    json!({ "pattern": site, "filter": filter }).to_string()
}

/// The patterns of a file of ours, each with the name that it wants.
type Sites = BTreeMap<String, Option<String>>;

fn patterns(file: &Path) -> Result<Sites, Error> {
    let Some(value) = read(file)? else {
        return Ok(Sites::new());
    };
    Ok(value
        .get(POLICY)
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(|entry| serde_json::from_str::<Value>(entry.as_str()?).ok())
        .filter_map(|entry| {
            let subject = entry.pointer("/filter/SUBJECT/CN").and_then(Value::as_str);
            let pattern = entry.get("pattern")?.as_str()?;
            Some((pattern.to_owned(), subject.map(str::to_owned)))
        })
        .collect())
}

pub(super) fn install(
    root: &Path,
    sites: &[Site],
    subject: Option<&str>,
) -> Result<Vec<Changed>, Error> {
    let mut changed = Vec::new();
    for file in files(root) {
        let before = patterns(&file)?;
        let mut after = before.clone();
        let subject = subject.map(str::to_owned);
        after.extend(
            sites
                .iter()
                .map(|site| (site.as_str().to_owned(), subject.clone())),
        );
        let change = if after == before {
            Change::Unchanged
        } else {
            let entries: Vec<_> = after
                .iter()
                .map(|(site, subject)| entry(site, subject.as_deref()))
                .collect();
            write(&file, &json!({ POLICY: entries }))?;
            if before.is_empty() {
                Change::Added
            } else {
                Change::Updated
            }
        };
        changed.push(Changed { path: file, change });
    }
    Ok(changed)
}

pub(super) fn remove(root: &Path) -> Result<Vec<Changed>, Error> {
    let mut changed = Vec::new();
    for file in files(root) {
        match std::fs::remove_file(&file) {
            Ok(()) => {
                prune(&file, 2);
                changed.push(Changed {
                    path: file,
                    change: Change::Removed,
                });
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(crate::error::file(&file, "remove")(error)),
        }
    }
    Ok(changed)
}

pub(super) fn sites(root: &Path) -> Result<Vec<SitePolicy>, Error> {
    let mut all = BTreeMap::new();
    for file in files(root) {
        all.extend(patterns(&file)?);
    }
    Ok(all
        .into_iter()
        .map(|(pattern, subject)| SitePolicy { pattern, subject })
        .collect())
}

/// Other files with the same policy.
pub(super) fn rivals(root: &Path) -> Vec<PathBuf> {
    FOLDERS
        .iter()
        .filter_map(|folder| std::fs::read_dir(root.join(folder)).ok())
        .flat_map(|entries| entries.flatten().map(|entry| entry.path()))
        .filter(|path| path.file_name().is_some_and(|name| name != FILE))
        .filter(|path| matches!(read(path), Ok(Some(value)) if value.get(POLICY).is_some()))
        .collect()
}
