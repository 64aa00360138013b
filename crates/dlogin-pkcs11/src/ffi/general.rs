//! `C_Initialize`, `C_Finalize`, `C_GetInfo` (PKCS#11 3.0, section 5.4).

use std::ffi::c_void;

use cryptoki_sys::*;

use super::call::answer;
use super::memory::{padded, read, write};
use super::process::{initialize, module};
use crate::error::Error;

/// The version of this library.
pub(super) fn library_version() -> CK_VERSION {
    let number = |text: &str| text.parse().unwrap_or(0);
    CK_VERSION {
        major: number(env!("CARGO_PKG_VERSION_MAJOR")),
        minor: number(env!("CARGO_PKG_VERSION_MINOR")),
    }
}

pub(super) const MANUFACTURER: &str = "dlogin";

/// # Safety
/// `arguments` is null or points at `CK_C_INITIALIZE_ARGS`.
pub(super) unsafe extern "C" fn C_Initialize(arguments: *mut c_void) -> CK_RV {
    answer(|| {
        if !arguments.is_null() {
            // SAFETY: not null; section 5.4 says what it points at.
            judge(unsafe { read(arguments.cast::<CK_C_INITIALIZE_ARGS>()) }?)?;
        }
        initialize()
    })
}

/// Our locks are the system's, and no thread is ever started.
fn judge(arguments: CK_C_INITIALIZE_ARGS) -> Result<(), Error> {
    if !arguments.pReserved.is_null() {
        return Err(Error::Arguments);
    }
    let locks = [
        arguments.CreateMutex.is_some(),
        arguments.DestroyMutex.is_some(),
        arguments.LockMutex.is_some(),
        arguments.UnlockMutex.is_some(),
    ];
    let any = locks.contains(&true);
    if any && locks.contains(&false) {
        return Err(Error::Arguments);
    }
    if any && arguments.flags & CKF_OS_LOCKING_OK == 0 {
        return Err(Error::CannotLock);
    }
    Ok(())
}

pub(super) unsafe extern "C" fn C_Finalize(reserved: *mut c_void) -> CK_RV {
    answer(|| {
        if !reserved.is_null() {
            return Err(Error::Arguments);
        }
        module()?.stop()
    })
}

/// # Safety
/// `info` is null or points at a `CK_INFO`.
pub(super) unsafe extern "C" fn C_GetInfo(info: *mut CK_INFO) -> CK_RV {
    answer(|| {
        module()?.started()?;
        let ours = CK_INFO {
            cryptokiVersion: super::interfaces::NEWEST,
            manufacturerID: padded(MANUFACTURER),
            flags: 0,
            libraryDescription: padded("dlogin certificates"),
            libraryVersion: library_version(),
        };
        // SAFETY: as the caller's.
        unsafe { write(info, ours) }
    })
}
