//! The one global: the module of this process.
//!
//! A C interface has no argument that could carry the module, so there is
//! exactly one for each process. It is made by the first `C_Initialize` and
//! never freed, so that a thread which calls while another finalizes finds a
//! module that says "not initialized" instead of freed memory.
//!
//! A child of `fork()` inherits memory, but neither threads nor the right to go
//! on: PKCS#11 wants it to call `C_Initialize` again (section 5.4). The module
//! of the parent is recognised by its process number and left alone, with its
//! lock, which a thread that the child does not have may be holding.

use std::sync::atomic::{AtomicPtr, Ordering};

use crate::error::Error;
use crate::module::Module;

struct Owned {
    process: u32,
    module: Module,
}

static CURRENT: AtomicPtr<Owned> = AtomicPtr::new(std::ptr::null_mut());

fn owned(pointer: *mut Owned) -> Option<&'static Owned> {
    // SAFETY: null, or from `Box::into_raw` in `initialize`, whole before it
    // was stored (Release, read with Acquire), never freed and only ever shared.
    let owned = unsafe { pointer.as_ref() }?;
    (owned.process == std::process::id()).then_some(owned)
}

/// The module of this process.
pub(super) fn module() -> Result<&'static Module, Error> {
    owned(CURRENT.load(Ordering::Acquire))
        .map(|owned| &owned.module)
        .ok_or(Error::NotInitialized)
}

/// Starts the module of this process.
pub(super) fn initialize() -> Result<(), Error> {
    let found = CURRENT.load(Ordering::Acquire);
    if let Some(owned) = owned(found) {
        return owned.module.start();
    }
    let new = Box::into_raw(Box::new(Owned {
        process: std::process::id(),
        module: Module::default(),
    }));
    match CURRENT.compare_exchange(found, new, Ordering::AcqRel, Ordering::Acquire) {
        // The parent's, if there was one, stays where it is: see above.
        Ok(_) => {}
        Err(_) => {
            // SAFETY: from `Box::into_raw` above, and nobody else saw it.
            drop(unsafe { Box::from_raw(new) });
        }
    }
    module()?.start()
}
