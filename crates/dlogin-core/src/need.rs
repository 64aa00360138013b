//! `dlogin --if-needed`: whether a login would bring anything that is not
//! there, without asking CA or YubiKey.

use std::fs::File;
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};
use time::OffsetDateTime;

use crate::granted::Granted;
use crate::held::Folder;
use crate::login::Request;
use crate::{Config, Error, Paths, ProfileName, files};

/// A certificate that ends sooner is renewed: long enough to connect with.
pub const MARGIN: Duration = Duration::from_secs(2 * 60);

/// Whether anything that this request would fetch is missing, or ends within
/// [`MARGIN`]. Before the first login nothing is known, and everything is
/// missing.
///
/// # Errors
/// Where the configuration or the folder cannot be read, or no CA is trusted.
pub fn needed(paths: &Paths, request: &Request) -> Result<bool, Error> {
    let config = Config::load(paths)?;
    let granted = Granted::load(paths, config.trusted_ca()?)?;
    // What its orders would name.
    let serial = request
        .name
        .clone()
        .or_else(|| config.keys.name.clone())
        .or_else(|| request.serial.map(|serial| serial.to_string()))
        .or_else(|| config.keys.serial.map(|serial| serial.to_string()));
    let wanted: Vec<ProfileName> = if request.profiles.is_empty() {
        serial.map_or_else(|| granted.to_any(), |serial| granted.to(&serial))
    } else {
        request.profiles.clone()
    };
    let soon = OffsetDateTime::now_utc() + MARGIN;
    let folder = Folder::look(paths)?;
    Ok(wanted.is_empty()
        || wanted.iter().any(|profile| {
            folder
                .as_ref()
                .and_then(|folder| folder.get(profile))
                .is_none_or(|held| held.not_after <= soon)
        }))
}

/// That it is this process's turn to log in.
#[derive(Debug)]
pub struct Turn {
    _lock: File,
}

/// Waits while another process of this person logs in "if needed", and says
/// whether it is still needed then: several programs that start at once cost
/// one touch. `None` where it is not.
///
/// # Errors
/// Those of [`needed`], and [`Error::File`] where the lock cannot be taken.
pub async fn turn(paths: &Paths, request: &Request) -> Result<Option<Turn>, Error> {
    if !needed(paths, request)? {
        return Ok(None);
    }
    let place = paths.state_dir().join("login.lock");
    let turn = tokio::task::spawn_blocking(move || wait(place))
        .await
        .map_err(|_| Error::Broken)??;
    Ok(needed(paths, request)?.then_some(turn))
}

fn wait(path: std::path::PathBuf) -> Result<Turn, Error> {
    use std::os::unix::fs::OpenOptionsExt;
    if let Some(folder) = path.parent() {
        files::private_dir(folder)?;
    }
    let locked = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .open(&path)
        .and_then(|file| {
            flock(&file, FlockOperation::LockExclusive)?;
            Ok(file)
        });
    match locked {
        Ok(file) => Ok(Turn { _lock: file }),
        Err(source) => Err(Error::File {
            path,
            doing: "lock",
            source,
        }),
    }
}
