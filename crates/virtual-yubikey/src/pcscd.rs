//! A pcscd of our own, with nothing but our readers.
//!
//! pcscd's socket path is compiled in, but it honours socket activation: we
//! listen, pass the listener as file descriptor 3, and clients find it by
//! `PCSCLITE_CSOCK_NAME`.

use std::env;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::error::{Error, FileError};

/// Reader name of a YubiKey 5 with all interfaces; pcscd adds two numbers.
/// Programs recognise a YubiKey by it.
pub const READER_NAME: &str = "Yubico YubiKey OTP+FIDO+CCID";

/// pcscd's compiled-in folder, which must exist although nothing of ours is in it.
const RUN_FOLDER: &str = "/run/pcscd";

/// The program.
const PROGRAM: &str = "pcscd";

/// Where Debian has it, which only root's PATH names.
const SYSTEM_FOLDERS: [&str; 2] = ["/usr/local/sbin", "/usr/sbin"];

/// How long pcscd may take until the readers show their cards.
const PATIENCE: Duration = Duration::from_secs(20);

/// Gives pcscd its listener without `unsafe`: the shell moves it from standard
/// input to descriptor 3. `setpriv` has the kernel kill pcscd should we be
/// killed and clean up nothing.
const SCRIPT: &str = "exec 3<&0 0</dev/null; LISTEN_FDS=1 LISTEN_PID=$$ \
                      exec setpriv --pdeathsig KILL -- \"$@\"";

/// A running pcscd; dropping it ends it.
#[derive(Debug)]
pub(crate) struct Pcscd {
    socket: PathBuf,
    log: PathBuf,
    config: PathBuf,
    readers: usize,
    /// How often each reader had changed when it first showed its card.
    first: Vec<u32>,
    /// The process that runs now, and its number.
    child: Option<Arc<Mutex<Child>>>,
    id: u32,
    stop: Option<mpsc::Sender<()>>,
    keeper: Option<JoinHandle<()>>,
}

impl Pcscd {
    /// Starts pcscd with one reader for each of `cards` (sockets), in `dir`,
    /// and waits until all of them show a card.
    pub(crate) fn start(dir: &Path, driver: &Path, cards: &[PathBuf]) -> Result<Self, Error> {
        if !Path::new(RUN_FOLDER).is_dir() && fs::create_dir_all(RUN_FOLDER).is_err() {
            return Err(Error::NoRunFolder);
        }
        let config = dir.join("reader.conf.d");
        fs::create_dir(&config).map_err(FileError::write(&config))?;
        let readers = config.join("virtual-yubikey");
        fs::write(&readers, configuration(driver, cards)).map_err(FileError::write(&readers))?;
        let mut pcscd = Self {
            socket: dir.join("pcscd.comm"),
            log: dir.join("pcscd.log"),
            config,
            readers: cards.len(),
            first: Vec::new(),
            child: None,
            id: 0,
            stop: None,
            keeper: None,
        };
        pcscd.run()?;
        Ok(pcscd)
    }

    /// Ends it and starts it again, as an upgrade of the package does.
    pub(crate) fn restart(&mut self) -> Result<(), Error> {
        self.end();
        fs::remove_file(&self.socket).map_err(FileError::write(&self.socket))?;
        self.run()
    }

    fn run(&mut self) -> Result<(), Error> {
        let start_error = |source| Error::Start {
            program: PROGRAM.to_owned(),
            source,
        };
        let missing = || io::Error::new(io::ErrorKind::NotFound, "apt install pcscd");
        let program = installed().ok_or_else(|| start_error(missing()))?;
        let listener = UnixListener::bind(&self.socket).map_err(|source| Error::Listen {
            path: self.socket.clone(),
            source,
        })?;
        let out = File::create(&self.log).map_err(FileError::write(&self.log))?;
        let err = out.try_clone().map_err(FileError::write(&self.log))?;

        let mut command = Command::new("sh");
        command
            .args(["-c", SCRIPT, "sh"])
            .arg(program)
            .args(["--foreground", "--config"])
            .arg(&self.config)
            .stdin(Stdio::from(OwnedFd::from(listener)))
            .stdout(out)
            .stderr(err)
            // Ctrl-C is for the command that runs with us; pcscd would end at it.
            .process_group(0);
        let (stop, stopped) = mpsc::channel();
        let (started, start) = mpsc::channel();
        // "Parent death" means the thread that forked, so it must live as long as pcscd.
        let keeper = std::thread::spawn(move || match command.spawn() {
            Ok(child) => {
                let id = child.id();
                let child = Arc::new(Mutex::new(child));
                let _ = started.send(Ok((id, Arc::clone(&child))));
                let _ = stopped.recv();
                let mut child = child.lock().unwrap_or_else(PoisonError::into_inner);
                let _ = child.kill();
                let _ = child.wait();
            }
            Err(error) => {
                let _ = started.send(Err(error));
            }
        });
        (self.stop, self.keeper) = (Some(stop), Some(keeper));
        let gone = || Err(io::ErrorKind::BrokenPipe.into());
        let (id, child) = start
            .recv()
            .unwrap_or_else(|_| gone())
            .map_err(start_error)?;
        (self.id, self.child) = (id, Some(child));
        let all = |states: &[State]| {
            states.len() == self.readers && states.iter().all(|reader| reader.card)
        };
        let states = self.wait_until(all)?;
        self.first = states.iter().map(|reader| reader.changes).collect();
        Ok(())
    }

    /// Waits until pcscd has seen that the card was pulled or put back. A command
    /// that failed makes it look as if it was gone before pcscd has seen it; but it
    /// counts what it sees.
    pub(crate) fn wait_until_plugged(&self, reader: usize, plugged: bool) -> Result<(), Error> {
        let seen = |states: &[State]| {
            let (state, first) = (states.get(reader), self.first.get(reader));
            state.zip(first).is_some_and(|(state, first)| {
                let even = state.changes.wrapping_sub(*first).is_multiple_of(2);
                state.card == plugged && even == plugged
            })
        };
        self.wait_until(seen).map(drop)
    }

    fn end(&mut self) {
        drop(self.stop.take());
        if let Some(keeper) = self.keeper.take() {
            let _ = keeper.join();
        }
    }

    /// How it ended, if it has.
    fn ended(&self) -> Option<ExitStatus> {
        let mut child = self
            .child
            .as_ref()?
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        child.try_wait().ok().flatten()
    }

    pub(crate) fn socket(&self) -> &Path {
        &self.socket
    }

    pub(crate) fn id(&self) -> u32 {
        self.id
    }

    /// Waits until what pcscd's clients are shown of the readers, in order,
    /// fulfils the condition. A pcscd that has ended is not waited for.
    fn wait_until(&self, condition: impl Fn(&[State]) -> bool) -> Result<Vec<State>, Error> {
        let begin = Instant::now();
        let log = || fs::read_to_string(&self.log).unwrap_or_default();
        loop {
            if let Some(status) = self.ended() {
                return Err(Error::Ended { status, log: log() });
            }
            match reader_states(&self.socket) {
                Ok(states) if condition(&states) => return Ok(states),
                _ if begin.elapsed() > PATIENCE => {
                    return Err(Error::NotReady {
                        waited: begin.elapsed(),
                        log: log(),
                    });
                }
                _ => std::thread::sleep(Duration::from_millis(2)),
            }
        }
    }
}

impl Drop for Pcscd {
    fn drop(&mut self) {
        self.end();
    }
}

/// The program, where PATH or Debian has it.
fn installed() -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .chain(SYSTEM_FOLDERS.map(PathBuf::from))
        .map(|folder| folder.join(PROGRAM))
        .find(|program| program.is_file())
}

fn configuration(driver: &Path, cards: &[PathBuf]) -> String {
    cards
        .iter()
        .map(|card| {
            format!(
                "FRIENDLYNAME \"{READER_NAME}\"\nDEVICENAME unix:{}\nLIBPATH {}\n\n",
                card.display(),
                driver.display()
            )
        })
        .collect()
}

/// What pcscd shows of a reader.
#[derive(Debug, Clone, Copy)]
struct State {
    /// A card that has power or had.
    card: bool,
    /// How often a card was put in or pulled out.
    changes: u32,
}

/// Asks pcscd as its clients do (`winscard_msg.h`, protocol 4:4), so that what
/// we wait for is what they will see.
fn reader_states(socket: &Path) -> io::Result<Vec<State>> {
    const VERSION: u32 = 0x11;
    const READERS_STATE: u32 = 0x12;
    const READERS: usize = 16;
    const NAME: usize = 128;
    const RECORD: usize = 184;
    const CHANGES_AT: usize = NAME;
    const STATE_AT: usize = NAME + 4;
    const ATR_LENGTH_AT: usize = NAME + 12 + 36;
    const PRESENT: u32 = 4;

    let mut stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(Duration::from_secs(2)))?;
    let mut hello = Vec::new();
    for word in [12, VERSION, 4, 4, 0] {
        hello.extend(u32::to_ne_bytes(word));
    }
    stream.write_all(&hello)?;
    stream.read_exact(&mut [0; 12])?;
    let mut ask = Vec::new();
    for word in [0, READERS_STATE] {
        ask.extend(u32::to_ne_bytes(word));
    }
    stream.write_all(&ask)?;
    let mut records = vec![0; READERS * RECORD];
    stream.read_exact(&mut records)?;
    let word = |record: &[u8], at: usize| {
        record
            .get(at..)
            .and_then(<[u8]>::first_chunk::<4>)
            .map_or(0, |word| u32::from_ne_bytes(*word))
    };
    Ok(records
        .chunks_exact(RECORD)
        .filter(|record| record.first().is_some_and(|name| *name != 0))
        .map(|record| State {
            card: word(record, STATE_AT) & PRESENT != 0 && word(record, ATR_LENGTH_AT) > 0,
            changes: word(record, CHANGES_AT),
        })
        .collect())
}
