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
    /// The PIN is 123456.
    #[error(
        "the YubiKey has the factory PIN 123456, which everybody knows: change it first \
         (dlogin setup --change-pin, or ykman piv access change-pin)"
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
    /// The two new PINs differ.
    #[error("the two new PINs are not the same: the PIN was not changed")]
    PinsDiffer,
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
            Self::ManagementKey(_) | Self::PinsDiffer => Exit::Input,
            Self::Pin(e) => e.exit(),
            Self::Card(_) => Exit::Card,
        }
    }
}
