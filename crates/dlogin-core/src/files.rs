//! Files that only their owner may read, written whole or not at all.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::FlockOperation;

use crate::{Error, exclusive};

/// No file of ours is longer; reading stops there.
const MAX_LEN: u64 = 1 << 20;

fn failed(path: &Path, doing: &'static str) -> impl FnOnce(io::Error) -> Error + use<> {
    let path = path.to_owned();
    move |source| Error::File {
        path,
        doing,
        source,
    }
}

/// Reads a file; `None` where there is none.
///
/// # Errors
/// [`Error::Unreadable`] where it cannot be read, or is longer than any file
/// of this program.
pub fn read(path: &Path) -> Result<Option<Vec<u8>>, Error> {
    let unreadable = |source| Error::Unreadable {
        path: path.to_owned(),
        source,
    };
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unreadable(error)),
    };
    // As long as it says, so that it is read at once.
    let length = file.metadata().map_or(0, |metadata| metadata.len());
    let mut bytes = Vec::with_capacity(length.min(MAX_LEN) as usize);
    file.take(MAX_LEN + 1)
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    if bytes.len() as u64 > MAX_LEN {
        return Err(unreadable(io::ErrorKind::FileTooLarge.into()));
    }
    Ok(Some(bytes))
}

/// Reads a text file; `None` where there is none.
///
/// # Errors
/// Those of [`read`], and where it is not UTF-8.
pub fn read_text(path: &Path) -> Result<Option<String>, Error> {
    read(path)?
        .map(String::from_utf8)
        .transpose()
        .map_err(|_| Error::Unreadable {
            path: path.to_owned(),
            source: io::ErrorKind::InvalidData.into(),
        })
}

/// Makes the folder, and what is above it, for the owner alone (0700). A
/// folder of ours that others may enter is closed to them.
///
/// # Errors
/// [`Error::File`].
pub fn private_dir(path: &Path) -> Result<(), Error> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(failed(path, "make the folder"))?;
    let metadata = fs::metadata(path).map_err(failed(path, "look at"))?;
    let mut permissions = metadata.permissions();
    if permissions.mode() & 0o077 != 0 {
        permissions.set_mode(0o700);
        fs::set_permissions(path, permissions).map_err(failed(path, "close"))?;
    }
    Ok(())
}

/// Makes the folder as [`private_dir`] does, and holds it for as long as the file
/// lives: other processes that would hold it wait. Blocks its thread, for half a
/// minute at most.
///
/// # Errors
/// [`Error::File`]; [`Error::Busy`] where another process does not let it go.
pub fn hold_dir(path: &Path) -> Result<File, Error> {
    private_dir(path)?;
    let attempt = || {
        File::open(path)
            .and_then(|folder| exclusive::take(folder, FlockOperation::NonBlockingLockExclusive))
            .map_err(failed(path, "lock"))
    };
    exclusive::block(exclusive::PATIENCE, attempt)?.ok_or_else(|| Error::Busy {
        path: path.to_owned(),
    })
}

/// A new file next to its place, with its own name until [`Pending::commit`];
/// dropped before, it is gone and the old file untouched.
#[derive(Debug)]
pub struct Pending {
    temporary: PathBuf,
    place: PathBuf,
    committed: bool,
}

impl Pending {
    /// Writes `content` for the owner alone (0600) and forces it to the disk.
    ///
    /// # Errors
    /// [`Error::File`]; nothing is left behind.
    pub fn write(place: &Path, content: &[u8]) -> Result<Self, Error> {
        if let Some(folder) = place.parent() {
            private_dir(folder)?;
        }
        let mut name = std::ffi::OsString::from(".");
        name.push(place.file_name().unwrap_or_default());
        name.push(format!(".{}{TEMPORARY}", std::process::id()));
        let pending = Self {
            temporary: place.with_file_name(name),
            place: place.to_owned(),
            committed: false,
        };
        // What a killed process with this id left behind is nobody's.
        match fs::remove_file(&pending.temporary) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(failed(place, "write")(error));
            }
            _ => {}
        }
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&pending.temporary)
            .map_err(failed(place, "write"))?;
        file.write_all(content)
            .and_then(|()| file.sync_all())
            .map_err(failed(place, "write"))?;
        Ok(pending)
    }

    /// Puts the file in its place.
    ///
    /// # Errors
    /// [`Error::File`]; nothing is left behind, the old file is untouched.
    pub fn commit(mut self) -> Result<(), Error> {
        fs::rename(&self.temporary, &self.place).map_err(failed(&self.place, "write"))?;
        self.committed = true;
        Ok(())
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        if !self.committed {
            let _ = fs::remove_file(&self.temporary);
        }
    }
}

/// How the names of files end that are not in their place yet.
pub(crate) const TEMPORARY: &str = ".tmp";

/// Writes a file whole or not at all, for its owner alone (0600).
///
/// # Errors
/// [`Error::File`]; the old file is untouched then.
pub fn write_private(path: &Path, content: &[u8]) -> Result<(), Error> {
    Pending::write(path, content)?.commit()
}

/// Removes a file; that there is none is no error. Answers whether there was
/// one.
///
/// # Errors
/// [`Error::File`].
pub fn remove(path: &Path) -> Result<bool, Error> {
    match fs::remove_file(path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(failed(path, "remove")(error)),
    }
}

/// Removes a private key: overwrites it first, as far as the file system lets
/// us (a log-structured one, or an SSD, may keep the old blocks).
///
/// # Errors
/// [`Error::File`] where it cannot be removed.
pub fn remove_secret(path: &Path) -> Result<bool, Error> {
    // Never through a link: what it points at is not ours.
    let regular = fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_file());
    if regular && let Ok(mut file) = OpenOptions::new().write(true).open(path) {
        let len = file.metadata().map_or(0, |metadata| metadata.len());
        let zeros = vec![0; usize::try_from(len.min(MAX_LEN)).unwrap_or(0)];
        let _ = file.write_all(&zeros).and_then(|()| file.sync_all());
    }
    remove(path)
}

#[cfg(test)]
mod tests;
