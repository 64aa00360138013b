//! Looking for objects and into them (PKCS#11 3.0, section 5.7).

use cryptoki_sys::*;

use super::call::answer;
use super::memory::{attributes, bytes, length, list, ulong, write, write_bytes};
use super::process::module;
use crate::error::Error;
use crate::object::Object;

/// # Safety
/// `template` is null or points at `count` attributes, each of which is what it
/// says.
pub(super) unsafe extern "C" fn C_FindObjectsInit(
    session: CK_SESSION_HANDLE,
    template: *mut CK_ATTRIBUTE,
    count: CK_ULONG,
) -> CK_RV {
    answer(|| {
        let module = module()?;
        module.session(session)?;
        // SAFETY: as the caller's.
        let template = unsafe { attributes(template, count) }?
            .into_iter()
            .map(|wanted| {
                // SAFETY: as the caller's.
                let value = unsafe { bytes(wanted.pValue.cast(), wanted.ulValueLen) };
                Ok((wanted.type_, value.map_err(|_| Error::Arguments)?))
            })
            .collect::<Result<Vec<_>, Error>>()?;
        module.find(session, &template)
    })
}

/// # Safety
/// `found` is null or points at room for `most` handles; `count` is null or
/// points at a number.
pub(super) unsafe extern "C" fn C_FindObjects(
    session: CK_SESSION_HANDLE,
    found: *mut CK_OBJECT_HANDLE,
    most: CK_ULONG,
    count: *mut CK_ULONG,
) -> CK_RV {
    answer(|| {
        let module = module()?;
        module.session(session)?;
        if found.is_null() || count.is_null() {
            return Err(Error::Arguments);
        }
        let handles = module.found(session, length(most)?)?;
        let mut room = ulong(handles.len());
        // SAFETY: `found` has room for `most`, and these are no more.
        unsafe { list(&handles, found, &raw mut room) }?;
        // SAFETY: as the caller's.
        unsafe { write(count, room) }
    })
}

pub(super) unsafe extern "C" fn C_FindObjectsFinal(session: CK_SESSION_HANDLE) -> CK_RV {
    answer(|| module()?.end_search(session))
}

/// # Safety
/// `template` is null or points at `count` attributes, each with a null value
/// or one that has as much room as it says.
pub(super) unsafe extern "C" fn C_GetAttributeValue(
    session: CK_SESSION_HANDLE,
    object: CK_OBJECT_HANDLE,
    template: *mut CK_ATTRIBUTE,
    count: CK_ULONG,
) -> CK_RV {
    answer(|| {
        let object = module()?.object(session, object)?;
        if template.is_null() {
            return Err(Error::Arguments);
        }
        let mut outcome = Ok(());
        // SAFETY: as the caller's.
        for (at, wanted) in unsafe { attributes(template, count) }?
            .into_iter()
            .enumerate()
        {
            // SAFETY: as the caller's; there are more than `at` of them.
            let place = unsafe { template.add(at) };
            // All of them are answered, whatever becomes of one.
            // SAFETY: `wanted` is what `place` points at.
            if let Err(error) = unsafe { hand_out(&object, wanted, place) } {
                outcome = Err(error);
            }
        }
        outcome
    })
}

/// # Safety
/// `place` points at an attribute, `wanted` is its value, and that has a null
/// value or one with as much room as it says.
unsafe fn hand_out(
    object: &Object,
    mut wanted: CK_ATTRIBUTE,
    place: *mut CK_ATTRIBUTE,
) -> Result<(), Error> {
    let outcome = match object.attribute(wanted.type_) {
        Ok(value) if wanted.pValue.is_null() => {
            wanted.ulValueLen = ulong(value.len());
            Ok(())
        }
        Ok(value) if ulong(value.len()) <= wanted.ulValueLen => {
            wanted.ulValueLen = ulong(value.len());
            // SAFETY: it has room for that many bytes.
            unsafe { write_bytes(wanted.pValue.cast(), value) }
        }
        Ok(_) => Err(Error::BufferTooSmall),
        Err(error) => Err(error),
    };
    if outcome.is_err() {
        wanted.ulValueLen = CK_UNAVAILABLE_INFORMATION;
    }
    // SAFETY: as the caller's.
    unsafe { write(place, wanted) }?;
    outcome
}
