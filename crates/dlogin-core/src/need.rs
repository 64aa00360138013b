//! Whether a login would bring anything that is not there: what `dlogin` does
//! without names is what is needed and no more, and `dlogin --if-needed` asks
//! neither CA nor YubiKey while all lives.

use std::fs::File;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

use rustix::fs::FlockOperation;
use time::OffsetDateTime;

use crate::granted::Granted;
use crate::held::{Certificate, Folder};
use crate::login::{Renew, Request, Show};
use crate::{Config, Error, Paths, ProfileName, exclusive, files};

/// A certificate that ends sooner is renewed: long enough to connect with.
pub const MARGIN: Duration = Duration::from_secs(2 * 60);

impl Renew {
    fn spares(self, held: &Certificate, now: OffsetDateTime) -> bool {
        if now < held.not_before {
            // One of the clocks is wrong: the CA knows.
            return false;
        }
        match self {
            Self::All => false,
            Self::HalfSpent => {
                let life = held.not_after - held.not_before;
                held.not_after - now >= life / 2
            }
            Self::Ending => held.not_after > now + MARGIN,
        }
    }
}

/// Those of these profiles whose certificates need not be fetched again.
pub(crate) async fn current(
    paths: &Paths,
    profiles: &[ProfileName],
    renew: Renew,
    show: &mut (dyn Show + Send),
) -> Result<Vec<Certificate>, Error> {
    let Some(folder) = Folder::wait_to_look(paths, |what| show.warning(what)).await? else {
        return Ok(Vec::new());
    };
    let now = OffsetDateTime::now_utc();
    Ok(profiles
        .iter()
        .filter_map(|profile| folder.get(profile))
        .filter(|held| renew.spares(held, now))
        .collect())
}

/// All that this request would fetch, where all of it is there and need not be
/// fetched again; `None` where anything is to do. Asks neither CA nor YubiKey.
/// Before the first login nothing is known, and everything is missing.
///
/// # Errors
/// Where the configuration or the folder cannot be read, or no CA is trusted.
pub async fn nothing_to_do(
    paths: &Paths,
    request: &Request,
    show: &mut (dyn Show + Send),
) -> Result<Option<Vec<Certificate>>, Error> {
    let paths = &paths.at(request.site.as_ref());
    let config = Config::load(paths)?;
    let cas = config.cas_of(paths.site())?;
    if request.all || request.renew == Renew::All {
        return Ok(None);
    }
    // What its orders would name.
    let key = request
        .name
        .clone()
        .or_else(|| config.keys.name.clone())
        .or_else(|| request.serial.map(|serial| serial.to_string()));
    let wanted = if request.profiles.is_empty() {
        Granted::by_any(paths, &cas, key.as_deref())?
    } else {
        request.profiles.clone()
    };
    let current = current(paths, &wanted, request.renew, show).await?;
    let missing = |profile: &ProfileName| !current.iter().any(|held| held.profile == *profile);
    let anything = wanted.is_empty() || wanted.iter().any(missing);
    Ok((!anything).then_some(current))
}

/// The profiles that the CAs of all sites granted to any YubiKey of this person,
/// as earlier runs wrote them down.
///
/// # Errors
/// Where the configuration or a file cannot be read.
pub fn granted(paths: &Paths) -> Result<Vec<ProfileName>, Error> {
    let config = Config::load(paths)?;
    let mut all = Vec::new();
    for site in config.sites() {
        let cas = config.cas_of(site.as_ref())?;
        all.extend(Granted::by_any(&paths.at(site.as_ref()), &cas, None)?);
    }
    all.sort();
    all.dedup();
    Ok(all)
}

/// That it is this process's turn to log in.
#[derive(Debug)]
pub struct Turn {
    _lock: File,
}

/// How long another login is waited for: a PIN is typed, and two keys are touched.
const PATIENCE: Duration = Duration::from_secs(3 * 60);

/// Waits while another process of this person logs in "if needed", for three
/// minutes at most, and says whether it is still needed then: several programs that
/// start at once cost one touch. `None` where it is not. Whoever waits is told.
///
/// # Errors
/// Those of [`nothing_to_do`]; [`Error::File`] where the lock cannot be taken, and
/// [`Error::LoggingIn`] where the other does not end.
pub async fn turn(
    paths: &Paths,
    request: &Request,
    show: &mut (dyn Show + Send),
) -> Result<Option<Turn>, Error> {
    if nothing_to_do(paths, request, show).await?.is_some() {
        return Ok(None);
    }
    let state = paths.at(request.site.as_ref());
    let place = state.state_dir().join("login.lock");
    let turn = wait(&place, PATIENCE, show).await?;
    let nothing = nothing_to_do(paths, request, show).await?;
    Ok(nothing.is_none().then_some(turn))
}

async fn wait(
    path: &Path,
    patience: Duration,
    show: &mut (dyn Show + Send),
) -> Result<Turn, Error> {
    if let Some(folder) = path.parent() {
        files::private_dir(folder)?;
    }
    let attempt = || {
        let taken = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(path)
            .and_then(|file| exclusive::take(file, FlockOperation::NonBlockingLockExclusive));
        taken.map_err(|source| Error::File {
            path: path.to_owned(),
            doing: "lock",
            source,
        })
    };
    let told = || show.warning("another dlogin is logging in; waiting for it");
    let lock = exclusive::wait(patience, attempt, told).await?;
    lock.map(|lock| Turn { _lock: lock })
        .ok_or(Error::LoggingIn { waited: patience })
}

#[cfg(test)]
mod tests;
