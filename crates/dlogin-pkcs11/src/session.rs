//! Sessions: what a program is in the middle of.

use std::collections::{BTreeMap, VecDeque};

use cryptoki_sys::{CK_OBJECT_HANDLE, CK_SESSION_HANDLE, CK_ULONG};

use crate::curve::Mechanism;
use crate::error::Error;
use crate::object::SigningKey;

/// More than any program opens; a leak ends here.
const MAX_SESSIONS: usize = 4096;

/// One session.
#[derive(Debug, Default)]
pub(crate) struct Session {
    /// Opened for writing as well.
    pub(crate) writing: bool,
    /// What a search has found and not yet handed out.
    pub(crate) found: Option<VecDeque<CK_OBJECT_HANDLE>>,
    /// A signature that was begun.
    pub(crate) signing: Option<Signing>,
}

/// A signature that was begun.
#[derive(Clone, Debug)]
pub(crate) struct Signing {
    pub(crate) key: SigningKey,
    pub(crate) mechanism: Mechanism,
    /// The message so far, once it comes in parts.
    pub(crate) parts: Option<Vec<u8>>,
}

/// All sessions, by handle.
#[derive(Debug, Default)]
pub(crate) struct Sessions {
    last: CK_SESSION_HANDLE,
    open: BTreeMap<CK_SESSION_HANDLE, Session>,
}

impl Sessions {
    pub(crate) fn open(&mut self, writing: bool) -> Result<CK_SESSION_HANDLE, Error> {
        if self.open.len() >= MAX_SESSIONS {
            return Err(Error::TooManySessions);
        }
        self.last += 1;
        let session = Session {
            writing,
            ..Session::default()
        };
        self.open.insert(self.last, session);
        Ok(self.last)
    }

    pub(crate) fn close(&mut self, handle: CK_SESSION_HANDLE) -> Result<(), Error> {
        self.open.remove(&handle).map(drop).ok_or(Error::NoSession)
    }

    pub(crate) fn close_all(&mut self) {
        self.open.clear();
    }

    pub(crate) fn get(&mut self, handle: CK_SESSION_HANDLE) -> Result<&mut Session, Error> {
        self.open.get_mut(&handle).ok_or(Error::NoSession)
    }

    pub(crate) fn count(&self) -> CK_ULONG {
        CK_ULONG::try_from(self.open.len()).unwrap_or(CK_ULONG::MAX)
    }
}

impl Session {
    pub(crate) fn signing(&mut self) -> Result<&mut Signing, Error> {
        self.signing.as_mut().ok_or(Error::NoOperation)
    }
}
