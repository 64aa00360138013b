//! Which attested keys a site accepts, as data.

mod advisory;
mod fingerprint;
mod refusal;
mod roca;
#[cfg(test)]
mod tests;

pub use advisory::{Advisory, FirmwareRange, Response};
pub use fingerprint::Fingerprint;
pub use refusal::{Refusal, Violation};

use crate::{FormFactor, KeyAlgorithm, PinPolicy, Slot, TouchPolicy, VerifiedAttestation};
use alloc::{collections::BTreeSet, vec::Vec};
use core::ops::Deref;

/// Which attested keys a site accepts.
///
/// [`Policy::default`] accepts PIN once or always, touch always, and every kind of key that can
/// sign and is not weak, on any device of any root that the verifier trusts. Change its fields,
/// or read it from a file with the feature `serde`: fields that are left out keep their default,
/// unknown fields are errors.
///
/// RSA keys that are weak by ROCA (CVE-2017-15361) and RSA-1024 are refused whatever it says.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
#[non_exhaustive]
pub struct Policy {
    /// Slots; none listed means any.
    pub slots: BTreeSet<Slot>,
    /// PIN policies.
    pub pin_policies: BTreeSet<PinPolicy>,
    /// Touch policies.
    pub touch_policies: BTreeSet<TouchPolicy>,
    /// Kinds of key.
    pub key_types: BTreeSet<KeyAlgorithm>,
    /// Ranges of firmware; none listed means any.
    pub firmware: Vec<FirmwareRange>,
    /// The most days since the first device of the firmware's line (`5.4` and the like) came out;
    /// `None` means any. Lines newer than this crate knows count as new.
    pub max_firmware_age_days: Option<u32>,
    /// Form factors; none listed means any, and also none at all.
    pub form_factors: BTreeSet<FormFactor>,
    /// Refuse devices that state no serial number.
    pub require_serial: bool,
    /// Refuse devices whose hardware is not FIPS certified.
    pub require_fips: bool,
    /// Refuse devices whose hardware is not CSPN certified.
    pub require_cspn: bool,
    /// SHA-256 of the root certificates that may end a chain; none listed means all that the
    /// verifier trusts.
    pub roots: BTreeSet<Fingerprint>,
    /// What to do about ECDSA keys that EUCLEAK (YSA-2024-03) reaches.
    pub eucleak: Response,
    /// SHA-256 of the SubjectPublicKeyInfo of device keys (slot f9) that are not trusted any more.
    pub distrusted_device_keys: BTreeSet<Fingerprint>,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            slots: BTreeSet::new(),
            pin_policies: [PinPolicy::Once, PinPolicy::Always].into(),
            touch_policies: [TouchPolicy::Always].into(),
            key_types: [
                KeyAlgorithm::Rsa2048,
                KeyAlgorithm::Rsa3072,
                KeyAlgorithm::Rsa4096,
                KeyAlgorithm::P256,
                KeyAlgorithm::P384,
                KeyAlgorithm::Ed25519,
            ]
            .into(),
            firmware: Vec::new(),
            max_firmware_age_days: None,
            form_factors: BTreeSet::new(),
            require_serial: false,
            require_fips: false,
            require_cspn: false,
            roots: BTreeSet::new(),
            eucleak: Response::Warn,
            distrusted_device_keys: BTreeSet::new(),
        }
    }
}

impl Policy {
    /// The default, and nothing that an advisory speaks against: ECDSA keys below firmware 5.7.0
    /// (5.7.2 on Bio devices) are refused.
    #[must_use]
    pub fn strict() -> Self {
        Self {
            eucleak: Response::Refuse,
            ..Self::default()
        }
    }

    /// Judges an attestation by every rule.
    ///
    /// # Errors
    /// A [`Refusal`] that lists every rule that was broken.
    pub fn judge(&self, attestation: VerifiedAttestation) -> Result<AcceptedAttestation, Refusal> {
        let violations = self.violations(&attestation);
        if !violations.is_empty() {
            return Err(Refusal::new(violations));
        }
        let warnings = advisory::reaching(&attestation);
        Ok(AcceptedAttestation {
            attestation,
            warnings,
        })
    }

    fn violations(&self, attestation: &VerifiedAttestation) -> Vec<Violation> {
        let a = attestation;
        let mut found = Vec::new();
        let mut rule = |broken: bool, violation: &dyn Fn() -> Violation| {
            if broken {
                found.push(violation());
            }
        };
        rule(
            !self.slots.is_empty() && !self.slots.contains(&a.slot()),
            &|| Violation::Slot { found: a.slot() },
        );
        rule(!self.pin_policies.contains(&a.pin_policy()), &|| {
            Violation::PinPolicy {
                found: a.pin_policy(),
            }
        });
        rule(!self.touch_policies.contains(&a.touch_policy()), &|| {
            Violation::TouchPolicy {
                found: a.touch_policy(),
            }
        });
        let key = a.public_key().algorithm();
        rule(
            key == KeyAlgorithm::Rsa1024 || !self.key_types.contains(&key),
            &|| Violation::KeyType { found: key },
        );
        let in_range = self
            .firmware
            .iter()
            .any(|range| range.contains(a.firmware()));
        rule(!self.firmware.is_empty() && !in_range, &|| {
            Violation::Firmware {
                found: a.firmware(),
            }
        });
        if let (Some(max), Some(age)) = (self.max_firmware_age_days, advisory::firmware_age_days(a))
        {
            rule(age > i64::from(max), &|| Violation::FirmwareAge {
                found: a.firmware(),
                days: age,
                max,
            });
        }
        let form = a
            .form_factor()
            .is_some_and(|form| self.form_factors.contains(&form));
        rule(!self.form_factors.is_empty() && !form, &|| {
            Violation::FormFactor {
                found: a.form_factor(),
            }
        });
        rule(self.require_serial && a.serial().is_none(), &|| {
            Violation::NoSerial
        });
        rule(self.require_fips && !a.fips(), &|| Violation::NotFips);
        rule(self.require_cspn && !a.cspn(), &|| Violation::NotCspn);
        let root = Fingerprint::new(a.root().sha256());
        rule(
            !self.roots.is_empty() && !self.roots.contains(&root),
            &|| Violation::Root {
                found: a.root().name().into(),
            },
        );
        let device_key = Fingerprint::new(a.device_key_sha256());
        rule(self.distrusted_device_keys.contains(&device_key), &|| {
            Violation::DistrustedDeviceKey { found: device_key }
        });
        rule(roca::made_by_weak_firmware(key, a.firmware()), &|| {
            Violation::RocaFirmware {
                found: a.firmware(),
            }
        });
        rule(roca::has_fingerprint(a.public_key()), &|| {
            Violation::RocaKey
        });
        rule(roca::has_fingerprint(a.device_key()), &|| {
            Violation::RocaDeviceKey
        });
        for advisory in advisory::reaching(a) {
            rule(self.response(advisory) == Response::Refuse, &|| {
                Violation::Advisory {
                    advisory,
                    firmware: a.firmware(),
                }
            });
        }
        found
    }

    const fn response(&self, advisory: Advisory) -> Response {
        match advisory {
            Advisory::Eucleak => self.eucleak,
        }
    }
}

/// An attestation that a [`Policy`] accepted; only [`Policy::judge`] makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AcceptedAttestation {
    attestation: VerifiedAttestation,
    warnings: Vec<Advisory>,
}

impl AcceptedAttestation {
    /// Advisories that reach the key, though the policy accepts it: show them and log them.
    #[must_use]
    pub fn warnings(&self) -> &[Advisory] {
        &self.warnings
    }

    /// The attestation that was accepted.
    #[must_use]
    pub fn into_attestation(self) -> VerifiedAttestation {
        self.attestation
    }
}

impl Deref for AcceptedAttestation {
    type Target = VerifiedAttestation;

    fn deref(&self) -> &VerifiedAttestation {
        &self.attestation
    }
}
