//! One process at a time. Whoever waits does so for a while and not for ever.

use std::fs::File;
use std::io;
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use crate::Error;

/// How long others are waited for who write a few files.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// Between two looks whether it is free.
const PAUSE: Duration = Duration::from_millis(20);

/// Locks what is open, for as long as it stays so; `None` where another process has it.
pub(crate) fn take(open: File, how: FlockOperation) -> io::Result<Option<File>> {
    match flock(&open, how) {
        Ok(()) => Ok(Some(open)),
        Err(Errno::WOULDBLOCK | Errno::INTR) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Tries until it is free. Blocks its thread; `None` where `patience` is over.
pub(crate) fn block<T>(
    patience: Duration,
    mut attempt: impl FnMut() -> Result<Option<T>, Error>,
) -> Result<Option<T>, Error> {
    let end = Instant::now() + patience;
    loop {
        match attempt()? {
            None if Instant::now() <= end => std::thread::sleep(PAUSE),
            taken => return Ok(taken),
        }
    }
}

/// The same in a task, which may be dropped while it waits: that is how Ctrl-C
/// is heard. `told` is called once where it has to wait.
pub(crate) async fn wait<T>(
    patience: Duration,
    mut attempt: impl FnMut() -> Result<Option<T>, Error>,
    told: impl FnOnce(),
) -> Result<Option<T>, Error> {
    let end = Instant::now() + patience;
    let mut told = Some(told);
    loop {
        match attempt()? {
            None if Instant::now() <= end => {
                if let Some(told) = told.take() {
                    told();
                }
                tokio::time::sleep(PAUSE).await;
            }
            taken => return Ok(taken),
        }
    }
}
