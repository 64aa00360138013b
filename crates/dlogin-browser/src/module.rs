//! Where the PKCS#11 module is.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use crate::Error;

/// The module's file.
pub const FILE_NAME: &str = "libdlogin_pkcs11.so";

/// The module: the one that was named, or the one that belongs to `program`,
/// or the one of the system. An absolute path.
///
/// # Errors
/// [`Error::NoModule`], [`Error::NotAModule`], [`Error::Unwritable`].
pub fn find(named: Option<&Path>, program: Option<&Path>) -> Result<PathBuf, Error> {
    let found = match named {
        Some(named) => named.to_owned(),
        None => {
            let places = places(program);
            match places.iter().find(|place| place.is_file()) {
                Some(found) => found.clone(),
                None => {
                    let looked = places
                        .iter()
                        .filter_map(|place| Some(place.parent()?.to_owned()))
                        .collect();
                    return Err(Error::NoModule { looked });
                }
            }
        }
    };
    let absolute = std::path::absolute(&found).map_err(crate::error::file(&found, "find"))?;
    if !is_library(&absolute) {
        return Err(Error::NotAModule { path: absolute });
    }
    // NSS keeps it on a line of a text file, in its own quotes.
    let writable = absolute
        .to_str()
        .is_some_and(|text| !text.contains(|c: char| c.is_control() || "\"'\\".contains(c)));
    if writable {
        Ok(absolute)
    } else {
        Err(Error::Unwritable { path: absolute })
    }
}

fn places(program: Option<&Path>) -> Vec<PathBuf> {
    let mut folders = Vec::new();
    // A link on the PATH leads to where the program was unpacked.
    for program in [
        program.map(Path::to_owned),
        program.and_then(|p| p.canonicalize().ok()),
    ] {
        if let Some(folder) = program.as_deref().and_then(Path::parent) {
            folders.push(folder.to_owned());
            folders.push(folder.join("../lib/dlogin"));
            folders.push(folder.join("../lib"));
        }
    }
    folders.push("/usr/local/lib/dlogin".into());
    folders.push("/usr/local/lib".into());
    folders.push("/usr/lib/dlogin".into());
    if let Ok(entries) = std::fs::read_dir("/usr/lib") {
        for entry in entries.flatten() {
            // /usr/lib/x86_64-linux-gnu and its like.
            if entry.file_name().to_string_lossy().contains("-linux-") {
                folders.push(entry.path().join("pkcs11"));
                folders.push(entry.path().join("dlogin"));
                folders.push(entry.path());
            }
        }
    }
    let mut places: Vec<PathBuf> = Vec::new();
    for folder in folders {
        let place = folder.join(FILE_NAME);
        if !places.contains(&place) {
            places.push(place);
        }
    }
    places
}

fn is_library(path: &Path) -> bool {
    let mut magic = [0; 4];
    path.is_file()
        && File::open(path).is_ok_and(|mut file| file.read_exact(&mut magic).is_ok())
        && magic == *b"\x7fELF"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_module_beside_the_program_is_found() {
        let dir = tempfile::tempdir().unwrap();
        let module = dir.path().join(FILE_NAME);
        std::fs::copy(std::env::current_exe().unwrap(), &module).unwrap();
        let found = find(None, Some(&dir.path().join("dlogin"))).unwrap();
        assert_eq!(found, module);
    }

    #[test]
    fn what_is_no_library_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let module = dir.path().join("a\"b.so");
        std::fs::write(&module, "text").unwrap();
        assert!(matches!(
            find(Some(&module), None),
            Err(Error::NotAModule { .. })
        ));
        assert!(matches!(
            find(Some(dir.path()), None),
            Err(Error::NotAModule { .. })
        ));
        std::fs::copy(std::env::current_exe().unwrap(), &module).unwrap();
        assert!(matches!(
            find(Some(&module), None),
            Err(Error::Unwritable { .. })
        ));
    }

    #[test]
    fn where_it_was_looked_for_is_said() {
        let dir = tempfile::tempdir().unwrap();
        match find(None, Some(&dir.path().join("dlogin"))) {
            Err(error @ Error::NoModule { .. }) => {
                assert!(
                    error
                        .to_string()
                        .contains(&dir.path().display().to_string())
                );
            }
            // A machine on which dlogin is installed.
            Ok(found) => assert!(found.starts_with("/usr"), "{}", found.display()),
            Err(error) => panic!("{error}"),
        }
    }
}
