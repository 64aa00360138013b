//! Sessions, and the login that there is none of (PKCS#11 3.0, section 5.6).

use std::ffi::c_void;

use cryptoki_sys::*;

use super::call::answer;
use super::memory::write;
use super::process::module;
use super::slots::{SLOT, only};
use crate::error::Error;
use crate::module::Cancel;

/// # Safety
/// `session` is null or points at a handle.
pub(super) unsafe extern "C" fn C_OpenSession(
    slot: CK_SLOT_ID,
    flags: CK_FLAGS,
    _application: *mut c_void,
    _notify: CK_NOTIFY,
    session: *mut CK_SESSION_HANDLE,
) -> CK_RV {
    answer(|| {
        let module = module()?;
        module.started()?;
        only(slot)?;
        if flags & CKF_SERIAL_SESSION == 0 {
            return Err(Error::ParallelSession);
        }
        if session.is_null() {
            return Err(Error::Arguments);
        }
        let handle = module.open_session(flags & CKF_RW_SESSION != 0)?;
        // SAFETY: as the caller's.
        unsafe { write(session, handle) }
    })
}

pub(super) unsafe extern "C" fn C_CloseSession(session: CK_SESSION_HANDLE) -> CK_RV {
    answer(|| module()?.close_session(session))
}

pub(super) unsafe extern "C" fn C_CloseAllSessions(slot: CK_SLOT_ID) -> CK_RV {
    answer(|| {
        module()?.started()?;
        only(slot)?;
        module()?.close_all_sessions()
    })
}

/// # Safety
/// `info` is null or points at a `CK_SESSION_INFO`.
pub(super) unsafe extern "C" fn C_GetSessionInfo(
    session: CK_SESSION_HANDLE,
    info: *mut CK_SESSION_INFO,
) -> CK_RV {
    answer(|| {
        let (state, flags) = if module()?.is_writing(session)? {
            (CKS_RW_PUBLIC_SESSION, CKF_SERIAL_SESSION | CKF_RW_SESSION)
        } else {
            (CKS_RO_PUBLIC_SESSION, CKF_SERIAL_SESSION)
        };
        let ours = CK_SESSION_INFO {
            slotID: SLOT,
            state,
            flags,
            ulDeviceError: 0,
        };
        // SAFETY: as the caller's.
        unsafe { write(info, ours) }
    })
}

/// Never looks at the PIN: the YubiKey's is for the agent alone.
pub(super) unsafe extern "C" fn C_Login(
    session: CK_SESSION_HANDLE,
    _user: CK_USER_TYPE,
    _pin: *mut CK_UTF8CHAR,
    _length: CK_ULONG,
) -> CK_RV {
    answer(|| {
        module()?.session(session)?;
        Err(Error::NoPin)
    })
}

/// As [`C_Login`].
pub(super) unsafe extern "C" fn C_LoginUser(
    session: CK_SESSION_HANDLE,
    _user: CK_USER_TYPE,
    _pin: *mut CK_UTF8CHAR,
    _length: CK_ULONG,
    _name: *mut CK_UTF8CHAR,
    _name_length: CK_ULONG,
) -> CK_RV {
    answer(|| {
        module()?.session(session)?;
        Err(Error::NoPin)
    })
}

pub(super) unsafe extern "C" fn C_Logout(session: CK_SESSION_HANDLE) -> CK_RV {
    answer(|| {
        module()?.session(session)?;
        Err(Error::NotLoggedIn)
    })
}

pub(super) unsafe extern "C" fn C_SessionCancel(
    session: CK_SESSION_HANDLE,
    flags: CK_FLAGS,
) -> CK_RV {
    answer(|| {
        let what = Cancel {
            search: flags & CKF_FIND_OBJECTS != 0,
            signing: flags & CKF_SIGN != 0,
        };
        module()?.cancel(session, what)
    })
}
