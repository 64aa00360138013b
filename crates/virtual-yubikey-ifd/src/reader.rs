//! One reader: its two connections to the card, and what pcscd may ask of it.

use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::{RecvFlags, recv};

use crate::protocol::{COMMANDS, EVENTS, PLUGGED, Request, read_frame};

/// How long a card that accepts a connection may take to say whether it is plugged in.
const FIRST_EVENT: Duration = Duration::from_secs(2);
/// How long to wait before looking again for a card whose process is not there.
const RETRY: Duration = Duration::from_millis(50);

/// A reader with one slot, whose card listens at `path`.
#[derive(Debug)]
pub(crate) struct Reader {
    path: PathBuf,
    commands: Mutex<Option<UnixStream>>,
    events: Mutex<Events>,
    atr: Mutex<Vec<u8>>,
}

#[derive(Debug, Default)]
struct Events {
    stream: Option<UnixStream>,
    plugged: bool,
}

/// Poisoning cannot leave these values half-changed; a driver must go on.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Reader {
    pub(crate) fn new(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            commands: Mutex::new(None),
            events: Mutex::default(),
            atr: Mutex::default(),
        }
    }

    /// Is the card in the reader?
    pub(crate) fn is_plugged(&self) -> bool {
        let mut events = lock(&self.events);
        events.refresh(&self.path, RecvFlags::PEEK);
        events.plugged
    }

    /// Returns when something may have changed, or after `timeout`.
    pub(crate) fn wait_for_event(&self, timeout: Duration) {
        let stream = {
            let mut events = lock(&self.events);
            if events.refresh(&self.path, RecvFlags::empty()) {
                return;
            }
            events.stream.as_ref().and_then(|s| s.try_clone().ok())
        };
        let Some(stream) = stream else {
            std::thread::sleep(RETRY.min(timeout));
            return;
        };
        // The lock is free while we wait, so that presence can be asked meanwhile.
        let mut waiting = [PollFd::new(&stream, PollFlags::IN)];
        let timeout = Timespec {
            tv_sec: i64::try_from(timeout.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: timeout.subsec_nanos().into(),
        };
        // An interrupted wait is no event, and no harm: pcscd asks again.
        let _ = poll(&mut waiting, Some(&timeout));
    }

    /// Ends a [`Self::wait_for_event`] in another thread.
    pub(crate) fn stop_waiting(&self) {
        if let Some(stream) = lock(&self.events).stream.take() {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    /// The answer to reset of the last power-up.
    pub(crate) fn atr(&self) -> Vec<u8> {
        lock(&self.atr).clone()
    }

    pub(crate) fn power_up(&self) -> io::Result<Vec<u8>> {
        let atr = self.exchange(&Request::PowerUp)?;
        lock(&self.atr).clone_from(&atr);
        Ok(atr)
    }

    pub(crate) fn power_down(&self) -> io::Result<()> {
        lock(&self.atr).clear();
        self.exchange(&Request::PowerDown).map(drop)
    }

    pub(crate) fn transmit(&self, apdu: &[u8]) -> io::Result<Vec<u8>> {
        self.exchange(&Request::Transmit(apdu.to_vec()))
    }

    fn exchange(&self, request: &Request) -> io::Result<Vec<u8>> {
        let mut commands = lock(&self.commands);
        let mut stream = match commands.take() {
            Some(stream) => stream,
            None => connect(&self.path, COMMANDS)?,
        };
        request.write(&mut stream)?;
        let answer = read_frame(&mut stream)?;
        // Kept only after a whole exchange: an error leaves nothing half-read behind.
        *commands = Some(stream);
        Ok(answer)
    }

    /// Forgets the connection for requests, as after an unplugging.
    pub(crate) fn disconnect(&self) {
        lock(&self.commands).take();
    }
}

impl Events {
    /// Reads what has arrived without waiting; connects where there is no
    /// connection. Whether there was anything new. With `PEEK` it stays there for
    /// the thread that waits for it: pcscd looks whether the card is there from
    /// other threads, too, and would sleep over what they took.
    fn refresh(&mut self, path: &Path, peek: RecvFlags) -> bool {
        let before = self.plugged;
        if self.stream.is_none() {
            self.plugged = false;
            match subscribe(path) {
                Ok((stream, plugged)) => {
                    self.plugged = plugged;
                    self.stream = Some(stream);
                }
                Err(_) => return before,
            }
        }
        let mut arrived = self.plugged != before;
        let mut bytes = [0; 64];
        while let Some(stream) = &self.stream {
            match recv(stream, &mut bytes, peek.union(RecvFlags::DONTWAIT)) {
                Ok((0, _)) => self.lost(),
                Ok((n, _)) => {
                    if let Some(last) = bytes.get(..n).and_then(<[u8]>::last) {
                        self.plugged = *last == PLUGGED;
                    }
                    if !peek.is_empty() {
                        return true;
                    }
                }
                Err(Errno::WOULDBLOCK) => return arrived,
                Err(Errno::INTR) => continue,
                Err(_) => self.lost(),
            }
            arrived = true;
        }
        arrived
    }

    fn lost(&mut self) {
        self.stream = None;
        self.plugged = false;
    }
}

fn connect(path: &Path, purpose: u8) -> io::Result<UnixStream> {
    let mut stream = UnixStream::connect(path)?;
    stream.write_all(&[purpose])?;
    Ok(stream)
}

fn subscribe(path: &Path) -> io::Result<(UnixStream, bool)> {
    let mut stream = connect(path, EVENTS)?;
    stream.set_read_timeout(Some(FIRST_EVENT))?;
    let mut first = [0];
    stream.read_exact(&mut first)?;
    stream.set_nonblocking(true)?;
    Ok((stream, first == [PLUGGED]))
}
