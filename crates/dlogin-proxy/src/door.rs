//! The door: a listener that lets in its own user alone.

use std::fs::{self, Permissions};
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::UnixStream as StdUnixStream;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};

use crate::{Error, Listen, loopback};

/// An open door. Dropping it closes it and removes its socket.
#[derive(Debug)]
pub struct Door {
    listener: Listener,
    ours: u32,
}

#[derive(Debug)]
enum Listener {
    Unix {
        listener: UnixListener,
        path: PathBuf,
    },
    Loopback(TcpListener),
}

/// Why somebody was not let in.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refused {
    /// Another user's process.
    #[error("turned away: a connection of another user ({0})")]
    Another(u32),
    /// Nobody knows whose.
    #[error("turned away: a connection that nobody can be told to hold")]
    Unknown,
    /// The listener.
    #[error("cannot accept: {0}")]
    Accept(#[from] io::Error),
}

/// Who was let in.
#[derive(Debug)]
pub(crate) enum Client {
    Unix(UnixStream),
    Tcp(TcpStream),
}

impl Door {
    /// Opens it. A socket that a proxy left behind is replaced; one that
    /// somebody listens on is not, nor anything that is no socket. Inside a
    /// runtime.
    ///
    /// # Errors
    /// [`Error::Taken`], [`Error::Listen`].
    pub fn open(place: &Listen) -> Result<Self, Error> {
        let failed = |source| Error::Listen {
            place: place.clone(),
            source,
        };
        let listener = match place {
            Listen::Unix(path) => {
                if StdUnixStream::connect(path).is_ok() {
                    return Err(Error::Taken { path: path.clone() });
                }
                Listener::Unix {
                    listener: bind(path).map_err(failed)?,
                    path: path.clone(),
                }
            }
            Listen::Loopback(address) => {
                let listener = std::net::TcpListener::bind(address).map_err(failed)?;
                listener.set_nonblocking(true).map_err(failed)?;
                Listener::Loopback(TcpListener::from_std(listener).map_err(failed)?)
            }
        };
        Ok(Self {
            listener,
            ours: rustix::process::geteuid().as_raw(),
        })
    }

    /// Where it is, the port included where any would do.
    #[must_use]
    pub fn place(&self) -> Option<Listen> {
        match &self.listener {
            Listener::Unix { path, .. } => Some(Listen::Unix(path.clone())),
            Listener::Loopback(listener) => match listener.local_addr().ok()? {
                SocketAddr::V4(address) => Some(Listen::Loopback(address)),
                SocketAddr::V6(_) => None,
            },
        }
    }

    /// The next who comes, if it is our own user: root is turned away like
    /// anybody else.
    pub(crate) async fn admit(&self) -> Result<Client, Refused> {
        let (client, owner) = match &self.listener {
            Listener::Unix { listener, .. } => {
                let (stream, _) = accepted(listener.accept().await).await?;
                let owner = stream.peer_cred().ok().map(|peer| peer.uid());
                (Client::Unix(stream), owner)
            }
            Listener::Loopback(listener) => {
                let (stream, theirs) = accepted(listener.accept().await).await?;
                let owner = match (theirs, stream.local_addr()?) {
                    (SocketAddr::V4(theirs), SocketAddr::V4(ours)) => loopback::owner(theirs, ours),
                    _ => None,
                };
                stream.set_nodelay(true)?;
                (Client::Tcp(stream), owner)
            }
        };
        match owner {
            Some(owner) if owner == self.ours => Ok(client),
            Some(owner) => Err(Refused::Another(owner)),
            None => Err(Refused::Unknown),
        }
    }
}

/// Out of descriptors, mostly: some will be closed.
async fn accepted<T>(outcome: io::Result<T>) -> io::Result<T> {
    if outcome.is_err() {
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    outcome
}

fn bind(path: &Path) -> io::Result<UnixListener> {
    let listener = match UnixListener::bind(path) {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
            let metadata = fs::symlink_metadata(path)?;
            if !metadata.file_type().is_socket() {
                return Err(error);
            }
            fs::remove_file(path)?;
            UnixListener::bind(path)?
        }
        other => other?,
    };
    // Whoever gets in before this is told by the kernel, and turned away.
    fs::set_permissions(path, Permissions::from_mode(0o600))?;
    Ok(listener)
}

impl Drop for Door {
    fn drop(&mut self) {
        if let Listener::Unix { path, .. } = &self.listener {
            let _ = fs::remove_file(path);
        }
    }
}

impl AsyncRead for Client {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Unix(stream) => Pin::new(stream).poll_read(context, buffer),
            Self::Tcp(stream) => Pin::new(stream).poll_read(context, buffer),
        }
    }
}

impl AsyncWrite for Client {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Unix(stream) => Pin::new(stream).poll_write(context, bytes),
            Self::Tcp(stream) => Pin::new(stream).poll_write(context, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Unix(stream) => Pin::new(stream).poll_flush(context),
            Self::Tcp(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Unix(stream) => Pin::new(stream).poll_shutdown(context),
            Self::Tcp(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }
}
