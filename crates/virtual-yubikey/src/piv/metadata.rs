//! Yubico's GET METADATA (F7), from firmware 5.3.

use super::slot::Slot;
use super::{Outcome, Piv, management};
use crate::apdu::{Command, Status};
use crate::tlv::tlv;

const ALGORITHM: u16 = 0x01;
const POLICY: u16 = 0x02;
const ORIGIN: u16 = 0x03;
const PUBLIC_KEY: u16 = 0x04;
const IS_FACTORY: u16 = 0x05;
const TRIES: u16 = 0x06;

impl Piv {
    /// Tells of PIN (80), PUK (81), management key (9B) or a slot's key.
    ///
    /// What is not there is 6A88, also for slots that do not exist: ykman
    /// tries some and falls over any other word.
    pub(super) fn get_metadata(&mut self, command: &Command) -> Outcome {
        let memory = &self.memory;
        let elements = match command.p2 {
            which @ (0x80 | 0x81) => {
                let reference = if which == 0x80 {
                    &memory.pin
                } else {
                    &memory.puk
                };
                vec![
                    tlv(ALGORITHM, &[0xFF]),
                    tlv(IS_FACTORY, &[reference.is_factory(which).into()]),
                    tlv(TRIES, &[reference.tries, reference.left]),
                ]
            }
            management::KEY_REFERENCE => {
                let key = &memory.management;
                vec![
                    tlv(ALGORITHM, &[key.cipher.code()]),
                    tlv(POLICY, &[0, key.touch.code()]),
                    tlv(IS_FACTORY, &[key.is_factory().into()]),
                ]
            }
            code => {
                let held = Slot::from_code(code)
                    .and_then(|slot| memory.slots.get(&slot))
                    .ok_or(Status::REFERENCE_NOT_FOUND)?;
                vec![
                    tlv(ALGORITHM, &[held.key.algorithm().code()]),
                    tlv(POLICY, &[held.pin_policy.code(), held.touch_policy.code()]),
                    tlv(ORIGIN, &[if held.generated { 1 } else { 2 }]),
                    tlv(PUBLIC_KEY, &held.key.public_elements()),
                ]
            }
        };
        Ok(elements.concat())
    }
}
