//! Keys come and go: GENERATE ASYMMETRIC KEY PAIR (47), Yubico's IMPORT (FE) and MOVE (F6).

use super::slot::{PinPolicy, Slot, SlotKey, TouchPolicy};
use super::{Outcome, Piv};
use crate::apdu::{Command, Status};
use crate::key::{Algorithm, PrivateKey};
use crate::tlv::{self, Element, tlv};

/// As destination of a move: away with it.
const NOWHERE: u8 = 0xFF;

impl Piv {
    /// GENERATE: a control template AC with algorithm (80) and policies (AA, AB).
    pub(super) fn generate(&mut self, command: &Command) -> Outcome {
        self.must_be_managed()?;
        let slot = Slot::from_code(command.p2).ok_or(Status::WRONG_PARAMETERS)?;
        let template = tlv::first(&command.data)
            .filter(|e| e.tag == 0xAC)
            .and_then(|e| tlv::all(e.value))
            .ok_or(Status::WRONG_DATA)?;
        let algorithm = match tlv::find(&template, 0x80) {
            Some([code]) => self.algorithm(*code)?,
            _ => return Err(Status::WRONG_DATA),
        };
        let held = |key, generated| -> Result<SlotKey, Status> {
            slot_key(slot, key, &template, generated)
        };
        let key = PrivateKey::generate(algorithm).map_err(|_| Status::FAILED)?;
        let public = tlv(0x7F49, &key.public_elements());
        let held = held(key, true)?;
        self.memory_mut().slots.insert(slot, held);
        Ok(public)
    }

    /// IMPORT: RSA as primes and CRT parts (01 to 05), the others as one number.
    pub(super) fn import(&mut self, command: &Command) -> Outcome {
        self.must_be_managed()?;
        let algorithm = self.algorithm(command.p1)?;
        let slot = Slot::from_code(command.p2).ok_or(Status::WRONG_PARAMETERS)?;
        let parts = tlv::all(&command.data).ok_or(Status::WRONG_DATA)?;
        let part = |tag| tlv::find(&parts, tag).ok_or(Status::WRONG_DATA);
        let key = match algorithm {
            Algorithm::Rsa1024 | Algorithm::Rsa2048 | Algorithm::Rsa3072 | Algorithm::Rsa4096 => {
                // The CRT parts must be there, but follow from the primes.
                for tag in [3, 4, 5] {
                    part(tag)?;
                }
                PrivateKey::from_primes(algorithm, part(1)?, part(2)?)
            }
            Algorithm::P256 | Algorithm::P384 => PrivateKey::from_secret(algorithm, part(6)?),
            Algorithm::Ed25519 => PrivateKey::from_secret(algorithm, part(7)?),
            Algorithm::X25519 => PrivateKey::from_secret(algorithm, part(8)?),
        };
        let key = key.map_err(|_| Status::WRONG_DATA)?;
        let held = slot_key(slot, key, &parts, false)?;
        self.memory_mut().slots.insert(slot, held);
        Ok(Vec::new())
    }

    /// MOVE KEY: from P2 to P1, or away. Policies and origin travel along.
    pub(super) fn move_key(&mut self, command: &Command) -> Outcome {
        self.must_be_managed()?;
        let from = Slot::from_code(command.p2).ok_or(Status::WRONG_PARAMETERS)?;
        if command.p1 == NOWHERE {
            let deleted = self.memory_mut().slots.remove(&from);
            return deleted
                .map(|_| Vec::new())
                .ok_or(Status::REFERENCE_NOT_FOUND);
        }
        let to = Slot::from_code(command.p1).ok_or(Status::WRONG_PARAMETERS)?;
        if from == Slot::ATTESTATION || to == Slot::ATTESTATION {
            return Err(Status::WRONG_PARAMETERS);
        }
        if self.memory.slots.contains_key(&to) {
            return Err(Status::WRONG_DATA);
        }
        let slots = &mut self.memory_mut().slots;
        let held = slots.remove(&from).ok_or(Status::REFERENCE_NOT_FOUND)?;
        slots.insert(to, held);
        Ok(Vec::new())
    }

    fn algorithm(&self, code: u8) -> Result<Algorithm, Status> {
        Algorithm::from_code(code)
            .filter(|a| !a.is_new() || self.settings.firmware.is_5_7())
            .ok_or(Status::WRONG_DATA)
    }
}

fn slot_key(
    slot: Slot,
    key: PrivateKey,
    policies: &[Element<'_>],
    generated: bool,
) -> Result<SlotKey, Status> {
    Ok(SlotKey {
        key,
        pin_policy: PinPolicy::from_tag(tlv::find(policies, 0xAA), slot)?,
        touch_policy: TouchPolicy::from_tag(tlv::find(policies, 0xAB))?,
        generated,
    })
}
