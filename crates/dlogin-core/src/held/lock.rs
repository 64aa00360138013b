//! One process at a time in the folder; whoever waits can be interrupted.

use std::fs::File;
use std::io;

use rustix::fs::FlockOperation;

use super::Folder;
use crate::exclusive::{self, PATIENCE};
use crate::{Error, Paths, files};

impl Folder {
    /// Waits until no other dlogin works in the folder. Blocks its thread, for
    /// [`PATIENCE`] at most.
    pub(crate) fn lock(paths: &Paths) -> Result<Self, Error> {
        files::private_dir(paths.certificate_dir())?;
        Self::open(paths, FlockOperation::NonBlockingLockExclusive)
    }

    /// The same in a task, which may be dropped while it waits: that is how
    /// Ctrl-C is heard. `told` is called once where it has to wait.
    pub(crate) async fn wait(paths: &Paths, told: impl FnOnce(&str)) -> Result<Self, Error> {
        files::private_dir(paths.certificate_dir())?;
        Self::wait_for(paths, FlockOperation::NonBlockingLockExclusive, told).await
    }

    async fn wait_for(
        paths: &Paths,
        how: FlockOperation,
        told: impl FnOnce(&str),
    ) -> Result<Self, Error> {
        let told = || told("another dlogin works with the certificates; waiting for it");
        exclusive::wait(PATIENCE, || Self::try_open(paths, how), told)
            .await?
            .ok_or_else(|| Self::busy(paths))
    }

    /// To be read, as it is: nothing is made and nothing is changed. `None`
    /// where there is no folder.
    pub(crate) fn look(paths: &Paths) -> Result<Option<Self>, Error> {
        Self::if_there(Self::open(paths, FlockOperation::NonBlockingLockShared))
    }

    /// The same in a task, as [`Folder::wait`] does it.
    pub(crate) async fn wait_to_look(
        paths: &Paths,
        told: impl FnOnce(&str),
    ) -> Result<Option<Self>, Error> {
        Self::if_there(Self::wait_for(paths, FlockOperation::NonBlockingLockShared, told).await)
    }

    fn if_there(folder: Result<Self, Error>) -> Result<Option<Self>, Error> {
        match folder {
            Ok(folder) => Ok(Some(folder)),
            Err(Error::File { source, .. }) if source.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn open(paths: &Paths, how: FlockOperation) -> Result<Self, Error> {
        exclusive::block(PATIENCE, || Self::try_open(paths, how))?.ok_or_else(|| Self::busy(paths))
    }

    fn try_open(paths: &Paths, how: FlockOperation) -> Result<Option<Self>, Error> {
        let path = paths.certificate_dir().to_owned();
        let locked = File::open(&path).and_then(|folder| exclusive::take(folder, how));
        match locked {
            Ok(locked) => Ok(locked.map(|lock| Self {
                path,
                site: paths.site().cloned(),
                _lock: lock,
            })),
            Err(source) => Err(Error::File {
                path,
                doing: "lock",
                source,
            }),
        }
    }

    fn busy(paths: &Paths) -> Error {
        Error::Busy {
            path: paths.certificate_dir().to_owned(),
        }
    }
}
