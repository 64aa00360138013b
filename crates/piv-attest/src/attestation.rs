//! The proof: an attestation that was verified.

use crate::{Firmware, FormFactor, PinPolicy, PublicKey, Serial, Slot, TouchPolicy, UnixTime};
use alloc::{string::String, sync::Arc};
use core::fmt;

/// A trust anchor that a verified chain ends in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Root {
    pub(crate) name: String,
    pub(crate) sha256: [u8; 32],
    pub(crate) family: RootFamily,
}

/// Whose root it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RootFamily {
    /// Yubico PIV Root CA Serial 263751: firmware 4.3 to 5.7.3.
    YubicoPiv,
    /// Yubico U2F Root CA Serial 457200631: some early YubiKey 4.
    YubicoU2f,
    /// Yubico Attestation Root 1: firmware 5.7.4 and later.
    YubicoAttestation,
    /// A root that the caller named.
    Named,
}

impl Root {
    /// The common name of its subject, such as `Yubico PIV Root CA Serial 263751`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// SHA-256 of the root certificate.
    #[must_use]
    pub const fn sha256(&self) -> [u8; 32] {
        self.sha256
    }

    /// Whose root it is.
    #[must_use]
    pub const fn family(&self) -> RootFamily {
        self.family
    }
}

/// The device: what the verified certificate in slot f9 says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Device {
    pub(crate) key: PublicKey,
    pub(crate) key_sha256: [u8; 32],
    pub(crate) firmware: Option<Firmware>,
    pub(crate) fips: bool,
    pub(crate) cspn: bool,
    pub(crate) root: Arc<Root>,
}

/// An attestation whose chain, roles, validity and signatures were all verified.
///
/// Only [`Verifier`](crate::Verifier) makes one, so holding it is the proof. Whether the key
/// follows the rules of your site is for [`Policy`](crate::Policy) to say.
#[derive(Clone, PartialEq, Eq)]
pub struct VerifiedAttestation {
    pub(crate) slot: Slot,
    pub(crate) serial: Option<Serial>,
    pub(crate) firmware: Firmware,
    pub(crate) pin_policy: PinPolicy,
    pub(crate) touch_policy: TouchPolicy,
    pub(crate) form_factor: Option<FormFactor>,
    pub(crate) public_key: PublicKey,
    pub(crate) device: Arc<Device>,
    pub(crate) verified_at: UnixTime,
}

impl VerifiedAttestation {
    /// The slot that the key was in when it was attested.
    #[must_use]
    pub const fn slot(&self) -> Slot {
        self.slot
    }

    /// The device's serial number; some devices state none.
    #[must_use]
    pub const fn serial(&self) -> Option<Serial> {
        self.serial
    }

    /// The device's firmware.
    #[must_use]
    pub const fn firmware(&self) -> Firmware {
        self.firmware
    }

    /// When the key asks for its PIN.
    #[must_use]
    pub const fn pin_policy(&self) -> PinPolicy {
        self.pin_policy
    }

    /// When the key asks for a touch.
    #[must_use]
    pub const fn touch_policy(&self) -> TouchPolicy {
        self.touch_policy
    }

    /// The shape of the device; devices before 5.0 state none.
    #[must_use]
    pub const fn form_factor(&self) -> Option<FormFactor> {
        self.form_factor
    }

    /// The attested key: its private half was made in the device and cannot leave it.
    #[must_use]
    pub const fn public_key(&self) -> &PublicKey {
        &self.public_key
    }

    /// Whether the device's own certificate says that its hardware is FIPS certified. It does not
    /// say that the device is used in its approved mode.
    #[must_use]
    pub fn fips(&self) -> bool {
        self.device.fips
    }

    /// Whether the device's own certificate says that its hardware is CSPN certified.
    #[must_use]
    pub fn cspn(&self) -> bool {
        self.device.cspn
    }

    /// The key in slot f9 that signed this attestation. Many devices share one: it is not an
    /// identity.
    #[must_use]
    pub fn device_key(&self) -> &PublicKey {
        &self.device.key
    }

    /// SHA-256 of the SubjectPublicKeyInfo of [`device_key`](Self::device_key).
    #[must_use]
    pub fn device_key_sha256(&self) -> [u8; 32] {
        self.device.key_sha256
    }

    /// The firmware in the device's own certificate. Its patch level may differ from
    /// [`firmware`](Self::firmware). A device under a root that the caller named may state none.
    #[must_use]
    pub fn device_firmware(&self) -> Option<Firmware> {
        self.device.firmware
    }

    /// The root that the chain ends in.
    #[must_use]
    pub fn root(&self) -> &Root {
        &self.device.root
    }

    /// The time that verification was asked for.
    #[must_use]
    pub const fn verified_at(&self) -> UnixTime {
        self.verified_at
    }
}

impl fmt::Debug for VerifiedAttestation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifiedAttestation")
            .field("slot", &self.slot)
            .field("serial", &self.serial)
            .field("firmware", &self.firmware)
            .field("pin_policy", &self.pin_policy)
            .field("touch_policy", &self.touch_policy)
            .field("form_factor", &self.form_factor)
            .field("public_key", &self.public_key)
            .field("fips", &self.fips())
            .field("cspn", &self.cspn())
            .field("root", &self.root().name())
            .field("verified_at", &format_args!("{}", self.verified_at))
            .finish_non_exhaustive()
    }
}
