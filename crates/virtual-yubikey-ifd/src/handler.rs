//! The functions that pcscd looks up in the library (IFD handler 3.0,
//! `ifdhandler.h` of pcsc-lite). Names, types and return codes are theirs.
//!
//! Everything unsafe of the project is in this file: reading and writing
//! through the pointers that pcscd passes.
#![allow(
    unsafe_code,
    non_snake_case,
    reason = "the interface and its names are prescribed by pcsc-lite"
)]

use std::collections::BTreeMap;
use std::ffi::{CStr, c_char, c_int, c_long, c_ulong};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::reader::Reader;

/// `DWORD` of pcsc-lite on Linux.
pub type Dword = c_ulong;
/// `RESPONSECODE` of pcsc-lite on Linux.
pub type ResponseCode = c_long;

/// No error.
pub const IFD_SUCCESS: ResponseCode = 0;
/// The tag is unknown.
pub const IFD_ERROR_TAG: ResponseCode = 600;
/// The card did not power up.
pub const IFD_ERROR_POWER_ACTION: ResponseCode = 608;
/// The exchange with the card failed.
pub const IFD_COMMUNICATION_ERROR: ResponseCode = 612;
/// The request is not supported.
pub const IFD_NOT_SUPPORTED: ResponseCode = 614;
/// A card is in the reader.
pub const IFD_ICC_PRESENT: ResponseCode = 615;
/// No card is in the reader.
pub const IFD_ICC_NOT_PRESENT: ResponseCode = 616;
/// There is no such reader.
pub const IFD_NO_SUCH_DEVICE: ResponseCode = 617;
/// The caller's buffer is too small.
pub const IFD_ERROR_INSUFFICIENT_BUFFER: ResponseCode = 618;

const IFD_POWER_UP: Dword = 500;
const IFD_POWER_DOWN: Dword = 501;
const IFD_RESET: Dword = 502;

const TAG_IFD_ATR: Dword = 0x0303;
const TAG_IFD_THREAD_SAFE: Dword = 0x0FAD;
const TAG_IFD_SLOTS_NUMBER: Dword = 0x0FAE;
const TAG_IFD_SIMULTANEOUS_ACCESS: Dword = 0x0FAF;
const TAG_IFD_STOP_POLLING_THREAD: Dword = 0x0FB2;
const TAG_IFD_POLLING_THREAD_WITH_TIMEOUT: Dword = 0x0FB3;

/// Readers that one pcscd may have through this driver (pcscd's own limit is 16).
const MAX_READERS: u8 = 16;

/// `SCARD_IO_HEADER` of pcsc-lite.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct ScardIoHeader {
    /// 0 for T=0, 1 for T=1.
    pub protocol: Dword,
    /// Length of this header; pcscd ignores it.
    pub length: Dword,
}

/// The readers by number. pcscd calls with the number ("LUN") it gave at creation.
static READERS: Mutex<BTreeMap<Dword, Arc<Reader>>> = Mutex::new(BTreeMap::new());

fn reader(lun: Dword) -> Option<Arc<Reader>> {
    READERS
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .get(&lun)
        .cloned()
}

/// Opens the reader that `name` names: `unix:` and the path of the card's socket.
///
/// Succeeds although no card listens there yet: the reader is then empty.
///
/// # Safety
/// `name` is null or points to a string that ends in NUL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn IFDHCreateChannelByName(lun: Dword, name: *const c_char) -> ResponseCode {
    if name.is_null() {
        return IFD_COMMUNICATION_ERROR;
    }
    // SAFETY: not null, and by contract a NUL-terminated string that pcscd keeps
    // for the length of this call.
    let name = unsafe { CStr::from_ptr(name) };
    let Some(path) = name.to_str().ok().and_then(|n| n.strip_prefix("unix:")) else {
        return IFD_COMMUNICATION_ERROR;
    };
    READERS
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .insert(lun, Arc::new(Reader::new(Path::new(path))));
    IFD_SUCCESS
}

/// Readers are opened by name only.
#[unsafe(no_mangle)]
pub extern "C" fn IFDHCreateChannel(_lun: Dword, _channel: Dword) -> ResponseCode {
    IFD_NOT_SUPPORTED
}

/// Closes the reader.
#[unsafe(no_mangle)]
pub extern "C" fn IFDHCloseChannel(lun: Dword) -> ResponseCode {
    let closed = READERS
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .remove(&lun);
    match closed {
        Some(reader) => {
            reader.stop_waiting();
            IFD_SUCCESS
        }
        None => IFD_NO_SUCH_DEVICE,
    }
}

/// Tells what the reader can do.
///
/// # Safety
/// `length` points to the size of the buffer at `value`, which is that long.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn IFDHGetCapabilities(
    lun: Dword,
    tag: Dword,
    length: *mut Dword,
    value: *mut u8,
) -> ResponseCode {
    let answer = match tag {
        TAG_IFD_ATR => match reader(lun) {
            Some(reader) => reader.atr(),
            None => return IFD_NO_SUCH_DEVICE,
        },
        TAG_IFD_SLOTS_NUMBER => vec![1],
        TAG_IFD_SIMULTANEOUS_ACCESS => vec![MAX_READERS],
        TAG_IFD_THREAD_SAFE => vec![1],
        TAG_IFD_POLLING_THREAD_WITH_TIMEOUT => {
            let function: extern "C" fn(Dword, c_int) -> ResponseCode = wait_for_event;
            (function as usize).to_ne_bytes().to_vec()
        }
        TAG_IFD_STOP_POLLING_THREAD => {
            let function: extern "C" fn(Dword) -> ResponseCode = stop_waiting;
            (function as usize).to_ne_bytes().to_vec()
        }
        _ => return IFD_ERROR_TAG,
    };
    // SAFETY: by contract of this function.
    unsafe { hand_over(&answer, value, length) }
}

/// pcscd has a thread that calls this to learn of changes; `timeout` in milliseconds.
extern "C" fn wait_for_event(lun: Dword, timeout: c_int) -> ResponseCode {
    match reader(lun) {
        Some(reader) => {
            let timeout = u64::try_from(timeout).unwrap_or(0);
            reader.wait_for_event(Duration::from_millis(timeout));
            IFD_SUCCESS
        }
        None => IFD_NO_SUCH_DEVICE,
    }
}

extern "C" fn stop_waiting(lun: Dword) -> ResponseCode {
    match reader(lun) {
        Some(reader) => {
            reader.stop_waiting();
            IFD_SUCCESS
        }
        None => IFD_NO_SUCH_DEVICE,
    }
}

/// Nothing can be set.
///
/// # Safety
/// None of the arguments is used.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn IFDHSetCapabilities(
    _lun: Dword,
    _tag: Dword,
    _length: Dword,
    _value: *mut u8,
) -> ResponseCode {
    IFD_NOT_SUPPORTED
}

/// Any protocol is as good as another: no bits travel on wires here.
#[unsafe(no_mangle)]
pub extern "C" fn IFDHSetProtocolParameters(
    _lun: Dword,
    _protocol: Dword,
    _flags: u8,
    _pts1: u8,
    _pts2: u8,
    _pts3: u8,
) -> ResponseCode {
    IFD_SUCCESS
}

/// Gives, takes or renews the card's power; writes the ATR.
///
/// # Safety
/// `length` points to the size of the buffer at `atr`, which is that long.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn IFDHPowerICC(
    lun: Dword,
    action: Dword,
    atr: *mut u8,
    length: *mut Dword,
) -> ResponseCode {
    let Some(reader) = reader(lun) else {
        return IFD_NO_SUCH_DEVICE;
    };
    match action {
        IFD_POWER_UP | IFD_RESET => match reader.power_up() {
            // SAFETY: by contract of this function.
            Ok(answer) => unsafe { hand_over(&answer, atr, length) },
            Err(_) => {
                reader.disconnect();
                IFD_ERROR_POWER_ACTION
            }
        },
        IFD_POWER_DOWN => {
            // A card that is gone has no power either.
            if reader.power_down().is_err() {
                reader.disconnect();
            }
            IFD_SUCCESS
        }
        _ => IFD_NOT_SUPPORTED,
    }
}

/// Sends a command APDU and writes the response.
///
/// # Safety
/// `command` points to `command_length` bytes; `response_length` points to the
/// size of the buffer at `response`, which is that long.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn IFDHTransmitToICC(
    lun: Dword,
    _send: ScardIoHeader,
    command: *const u8,
    command_length: Dword,
    response: *mut u8,
    response_length: *mut Dword,
    _receive: *mut ScardIoHeader,
) -> ResponseCode {
    let Some(reader) = reader(lun) else {
        return IFD_NO_SUCH_DEVICE;
    };
    let length = usize::try_from(command_length).unwrap_or(usize::MAX);
    if command.is_null() || length > crate::protocol::MAX_FRAME {
        return IFD_COMMUNICATION_ERROR;
    }
    // SAFETY: not null, and by contract that many bytes which nobody changes
    // during this call.
    let command = unsafe { std::slice::from_raw_parts(command, length) };
    match reader.transmit(command) {
        // SAFETY: by contract of this function.
        Ok(answer) => unsafe { hand_over(&answer, response, response_length) },
        Err(_) => {
            reader.disconnect();
            // SAFETY: by contract `response_length` may be written; null is refused.
            unsafe { hand_over(&[], response, response_length) };
            IFD_COMMUNICATION_ERROR
        }
    }
}

/// Is a card in the reader?
#[unsafe(no_mangle)]
pub extern "C" fn IFDHICCPresence(lun: Dword) -> ResponseCode {
    match reader(lun) {
        Some(reader) if reader.is_plugged() => IFD_ICC_PRESENT,
        Some(reader) => {
            reader.disconnect();
            IFD_ICC_NOT_PRESENT
        }
        None => IFD_NO_SUCH_DEVICE,
    }
}

/// The reader has no commands of its own (no PIN pad, no LEDs).
///
/// # Safety
/// `returned` is null or may be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn IFDHControl(
    _lun: Dword,
    _code: Dword,
    _command: *const u8,
    _command_length: Dword,
    _response: *mut u8,
    _response_length: Dword,
    returned: *mut Dword,
) -> ResponseCode {
    if !returned.is_null() {
        // SAFETY: not null, and by contract it may be written.
        unsafe { returned.write(0) };
    }
    IFD_NOT_SUPPORTED
}

/// Copies `answer` to the caller's buffer and tells its length.
///
/// # Safety
/// `length` is null, or may be read and written and holds the size of the
/// buffer at `buffer`, which is null or that long.
unsafe fn hand_over(answer: &[u8], buffer: *mut u8, length: *mut Dword) -> ResponseCode {
    if length.is_null() {
        return IFD_COMMUNICATION_ERROR;
    }
    let Ok(needed) = Dword::try_from(answer.len()) else {
        return IFD_ERROR_INSUFFICIENT_BUFFER;
    };
    // SAFETY: not null, and by contract readable.
    let available = unsafe { length.read() };
    if needed > available || (buffer.is_null() && needed > 0) {
        return IFD_ERROR_INSUFFICIENT_BUFFER;
    }
    if needed > 0 {
        // SAFETY: the buffer is not null and at least `needed` long; it is pcscd's
        // and `answer` ours, so they do not overlap.
        unsafe { std::ptr::copy_nonoverlapping(answer.as_ptr(), buffer, answer.len()) };
    }
    // SAFETY: not null, and by contract writable.
    unsafe { length.write(needed) };
    IFD_SUCCESS
}

#[cfg(test)]
mod tests;
