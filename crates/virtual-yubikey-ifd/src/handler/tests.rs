use std::io::{Read, Write};
use std::os::unix::net::UnixListener;
use std::ptr;

use super::*;
use crate::protocol::{COMMANDS, EVENTS, PLUGGED, Request, write_frame};

/// A card that is plugged in and answers every APDU with 90 00.
fn card(path: &Path) {
    let listener = UnixListener::bind(path).unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            std::thread::spawn(move || {
                let mut purpose = [0];
                stream.read_exact(&mut purpose).unwrap();
                if purpose == [EVENTS] {
                    stream.write_all(&[PLUGGED]).unwrap();
                    // Stays open until the driver has enough.
                    let _ = stream.read(&mut purpose);
                    return;
                }
                assert_eq!(purpose, [COMMANDS]);
                while let Ok(request) = Request::read(&mut stream) {
                    let answer: &[u8] = match request {
                        Request::PowerUp => &[0x3B, 0x00],
                        Request::PowerDown => &[],
                        Request::Transmit(_) => &[0x90, 0x00],
                    };
                    write_frame(&mut stream, answer).unwrap();
                }
            });
        }
    });
}

fn open(lun: Dword, path: &Path) -> ResponseCode {
    let name = std::ffi::CString::new(format!("unix:{}", path.display())).unwrap();
    // SAFETY: a string that ends in NUL and outlives the call.
    unsafe { IFDHCreateChannelByName(lun, name.as_ptr()) }
}

/// Calls with a buffer of `size` bytes; the code, and what was written.
fn buffered(
    size: usize,
    call: impl FnOnce(*mut u8, *mut Dword) -> ResponseCode,
) -> (ResponseCode, Vec<u8>) {
    let mut buffer = vec![0xEE; size];
    let mut length = size as Dword;
    let code = call(buffer.as_mut_ptr(), &raw mut length);
    buffer.truncate(length as usize);
    (code, buffer)
}

const HEADER: ScardIoHeader = ScardIoHeader {
    protocol: 1,
    length: 16,
};

#[test]
fn a_card_powers_up_and_answers() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("card.sock");
    card(&path);
    let lun = 0x0001_0000;
    assert_eq!(open(lun, &path), IFD_SUCCESS);
    assert_eq!(IFDHICCPresence(lun), IFD_ICC_PRESENT);
    // SAFETY: the buffer is as long as the length says.
    let power = |b, l| unsafe { IFDHPowerICC(lun, IFD_POWER_UP, b, l) };
    assert_eq!(buffered(33, power), (IFD_SUCCESS, vec![0x3B, 0x00]));
    let apdu = [0, 0xFD, 0, 0];
    let transmit = |b, l| {
        // SAFETY: command and buffer are as long as their lengths say.
        unsafe { IFDHTransmitToICC(lun, HEADER, apdu.as_ptr(), 4, b, l, ptr::null_mut()) }
    };
    assert_eq!(buffered(258, transmit), (IFD_SUCCESS, vec![0x90, 0x00]));
    let (code, untouched) = buffered(1, transmit);
    assert_eq!(
        (code, untouched),
        (IFD_ERROR_INSUFFICIENT_BUFFER, vec![0xEE])
    );
    assert_eq!(IFDHCloseChannel(lun), IFD_SUCCESS);
    assert_eq!(IFDHICCPresence(lun), IFD_NO_SUCH_DEVICE);
}

#[test]
fn a_reader_without_a_card_is_empty_and_fails_cleanly() {
    let lun = 0x0002_0000;
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(open(lun, &dir.path().join("nobody")), IFD_SUCCESS);
    assert_eq!(IFDHICCPresence(lun), IFD_ICC_NOT_PRESENT);
    // SAFETY: the buffer is as long as the length says.
    let power = |b, l| unsafe { IFDHPowerICC(lun, IFD_POWER_UP, b, l) };
    assert_eq!(buffered(33, power).0, IFD_ERROR_POWER_ACTION);
    let transmit = |b, l| {
        // SAFETY: one byte of command; the buffer is as long as the length says.
        unsafe { IFDHTransmitToICC(lun, HEADER, [0].as_ptr(), 1, b, l, ptr::null_mut()) }
    };
    assert_eq!(buffered(258, transmit), (IFD_COMMUNICATION_ERROR, vec![]));
    assert_eq!(IFDHCloseChannel(lun), IFD_SUCCESS);
}

#[test]
fn null_pointers_and_foreign_names_are_refused() {
    let lun = 0x0003_0000;
    // SAFETY: null is allowed by contract.
    unsafe {
        assert_eq!(
            IFDHCreateChannelByName(lun, ptr::null()),
            IFD_COMMUNICATION_ERROR
        );
        assert_eq!(
            IFDHCreateChannelByName(lun, c"/dev/ttyS0".as_ptr()),
            IFD_COMMUNICATION_ERROR
        );
        assert_eq!(
            hand_over(&[1], ptr::null_mut(), ptr::null_mut()),
            IFD_COMMUNICATION_ERROR
        );
        let mut length = 5;
        assert_eq!(
            hand_over(&[1], ptr::null_mut(), &raw mut length),
            IFD_ERROR_INSUFFICIENT_BUFFER
        );
    }
    assert_eq!(IFDHCreateChannel(lun, 1), IFD_NOT_SUPPORTED);
    assert_eq!(IFDHCloseChannel(lun), IFD_NO_SUCH_DEVICE);
}

#[test]
fn pcscd_learns_what_the_reader_can() {
    for (tag, expected) in [
        (TAG_IFD_SLOTS_NUMBER, 1),
        (TAG_IFD_SIMULTANEOUS_ACCESS, 16),
        (TAG_IFD_THREAD_SAFE, 1),
    ] {
        // SAFETY: the buffer is as long as the length says.
        let ask = |b, l| unsafe { IFDHGetCapabilities(0, tag, l, b) };
        assert_eq!(buffered(1, ask), (IFD_SUCCESS, vec![expected]));
    }
    // SAFETY: the buffer is as long as the length says.
    let ask = |b, l| unsafe { IFDHGetCapabilities(0, 0x4242, l, b) };
    assert_eq!(buffered(1, ask).0, IFD_ERROR_TAG);
}
