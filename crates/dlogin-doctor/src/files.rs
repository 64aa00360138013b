//! Files that others could read or change.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use dlogin_core::Exit;

use crate::{Check, Patient};

const ID: &str = "files";

pub(crate) fn check(patient: &Patient) -> Vec<Check> {
    let paths = &patient.paths;
    let mut checks = Vec::new();
    for folder in [
        paths.config_file().parent().map(Path::to_owned),
        Some(paths.state_dir().to_owned()),
        Some(paths.certificate_dir().to_owned()),
    ]
    .into_iter()
    .flatten()
    {
        checks.extend(private(&folder, true));
        for file in files(&folder) {
            checks.extend(private(&file, false));
        }
    }
    if checks.is_empty() {
        checks.push(Check::ok(ID, "files and folders are yours alone"));
    }
    checks
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut files: Vec<_> = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| fs::symlink_metadata(path).is_ok_and(|found| found.is_file()))
        .collect();
    files.sort();
    files
}

/// What is wrong with it, if it is there.
fn private(path: &Path, folder: bool) -> Option<Check> {
    let found = fs::metadata(path).ok()?;
    let (mode, owner) = (found.mode() & 0o777, found.uid());
    let shown = path.display();
    if owner != rustix::process::geteuid().as_raw() {
        return Some(
            Check::fault(
                ID,
                Exit::Internal,
                format!("{shown} belongs to another user"),
            )
            .todo(format!("give it back: sudo chown \"$USER\" '{shown}'")),
        );
    }
    let right = if folder { 0o700 } else { 0o600 };
    if mode & 0o077 != 0 {
        let fix = format!("chmod {right:o} '{shown}'");
        return Some(
            if mode & 0o022 != 0 || path.extension().is_some_and(|e| e == "key") {
                Check::fault(
                    ID,
                    Exit::Internal,
                    format!("{shown} is open to other users (mode {mode:04o})"),
                )
                .todo(fix)
            } else {
                Check::warning(
                    ID,
                    format!("{shown} can be read by others (mode {mode:04o})"),
                )
                .todo(fix)
            },
        );
    }
    (mode & right != right).then(|| {
        Check::fault(
            ID,
            Exit::Internal,
            format!("{shown} is closed to yourself (mode {mode:04o})"),
        )
        .todo(format!("chmod {right:o} '{shown}'"))
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::Level;

    #[test]
    fn a_key_that_others_can_read_is_a_fault() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("tls.key");
        let with = |mode| {
            fs::write(&path, "").unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            private(&path, false).map(|check| check.level)
        };
        assert_eq!(with(0o600), None);
        assert_eq!(with(0o644), Some(Level::Fault));
        assert_eq!(with(0o400), Some(Level::Fault));
        assert_eq!(private(&dir.path().join("none"), false).map(|c| c.id), None);
    }
}
