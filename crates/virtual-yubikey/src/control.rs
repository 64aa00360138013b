//! The control socket: a finger, a pair of eyes and a hand for other processes.
//!
//! `control.sock` in the state folder takes one JSON request a line and
//! answers each with one JSON line.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::card::serial_name;
use crate::error::Error;
use crate::rig::Keys;
use crate::settings::{Firmware, FormFactor};
use crate::touch::{TouchMode, TouchStatus};

/// Longest request.
const MAX_LINE: u64 = 4096;

/// What a key is and does, as `virtual-yubikey status` prints it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyStatus {
    /// Serial number.
    pub serial: Option<u32>,
    /// Firmware.
    pub firmware: Firmware,
    /// Shape.
    pub form_factor: FormFactor,
    /// Whether it is in its reader.
    pub plugged: bool,
    /// Touches, and whether one is waited for.
    #[serde(flatten)]
    pub touch: TouchStatus,
}

#[derive(Debug, Serialize, Deserialize)]
struct Request {
    /// Serial number; needed when there are several keys.
    #[serde(default)]
    key: Option<u32>,
    #[serde(flatten)]
    action: Action,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case")]
enum Action {
    Status,
    Touch,
    Mode { mode: TouchMode },
    WaitForTouch { milliseconds: u64 },
    TouchWhenAsked { milliseconds: u64 },
    Unplug,
    UnplugWithChange { changes: u64 },
    Replug,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Answer {
    Done,
    Keys(Vec<KeyStatus>),
    Refused(String),
}

/// Listens until dropped.
#[derive(Debug)]
pub(crate) struct Server {
    dir: PathBuf,
    stopping: Arc<AtomicBool>,
    accepting: Option<JoinHandle<()>>,
}

fn socket(dir: &Path) -> PathBuf {
    dir.join("control.sock")
}

impl Server {
    pub(crate) fn start(dir: &Path, keys: Arc<Keys>) -> Result<Self, Error> {
        let path = socket(dir);
        // What a killed predecessor left; that none lives, the folder's lock says.
        let _ = std::fs::remove_file(&path);
        let listener =
            UnixListener::bind(&path).map_err(|source| Error::Listen { path, source })?;
        let stopping = Arc::new(AtomicBool::new(false));
        let accepting = std::thread::spawn({
            let stopping = Arc::clone(&stopping);
            // A weak handle: a connection left open must not keep pcscd alive.
            let keys = Arc::downgrade(&keys);
            move || {
                for stream in listener.incoming() {
                    if stopping.load(Ordering::SeqCst) {
                        return;
                    }
                    let (Ok(stream), keys) = (stream, keys.clone()) else {
                        continue;
                    };
                    std::thread::spawn(move || serve(&stream, || keys.upgrade()));
                }
            }
        });
        Ok(Self {
            dir: dir.to_owned(),
            stopping,
            accepting: Some(accepting),
        })
    }

    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stopping.store(true, Ordering::SeqCst);
        let path = socket(&self.dir);
        let woken = UnixStream::connect(&path).is_ok();
        if let Some(accepting) = self.accepting.take().filter(|_| woken) {
            let _ = accepting.join();
        }
        let _ = std::fs::remove_file(path);
    }
}

fn serve(stream: &UnixStream, keys: impl Fn() -> Option<Arc<Keys>>) {
    let mut lines = BufReader::new(stream);
    loop {
        let mut line = String::new();
        match lines.by_ref().take(MAX_LINE).read_line(&mut line) {
            Ok(1..) => {}
            _ => return,
        }
        let answer = match (serde_json::from_str::<Request>(&line), keys()) {
            (_, None) => return,
            (Err(error), _) => Answer::Refused(format!("not a request: {error}")),
            (Ok(request), Some(keys)) => obey(&request, keys),
        };
        let Ok(mut text) = serde_json::to_string(&answer) else {
            return;
        };
        text.push('\n');
        let mut to = stream;
        if to.write_all(text.as_bytes()).is_err() {
            return;
        }
    }
}

fn obey(request: &Request, keys: Arc<Keys>) -> Answer {
    let readers = &keys.readers;
    if let Action::Status = request.action {
        let status = readers.iter().map(|reader| KeyStatus {
            serial: reader.settings().serial,
            firmware: reader.settings().firmware,
            form_factor: reader.settings().form_factor,
            plugged: reader.is_plugged(),
            touch: reader.touch().status(),
        });
        return Answer::Keys(status.collect());
    }
    let index = match request.key {
        None if readers.len() == 1 => Some(0),
        None => {
            return Answer::Refused("there are several keys: say which one by --serial".to_owned());
        }
        wanted => readers.iter().position(|r| r.settings().serial == wanted),
    };
    let Some((index, reader)) = index.and_then(|i| readers.get(i).map(|reader| (i, reader))) else {
        let serial = serial_name(request.key);
        return Answer::Refused(format!("there is no key {serial} here"));
    };
    let touch = reader.touch().clone();
    let outcome = match request.action {
        Action::Status => Ok(()),
        Action::Touch => touch.touch().map_err(|e| e.to_string()),
        Action::Mode { mode } => {
            touch.set_mode(mode);
            Ok(())
        }
        Action::WaitForTouch { milliseconds } => {
            // Nothing else of the rig is held while waiting, so it can end meanwhile.
            drop(keys);
            touch
                .wait_until_asked(Duration::from_millis(milliseconds))
                .map_err(|e| e.to_string())
        }
        Action::TouchWhenAsked { milliseconds } => {
            drop(keys);
            touch
                .touch_when_asked(Duration::from_millis(milliseconds))
                .map_err(|e| e.to_string())
        }
        Action::UnplugWithChange { changes } => {
            reader.unplug_with_change(changes);
            Ok(())
        }
        Action::Unplug => keys.set_plugged(index, false).map_err(|e| e.to_string()),
        Action::Replug => keys.set_plugged(index, true).map_err(|e| e.to_string()),
    };
    match outcome {
        Ok(()) => Answer::Done,
        Err(reason) => Answer::Refused(reason),
    }
}

/// Handle on running keys from any process that knows their folder.
#[derive(Debug, Clone)]
pub struct Control {
    dir: PathBuf,
    key: Option<u32>,
}

impl Control {
    /// The keys that run with this state folder.
    ///
    /// # Errors
    /// [`Error::NotRunning`] when none do.
    pub fn connect(dir: &Path) -> Result<Self, Error> {
        let control = Self {
            dir: dir.to_owned(),
            key: None,
        };
        control.open()?;
        Ok(control)
    }

    /// Speaks of the key with this serial number; needed when there are several.
    #[must_use]
    pub fn of_key(&self, serial: u32) -> Self {
        Self {
            dir: self.dir.clone(),
            key: Some(serial),
        }
    }

    /// The state folder.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// All keys.
    ///
    /// # Errors
    /// [`Error::NotRunning`], [`Error::Control`].
    pub fn keys(&self) -> Result<Vec<KeyStatus>, Error> {
        match self.ask(Action::Status)? {
            Answer::Keys(keys) => Ok(keys),
            _ => Err(unexpected()),
        }
    }

    /// The key spoken of.
    ///
    /// # Errors
    /// As [`Self::keys`]; [`Error::Refused`] when it is not clear which.
    pub fn status(&self) -> Result<KeyStatus, Error> {
        let mut keys = self.keys()?;
        if self.key.is_some() {
            keys.retain(|status| status.serial == self.key);
        }
        match (keys.pop(), keys.is_empty()) {
            (Some(status), true) => Ok(status),
            _ => Err(Error::Refused(
                "there is not exactly one such key".to_owned(),
            )),
        }
    }

    /// Touches the key.
    ///
    /// # Errors
    /// [`Error::Refused`] when it does not wait for a touch.
    pub fn touch(&self) -> Result<(), Error> {
        self.act(Action::Touch)
    }

    /// From now on, what happens when the key waits for a touch.
    ///
    /// # Errors
    /// [`Error::NotRunning`], [`Error::Control`], [`Error::Refused`].
    pub fn set_mode(&self, mode: TouchMode) -> Result<(), Error> {
        self.act(Action::Mode { mode })
    }

    /// Returns as soon as the key waits for a touch.
    ///
    /// # Errors
    /// [`Error::Refused`] when it does not within `patience`.
    pub fn wait_until_asked(&self, patience: Duration) -> Result<(), Error> {
        let milliseconds = milliseconds(patience);
        self.act(Action::WaitForTouch { milliseconds })
    }

    /// Waits until the key asks for a touch, and touches it.
    ///
    /// # Errors
    /// [`Error::Refused`] when it does not ask within `patience`.
    pub fn touch_when_asked(&self, patience: Duration) -> Result<(), Error> {
        let milliseconds = milliseconds(patience);
        self.act(Action::TouchWhenAsked { milliseconds })
    }

    /// Pulls the key out; returns when programs can see it.
    ///
    /// # Errors
    /// [`Error::NotRunning`], [`Error::Control`], [`Error::Refused`].
    pub fn unplug(&self) -> Result<(), Error> {
        self.act(Action::Unplug)
    }

    /// Has the key pulled out with so many changes of what it keeps (a PIN, a key,
    /// an object) from now on: the last of them is carried out and gets no answer.
    ///
    /// # Errors
    /// [`Error::NotRunning`], [`Error::Control`], [`Error::Refused`].
    pub fn unplug_with_change(&self, changes: u64) -> Result<(), Error> {
        self.act(Action::UnplugWithChange { changes })
    }

    /// Puts the key back; returns when programs can see it.
    ///
    /// # Errors
    /// [`Error::NotRunning`], [`Error::Control`], [`Error::Refused`].
    pub fn replug(&self) -> Result<(), Error> {
        self.act(Action::Replug)
    }

    fn open(&self) -> Result<UnixStream, Error> {
        UnixStream::connect(socket(&self.dir)).map_err(|_| Error::NotRunning {
            dir: self.dir.clone(),
        })
    }

    fn ask(&self, action: Action) -> Result<Answer, Error> {
        let mut stream = self.open()?;
        let key = self.key;
        let mut line = serde_json::to_string(&Request { key, action })
            .map_err(|e| Error::Control(e.into()))?;
        line.push('\n');
        stream.write_all(line.as_bytes()).map_err(Error::Control)?;
        let mut answer = String::new();
        BufReader::new(stream)
            .read_line(&mut answer)
            .map_err(Error::Control)?;
        serde_json::from_str(&answer).map_err(|e| Error::Control(e.into()))
    }

    fn act(&self, action: Action) -> Result<(), Error> {
        match self.ask(action)? {
            Answer::Done => Ok(()),
            Answer::Refused(reason) => Err(Error::Refused(reason)),
            Answer::Keys(_) => Err(unexpected()),
        }
    }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn unexpected() -> Error {
    Error::Control(std::io::ErrorKind::InvalidData.into())
}
