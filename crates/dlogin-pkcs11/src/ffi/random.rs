//! Random numbers (PKCS#11 3.0, section 5.17): the system's.

use cryptoki_sys::*;

use super::call::answer;
use super::memory::{length, write_bytes};
use super::process::module;
use crate::error::Error;

/// The generator of the system needs no help.
pub(super) unsafe extern "C" fn C_SeedRandom(
    session: CK_SESSION_HANDLE,
    _seed: *mut CK_BYTE,
    _length: CK_ULONG,
) -> CK_RV {
    answer(|| {
        module()?.session(session)?;
        Err(Error::Seed)
    })
}

/// # Safety
/// `to` is null or points at memory for `count` bytes.
pub(super) unsafe extern "C" fn C_GenerateRandom(
    session: CK_SESSION_HANDLE,
    to: *mut CK_BYTE,
    count: CK_ULONG,
) -> CK_RV {
    answer(|| {
        module()?.session(session)?;
        let mut left = length(count)?;
        let mut to = to;
        // In pieces: a program may want more than we would hold.
        while left > 0 {
            let mut piece = [0; 4096];
            let taken = left.min(piece.len());
            let piece = piece.get_mut(..taken).ok_or(Error::Arguments)?;
            getrandom::fill(piece).map_err(|_| Error::Random)?;
            // SAFETY: as the caller's; `taken` bytes are left at least.
            unsafe { write_bytes(to, piece) }?;
            // SAFETY: at most one past the end of the program's memory.
            to = unsafe { to.add(taken) };
            left -= taken;
        }
        Ok(())
    })
}
