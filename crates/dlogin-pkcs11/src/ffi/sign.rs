//! Signing (PKCS#11 3.0, section 5.13).

use cryptoki_sys::*;

use super::call::answer;
use super::memory::{bytes, length, read, ulong, write, write_bytes};
use super::process::module;
use crate::error::Error;

/// # Safety
/// `mechanism` is null or points at a `CK_MECHANISM`.
pub(super) unsafe extern "C" fn C_SignInit(
    session: CK_SESSION_HANDLE,
    mechanism: *mut CK_MECHANISM,
    key: CK_OBJECT_HANDLE,
) -> CK_RV {
    answer(|| {
        let module = module()?;
        module.session(session)?;
        if mechanism.is_null() {
            // PKCS#11 3.0: so a signature that was begun is given up.
            module.end_signing(session);
            return Ok(());
        }
        // SAFETY: as the caller's.
        let mechanism = unsafe { read(mechanism) }?;
        if mechanism.ulParameterLen != 0 {
            return Err(Error::MechanismParameter);
        }
        module.sign_init(session, mechanism.mechanism, key)
    })
}

/// # Safety
/// `data` is null or points at `data_length` bytes; `room` is null or points at
/// a number; `signature` is null or points at as many bytes of memory as that.
pub(super) unsafe extern "C" fn C_Sign(
    session: CK_SESSION_HANDLE,
    data: *mut CK_BYTE,
    data_length: CK_ULONG,
    signature: *mut CK_BYTE,
    room: *mut CK_ULONG,
) -> CK_RV {
    answer(|| {
        // SAFETY: as the caller's.
        let data = || unsafe { bytes(data, data_length) }.map(Some);
        // SAFETY: as the caller's.
        unsafe { finish(session, data, signature, room) }
    })
}

/// # Safety
/// `data` is null or points at `data_length` bytes.
pub(super) unsafe extern "C" fn C_SignUpdate(
    session: CK_SESSION_HANDLE,
    data: *mut CK_BYTE,
    data_length: CK_ULONG,
) -> CK_RV {
    answer(|| {
        let module = module()?;
        module.signature_bytes(session)?;
        // SAFETY: as the caller's.
        match unsafe { bytes(data, data_length) } {
            Ok(data) => module.sign_update(session, &data),
            Err(error) => {
                module.end_signing(session);
                Err(error)
            }
        }
    })
}

/// # Safety
/// As `C_Sign`.
pub(super) unsafe extern "C" fn C_SignFinal(
    session: CK_SESSION_HANDLE,
    signature: *mut CK_BYTE,
    room: *mut CK_ULONG,
) -> CK_RV {
    answer(|| {
        // SAFETY: as the caller's.
        unsafe { finish(session, || Ok(None), signature, room) }
    })
}

/// Asking for the length, or with too little room, leaves the signature begun;
/// everything else ends it (section 5.2). So nobody is asked for a touch whose
/// signature would not fit.
///
/// # Safety
/// As `C_Sign`.
unsafe fn finish(
    session: CK_SESSION_HANDLE,
    data: impl FnOnce() -> Result<Option<Vec<u8>>, Error>,
    signature: *mut CK_BYTE,
    room: *mut CK_ULONG,
) -> Result<(), Error> {
    let module = module()?;
    let needed = module.signature_bytes(session)?;
    // SAFETY: as the caller's.
    let has = unsafe { read(room) }.inspect_err(|_| module.end_signing(session))?;
    if signature.is_null() || length(has)? < needed {
        // SAFETY: the same pointer.
        unsafe { write(room, ulong(needed)) }?;
        return if signature.is_null() {
            Ok(())
        } else {
            Err(Error::BufferTooSmall)
        };
    }
    let data = data().inspect_err(|_| module.end_signing(session))?;
    let signed = module.sign(session, data)?;
    // SAFETY: it has room for `needed`, which is what was signed.
    unsafe { write_bytes(signature, &signed) }?;
    // SAFETY: the same pointer.
    unsafe { write(room, ulong(signed.len())) }
}
