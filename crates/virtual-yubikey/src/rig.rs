//! Keys in readers of a private pcscd, for as long as somebody holds them.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tempfile::TempDir;

use crate::card::{VirtualYubiKey, serial_name};
use crate::control::{self, Control};
use crate::driver;
use crate::error::{Error, FileError};
use crate::pcscd::Pcscd;
use crate::reader::Reader;
use crate::root::Root;
use crate::settings::{Firmware, Settings};
use crate::touch::{Touch, TouchMode};

/// Names the state folder to programs that run with the key.
pub const DIR_VARIABLE: &str = "VIRTUAL_YUBIKEY_DIR";
/// Names pcscd's socket to libpcsclite.
pub const SOCKET_VARIABLE: &str = "PCSCLITE_CSOCK_NAME";

/// What to start.
#[derive(Debug, Clone)]
pub struct Launcher {
    dir: Option<PathBuf>,
    keys: Vec<Settings>,
    touch: TouchMode,
    vpcd: Option<String>,
}

impl Default for Launcher {
    fn default() -> Self {
        Self::new()
    }
}

impl Launcher {
    /// One key of firmware 5.7.4 in a folder that is gone afterwards, touched
    /// automatically, unless told otherwise.
    #[must_use]
    pub fn new() -> Self {
        Self {
            dir: None,
            keys: Vec::new(),
            touch: TouchMode::Auto,
            vpcd: None,
        }
    }

    /// Adds a key. Several sit in readers side by side and must differ in serial number.
    #[must_use]
    pub fn key(mut self, settings: Settings) -> Self {
        self.keys.push(settings);
        self
    }

    /// Keeps keys, PINs and the root in this folder.
    #[must_use]
    pub fn dir(mut self, dir: impl Into<PathBuf>) -> Self {
        self.dir = Some(dir.into());
        self
    }

    /// What happens when a key waits for a touch.
    #[must_use]
    pub fn touch(mut self, mode: TouchMode) -> Self {
        self.touch = mode;
        self
    }

    /// Uses the pcscd that is there instead of starting one, through its driver
    /// vpcd that listens at this address (`127.0.0.1:35963` is vpcd's default).
    /// vpcd has room for one key.
    #[must_use]
    pub fn vpcd(mut self, address: impl Into<String>) -> Self {
        self.vpcd = Some(address.into());
        self
    }

    /// Starts the keys and their pcscd; returns when clients can see them.
    ///
    /// # Errors
    /// Whatever is in the way: see [`Error`].
    pub fn start(mut self) -> Result<Rig, Error> {
        if self.keys.is_empty() {
            self.keys.push(Settings::new(Firmware::V5_7_4));
        }
        for (i, key) in self.keys.iter().enumerate() {
            if self.keys.iter().skip(i + 1).any(|k| k.serial == key.serial) {
                return Err(Error::SameSerial(serial_name(key.serial)));
            }
        }
        // Sockets have short names, and die with us: they never lie in the state folder.
        let runtime = TempDir::with_prefix("vyk-").map_err(FileError::write(Path::new("/tmp")))?;
        let dir = match self.dir {
            Some(dir) => {
                fs::create_dir_all(&dir).map_err(FileError::write(&dir))?;
                fs::canonicalize(&dir).map_err(FileError::read(&dir))?
            }
            None => {
                let dir = runtime.path().join("state");
                fs::create_dir(&dir).map_err(FileError::write(&dir))?;
                dir
            }
        };
        let lock = hold(&dir)?;
        let root = Root::open(&dir)?;
        let mut cards = Vec::new();
        for settings in self.keys {
            let card = VirtualYubiKey::open(settings, &root, &dir)?;
            card.touch().set_mode(self.touch);
            cards.push(card);
        }
        let keys = Arc::new(match self.vpcd {
            Some(address) => Keys::at_vpcd(cards, &address)?,
            None => Keys::at_own_pcscd(cards, runtime.path())?,
        });
        let control = control::Server::start(&dir, Arc::clone(&keys))?;
        Ok(Rig {
            control,
            keys,
            root,
            dir,
            _lock: lock,
            _runtime: runtime,
        })
    }

    /// Runs the rest of the calling test with these keys.
    ///
    /// libpcsclite reads the environment once, so a test that calls it needs a
    /// process that was born with the right one. The first call starts the keys
    /// and runs the test named `test` once more, alone, in such a process, and
    /// returns `None` when that has passed. There, the same call returns the
    /// handle on the keys.
    ///
    /// ```no_run
    /// # use virtual_yubikey::Launcher;
    /// # #[allow(dead_code)]
    /// // #[test]
    /// fn the_serial_number_is_read() {
    ///     let inside = Launcher::new().inside("the_serial_number_is_read").unwrap();
    ///     let Some(keys) = inside else { return };
    ///     // … calls libpcsclite, and perhaps keys.touch_when_asked(…)
    /// }
    /// ```
    ///
    /// # Errors
    /// As [`Self::start`], and [`Error::TestFailed`] with what the test printed.
    pub fn inside(self, test: &str) -> Result<Option<Control>, Error> {
        const MARK: &str = "VIRTUAL_YUBIKEY_INSIDE";
        if std::env::var_os(MARK).is_some_and(|name| name == OsStr::new(test)) {
            let dir = std::env::var_os(DIR_VARIABLE).unwrap_or_default();
            return Control::connect(Path::new(&dir)).map(Some);
        }
        let rig = self.start()?;
        let start_error = |source| Error::Start {
            program: format!("the test {test}"),
            source,
        };
        let program = std::env::current_exe().map_err(start_error)?;
        let output = rig
            .command(program)
            .args([test, "--exact", "--nocapture", "--include-ignored"])
            .env(MARK, test)
            .output()
            .map_err(start_error)?;
        let printed = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let (stdout, stderr) = (printed(&output.stdout), printed(&output.stderr));
        // A misspelt name runs no test, which is no success.
        if output.status.success() && stdout.contains("1 passed") {
            return Ok(None);
        }
        Err(Error::TestFailed {
            test: test.to_owned(),
            output: format!("{stdout}{stderr}"),
        })
    }
}

/// One rig for one folder at a time.
fn hold(dir: &Path) -> Result<File, Error> {
    let path = dir.join("lock");
    let file = File::create(&path).map_err(FileError::write(&path))?;
    file.try_lock()
        .map_err(|_| Error::AlreadyRunning(dir.to_owned()))?;
    Ok(file)
}

/// Running keys with their pcscd. Dropping it pulls the keys and ends pcscd.
#[derive(Debug)]
pub struct Rig {
    // Order matters: the control socket goes first, the folder last.
    control: control::Server,
    keys: Arc<Keys>,
    root: Root,
    dir: PathBuf,
    _lock: File,
    _runtime: TempDir,
}

impl Rig {
    /// What to set for programs that shall see these keys, and only these.
    #[must_use]
    pub fn env(&self) -> Vec<(&'static str, OsString)> {
        let socket = self.keys.pcscd().map(|pcscd| pcscd.socket().into());
        let socket = socket.map(|path| (SOCKET_VARIABLE, path));
        let dir = (DIR_VARIABLE, self.dir.clone().into());
        socket.into_iter().chain([dir]).collect()
    }

    /// A command that sees these keys.
    #[must_use]
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command.envs(self.env());
        command
    }

    /// The state folder.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The root of the keys' attestations.
    #[must_use]
    pub fn root(&self) -> &Root {
        &self.root
    }

    /// The file with the root's certificate, PEM.
    #[must_use]
    pub fn root_pem(&self) -> PathBuf {
        self.dir.join("root.pem")
    }

    /// The contact of the first key.
    #[must_use]
    pub fn touch(&self) -> Touch {
        self.touch_of(0)
            .unwrap_or_else(|| Touch::new(TouchMode::Deny))
    }

    /// The contact of the key in this reader, counted from 0.
    #[must_use]
    pub fn touch_of(&self, reader: usize) -> Option<Touch> {
        self.keys.readers.get(reader).map(|r| r.touch().clone())
    }

    /// Ends pcscd and starts it again at the same place, as an upgrade of its
    /// package does. The keys stay plugged in. Does nothing with vpcd, whose
    /// pcscd is not ours.
    ///
    /// # Errors
    /// It does not start, or does not show the keys.
    pub fn restart_pcscd(&self) -> Result<(), Error> {
        match self.keys.pcscd() {
            Some(mut pcscd) => pcscd.restart(),
            None => Ok(()),
        }
    }

    /// The process number of the pcscd; `None` with vpcd, whose pcscd is not ours.
    #[must_use]
    pub fn pcscd(&self) -> Option<u32> {
        self.keys.pcscd().map(|pcscd| pcscd.id())
    }

    /// How many commands (APDUs, chained ones each counted) came to the first key
    /// so far.
    #[must_use]
    pub fn commands(&self) -> u64 {
        self.keys.readers.first().map_or(0, |r| r.commands())
    }

    /// A handle as other processes have it, through the control socket.
    ///
    /// # Errors
    /// [`Error::NotRunning`], which cannot be while the rig lives.
    pub fn control(&self) -> Result<Control, Error> {
        Control::connect(self.control.dir())
    }
}

/// The keys and the pcscd that shows them.
#[derive(Debug)]
pub(crate) struct Keys {
    // Readers first: pcscd then sees empty ones instead of broken ones.
    pub(crate) readers: Vec<Reader>,
    /// `None` where another pcscd is used, through vpcd.
    pcscd: Option<Mutex<Pcscd>>,
}

impl Keys {
    fn at_own_pcscd(cards: Vec<VirtualYubiKey>, runtime: &Path) -> Result<Self, Error> {
        let driver = driver::find()?;
        let mut readers = Vec::new();
        let mut sockets = Vec::new();
        for (i, card) in cards.into_iter().enumerate() {
            let socket = runtime.join(format!("card-{i}.sock"));
            readers.push(Reader::at_socket(card, &socket)?);
            sockets.push(socket);
        }
        let pcscd = Some(Mutex::new(Pcscd::start(runtime, &driver, &sockets)?));
        Ok(Self { readers, pcscd })
    }

    fn at_vpcd(cards: Vec<VirtualYubiKey>, address: &str) -> Result<Self, Error> {
        let readers = cards
            .into_iter()
            .map(|card| Reader::at_vpcd(card, address))
            .collect::<Result<_, _>>()?;
        let pcscd = None;
        Ok(Self { readers, pcscd })
    }

    fn pcscd(&self) -> Option<MutexGuard<'_, Pcscd>> {
        let pcscd = self.pcscd.as_ref()?;
        Some(pcscd.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Unplugs or replugs, and waits until pcscd's clients see it; with vpcd,
    /// whose pcscd is not ours to ask, until it has been told.
    pub(crate) fn set_plugged(&self, reader: usize, plugged: bool) -> Result<(), Error> {
        if let Some(it) = self.readers.get(reader) {
            if plugged {
                it.replug()?;
            } else {
                it.unplug();
            }
        }
        match self.pcscd() {
            Some(pcscd) => pcscd.wait_until_plugged(reader, plugged),
            None => Ok(()),
        }
    }
}
