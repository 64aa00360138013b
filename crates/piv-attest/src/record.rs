//! What was recorded about a key, to compare later attestations with.

use crate::{
    Firmware, FormFactor, PinPolicy, PublicKey, Serial, Slot, TouchPolicy, VerifiedAttestation,
    policy::Fingerprint,
};
use alloc::vec::Vec;
use thiserror::Error;

/// What an attestation said when the key was enrolled. All of it must still be so later.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct Record {
    /// SHA-256 of the SubjectPublicKeyInfo of the key.
    pub spki_sha256: Fingerprint,
    /// The slot.
    pub slot: Slot,
    /// The serial number, if the device states one.
    pub serial: Option<Serial>,
    /// The firmware.
    pub firmware: Firmware,
    /// The PIN policy.
    pub pin_policy: PinPolicy,
    /// The touch policy.
    pub touch_policy: TouchPolicy,
    /// The form factor, if the device states one.
    pub form_factor: Option<FormFactor>,
}

/// A fact that is not as it was recorded.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Difference {
    /// Another key.
    #[error("public key is {found}, recorded is {recorded}")]
    PublicKey {
        /// SHA-256 of the recorded key.
        recorded: Fingerprint,
        /// SHA-256 of the key found.
        found: Fingerprint,
    },
    /// Another slot.
    #[error("slot is {found}, recorded is {recorded}")]
    Slot {
        /// As recorded.
        recorded: Slot,
        /// As found.
        found: Slot,
    },
    /// Another serial number, or none, or one where there was none.
    #[error("serial number differs from the one recorded")]
    Serial {
        /// As recorded.
        recorded: Option<Serial>,
        /// As found.
        found: Option<Serial>,
    },
    /// Other firmware.
    #[error("firmware is {found}, recorded is {recorded}")]
    Firmware {
        /// As recorded.
        recorded: Firmware,
        /// As found.
        found: Firmware,
    },
    /// Another PIN policy.
    #[error("PIN policy is {found}, recorded is {recorded}")]
    PinPolicy {
        /// As recorded.
        recorded: PinPolicy,
        /// As found.
        found: PinPolicy,
    },
    /// Another touch policy.
    #[error("touch policy is {found}, recorded is {recorded}")]
    TouchPolicy {
        /// As recorded.
        recorded: TouchPolicy,
        /// As found.
        found: TouchPolicy,
    },
    /// Another form factor, or none, or one where there was none.
    #[error("form factor differs from the one recorded")]
    FormFactor {
        /// As recorded.
        recorded: Option<FormFactor>,
        /// As found.
        found: Option<FormFactor>,
    },
}

impl Record {
    /// The record to keep of a verified attestation.
    #[must_use]
    pub fn of(attestation: &VerifiedAttestation) -> Self {
        Self {
            spki_sha256: Fingerprint::new(attestation.public_key().spki_sha256()),
            slot: attestation.slot(),
            serial: attestation.serial(),
            firmware: attestation.firmware(),
            pin_policy: attestation.pin_policy(),
            touch_policy: attestation.touch_policy(),
            form_factor: attestation.form_factor(),
        }
    }

    /// Whether this is the record of that key.
    #[must_use]
    pub fn is_of(&self, key: &PublicKey) -> bool {
        self.spki_sha256 == Fingerprint::new(key.spki_sha256())
    }

    /// Everything in which an attestation differs from the record; empty if nothing.
    #[must_use]
    pub fn compare(&self, attestation: &VerifiedAttestation) -> Vec<Difference> {
        let found = Self::of(attestation);
        let mut differences = Vec::new();
        macro_rules! compare {
            ($($field:ident => $variant:ident),+ $(,)?) => {
                $(if self.$field != found.$field {
                    differences.push(Difference::$variant {
                        recorded: self.$field,
                        found: found.$field,
                    });
                })+
            };
        }
        compare!(
            spki_sha256 => PublicKey,
            slot => Slot,
            serial => Serial,
            firmware => Firmware,
            pin_policy => PinPolicy,
            touch_policy => TouchPolicy,
            form_factor => FormFactor,
        );
        differences
    }
}
