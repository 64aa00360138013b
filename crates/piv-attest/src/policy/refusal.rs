//! Why a policy does not accept an attestation.

use super::{Advisory, Fingerprint};
use crate::{Firmware, FormFactor, KeyAlgorithm, PinPolicy, Slot, TouchPolicy};
use alloc::{string::String, vec::Vec};
use core::fmt;
use thiserror::Error;

/// One rule of the policy that an attestation breaks, with what was found.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Violation {
    /// The slot is not one of those allowed.
    #[error("slot {found} is not allowed")]
    Slot {
        /// The slot.
        found: Slot,
    },
    /// The PIN policy is not one of those allowed.
    #[error("PIN policy `{found}` is not allowed")]
    PinPolicy {
        /// The policy of the key.
        found: PinPolicy,
    },
    /// The touch policy is not one of those allowed.
    #[error("touch policy `{found}` is not allowed")]
    TouchPolicy {
        /// The policy of the key.
        found: TouchPolicy,
    },
    /// The kind of key is not one of those allowed, or RSA-1024.
    #[error("{found} keys are not allowed")]
    KeyType {
        /// The kind of key.
        found: KeyAlgorithm,
    },
    /// The firmware lies in none of the ranges allowed.
    #[error("firmware {found} is not allowed")]
    Firmware {
        /// The firmware.
        found: Firmware,
    },
    /// The firmware's line came out too long ago.
    #[error("firmware {found} came out {days} days ago, more than the {max} allowed")]
    FirmwareAge {
        /// The firmware.
        found: Firmware,
        /// Days since its line came out.
        days: i64,
        /// The most that are allowed.
        max: u32,
    },
    /// The form factor is not one of those allowed, or not stated.
    #[error("form factor {} is not allowed", OrNone(found))]
    FormFactor {
        /// The form factor, if any is stated.
        found: Option<FormFactor>,
    },
    /// The device states no serial number.
    #[error("the device states no serial number")]
    NoSerial,
    /// The hardware is not FIPS certified.
    #[error("the device is not FIPS certified")]
    NotFips,
    /// The hardware is not CSPN certified.
    #[error("the device is not CSPN certified")]
    NotCspn,
    /// The chain ends in a root that is not one of those allowed.
    #[error("root `{found}` is not allowed")]
    Root {
        /// Its name.
        found: String,
    },
    /// The device's key in slot f9 is on the distrust list.
    #[error("device key {found} is distrusted")]
    DistrustedDeviceKey {
        /// SHA-256 of its SubjectPublicKeyInfo.
        found: Fingerprint,
    },
    /// An RSA key made by firmware 4.2.6 to 4.3.4 (YSA-2017-01, CVE-2017-15361).
    #[error("RSA keys made on firmware {found} are weak (ROCA, YSA-2017-01)")]
    RocaFirmware {
        /// The firmware.
        found: Firmware,
    },
    /// The modulus of the key has the fingerprint of ROCA.
    #[error("the key is weak (ROCA, CVE-2017-15361)")]
    RocaKey,
    /// The modulus of the device's key in slot f9 has the fingerprint of ROCA.
    #[error("the device's attestation key is weak (ROCA, CVE-2017-15361)")]
    RocaDeviceKey,
    /// An advisory reaches this key, and the policy refuses such keys.
    #[error("{advisory} (firmware {firmware})")]
    Advisory {
        /// The advisory.
        advisory: Advisory,
        /// The firmware.
        firmware: Firmware,
    },
}

struct OrNone<'a, T>(&'a Option<T>);

impl<T: fmt::Display> fmt::Display for OrNone<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(value) => value.fmt(f),
            None => f.write_str("(not stated)"),
        }
    }
}

/// Every rule of the policy that an attestation breaks; at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal(Vec<Violation>);

impl Refusal {
    pub(super) const fn new(violations: Vec<Violation>) -> Self {
        Self(violations)
    }

    /// The rules that were broken, all of them.
    #[must_use]
    pub fn violations(&self) -> &[Violation] {
        &self.0
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("refused by policy")?;
        self.0
            .iter()
            .enumerate()
            .try_for_each(|(index, violation)| {
                let separator = if index == 0 { ": " } else { "; " };
                write!(f, "{separator}{violation}")
            })
    }
}

impl core::error::Error for Refusal {}
