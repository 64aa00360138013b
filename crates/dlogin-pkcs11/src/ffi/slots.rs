//! The one slot and its token (PKCS#11 3.0, section 5.5).

use std::ffi::c_void;

use cryptoki_sys::*;

use super::call::answer;
use super::general::{MANUFACTURER, library_version};
use super::memory::{list, padded, ulong, write};
use super::process::module;
use crate::curve::{Curve, Mechanism};
use crate::error::Error;

/// The one slot.
pub(super) const SLOT: CK_SLOT_ID = 1;

pub(super) fn only(slot: CK_SLOT_ID) -> Result<(), Error> {
    if slot == SLOT {
        Ok(())
    } else {
        Err(Error::NoSlot)
    }
}

/// # Safety
/// As `memory::list`.
pub(super) unsafe extern "C" fn C_GetSlotList(
    _present: CK_BBOOL,
    slots: *mut CK_SLOT_ID,
    count: *mut CK_ULONG,
) -> CK_RV {
    answer(|| {
        module()?.started()?;
        // SAFETY: as the caller's.
        unsafe { list(&[SLOT], slots, count) }
    })
}

/// # Safety
/// `info` is null or points at a `CK_SLOT_INFO`.
pub(super) unsafe extern "C" fn C_GetSlotInfo(slot: CK_SLOT_ID, info: *mut CK_SLOT_INFO) -> CK_RV {
    answer(|| {
        module()?.started()?;
        only(slot)?;
        let ours = CK_SLOT_INFO {
            slotDescription: padded("Certificates of dlogin"),
            manufacturerID: padded(MANUFACTURER),
            // Always there: the YubiKey is not looked at before a signature.
            flags: CKF_TOKEN_PRESENT,
            hardwareVersion: CK_VERSION { major: 0, minor: 0 },
            firmwareVersion: library_version(),
        };
        // SAFETY: as the caller's.
        unsafe { write(info, ours) }
    })
}

/// # Safety
/// `info` is null or points at a `CK_TOKEN_INFO`.
pub(super) unsafe extern "C" fn C_GetTokenInfo(
    slot: CK_SLOT_ID,
    info: *mut CK_TOKEN_INFO,
) -> CK_RV {
    answer(|| {
        let sessions = module()?.session_count()?;
        only(slot)?;
        let ours = CK_TOKEN_INFO {
            label: padded("dlogin"),
            manufacturerID: padded(MANUFACTURER),
            model: padded("dlogin"),
            serialNumber: padded("1"),
            // Not CKF_LOGIN_REQUIRED: browsers would ask for a PIN, or hang.
            flags: CKF_TOKEN_INITIALIZED | CKF_WRITE_PROTECTED | CKF_RNG,
            ulMaxSessionCount: CK_EFFECTIVELY_INFINITE,
            ulSessionCount: sessions,
            ulMaxRwSessionCount: 0,
            ulRwSessionCount: 0,
            ulMaxPinLen: 0,
            ulMinPinLen: 0,
            ulTotalPublicMemory: CK_UNAVAILABLE_INFORMATION,
            ulFreePublicMemory: CK_UNAVAILABLE_INFORMATION,
            ulTotalPrivateMemory: CK_UNAVAILABLE_INFORMATION,
            ulFreePrivateMemory: CK_UNAVAILABLE_INFORMATION,
            hardwareVersion: CK_VERSION { major: 0, minor: 0 },
            firmwareVersion: library_version(),
            utcTime: padded(""),
        };
        // SAFETY: as the caller's.
        unsafe { write(info, ours) }
    })
}

/// # Safety
/// As `memory::list`.
pub(super) unsafe extern "C" fn C_GetMechanismList(
    slot: CK_SLOT_ID,
    mechanisms: *mut CK_MECHANISM_TYPE,
    count: *mut CK_ULONG,
) -> CK_RV {
    answer(|| {
        module()?.started()?;
        only(slot)?;
        let ours = Mechanism::ALL.map(|(_, number)| number);
        // SAFETY: as the caller's.
        unsafe { list(&ours, mechanisms, count) }
    })
}

/// # Safety
/// `info` is null or points at a `CK_MECHANISM_INFO`.
pub(super) unsafe extern "C" fn C_GetMechanismInfo(
    slot: CK_SLOT_ID,
    mechanism: CK_MECHANISM_TYPE,
    info: *mut CK_MECHANISM_INFO,
) -> CK_RV {
    answer(|| {
        module()?.started()?;
        only(slot)?;
        Mechanism::new(mechanism)?;
        let ours = CK_MECHANISM_INFO {
            ulMinKeySize: ulong(8 * Curve::P256.bytes()),
            ulMaxKeySize: ulong(8 * Curve::P384.bytes()),
            flags: CKF_HW | CKF_SIGN | CKF_EC_F_P | CKF_EC_NAMEDCURVE | CKF_EC_UNCOMPRESS,
        };
        // SAFETY: as the caller's.
        unsafe { write(info, ours) }
    })
}

/// Nothing is ever plugged in or out of this slot, so that a wait would have no
/// end.
pub(super) unsafe extern "C" fn C_WaitForSlotEvent(
    flags: CK_FLAGS,
    _slot: *mut CK_SLOT_ID,
    _reserved: *mut c_void,
) -> CK_RV {
    answer(|| {
        module()?.started()?;
        Err(if flags & CKF_DONT_BLOCK == 0 {
            Error::NotSupported
        } else {
            Error::NoEvent
        })
    })
}
