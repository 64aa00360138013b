//! The PIV application: NIST SP 800-73-4 part 2, and Yubico's additions.

use crate::apdu::{Command, Status};
use crate::certificate;
use crate::error::Error;
use crate::key::{Algorithm, PrivateKey};
use crate::root::Root;
use crate::settings::Settings;
use crate::tlv::tlv;
use crate::touch::{Need, Touch};

mod attest;
mod authenticate;
mod keys;
mod management;
mod memory;
mod metadata;
mod objects;
mod reference;
mod slot;

pub(crate) use memory::Memory;
use objects::ATTESTATION_CERTIFICATE;
use slot::{PinPolicy, Slot, SlotKey, TouchPolicy};

pub(crate) const AID: &[u8] = &[0xA0, 0, 0, 3, 8];
const AID_WITH_VERSION: &[u8] = &[0xA0, 0, 0, 3, 8, 0, 0, 0x10, 0, 1, 0];

/// Result of a command: data, or the status word that says why not.
pub(crate) type Outcome = Result<Vec<u8>, Status>;

/// The application: what it keeps, and what it knows until the power goes.
#[derive(Debug)]
pub(crate) struct Piv {
    settings: Settings,
    memory: Memory,
    session: Session,
    touch: Touch,
    /// Whether `memory` differs from what was last saved.
    changed: bool,
}

/// Security status (SP 800-73-4 part 2 §2.4): gone with a reset or another application.
#[derive(Debug, Default)]
struct Session {
    /// The PIN was verified.
    pin: bool,
    /// It was verified since the last private-key operation, as policy "always" wants.
    pin_unused: bool,
    /// The management key was shown.
    managed: bool,
    /// What was sent for the management key and waits for its answer.
    challenge: Option<management::Challenge>,
}

impl Piv {
    /// A key as it leaves the factory: default PIN, PUK and management key, and
    /// an attestation key that `root` certifies.
    pub(crate) fn new(settings: Settings, root: &Root, touch: Touch) -> Result<Self, Error> {
        let key = PrivateKey::generate(Algorithm::Rsa2048).map_err(|_| Error::KeyGeneration)?;
        let certificate =
            certificate::device(&settings, &key, root.key()).map_err(|_| Error::KeyGeneration)?;
        let mut memory = Memory::factory(settings.management_key);
        memory.slots.insert(
            Slot::ATTESTATION,
            SlotKey {
                key,
                pin_policy: PinPolicy::Never,
                touch_policy: TouchPolicy::Never,
                generated: true,
            },
        );
        memory.objects.insert(
            ATTESTATION_CERTIFICATE,
            [tlv(0x70, &certificate), tlv(0x71, &[0]), tlv(0xFE, &[])].concat(),
        );
        Ok(Self::with_memory(settings, memory, touch))
    }

    pub(crate) fn with_memory(settings: Settings, memory: Memory, touch: Touch) -> Self {
        Self {
            settings,
            memory,
            session: Session::default(),
            touch,
            changed: true,
        }
    }

    /// Answer to SELECT (SP 800-73-4 part 2 §3.1.1): the application's identifier and authority.
    pub(crate) fn selected(&self) -> Vec<u8> {
        let authority = tlv(0x79, &tlv(0x4F, AID));
        let identifier = tlv(0x4F, AID_WITH_VERSION.get(5..).unwrap_or_default());
        tlv(0x61, &[identifier, authority].concat())
    }

    /// Whether `aid` means this application: its identifier, whole or shortened.
    pub(crate) fn is_meant_by(aid: &[u8]) -> bool {
        aid.len() >= AID.len() && AID_WITH_VERSION.starts_with(aid)
    }

    /// Forgets everything that the power keeps.
    pub(crate) fn deselect(&mut self) {
        self.session = Session::default();
    }

    pub(crate) fn handle(&mut self, command: &Command) -> Outcome {
        let firmware = self.settings.firmware;
        match command.instruction {
            0x20 => self.verify(command),
            0x24 => self.change_reference(command),
            0x2C => self.unblock_pin(command),
            0x47 => self.generate(command),
            0x87 => self.general_authenticate(command),
            0xCB => self.get_data(command),
            0xDB => self.put_data(command),
            0xF6 if firmware.is_5_7() => self.move_key(command),
            0xF7 if firmware.has_metadata() => self.get_metadata(command),
            0xF8 if firmware.major >= 5 => {
                Ok(self.settings.serial.unwrap_or(0).to_be_bytes().to_vec())
            }
            0xF9 if firmware.has_attestation() => self.attest(command),
            0xFA => self.set_retries(command),
            0xFB => self.reset(),
            0xFD => Ok(firmware.bytes().to_vec()),
            0xFE => self.import(command),
            0xFF => self.set_management_key(command),
            _ => Err(Status::NOT_SUPPORTED),
        }
    }

    /// What is to be kept, if it has changed since the last call.
    pub(crate) fn take_changed(&mut self) -> Option<&Memory> {
        std::mem::take(&mut self.changed).then_some(&self.memory)
    }

    /// Memory, to be changed.
    fn memory_mut(&mut self) -> &mut Memory {
        self.changed = true;
        &mut self.memory
    }

    fn must_be_managed(&self) -> Result<(), Status> {
        if self.session.managed {
            Ok(())
        } else {
            Err(Status::SECURITY_NOT_SATISFIED)
        }
    }

    /// Blocks until the contact is touched, where the policy wants it.
    fn must_be_touched(&self, policy: TouchPolicy) -> Result<(), Status> {
        let need = match policy {
            TouchPolicy::Never => return Ok(()),
            TouchPolicy::Always => Need::Fresh,
            TouchPolicy::Cached => Need::Cached,
        };
        if self.touch.demand(need, self.settings.touch_timeout) {
            Ok(())
        } else {
            Err(Status::SECURITY_NOT_SATISFIED)
        }
    }

    /// RESET (FB): possible only when PIN and PUK are both blocked. Everything
    /// goes but the attestation key and its certificate.
    fn reset(&mut self) -> Outcome {
        if !self.memory.pin.is_blocked() || !self.memory.puk.is_blocked() {
            return Err(Status::CONDITIONS_NOT_SATISFIED);
        }
        let mut fresh = Memory::factory(self.settings.management_key);
        let old = self.memory_mut();
        if let Some(key) = old.slots.remove(&Slot::ATTESTATION) {
            fresh.slots.insert(Slot::ATTESTATION, key);
        }
        if let Some(object) = old.objects.remove(&ATTESTATION_CERTIFICATE) {
            fresh.objects.insert(ATTESTATION_CERTIFICATE, object);
        }
        *old = fresh;
        self.session = Session::default();
        Ok(Vec::new())
    }
}
