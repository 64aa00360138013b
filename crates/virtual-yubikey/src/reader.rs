//! The card's end of the reader: a socket at which pcscd's driver finds it.

use std::io::{self, Read};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use virtual_yubikey_ifd::protocol::{COMMANDS, EVENTS, PLUGGED, Request, UNPLUGGED, write_frame};

use crate::card::{ATR, VirtualYubiKey};
use crate::error::Error;
use crate::settings::Settings;
use crate::touch::Touch;

/// A card in a reader of its own, until dropped.
#[derive(Debug)]
pub(crate) struct Reader {
    shared: Arc<Shared>,
    path: PathBuf,
    accepting: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    settings: Settings,
    touch: Touch,
    card: Mutex<VirtualYubiKey>,
    plug: Mutex<Plug>,
    stopping: AtomicBool,
}

/// Whether the card is in the reader, and who must hear of changes.
#[derive(Debug)]
struct Plug {
    plugged: bool,
    commands: Vec<UnixStream>,
    events: Vec<UnixStream>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A panic in one connection must not take the card from the others.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Reader {
    /// Puts the card into a reader that the driver finds at `path`.
    pub(crate) fn new(card: VirtualYubiKey, path: &Path) -> Result<Self, Error> {
        let listener = UnixListener::bind(path).map_err(|source| Error::Listen {
            path: path.to_owned(),
            source,
        })?;
        let shared = Arc::new(Shared {
            settings: card.settings().clone(),
            touch: card.touch(),
            card: Mutex::new(card),
            plug: Mutex::new(Plug {
                plugged: true,
                commands: Vec::new(),
                events: Vec::new(),
            }),
            stopping: AtomicBool::new(false),
        });
        let accepting = std::thread::spawn({
            let shared = Arc::clone(&shared);
            move || accept(&listener, &shared)
        });
        Ok(Self {
            shared,
            path: path.to_owned(),
            accepting: Some(accepting),
        })
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
        let mut plug = lock(&self.shared.plug);
        plug.plugged = false;
        // First the line, then the wait: else the refusal could still be sent.
        for stream in plug.commands.drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
        self.shared.touch.set_plugged(false);
        plug.tell(UNPLUGGED);
        drop(plug);
        lock(&self.shared.card).power_cycle();
    }

    /// Puts it back.
    pub(crate) fn replug(&self) {
        let mut plug = lock(&self.shared.plug);
        plug.plugged = true;
        self.shared.touch.set_plugged(true);
        plug.tell(PLUGGED);
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.shared.stopping.store(true, Ordering::SeqCst);
        self.unplug();
        // Wakes the thread that accepts, which then sees that it is over.
        let woken = UnixStream::connect(&self.path).is_ok();
        if let Some(accepting) = self.accepting.take().filter(|_| woken) {
            let _ = accepting.join();
        }
        let _ = std::fs::remove_file(&self.path);
    }
}

impl Plug {
    fn tell(&mut self, event: u8) {
        use std::io::Write;
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
    fn serve(&self, mut stream: UnixStream) -> io::Result<()> {
        let mut purpose = [0];
        stream.read_exact(&mut purpose)?;
        match purpose {
            [EVENTS] => {
                use std::io::Write;
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
                    plug.commands.push(stream.try_clone()?);
                }
                self.obey(&mut stream)
            }
            _ => Ok(()),
        }
    }

    fn obey(&self, stream: &mut UnixStream) -> io::Result<()> {
        loop {
            let request = Request::read(stream)?;
            let answer = {
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
                    Request::Transmit(apdu) => card.transmit(&apdu),
                }
            };
            write_frame(stream, &answer)?;
        }
    }
}
