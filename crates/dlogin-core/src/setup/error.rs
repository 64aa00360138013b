//! Why no key was made.

use piv_attest::Slot;
use piv_token::{Error as CardError, ManagementKeyFormat};

use super::{KeyUse, Occupant};
use crate::Exit;
use crate::pin::PinError;

/// Why no key was made. Nothing on the card was changed, unless it says so.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SetupError {
    /// The slot is not empty, and overwriting was not asked for.
    #[error("{occupant}; nothing was changed: choose another --slot, or lose it with --overwrite")]
    WouldOverwrite {
        /// What would be lost.
        occupant: Occupant,
    },
    /// The PIN is 123456, or shall be something that everybody knows.
    #[error(
        "123456 (the factory's PIN) and 12345678 (its PUK) are known to everybody: choose another \
         PIN (dlogin setup --change-pin, or ykman piv access change-pin)"
    )]
    FactoryPin,
    /// The slot holds the key of the other use.
    #[error("slot {slot} is the slot of the other key: a {key_use} key needs a slot of its own")]
    SlotOfOtherUse {
        /// The slot.
        slot: Slot,
        /// The use that was asked for.
        key_use: KeyUse,
    },
    /// The configuration names a slot that does not exist.
    #[error("{text:?} in config.toml is not a slot: expected 9a, 9c, 9d, 9e, or 82 to 95")]
    ConfiguredSlot {
        /// What it says.
        text: String,
    },
    /// The management key that was typed is not one.
    #[error(transparent)]
    ManagementKey(#[from] ManagementKeyFormat),
    /// The management key is made from the PIN, and would be lost with it.
    #[error(
        "the YubiKey's management key is made from its PIN, as old versions of ykman did it: \
         first replace it with `ykman piv access change-management-key --generate --protect`"
    )]
    DerivedManagementKey,
    /// The new PUK is the PIN, or the factory's.
    #[error("the PUK must be another than the PIN and than 12345678: it was not changed")]
    PukIsPin,
    /// The two new PUKs differ.
    #[error("the two new PUKs are not the same: the PUK was not changed")]
    PuksDiffer,
    /// The new PUK could not be shown.
    #[error("the new PUK could not be shown, so it was not set: {0}")]
    NotShown(std::io::Error),
    /// The two new PINs differ.
    #[error("the two new PINs are not the same: the PIN was not changed")]
    PinsDiffer,
    /// The answer to the change of the PIN never came.
    #[error(
        "the YubiKey was unplugged while its PIN was changed: it is the new one, or still the \
         old; plug it in and run `dlogin setup` again"
    )]
    PinUnconfirmed,
    /// The answer to the change of the PUK never came.
    #[error(
        "the YubiKey was unplugged while its PUK was changed: it is the new one, or still the \
         old; keep it, plug the YubiKey in and run `dlogin setup` again"
    )]
    PukUnconfirmed,
    /// The PIN.
    #[error(transparent)]
    Pin(#[from] PinError),
    /// The card.
    #[error(transparent)]
    Card(#[from] CardError),
}

impl SetupError {
    /// The program's exit code for it.
    #[must_use]
    pub fn exit(&self) -> Exit {
        match self {
            Self::WouldOverwrite { .. } | Self::FactoryPin => Exit::Refused,
            Self::SlotOfOtherUse { .. } | Self::ConfiguredSlot { .. } => Exit::Usage,
            Self::DerivedManagementKey => Exit::Refused,
            Self::NotShown(_) => Exit::Internal,
            Self::ManagementKey(_) | Self::PinsDiffer | Self::PuksDiffer | Self::PukIsPin => {
                Exit::Input
            }
            Self::Pin(e) => e.exit(),
            Self::PinUnconfirmed | Self::PukUnconfirmed | Self::Card(_) => Exit::Card,
        }
    }
}
