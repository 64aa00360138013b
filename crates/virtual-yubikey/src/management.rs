//! The YubiKey Management application, as far as ykman asks for it: what kind
//! of key this is.

use crate::apdu::{Command, Status};
use crate::settings::Settings;
use crate::tlv::tlv;

pub(crate) const AID: &[u8] = &[0xA0, 0, 0, 5, 0x27, 0x47, 0x11, 0x17];

/// Capability bit of PIV: the only application here.
const PIV: u8 = 0x10;

pub(crate) fn selected(settings: &Settings) -> Vec<u8> {
    format!("Virtual mgr - FW version {}", settings.firmware).into_bytes()
}

pub(crate) fn handle(settings: &Settings, command: &Command) -> Result<Vec<u8>, Status> {
    match (command.instruction, command.p1) {
        // READ CONFIG; pages above 0 exist from 5.7.2 and hold nothing here.
        (0x1D, 0) => Ok(device_info(settings)),
        _ => Err(Status::NOT_SUPPORTED),
    }
}

fn device_info(settings: &Settings) -> Vec<u8> {
    let mut info = tlv(0x01, &[PIV]);
    if let Some(serial) = settings.serial {
        info.extend(tlv(0x02, &serial.to_be_bytes()));
    }
    if settings.firmware.major >= 5 {
        info.extend(tlv(0x03, &[PIV]));
        info.extend(tlv(0x04, &[settings.form_factor_byte()]));
        info.extend(tlv(0x05, &settings.firmware.bytes()));
    }
    // Not locked with a configuration code.
    info.extend(tlv(0x0A, &[0]));
    let mut response = vec![u8::try_from(info.len()).unwrap_or(u8::MAX)];
    response.extend(info);
    response
}
