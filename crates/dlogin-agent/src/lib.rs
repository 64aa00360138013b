//! `dlogin agent`: the login key of the YubiKey, for every program of one
//! person, all day.
//!
//! Two sockets, for their owner alone: one speaks the OpenSSH agent protocol,
//! the other [`dlogin_service`]'s, for dlogin's own PKCS#11 module and proxies.
//! Behind both, one thread signs, one request at a time.
//!
//! ```no_run
//! use dlogin_agent::{Everywhere, Settings};
//! use dlogin_core::{Paths, pin::Unattended};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let announce = Everywhere::new(|name| std::env::var_os(name), |line| eprintln!("{line}"));
//! let settings = Settings::new(Paths::from_env()?, Box::new(Unattended), Box::new(announce));
//! let (agent, signer) = dlogin_agent::start(settings)?;
//! println!("SSH_AUTH_SOCK={}", agent.ssh_socket().display());
//! signer.wait();
//! # Ok(())
//! # }
//! ```
//!
//! What holds:
//! - A key is offered if a certificate of ours that has not expired is for it,
//!   and signs only if it is the login key. The proof key cannot be reached.
//! - A message that would answer a CA is not signed. Of a digest, the person is
//!   told that nobody can see what it is of.
//! - Each signature is one transaction with its PIN that ends with a reset of
//!   the card. In between, the card is free for other programs.
//! - A PIN that was refused is not sent again. One that was accepted is kept
//!   only if that is set, at most [`LONGEST_PIN`], in locked memory.
//! - At most [`MAX_WAITING`] requests wait, each until its own deadline; one
//!   whose client hung up is dropped.
//!
//! What it does not do: it fetches no certificates, and holds no keys on disk.

mod announce;
mod bindings;
mod connection;
mod content;
mod host_key;
mod identities;
mod listen;
mod lock;
mod locked;
pub mod message;
mod pin;
mod pinentry;
mod queue;
mod service;
mod signature;
mod signer;
mod ssh;
pub mod ssh_config;
mod wire;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use dlogin_core::pin::Ask;
use dlogin_core::{Exit, Paths};
use piv_attest::Serial;

pub use announce::{About, Announce, Everywhere, Notification, notify};
pub use content::{Content, answers_a_ca, fingerprint, printable};
pub use pin::LONGEST as LONGEST_PIN;
pub use pinentry::Pinentry;
pub use queue::MAX_WAITING;
pub use signer::Signer;
pub use wire::Malformed;

/// How an agent is to be.
pub struct Settings {
    /// The person's folders.
    pub paths: Paths,
    /// Where the OpenSSH agent protocol is spoken; `agent.sock` in the folder
    /// of the certificates, without.
    pub socket: Option<PathBuf>,
    /// How long a PIN is kept; zero is not at all.
    pub pin_lasts: Duration,
    /// Another agent that gets what is not for ours.
    pub forward: Option<PathBuf>,
    /// Nothing is signed, nor any key shown, for a host that the agent is
    /// forwarded to.
    pub local_only: bool,
    /// Which YubiKey; the one of the configuration, or the only one, without.
    pub serial: Option<Serial>,
    /// Who is asked for the PIN.
    pub ask: Box<dyn Ask + Send>,
    /// Who is told of touches.
    pub announce: Box<dyn Announce>,
}

impl Settings {
    /// The usual: no PIN is kept, no other agent.
    #[must_use]
    pub fn new(paths: Paths, ask: Box<dyn Ask + Send>, announce: Box<dyn Announce>) -> Self {
        Self {
            paths,
            socket: None,
            pin_lasts: Duration::ZERO,
            forward: None,
            local_only: false,
            serial: None,
            ask,
            announce,
        }
    }
}

/// Why there is no agent.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Another one runs.
    #[error("an agent runs already")]
    RunsAlready,
    /// Somebody listens there.
    #[error(
        "another program listens on {}; if it is systemd, for dlogin-agent.socket, the agent starts \
         by itself when it is needed",
        path.display()
    )]
    Taken {
        /// The socket.
        path: PathBuf,
    },
    /// The socket could not be made.
    #[error("cannot listen on {}: {source}", path.display())]
    Socket {
        /// The socket.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// What systemd handed over is no socket for us.
    #[error("cannot use the sockets that this process was started with: {0}")]
    Given(io::Error),
    /// A socket was handed over that is neither of ours.
    #[error(
        "this process was started with a socket at {}, where an agent does not listen: \
         compare the unit's ListenStream with `dlogin agent --help`",
        path.display()
    )]
    NotOurs {
        /// The socket.
        path: PathBuf,
    },
    /// No thread.
    #[error("cannot start: {0}")]
    Start(io::Error),
    /// The thread that signs has ended, and with it what an agent is for.
    #[error("the part of the agent that signs has stopped, which is a fault of it: start it again")]
    Stopped,
    /// The folder.
    #[error(transparent)]
    Core(#[from] dlogin_core::Error),
    /// Not for ssh's configuration.
    #[error(
        "{text:?} cannot be written into ssh_config: it has a character that ssh or a shell would read"
    )]
    Unwritable {
        /// The path or the pattern.
        text: String,
    },
    /// A link would be replaced by a file.
    #[error("{} is a link: put `Include dlogin.conf` at its top yourself", path.display())]
    Link {
        /// The link.
        path: PathBuf,
    },
    /// It would ask itself.
    #[error("the other agent is this one: name the socket of the agent that was there before")]
    Itself,
}

impl Error {
    /// The program's exit code for it.
    #[must_use]
    pub fn exit(&self) -> Exit {
        match self {
            Self::Itself
            | Self::Unwritable { .. }
            | Self::Link { .. }
            | Self::Given(_)
            | Self::NotOurs { .. } => Exit::Usage,
            Self::Core(error) => error.exit(),
            Self::RunsAlready
            | Self::Taken { .. }
            | Self::Socket { .. }
            | Self::Start(_)
            | Self::Stopped => Exit::Internal,
        }
    }
}

/// A running agent. When dropped, its sockets are gone.
#[derive(Debug)]
pub struct Running {
    ssh: listen::Socket,
    service: listen::Socket,
    _only: listen::Only,
}

impl Running {
    /// Where the OpenSSH agent protocol is spoken: `SSH_AUTH_SOCK`.
    #[must_use]
    pub fn ssh_socket(&self) -> &Path {
        self.ssh.path()
    }

    /// Where the signing service is.
    #[must_use]
    pub fn service_socket(&self) -> &Path {
        self.service.path()
    }
}

/// Where the agent's SSH socket is, if no other place was chosen.
#[must_use]
pub fn ssh_socket(paths: &Paths) -> PathBuf {
    paths.at(None).certificate_dir().join("agent.sock")
}

/// Starts an agent on threads of its own. The one that signs ends only by a
/// fault of its own, and there is no agent without it. Sockets that systemd made for it
/// (sd_listen_fds(3)) are used, others are made.
///
/// # Errors
/// [`Error`].
pub fn start(settings: Settings) -> Result<(Running, Signer), Error> {
    let folder = settings.paths.certificate_dir();
    let only = listen::Only::take(folder)?;
    let ssh_place = settings
        .socket
        .unwrap_or_else(|| ssh_socket(&settings.paths));
    let service_place = folder.join("service.sock");
    if let Some(other) = &settings.forward {
        let itself = [&ssh_place, &service_place].into_iter().any(|ours| {
            ours == other
                || matches!((ours.canonicalize(), other.canonicalize()), (Ok(a), Ok(b)) if a == b)
        });
        if itself {
            return Err(Error::Itself);
        }
    }
    let mut given = listen::Given::take()?;
    let ssh = given.or_bind(&ssh_place)?;
    let service = given.or_bind(&service_place)?;
    given.end()?;

    let lock = Arc::new(lock::Lock::default());
    let (queue, front) = queue::queue();
    let means = signer::Means {
        paths: settings.paths.clone(),
        serial: settings.serial,
        lock: Arc::clone(&lock),
        announce: settings.announce,
        ask: settings.ask,
        pin_lasts: settings.pin_lasts,
    };
    let signer = signer::start(means, front).map_err(Error::Start)?;
    let shared = Arc::new(connection::Shared {
        paths: settings.paths,
        lock,
        queue,
        forward: settings.forward,
        local_only: settings.local_only,
    });
    ssh.serve(Arc::clone(&shared), ssh::converse)?;
    service.serve(shared, service::converse)?;
    let running = Running {
        ssh,
        service,
        _only: only,
    };
    Ok((running, signer))
}
