//! `SecurityDevices` in Firefox's one file of policies, which is somebody
//! else's as often as not.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use super::{prune, read, write};
use crate::Error;
use crate::error::file;
use crate::install::{Change, Changed};
use crate::nss::NAME;

const FILE: &str = "etc/firefox/policies/policies.json";
/// Read where the file above is not there; the file above would hide it.
const PACKAGED: [&str; 2] = [
    "usr/lib/firefox-esr/distribution/policies.json",
    "usr/lib/firefox/distribution/policies.json",
];

fn backup(path: &Path) -> PathBuf {
    path.with_file_name("policies.json.before-dlogin")
}

/// The map of devices: in `Add`, or in the older form of the policy.
fn devices(root: &mut Value) -> Option<&mut Map<String, Value>> {
    let devices = root
        .as_object_mut()?
        .entry("policies")
        .or_insert_with(|| json!({}))
        .as_object_mut()?
        .entry("SecurityDevices")
        .or_insert_with(|| json!({}))
        .as_object_mut()?;
    let older =
        !devices.is_empty() && !devices.contains_key("Add") && !devices.contains_key("Delete");
    if older {
        return Some(devices);
    }
    devices
        .entry("Add")
        .or_insert_with(|| json!({}))
        .as_object_mut()
}

fn lookup(root: &Value) -> Option<&str> {
    let devices = root.get("policies")?.get("SecurityDevices")?;
    devices
        .get("Add")
        .and_then(|add| add.get(NAME))
        .or_else(|| devices.get(NAME))?
        .as_str()
}

pub(super) fn registered(root: &Path) -> Result<Option<PathBuf>, Error> {
    let value = read(&root.join(FILE))?;
    Ok(value.as_ref().and_then(lookup).map(PathBuf::from))
}

pub(super) fn install(root: &Path, module: &Path) -> Result<Changed, Error> {
    let path = root.join(FILE);
    let before = read(&path)?;
    if before.is_none() {
        let hidden = PACKAGED.map(|packaged| root.join(packaged));
        if let Some(hidden) = hidden.into_iter().find(|packaged| packaged.exists()) {
            return Err(Error::Foreign {
                why: format!(
                    "Firefox would no longer read it once {} is there: add \"SecurityDevices\": \
                     {{\"Add\": {{\"{NAME}\": \"{}\"}}}} to its policies yourself",
                    path.display(),
                    module.display()
                ),
                path: hidden,
            });
        }
    }
    let module = module.display().to_string();
    let known = before.as_ref().and_then(lookup).map(str::to_owned);
    let change = match &known {
        Some(known) if *known == module => {
            return Ok(Changed {
                path,
                change: Change::Unchanged,
            });
        }
        Some(_) => Change::Updated,
        None => Change::Added,
    };
    let copy = backup(&path);
    if before.is_some() && known.is_none() && !copy.exists() {
        std::fs::copy(&path, &copy).map_err(file(&copy, "write"))?;
    }
    let mut value = before.unwrap_or_else(|| json!({}));
    let Some(devices) = devices(&mut value) else {
        return Err(Error::Foreign {
            path,
            why: "its policies are no JSON object".to_owned(),
        });
    };
    devices.insert(NAME.to_owned(), Value::String(module));
    write(&path, &value)?;
    Ok(Changed { path, change })
}

pub(super) fn remove(root: &Path) -> Result<Option<Changed>, Error> {
    let path = root.join(FILE);
    let Some(mut value) = read(&path)? else {
        return Ok(None);
    };
    if lookup(&value).is_none() {
        return Ok(None);
    }
    if let Some(devices) = devices(&mut value) {
        devices.remove(NAME);
    }
    clear_empty(&mut value);
    let copy = backup(&path);
    let original = match read(&copy) {
        Ok(Some(mut original)) => {
            clear_empty(&mut original);
            original == value
        }
        _ => false,
    };
    if original {
        // As it was, to the byte.
        std::fs::rename(&copy, &path).map_err(file(&path, "write"))?;
    } else {
        if value == json!({}) {
            std::fs::remove_file(&path).map_err(file(&path, "remove"))?;
        } else {
            write(&path, &value)?;
        }
        let _ = std::fs::remove_file(&copy);
        prune(&path, 2);
    }
    Ok(Some(Changed {
        path,
        change: Change::Removed,
    }))
}

/// Takes out the empty objects on the way to the devices.
fn clear_empty(root: &mut Value) {
    fn at(value: &mut Value, path: &[&str]) {
        let Some((first, rest)) = path.split_first() else {
            return;
        };
        let Some(object) = value.as_object_mut() else {
            return;
        };
        if let Some(inner) = object.get_mut(*first) {
            at(inner, rest);
            if inner.as_object().is_some_and(Map::is_empty) {
                object.remove(*first);
            }
        }
    }
    at(root, &["policies", "SecurityDevices", "Add"]);
}
