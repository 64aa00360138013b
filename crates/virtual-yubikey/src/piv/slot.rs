//! Slots, and the policies of the keys in them.

use serde::{Deserialize, Serialize};

use crate::apdu::Status;
use crate::key::PrivateKey;

/// A place for a private key: 9a, 9c, 9d, 9e, the retired ones 82 to 95, and f9.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct Slot(u8);

impl Slot {
    pub(crate) const ATTESTATION: Self = Self(0xF9);

    pub(crate) fn from_code(code: u8) -> Option<Self> {
        matches!(code, 0x9A | 0x9C | 0x9D | 0x9E | 0x82..=0x95 | 0xF9).then_some(Self(code))
    }

    pub(crate) fn code(self) -> u8 {
        self.0
    }

    /// What "default" means here (SP 800-73-4 part 1 table 4b).
    fn default_pin_policy(self) -> PinPolicy {
        match self.0 {
            0x9C => PinPolicy::Always,
            0x9E => PinPolicy::Never,
            _ => PinPolicy::Once,
        }
    }
}

impl TryFrom<String> for Slot {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        u8::from_str_radix(&text, 16)
            .ok()
            .and_then(Self::from_code)
            .ok_or("no slot of PIV")
    }
}

impl From<Slot> for String {
    fn from(slot: Slot) -> Self {
        format!("{:02x}", slot.0)
    }
}

/// A key in a slot.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct SlotKey {
    pub(crate) key: PrivateKey,
    pub(crate) pin_policy: PinPolicy,
    pub(crate) touch_policy: TouchPolicy,
    /// Made here, not imported. Only such keys can be attested.
    pub(crate) generated: bool,
}

/// When the PIN is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum PinPolicy {
    Never,
    Once,
    Always,
}

impl PinPolicy {
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Never => 1,
            Self::Once => 2,
            Self::Always => 3,
        }
    }

    /// Tag AA of a command; absent or 0 is the slot's default.
    pub(crate) fn from_tag(value: Option<&[u8]>, slot: Slot) -> Result<Self, Status> {
        match value {
            None | Some([0]) => Ok(slot.default_pin_policy()),
            Some([1]) => Ok(Self::Never),
            Some([2]) => Ok(Self::Once),
            Some([3]) => Ok(Self::Always),
            Some(_) => Err(Status::WRONG_DATA),
        }
    }
}

/// When a touch is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum TouchPolicy {
    Never,
    Always,
    Cached,
}

impl TouchPolicy {
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Never => 1,
            Self::Always => 2,
            Self::Cached => 3,
        }
    }

    /// Tag AB of a command; absent or 0 is never.
    pub(crate) fn from_tag(value: Option<&[u8]>) -> Result<Self, Status> {
        match value {
            None | Some([0 | 1]) => Ok(Self::Never),
            Some([2]) => Ok(Self::Always),
            Some([3]) => Ok(Self::Cached),
            Some(_) => Err(Status::WRONG_DATA),
        }
    }
}
