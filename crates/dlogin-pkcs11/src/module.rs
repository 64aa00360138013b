//! The module: what a process that loaded it has. Safe Rust; [`crate::ffi`] is
//! its C interface.
//!
//! No lock is held while somebody is waited for: a thread that signs stops no
//! other.

use std::io::Write;
use std::sync::{Mutex, MutexGuard, PoisonError};

use cryptoki_sys::{CK_MECHANISM_TYPE, CK_OBJECT_HANDLE, CK_SESSION_HANDLE, CK_ULONG};

use crate::curve::Mechanism;
use crate::error::Error;
use crate::object::{Template, can_match};
use crate::session::{Session, Sessions, Signing};
use crate::signer;
use crate::store::Store;
use crate::table::Table;

/// All state of one process between `C_Initialize` and `C_Finalize`.
#[derive(Debug, Default)]
pub(crate) struct Module {
    running: Mutex<Option<Running>>,
}

#[derive(Debug)]
struct Running {
    store: Store,
    /// Whether the reason of a failed signature is printed.
    tells: bool,
    sessions: Sessions,
    objects: Table,
}

/// What `C_SessionCancel` ends.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cancel {
    pub(crate) search: bool,
    pub(crate) signing: bool,
}

impl Module {
    fn state(&self) -> MutexGuard<'_, Option<Running>> {
        // Every change below is whole or not at all, so that a state behind a
        // poisoned lock is still a good one.
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn with<T>(&self, work: impl FnOnce(&mut Running) -> Result<T, Error>) -> Result<T, Error> {
        work(self.state().as_mut().ok_or(Error::NotInitialized)?)
    }

    fn in_session<T>(
        &self,
        handle: CK_SESSION_HANDLE,
        work: impl FnOnce(&mut Session) -> Result<T, Error>,
    ) -> Result<T, Error> {
        self.with(|running| work(running.sessions.get(handle)?))
    }

    /// `C_Initialize`.
    pub(crate) fn start(&self) -> Result<(), Error> {
        let mut state = self.state();
        if state.is_some() {
            return Err(Error::AlreadyInitialized);
        }
        *state = Some(Running {
            store: Store::from_env(),
            // Read here and not when it is needed: by then another thread of
            // the program may be changing the environment.
            tells: std::env::var_os("DLOGIN_PKCS11_LOG").is_some_and(|value| value == "1"),
            sessions: Sessions::default(),
            objects: Table::default(),
        });
        Ok(())
    }

    /// `C_Finalize`.
    pub(crate) fn stop(&self) -> Result<(), Error> {
        self.state().take().map(drop).ok_or(Error::NotInitialized)
    }

    /// That it was started.
    pub(crate) fn started(&self) -> Result<(), Error> {
        self.with(|_| Ok(()))
    }

    /// Nothing can be written, but programs that test a token open sessions for
    /// writing, so they get them.
    pub(crate) fn open_session(&self, writing: bool) -> Result<CK_SESSION_HANDLE, Error> {
        self.with(|running| running.sessions.open(writing))
    }

    pub(crate) fn close_session(&self, handle: CK_SESSION_HANDLE) -> Result<(), Error> {
        self.with(|running| running.sessions.close(handle))
    }

    pub(crate) fn close_all_sessions(&self) -> Result<(), Error> {
        self.with(|running| {
            running.sessions.close_all();
            Ok(())
        })
    }

    pub(crate) fn session_count(&self) -> Result<CK_ULONG, Error> {
        self.with(|running| Ok(running.sessions.count()))
    }

    /// Whether a session was opened for writing.
    pub(crate) fn is_writing(&self, handle: CK_SESSION_HANDLE) -> Result<bool, Error> {
        self.in_session(handle, |session| Ok(session.writing))
    }

    /// That there is such a session.
    pub(crate) fn session(&self, handle: CK_SESSION_HANDLE) -> Result<(), Error> {
        self.in_session(handle, |_| Ok(()))
    }

    pub(crate) fn cancel(&self, handle: CK_SESSION_HANDLE, what: Cancel) -> Result<(), Error> {
        self.in_session(handle, |session| {
            if what.search {
                session.found = None;
            }
            if what.signing {
                session.signing = None;
            }
            Ok(())
        })
    }

    /// Begins a search, which reads the files afresh.
    pub(crate) fn find(&self, handle: CK_SESSION_HANDLE, template: &Template) -> Result<(), Error> {
        self.with(|running| {
            let session = running.sessions.get(handle)?;
            if session.found.is_some() {
                return Err(Error::OperationActive);
            }
            let found = if can_match(template) {
                running.objects.replace(running.store.read());
                running.objects.find(template)
            } else {
                Vec::new()
            };
            session.found = Some(found.into());
            Ok(())
        })
    }

    /// The next handles of a search, at most so many.
    pub(crate) fn found(
        &self,
        handle: CK_SESSION_HANDLE,
        most: usize,
    ) -> Result<Vec<CK_OBJECT_HANDLE>, Error> {
        self.in_session(handle, |session| {
            let found = session.found.as_mut().ok_or(Error::NoOperation)?;
            let count = most.min(found.len());
            Ok(found.drain(..count).collect())
        })
    }

    pub(crate) fn end_search(&self, handle: CK_SESSION_HANDLE) -> Result<(), Error> {
        self.in_session(handle, |session| {
            session.found.take().map(drop).ok_or(Error::NoOperation)
        })
    }

    /// An attribute of an object, copied.
    pub(crate) fn object(
        &self,
        session: CK_SESSION_HANDLE,
        object: CK_OBJECT_HANDLE,
    ) -> Result<std::sync::Arc<crate::object::Object>, Error> {
        self.with(|running| {
            running.sessions.get(session)?;
            running.objects.get(object)
        })
    }

    pub(crate) fn sign_init(
        &self,
        session: CK_SESSION_HANDLE,
        mechanism: CK_MECHANISM_TYPE,
        object: CK_OBJECT_HANDLE,
    ) -> Result<(), Error> {
        self.with(|running| {
            let session = running.sessions.get(session)?;
            if session.signing.is_some() {
                return Err(Error::OperationActive);
            }
            let mechanism = Mechanism::new(mechanism)?;
            let object = running.objects.get(object).map_err(|_| Error::NoKey)?;
            let key = object.signing_key().ok_or(Error::NoKey)?.clone();
            session.signing = Some(Signing {
                key,
                mechanism,
                parts: None,
            });
            Ok(())
        })
    }

    /// How long the signature will be that was begun.
    pub(crate) fn signature_bytes(&self, session: CK_SESSION_HANDLE) -> Result<usize, Error> {
        self.in_session(session, |session| {
            Ok(session.signing()?.key.curve.signature_bytes())
        })
    }

    /// Ends the signature that was begun, over `data` or over the parts that
    /// came. Waits for PIN and touch.
    pub(crate) fn sign(
        &self,
        session: CK_SESSION_HANDLE,
        data: Option<Vec<u8>>,
    ) -> Result<Vec<u8>, Error> {
        let (signing, store, tells) = self.with(|running| {
            let session = running.sessions.get(session)?;
            let signing = session.signing.take().ok_or(Error::NoOperation)?;
            Ok((signing, running.store.clone(), running.tells))
        })?;
        let data = match (data, signing.parts) {
            (Some(data), None) => data,
            (None, Some(parts)) => parts,
            (Some(_), Some(_)) => return Err(Error::OperationActive),
            // Nothing came: the empty message, where it is a message at all.
            (None, None) => Vec::new(),
        };
        signer::sign(&store, &signing.key, signing.mechanism, data).inspect_err(|error| {
            if tells {
                // A program that has closed its stderr loses nothing.
                let _ = writeln!(std::io::stderr(), "dlogin: no signature: {error}");
            }
        })
    }

    /// Another part of the message.
    pub(crate) fn sign_update(&self, session: CK_SESSION_HANDLE, data: &[u8]) -> Result<(), Error> {
        self.in_session(session, |session| {
            let signing = session.signing()?;
            let limit = match signing.mechanism {
                // A digest comes whole (PKCS#11 3.0, section 6.3.12).
                Mechanism::Ecdsa => 0,
                mechanism => mechanism.max_data(),
            };
            let parts = signing.parts.get_or_insert_default();
            if parts.len() + data.len() > limit {
                session.signing = None;
                return Err(Error::DataLength);
            }
            parts.extend_from_slice(data);
            Ok(())
        })
    }

    /// Gives up a signature that was begun and cannot be ended.
    pub(crate) fn end_signing(&self, session: CK_SESSION_HANDLE) {
        let _ = self.in_session(session, |session| {
            session.signing = None;
            Ok(())
        });
    }
}
