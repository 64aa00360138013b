//! Reading and writing through a program's pointers.
//!
//! Everything is copied at once, so that no reference to a program's memory
//! lives on, and without regard to alignment, which C programs get wrong.

use cryptoki_sys::*;

use crate::error::Error;

/// The longest array of attributes, mechanisms or handles.
const MAX_ITEMS: usize = 4096;
/// The longest data that is taken from a program.
const MAX_BYTES: usize = 1 << 20;

/// A length from C.
pub(super) fn length(value: CK_ULONG) -> Result<usize, Error> {
    usize::try_from(value).map_err(|_| Error::Arguments)
}

/// A length for C.
pub(super) fn ulong(value: usize) -> CK_ULONG {
    CK_ULONG::try_from(value).unwrap_or(CK_UNAVAILABLE_INFORMATION)
}

/// One value.
///
/// # Safety
/// `from` is null or points at a `T`.
pub(super) unsafe fn read<T: Copy>(from: *const T) -> Result<T, Error> {
    if from.is_null() {
        return Err(Error::Arguments);
    }
    // SAFETY: not null, and by contract points at a `T`.
    Ok(unsafe { from.read_unaligned() })
}

/// Sets one value.
///
/// # Safety
/// `to` is null or points at memory for a `T`.
pub(super) unsafe fn write<T>(to: *mut T, value: T) -> Result<(), Error> {
    if to.is_null() {
        return Err(Error::Arguments);
    }
    // SAFETY: not null, and by contract points at memory for a `T`.
    unsafe { to.write_unaligned(value) };
    Ok(())
}

/// Bytes, copied.
///
/// # Safety
/// `from` is null or points at `count` bytes.
pub(super) unsafe fn bytes(from: *const CK_BYTE, count: CK_ULONG) -> Result<Vec<u8>, Error> {
    let count = length(count)?;
    if count == 0 {
        return Ok(Vec::new());
    }
    if from.is_null() {
        return Err(Error::Arguments);
    }
    if count > MAX_BYTES {
        return Err(Error::DataLength);
    }
    // SAFETY: not null, and by contract points at `count` bytes, which are
    // fewer than `isize::MAX` and copied before anybody else runs.
    Ok(unsafe { std::slice::from_raw_parts(from, count) }.to_vec())
}

/// Sets as many bytes as there are.
///
/// # Safety
/// `to` is null or points at memory for `from.len()` bytes.
pub(super) unsafe fn write_bytes(to: *mut CK_BYTE, from: &[u8]) -> Result<(), Error> {
    if from.is_empty() {
        return Ok(());
    }
    if to.is_null() {
        return Err(Error::Arguments);
    }
    // SAFETY: not null, by contract `from.len()` bytes long, and not part of
    // `from`, which is memory of our own.
    unsafe { std::ptr::copy_nonoverlapping(from.as_ptr(), to, from.len()) };
    Ok(())
}

/// Hands out a list as PKCS#11 does (section 5.2): without a place for it, how
/// long it is; with one that is too small, that and an error.
///
/// # Safety
/// `count` is null or points at a number; `to` is null or points at memory for
/// as many `T` as it says.
pub(super) unsafe fn list<T: Copy>(
    values: &[T],
    to: *mut T,
    count: *mut CK_ULONG,
) -> Result<(), Error> {
    // SAFETY: as the caller's.
    let room = unsafe { read(count) }?;
    // SAFETY: the same pointer.
    unsafe { write(count, ulong(values.len())) }?;
    if to.is_null() {
        return Ok(());
    }
    if length(room)? < values.len() {
        return Err(Error::BufferTooSmall);
    }
    for (at, value) in values.iter().enumerate() {
        // SAFETY: `to` has room for all of them.
        unsafe { write(to.add(at), *value) }?;
    }
    Ok(())
}

/// The attributes of an array.
///
/// # Safety
/// `from` is null or points at `count` attributes.
pub(super) unsafe fn attributes(
    from: *const CK_ATTRIBUTE,
    count: CK_ULONG,
) -> Result<Vec<CK_ATTRIBUTE>, Error> {
    let count = length(count)?;
    if count > MAX_ITEMS || (count > 0 && from.is_null()) {
        return Err(Error::Arguments);
    }
    (0..count)
        // SAFETY: by contract there are `count` of them.
        .map(|at| unsafe { read(from.add(at)) })
        .collect()
}

/// A text in a field of fixed length, filled up with blanks (section 3.1).
pub(super) fn padded<const N: usize>(text: &str) -> [u8; N] {
    let mut field = [b' '; N];
    for (place, byte) in field.iter_mut().zip(text.bytes()) {
        *place = byte;
    }
    field
}
