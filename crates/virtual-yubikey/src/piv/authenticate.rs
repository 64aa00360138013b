//! GENERAL AUTHENTICATE (87) with a slot's key: sign, decrypt, agree on a secret.

use super::slot::{PinPolicy, Slot};
use super::{Outcome, Piv, management};
use crate::apdu::{Command, Status};
use crate::key::Algorithm;
use crate::tlv::{self, tlv};

impl Piv {
    pub(super) fn general_authenticate(&mut self, command: &Command) -> Outcome {
        if command.p2 == management::KEY_REFERENCE {
            return self.authenticate_management(command);
        }
        let algorithm = Algorithm::from_code(command.p1).ok_or(Status::WRONG_PARAMETERS)?;
        let slot = Slot::from_code(command.p2).ok_or(Status::WRONG_PARAMETERS)?;
        // The attestation key signs attestations and nothing else.
        if slot == Slot::ATTESTATION {
            return Err(Status::WRONG_DATA);
        }
        let template = tlv::first(&command.data)
            .filter(|e| e.tag == 0x7C)
            .and_then(|e| tlv::all(e.value))
            .ok_or(Status::WRONG_DATA)?;
        let held = self.memory.slots.get(&slot).ok_or(Status::WRONG_DATA)?;
        if held.key.algorithm() != algorithm {
            return Err(Status::WRONG_DATA);
        }

        let permitted = match held.pin_policy {
            PinPolicy::Never => true,
            PinPolicy::Once => self.session.pin,
            PinPolicy::Always => self.session.pin && self.session.pin_unused,
        };
        if !permitted {
            return Err(Status::SECURITY_NOT_SATISFIED);
        }
        // One PIN, one operation: whatever becomes of this one.
        self.session.pin_unused = false;
        self.must_be_touched(held.touch_policy)?;

        if !self.settings.sign_delay.is_zero() {
            std::thread::sleep(self.settings.sign_delay);
        }
        let result = match (tlv::find(&template, 0x81), tlv::find(&template, 0x85)) {
            (Some(challenge), None) => held.key.sign(challenge),
            (None, Some(peer)) => held.key.agree(peer),
            _ => return Err(Status::WRONG_DATA),
        };
        let result = result.map_err(|_| Status::WRONG_DATA)?;
        self.touch.count_operation();
        Ok(tlv(0x7C, &tlv(0x82, &result)))
    }
}
