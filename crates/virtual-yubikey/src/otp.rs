//! The OTP application, as far as programs ask it for the serial number of a
//! YubiKey 4, which PIV does not tell.

use crate::apdu::{Command, Status};
use crate::settings::Settings;

pub(crate) const AID: &[u8] = &[0xA0, 0, 0, 5, 0x27, 0x20, 1];

/// The status record: firmware, no slot programmed.
pub(crate) fn selected(settings: &Settings) -> Vec<u8> {
    let mut status = settings.firmware.bytes().to_vec();
    status.extend([0, 0, 0]);
    status
}

pub(crate) fn handle(settings: &Settings, command: &Command) -> Result<Vec<u8>, Status> {
    match (command.instruction, command.p1) {
        // API request "serial number".
        (0x01, 0x10) => settings
            .serial
            .map(|serial| serial.to_be_bytes().to_vec())
            .ok_or(Status::CONDITIONS_NOT_SATISFIED),
        (0x03, _) => Ok(selected(settings)),
        _ => Err(Status::NOT_SUPPORTED),
    }
}
