//! Data objects: GET DATA (CB) and PUT DATA (DB).

use super::{Outcome, Piv};
use crate::apdu::{Command, Status};
use crate::tlv::{self, tlv};

/// The certificate of the key in f9.
pub(super) const ATTESTATION_CERTIFICATE: u32 = 0x5F_FF01;
const DISCOVERY: u32 = 0x7E;

/// Largest object, as on a real key.
const MAX_OBJECT: usize = 3052;
/// All objects together: what a real key's flash holds, about.
const MAX_MEMORY: usize = 51_200;

/// Printed information, fingerprints, face, iris: to be read with the PIN only
/// (SP 800-73-4 part 1 table 2).
fn needs_pin(id: u32) -> bool {
    matches!(id, 0x5F_C109 | 0x5F_C103 | 0x5F_C108 | 0x5F_C121)
}

/// Objects of PIV, and of Yubico's own range.
fn may_exist(id: u32) -> bool {
    matches!(id, 0x5F_C100..=0x5F_C1FF | 0x5F_FF00..=0x5F_FFFF | 0x7F61)
}

impl Piv {
    pub(super) fn get_data(&mut self, command: &Command) -> Outcome {
        if (command.p1, command.p2) != (0x3F, 0xFF) {
            return Err(Status::WRONG_PARAMETERS);
        }
        let elements = tlv::all(&command.data).ok_or(Status::WRONG_DATA)?;
        let id = object_id(&elements)?;
        if id == DISCOVERY {
            // Identifier, and PIN usage policy: the PIV PIN alone.
            let identifier = tlv(0x4F, super::AID_WITH_VERSION);
            return Ok(tlv(0x7E, &[identifier, tlv(0x5F2F, &[0x40, 0])].concat()));
        }
        if needs_pin(id) && !self.session.pin {
            return Err(Status::SECURITY_NOT_SATISFIED);
        }
        let object = self.memory.objects.get(&id).ok_or(Status::NOT_FOUND)?;
        Ok(tlv(0x53, object))
    }

    /// PUT DATA: 5C identifier, 53 content; without content the object is gone.
    pub(super) fn put_data(&mut self, command: &Command) -> Outcome {
        self.must_be_managed()?;
        if (command.p1, command.p2) != (0x3F, 0xFF) {
            return Err(Status::WRONG_PARAMETERS);
        }
        let elements = tlv::all(&command.data).ok_or(Status::WRONG_DATA)?;
        let id = object_id(&elements)?;
        let content = tlv::find(&elements, 0x53).ok_or(Status::WRONG_DATA)?;
        if !may_exist(id) || content.len() > MAX_OBJECT {
            return Err(Status::WRONG_DATA);
        }
        let others: usize = self
            .memory
            .objects
            .iter()
            .filter(|(other, _)| **other != id)
            .map(|(_, bytes)| bytes.len())
            .sum();
        if others + content.len() > MAX_MEMORY {
            return Err(Status::NO_SPACE);
        }
        let objects = &mut self.memory_mut().objects;
        if content.is_empty() {
            objects.remove(&id);
        } else {
            objects.insert(id, content.to_vec());
        }
        Ok(Vec::new())
    }
}

fn object_id(elements: &[tlv::Element<'_>]) -> Result<u32, Status> {
    match tlv::find(elements, 0x5C) {
        Some(bytes @ ([_] | [_, _] | [_, _, _])) => {
            Ok(bytes.iter().fold(0, |id, b| (id << 8) | u32::from(*b)))
        }
        _ => Err(Status::WRONG_DATA),
    }
}
