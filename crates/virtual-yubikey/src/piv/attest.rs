//! Yubico's ATTEST (F9): a certificate by the key in f9 about the key in a slot.

use super::objects::ATTESTATION_CERTIFICATE;
use super::slot::Slot;
use super::{Outcome, Piv};
use crate::apdu::{Command, Status};
use crate::certificate::{self, Facts};
use crate::der;
use crate::tlv;

impl Piv {
    /// Attests the key in slot P1. Needs no PIN and no touch; the key must have
    /// been generated here. Whatever key and certificate lie in f9 are used,
    /// for owners may replace them.
    pub(super) fn attest(&mut self, command: &Command) -> Outcome {
        let slot = Slot::from_code(command.p1).ok_or(Status::WRONG_PARAMETERS)?;
        if slot == Slot::ATTESTATION {
            return Err(Status::WRONG_DATA);
        }
        let slots = &self.memory.slots;
        let held = slots.get(&slot).ok_or(Status::REFERENCE_NOT_FOUND)?;
        if !held.generated {
            return Err(Status::WRONG_DATA);
        }
        let device_key = slots
            .get(&Slot::ATTESTATION)
            .ok_or(Status::REFERENCE_NOT_FOUND)?;
        let device = self
            .memory
            .objects
            .get(&ATTESTATION_CERTIFICATE)
            .and_then(|object| tlv::find(&tlv::all(object)?, 0x70))
            .and_then(der::certificate_parts)
            .ok_or(Status::REFERENCE_NOT_FOUND)?;
        let facts = Facts {
            settings: &self.settings,
            slot: slot.code(),
            pin_policy: held.pin_policy.code(),
            touch_policy: held.touch_policy.code(),
        };
        certificate::attestation(facts, &held.key, &device, &device_key.key)
            .map_err(|_| Status::FAILED)
    }
}
