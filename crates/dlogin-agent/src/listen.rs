//! The two sockets, for their owner alone.

use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use dlogin_core::files::private_dir;
use dlogin_service::Peer;
use listenfd::ListenFd;
use rustix::fs::{FlockOperation, flock};

use crate::Error;
use crate::connection::{Client, Shared};

/// How many clients may be connected to one socket; OpenSSH's own agent takes
/// fewer, and a browser with its helpers some dozens.
const MAX_CLIENTS: usize = 512;
/// What a conversation needs, and no more: there may be many.
const STACK: usize = 256 * 1024;

/// That no other agent of this person runs with the same folder.
#[derive(Debug)]
pub(crate) struct Only(#[allow(dead_code, reason = "held, not read")] File);

impl Only {
    pub(crate) fn take(folder: &Path) -> Result<Self, Error> {
        private_dir(folder)?;
        let path = folder.join("agent.lock");
        let failed = |source| Error::Socket {
            path: path.clone(),
            source,
        };
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(&path)
            .map_err(failed)?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Self(file)),
            Err(rustix::io::Errno::WOULDBLOCK) => Err(Error::RunsAlready),
            Err(error) => Err(failed(error.into())),
        }
    }
}

/// A socket that is there as long as this lives.
#[derive(Debug)]
pub(crate) struct Socket {
    path: PathBuf,
    listener: UnixListener,
    /// Somebody else made it, and goes on to have it.
    given: bool,
}

/// Sockets that whoever started this process made and listens on: systemd's
/// socket activation (sd_listen_fds(3)).
#[derive(Debug, Default)]
pub(crate) struct Given(Vec<(PathBuf, UnixListener)>);

impl Given {
    /// Takes them, and the variables that tell of them.
    pub(crate) fn take() -> Result<Self, Error> {
        let mut all = ListenFd::from_env();
        let mut given = Vec::new();
        for at in 0..all.len() {
            let listener = all.take_unix_listener(at).map_err(Error::Given)?;
            let Some(listener) = listener else { continue };
            let address = listener.local_addr().map_err(Error::Given)?;
            let path = address
                .as_pathname()
                .ok_or_else(|| Error::Given(io::Error::other("a socket that has no path")))?;
            given.push((path.to_owned(), listener));
        }
        Ok(Self(given))
    }

    /// The one at this place; makes it where none was given.
    pub(crate) fn or_bind(&mut self, path: &Path) -> Result<Socket, Error> {
        let at = self.0.iter().position(|(given, _)| given == path);
        match at.map(|at| self.0.swap_remove(at)) {
            Some((path, listener)) => Ok(Socket {
                path,
                listener,
                given: true,
            }),
            None => Socket::bind(path),
        }
    }

    /// That there are no more, which nobody would answer.
    pub(crate) fn end(self) -> Result<(), Error> {
        match self.0.into_iter().next() {
            None => Ok(()),
            Some((path, _)) => Err(Error::NotOurs { path }),
        }
    }
}

impl Socket {
    /// Binds. A socket that an agent left behind is replaced; one that somebody
    /// listens on is not, nor anything that is no socket.
    pub(crate) fn bind(path: &Path) -> Result<Self, Error> {
        let failed = |source| Error::Socket {
            path: path.to_owned(),
            source,
        };
        let listener = match UnixListener::bind(path) {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
                if UnixStream::connect(path).is_ok() {
                    return Err(Error::Taken {
                        path: path.to_owned(),
                    });
                }
                use std::os::unix::fs::FileTypeExt;
                let is_socket = fs::symlink_metadata(path)
                    .is_ok_and(|metadata| metadata.file_type().is_socket());
                if !is_socket {
                    return Err(failed(error));
                }
                fs::remove_file(path).map_err(failed)?;
                UnixListener::bind(path).map_err(failed)?
            }
            other => other.map_err(failed)?,
        };
        // The folder is closed to others already, and who connects is checked.
        fs::set_permissions(path, Permissions::from_mode(0o600)).map_err(failed)?;
        Ok(Self {
            path: path.to_owned(),
            listener,
            given: false,
        })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Converses with whoever connects, on threads of their own.
    pub(crate) fn serve(
        &self,
        shared: Arc<Shared>,
        converse: fn(&Shared, Client),
    ) -> Result<(), Error> {
        let failed = |source| Error::Socket {
            path: self.path.clone(),
            source,
        };
        let listener = self.listener.try_clone().map_err(failed)?;
        thread::Builder::new()
            .name("listen".into())
            .stack_size(STACK)
            .spawn(move || accept(&listener, &shared, converse))
            .map_err(failed)?;
        Ok(())
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        if !self.given {
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn accept(listener: &UnixListener, shared: &Arc<Shared>, converse: fn(&Shared, Client)) {
    let clients = Arc::new(AtomicUsize::new(0));
    loop {
        let stream = match listener.accept() {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "cannot accept");
                // Out of descriptors, mostly: some will be closed.
                thread::sleep(Duration::from_millis(100));
                continue;
            }
        };
        // Another user's process, root's among them, hears nothing at all.
        let peer = match Peer::of(&stream) {
            Ok(peer) => peer,
            Err(error) => {
                tracing::warn!(%error, "turned away");
                continue;
            }
        };
        let place = Place::take(&clients);
        let Some(place) = place else {
            tracing::warn!("too many clients");
            continue;
        };
        let shared = Arc::clone(shared);
        let started = thread::Builder::new()
            .name("client".into())
            .stack_size(STACK)
            .spawn(move || {
                converse(&shared, Client::new(stream, peer));
                drop(place);
            });
        if let Err(error) = started {
            tracing::warn!(%error, "no thread for a client");
        }
    }
}

/// One client among those that there may be.
struct Place(Arc<AtomicUsize>);

impl Place {
    fn take(clients: &Arc<AtomicUsize>) -> Option<Self> {
        let place = Self(Arc::clone(clients));
        let before = clients.fetch_add(1, Ordering::SeqCst);
        (before < MAX_CLIENTS).then_some(place)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_left_behind_is_replaced_and_a_live_one_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("agent.sock");
        drop(UnixListener::bind(&path).unwrap());
        let socket = Socket::bind(&path).unwrap();
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert!(matches!(Socket::bind(&path), Err(Error::Taken { .. })));
        drop(socket);
        assert!(!path.exists());
    }

    #[test]
    fn what_is_no_socket_is_not_removed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("agent.sock");
        fs::write(&path, "mine").unwrap();
        assert!(matches!(Socket::bind(&path), Err(Error::Socket { .. })));
        assert_eq!(fs::read_to_string(&path).unwrap(), "mine");
    }

    #[test]
    fn there_is_one_agent_in_a_folder() {
        let dir = tempfile::tempdir().unwrap();
        let only = Only::take(dir.path()).unwrap();
        assert!(matches!(Only::take(dir.path()), Err(Error::RunsAlready)));
        drop(only);
        assert!(Only::take(dir.path()).is_ok());
    }
}
