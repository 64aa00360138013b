//! The asking half.

use std::io;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::{
    Answer, FrameError, Identity, Peer, PeerError, Refusal, Request, Sign, place, read_frame,
    write_frame,
};

/// How long an agent may take for what needs no person.
const PROMPT: Duration = Duration::from_secs(5);
/// How much longer it may take for a touch that it asked for in time, which it does
/// with five seconds left at least. A YubiKey waits for fifteen, a browser in the midst
/// of a handshake for thirty, of which the module gives the agent twenty.
const LAST_TOUCH: Duration = Duration::from_secs(8);

/// A connection to the agent. One request at a time.
#[derive(Debug)]
pub struct Client {
    stream: UnixStream,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Nobody listens.
    #[error("no agent listens on {}: start `dlogin agent`", path.display())]
    NoAgent {
        /// The socket.
        path: PathBuf,
    },
    /// No variable says where the socket could be.
    #[error("no place for a socket: set XDG_RUNTIME_DIR or HOME")]
    NoPlace,
    /// The socket is not ours.
    #[error(transparent)]
    Peer(#[from] PeerError),
    /// The connection.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// The answer is none that this version knows.
    #[error("the agent's answer makes no sense: it may be of another version")]
    Answer,
    /// The agent said no.
    #[error(transparent)]
    Refused(#[from] Refusal),
}

impl Client {
    /// Connects to the agent of this person.
    ///
    /// # Errors
    /// [`Error::NoPlace`], and those of [`Client::connect`].
    pub fn from_env() -> Result<Self, Error> {
        let path = place::socket(|name| std::env::var_os(name)).ok_or(Error::NoPlace)?;
        Self::connect(&path)
    }

    /// Connects to the agent that listens on this socket.
    ///
    /// # Errors
    /// [`Error::NoAgent`], also where a socket was left behind by an agent that
    /// is gone; [`Error::Peer`] where somebody else listens.
    pub fn connect(path: &Path) -> Result<Self, Error> {
        let stream = UnixStream::connect(path).map_err(|_| Error::NoAgent {
            path: path.to_owned(),
        })?;
        Peer::of(&stream)?;
        Ok(Self { stream })
    }

    /// Which certificates are there.
    ///
    /// # Errors
    /// [`Error`].
    pub fn list(&mut self) -> Result<Vec<Identity>, Error> {
        match self.ask(&Request::List, PROMPT)? {
            Answer::Identities(identities) => Ok(identities),
            Answer::Refused(refusal) => Err(refusal.into()),
            Answer::Signature(_) => Err(Error::Answer),
        }
    }

    /// A signature. Waits for PIN and touch, at most for `sign.patience` and a
    /// little; after an error of the connection this client is of no more use.
    ///
    /// # Errors
    /// [`Error`]; the typed reasons are in [`Error::Refused`].
    pub fn sign(&mut self, sign: &Sign) -> Result<Vec<u8>, Error> {
        let patience = sign.patience.saturating_add(LAST_TOUCH);
        match self.ask(&Request::Sign(sign.clone()), patience)? {
            Answer::Signature(signature) => Ok(signature),
            Answer::Refused(refusal) => Err(refusal.into()),
            Answer::Identities(_) => Err(Error::Answer),
        }
    }

    fn ask(&mut self, request: &Request, patience: Duration) -> Result<Answer, Error> {
        self.stream
            .set_read_timeout(Some(patience))
            .map_err(FrameError::Io)?;
        self.stream
            .set_write_timeout(Some(PROMPT))
            .map_err(FrameError::Io)?;
        write_frame(&mut self.stream, &request.to_bytes())?;
        let gone = || FrameError::Io(io::ErrorKind::UnexpectedEof.into());
        let bytes = read_frame(&mut self.stream)?.ok_or_else(gone)?;
        Answer::from_bytes(&bytes).map_err(|_| Error::Answer)
    }
}
