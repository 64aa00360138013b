//! Who is at the other end of a socket, as the kernel says.

use std::io;
use std::os::unix::net::UnixStream;

/// The process at the other end, when it connected or began to listen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer {
    uid: u32,
    pid: u32,
}

/// Why the other end is not spoken to.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PeerError {
    /// The kernel does not say who it is.
    #[error("cannot tell whose socket it is: {0}")]
    Unknown(io::Error),
    /// It belongs to another user.
    #[error("the socket belongs to another user ({found}, not {ours})")]
    Another {
        /// The other user's number.
        found: u32,
        /// Ours.
        ours: u32,
    },
}

impl Peer {
    /// Who is at the other end: only ever a process of our own user.
    ///
    /// # Errors
    /// [`PeerError::Another`] for anybody else, root among them.
    pub fn of(stream: &UnixStream) -> Result<Self, PeerError> {
        let credentials = rustix::net::sockopt::socket_peercred(stream)
            .map_err(|error| PeerError::Unknown(error.into()))?;
        let peer = Self {
            uid: credentials.uid.as_raw(),
            pid: credentials.pid.as_raw_nonzero().get().unsigned_abs(),
        };
        peer.admitted_by(rustix::process::geteuid().as_raw())
    }

    fn admitted_by(self, ours: u32) -> Result<Self, PeerError> {
        if self.uid == ours {
            Ok(self)
        } else {
            Err(PeerError::Another {
                found: self.uid,
                ours,
            })
        }
    }

    /// The number of the process.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// What the process is called, as far as the system tells. It chooses the
    /// name itself: to be shown, never to be trusted.
    #[must_use]
    pub fn program(&self) -> Option<String> {
        let name = std::fs::read_to_string(format!("/proc/{}/comm", self.pid)).ok()?;
        let name: String = name.chars().filter(|c| !c.is_control()).collect();
        (!name.is_empty()).then_some(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_process_is_let_in_and_named() {
        let (ours, _theirs) = UnixStream::pair().unwrap();
        let peer = Peer::of(&ours).unwrap();
        assert_eq!(peer.pid(), std::process::id());
        assert!(peer.program().is_some());
    }

    #[test]
    fn another_user_is_turned_away_and_so_is_root() {
        let peer = Peer { uid: 1001, pid: 1 };
        assert!(peer.admitted_by(1001).is_ok());
        assert!(matches!(
            peer.admitted_by(1000),
            Err(PeerError::Another {
                found: 1001,
                ours: 1000
            })
        ));
        let root = Peer { uid: 0, pid: 1 };
        assert!(root.admitted_by(1000).is_err());
    }
}
