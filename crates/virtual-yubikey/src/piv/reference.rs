//! PIN and PUK: VERIFY (20), CHANGE REFERENCE DATA (24), RESET RETRY COUNTER
//! (2C), and Yubico's SET PIN RETRIES (FA).

use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;
use zeroize::Zeroize;

use super::{Outcome, Piv};
use crate::apdu::{Command, Status};

const LENGTH: usize = 8;
/// Shortest PIN or PUK; the rest of the eight bytes is FF.
const MINIMUM: usize = 6;

const FACTORY_PIN: [u8; LENGTH] = *b"123456\xFF\xFF";
const FACTORY_PUK: [u8; LENGTH] = *b"12345678";
const FACTORY_TRIES: u8 = 3;

const PIN: u8 = 0x80;
const PUK: u8 = 0x81;

/// A PIN or PUK with its retry counter.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Reference {
    value: [u8; LENGTH],
    pub(super) tries: u8,
    pub(super) left: u8,
}

impl std::fmt::Debug for Reference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Reference({} of {} tries left)", self.left, self.tries)
    }
}

impl Drop for Reference {
    fn drop(&mut self) {
        self.value.zeroize();
    }
}

impl Reference {
    pub(super) fn factory_pin() -> Self {
        Self::new(FACTORY_PIN, FACTORY_TRIES)
    }

    pub(super) fn factory_puk() -> Self {
        Self::new(FACTORY_PUK, FACTORY_TRIES)
    }

    fn new(value: [u8; LENGTH], tries: u8) -> Self {
        Self {
            value,
            tries,
            left: tries,
        }
    }

    pub(super) fn is_blocked(&self) -> bool {
        self.left == 0
    }

    pub(super) fn is_factory(&self, which: u8) -> bool {
        self.value
            == if which == PUK {
                FACTORY_PUK
            } else {
                FACTORY_PIN
            }
    }

    /// Compares, and counts: a wrong try costs one, a right one restores all.
    fn check(&mut self, value: &[u8; LENGTH]) -> Result<(), Status> {
        if self.is_blocked() {
            return Err(Status::BLOCKED);
        }
        if bool::from(self.value.ct_eq(value)) {
            self.left = self.tries;
            return Ok(());
        }
        self.left -= 1;
        if self.is_blocked() {
            return Err(Status::BLOCKED);
        }
        Err(Status::tries_left(self.left))
    }

    /// Takes a new value, if it has a shape that a PIN or PUK may have.
    fn set(&mut self, value: [u8; LENGTH]) -> Result<(), Status> {
        let length = value.iter().position(|b| *b == 0xFF).unwrap_or(LENGTH);
        let padding = value.iter().skip(length);
        if length < MINIMUM || padding.copied().any(|b| b != 0xFF) {
            return Err(Status::WRONG_DATA);
        }
        self.value = value;
        self.left = self.tries;
        Ok(())
    }
}

impl Piv {
    /// VERIFY. Without data it tells the tries left, and P1 = FF forgets the PIN.
    pub(super) fn verify(&mut self, command: &Command) -> Outcome {
        if command.p2 != PIN {
            return Err(Status::REFERENCE_NOT_FOUND);
        }
        match (command.p1, command.data.as_slice()) {
            (0x00, []) if self.session.pin => Ok(Vec::new()),
            (0x00, []) if self.memory.pin.is_blocked() => Err(Status::BLOCKED),
            (0x00, []) => Err(Status::tries_left(self.memory.pin.left)),
            (0xFF, []) => {
                self.forget_pin();
                Ok(Vec::new())
            }
            (0x00, data) => {
                let value = data.try_into().map_err(|_| Status::WRONG_DATA)?;
                self.check_pin(value)?;
                self.session.pin = true;
                self.session.pin_unused = true;
                Ok(Vec::new())
            }
            _ => Err(Status::WRONG_PARAMETERS),
        }
    }

    fn check_pin(&mut self, value: &[u8; LENGTH]) -> Result<(), Status> {
        let before = self.memory.pin.left;
        let result = self.memory.pin.check(value);
        // The counter must not be saved only after the answer is out.
        self.changed |= self.memory.pin.left != before;
        if result.is_err() {
            self.forget_pin();
        }
        result
    }

    fn forget_pin(&mut self) {
        self.session.pin = false;
        self.session.pin_unused = false;
    }

    /// CHANGE REFERENCE DATA: the old PIN or PUK, then the new one.
    pub(super) fn change_reference(&mut self, command: &Command) -> Outcome {
        let (old, new) = two_references(&command.data)?;
        match command.p2 {
            PIN => {
                self.check_pin(&old)?;
                self.memory_mut().pin.set(new)?;
            }
            PUK => {
                let puk = &mut self.memory_mut().puk;
                puk.check(&old)?;
                puk.set(new)?;
            }
            _ => return Err(Status::REFERENCE_NOT_FOUND),
        }
        Ok(Vec::new())
    }

    /// RESET RETRY COUNTER: the PUK, then a new PIN.
    pub(super) fn unblock_pin(&mut self, command: &Command) -> Outcome {
        if command.p2 != PIN {
            return Err(Status::REFERENCE_NOT_FOUND);
        }
        let (puk, new) = two_references(&command.data)?;
        let memory = self.memory_mut();
        memory.puk.check(&puk)?;
        memory.pin.set(new)?;
        self.forget_pin();
        Ok(Vec::new())
    }

    /// SET PIN RETRIES: both counters; PIN and PUK become the factory's again.
    pub(super) fn set_retries(&mut self, command: &Command) -> Outcome {
        self.must_be_managed()?;
        if !self.session.pin {
            return Err(Status::SECURITY_NOT_SATISFIED);
        }
        if command.p1 == 0 || command.p2 == 0 {
            return Err(Status::WRONG_PARAMETERS);
        }
        let memory = self.memory_mut();
        memory.pin = Reference::new(FACTORY_PIN, command.p1);
        memory.puk = Reference::new(FACTORY_PUK, command.p2);
        self.forget_pin();
        Ok(Vec::new())
    }
}

fn two_references(data: &[u8]) -> Result<([u8; LENGTH], [u8; LENGTH]), Status> {
    let both: &[u8; 2 * LENGTH] = data.try_into().map_err(|_| Status::WRONG_DATA)?;
    let (first, second) = both.split_at(LENGTH);
    match (first.try_into(), second.try_into()) {
        (Ok(first), Ok(second)) => Ok((first, second)),
        _ => Err(Status::WRONG_DATA),
    }
}
