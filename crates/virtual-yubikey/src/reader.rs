//! The card in its reader: where pcscd's driver finds it, and whether it is plugged in.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use virtual_yubikey_ifd::protocol::{COMMANDS, EVENTS, PLUGGED, Request, UNPLUGGED, write_frame};

use crate::card::{ATR, VirtualYubiKey};
use crate::error::Error;
use crate::settings::Settings;
use crate::touch::Touch;
use crate::vpcd;

/// A card in a reader of its own, until dropped.
#[derive(Debug)]
pub(crate) struct Reader {
    shared: Arc<Shared>,
    way: Way,
}

/// How the card and the driver come together.
#[derive(Debug)]
enum Way {
    /// Our driver connects to our socket.
    Socket {
        path: PathBuf,
        accepting: Option<JoinHandle<()>>,
    },
    /// We connect to vpcd.
    Vpcd { address: String },
}

#[derive(Debug)]
pub(crate) struct Shared {
    settings: Settings,
    touch: Touch,
    card: Mutex<VirtualYubiKey>,
    plug: Mutex<Plug>,
    stopping: AtomicBool,
    /// Commands that came to the card.
    commands: AtomicU64,
    /// With how many changes from now it is pulled out; 0 is never.
    changes_left: AtomicU64,
}

/// Commands that change what the card keeps: CHANGE REFERENCE DATA, RESET RETRY COUNTER,
/// GENERATE, PUT DATA, and Yubico's own.
const CHANGES: [u8; 9] = [0x24, 0x2C, 0x47, 0xDB, 0xF6, 0xFA, 0xFB, 0xFE, 0xFF];

/// Whether it is such a command, and its last part if it comes in several.
fn changes(apdu: &[u8]) -> bool {
    const MORE: u8 = 0x10;
    matches!(apdu, [class, instruction, ..] if class & MORE == 0 && CHANGES.contains(instruction))
}

/// Whether the card is in the reader, and who must hear of changes.
#[derive(Debug)]
struct Plug {
    plugged: bool,
    commands: Vec<Line>,
    events: Vec<UnixStream>,
}

/// A connection that carries commands, to be cut off.
#[derive(Debug)]
enum Line {
    Driver(UnixStream),
    Vpcd(TcpStream),
}

impl Line {
    fn cut(&self) {
        let _ = match self {
            Self::Driver(stream) => stream.shutdown(Shutdown::Both),
            Self::Vpcd(stream) => stream.shutdown(Shutdown::Both),
        };
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A panic in one connection must not take the card from the others.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Reader {
    /// Puts the card into a reader that the driver finds at `path`.
    pub(crate) fn at_socket(card: VirtualYubiKey, path: &Path) -> Result<Self, Error> {
        let listener = UnixListener::bind(path).map_err(|source| Error::Listen {
            path: path.to_owned(),
            source,
        })?;
        let shared = Arc::new(Shared::new(card, true));
        let accepting = std::thread::spawn({
            let shared = Arc::clone(&shared);
            move || accept(&listener, &shared)
        });
        Ok(Self {
            shared,
            way: Way::Socket {
                path: path.to_owned(),
                accepting: Some(accepting),
            },
        })
    }

    /// Puts the card into the reader of the vpcd that listens at `address`.
    pub(crate) fn at_vpcd(card: VirtualYubiKey, address: &str) -> Result<Self, Error> {
        let reader = Self {
            shared: Arc::new(Shared::new(card, false)),
            way: Way::Vpcd {
                address: address.to_owned(),
            },
        };
        reader.replug()?;
        Ok(reader)
    }

    /// How many commands came to the card so far.
    pub(crate) fn commands(&self) -> u64 {
        self.shared.commands.load(Ordering::SeqCst)
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.shared.settings
    }

    pub(crate) fn touch(&self) -> &Touch {
        &self.shared.touch
    }

    pub(crate) fn is_plugged(&self) -> bool {
        lock(&self.shared.plug).plugged
    }

    /// Pulls the card out: what it does right now gets no answer, and a wait
    /// for a touch ends.
    pub(crate) fn unplug(&self) {
        self.shared.unplug();
    }

    /// It is pulled out with so many changes from now on: the last is carried
    /// out and gets no answer.
    pub(crate) fn unplug_with_change(&self, changes: u64) {
        self.shared.changes_left.store(changes, Ordering::SeqCst);
    }

    /// Puts it back.
    pub(crate) fn replug(&self) -> Result<(), Error> {
        let mut plug = lock(&self.shared.plug);
        if plug.plugged {
            return Ok(());
        }
        if let Way::Vpcd { address } = &self.way {
            let mut stream = vpcd::connect(address)?;
            let line = stream.try_clone().map_err(|source| Error::Vpcd {
                address: address.clone(),
                source,
            })?;
            plug.commands.push(Line::Vpcd(line));
            let shared = Arc::clone(&self.shared);
            std::thread::spawn(move || {
                // An error here is a connection that ended, which is how they all end.
                let _ = vpcd::obey(&shared, &mut stream);
            });
        }
        plug.plugged = true;
        self.shared.touch.set_plugged(true);
        plug.tell(PLUGGED);
        Ok(())
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.shared.stopping.store(true, Ordering::SeqCst);
        self.unplug();
        if let Way::Socket { path, accepting } = &mut self.way {
            // Wakes the thread that accepts, which then sees that it is over.
            let woken = UnixStream::connect(&*path).is_ok();
            if let Some(accepting) = accepting.take().filter(|_| woken) {
                let _ = accepting.join();
            }
            let _ = std::fs::remove_file(path);
        }
    }
}

impl Plug {
    fn tell(&mut self, event: u8) {
        self.events
            .retain_mut(|stream| stream.write_all(&[event]).is_ok());
    }
}

fn accept(listener: &UnixListener, shared: &Arc<Shared>) {
    for stream in listener.incoming() {
        if shared.stopping.load(Ordering::SeqCst) {
            return;
        }
        let Ok(stream) = stream else { continue };
        let shared = Arc::clone(shared);
        std::thread::spawn(move || {
            // An error here is a connection that ended, which is how they all end.
            let _ = shared.serve(stream);
        });
    }
}

impl Shared {
    fn new(card: VirtualYubiKey, plugged: bool) -> Self {
        Self {
            settings: card.settings().clone(),
            touch: card.touch(),
            card: Mutex::new(card),
            plug: Mutex::new(Plug {
                plugged,
                commands: Vec::new(),
                events: Vec::new(),
            }),
            stopping: AtomicBool::new(false),
            commands: AtomicU64::new(0),
            changes_left: AtomicU64::new(0),
        }
    }

    fn unplug(&self) {
        let mut plug = lock(&self.plug);
        plug.plugged = false;
        // Cut before the wait for a touch ends: its refusal must not get out.
        for line in plug.commands.drain(..) {
            line.cut();
        }
        self.touch.set_plugged(false);
        plug.tell(UNPLUGGED);
        drop(plug);
        lock(&self.card).power_cycle();
    }

    /// Whether this is the change with which it is pulled out.
    fn is_last_change(&self) -> bool {
        let before = self
            .changes_left
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| {
                left.checked_sub(1)
            });
        before == Ok(1)
    }

    /// What the card answers; blocks while it waits for a touch.
    pub(crate) fn answer(&self, request: &Request) -> Vec<u8> {
        let mut card = lock(&self.card);
        match request {
            Request::PowerUp => {
                card.power_cycle();
                ATR.to_vec()
            }
            Request::PowerDown => {
                card.power_cycle();
                Vec::new()
            }
            Request::Transmit(apdu) => {
                self.commands.fetch_add(1, Ordering::SeqCst);
                let answer = card.transmit(apdu);
                if changes(apdu) && self.is_last_change() {
                    drop(card);
                    self.unplug();
                }
                answer
            }
        }
    }

    fn serve(&self, mut stream: UnixStream) -> io::Result<()> {
        let mut purpose = [0];
        stream.read_exact(&mut purpose)?;
        match purpose {
            [EVENTS] => {
                let mut plug = lock(&self.plug);
                let event = if plug.plugged { PLUGGED } else { UNPLUGGED };
                stream.write_all(&[event])?;
                plug.events.push(stream);
                Ok(())
            }
            [COMMANDS] => {
                {
                    let mut plug = lock(&self.plug);
                    if !plug.plugged {
                        return Ok(());
                    }
                    plug.commands.push(Line::Driver(stream.try_clone()?));
                }
                loop {
                    let request = Request::read(&mut stream)?;
                    write_frame(&mut stream, &self.answer(&request))?;
                }
            }
            _ => Ok(()),
        }
    }
}
