//! The reasons why there is no entitlement.

use piv_attest::{KeyAlgorithm, Serial, UnixTime};

use crate::records::KeyUse;

/// One reason why not.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// There is no such profile.
    #[error("there is no profile {profile:?}")]
    NoProfile {
        /// The profile ordered.
        profile: String,
    },
    /// No record holds this public key.
    #[error("this key is not enrolled: ask the operator to add it (`dlogin bundle`)")]
    NotEnrolled,
    /// The key was retired.
    #[error("this key was retired on {}", day(*since))]
    Retired {
        /// Since when, in seconds since 1970.
        since: i64,
    },
    /// The key was revoked.
    #[error("this key was revoked on {}", day(*since))]
    Revoked {
        /// Since when, in seconds since 1970.
        since: i64,
    },
    /// The person was disabled.
    #[error("the user of this key was disabled on {}", day(*since))]
    UserDisabled {
        /// Since when, in seconds since 1970.
        since: i64,
    },
    /// The answer was to a challenge of another type than the profile's.
    #[error("profile {profile} wants an answer to {wanted}, not to {answered}")]
    OtherChallenge {
        /// The profile.
        profile: String,
        /// Its challenge type.
        wanted: &'static str,
        /// The type that was answered.
        answered: &'static str,
    },
    /// The key is for something else.
    #[error("this key was enrolled for {found}, and {challenge} wants a {wanted} key")]
    OtherUse {
        /// What the challenge wants.
        wanted: KeyUse,
        /// What the record says.
        found: KeyUse,
        /// The challenge type.
        challenge: &'static str,
    },
    /// The key may not have this profile.
    #[error("this key was not granted profile {profile}")]
    NotGranted {
        /// The profile.
        profile: String,
    },
    /// The order names another YubiKey.
    #[error("the order is for YubiKey {ordered}, the key that answered is in {}", of(*found))]
    OtherSerial {
        /// The serial number in the order.
        ordered: String,
        /// The attested one.
        found: Option<Serial>,
    },
    /// The order names something that the key's grant does not hold.
    #[error("this key was not granted the name {name:?} in profile {profile}")]
    NameNotGranted {
        /// The name ordered.
        name: String,
        /// The profile.
        profile: String,
    },
    /// The order's identifier is of a type that YubiKey orders do not have.
    #[error("identifiers of type {kind} cannot be ordered with a YubiKey")]
    IdentifierType {
        /// The type.
        kind: String,
    },
    /// The attestation and the record say different things.
    #[error("the attestation differs from the record: {0}")]
    Differs(piv_attest::Difference),
    /// The policy does not allow such a key.
    #[error("{0}")]
    Policy(piv_attest::policy::Violation),
    /// The key on disk is too weak.
    #[error("a key of type {algorithm} is not certified")]
    WeakKey {
        /// Its type.
        algorithm: KeyAlgorithm,
    },
    /// The key on disk can be factored.
    #[error("the key to be certified has the ROCA fingerprint (CVE-2017-15361): make a new one")]
    RocaKey,
    /// The key on disk can be factored.
    #[error("the key to be certified can be factored, since {how}: make a new one")]
    FactoredKey {
        /// Why.
        how: &'static str,
    },
    /// A name in the grant no longer fits the profile, as the configuration was changed.
    #[error("{0}")]
    BadName(crate::config::BadName),
}

fn day(seconds: i64) -> String {
    let mut text = UnixTime::from_secs(seconds).to_string();
    text.truncate("2026-01-01".len());
    text
}

fn of(serial: Option<Serial>) -> String {
    serial.map_or_else(
        || "a device that states no serial number".to_owned(),
        |serial| format!("YubiKey {serial}"),
    )
}

impl Refusal {
    /// Whether somebody should look at this now: a revoked key was used, or a key says what it
    /// cannot say.
    #[must_use]
    pub fn is_alarm(&self) -> bool {
        matches!(self, Self::Revoked { .. } | Self::Differs(_))
    }
}
