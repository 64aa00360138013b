//! What an attestation says about a key and the device that holds it.

mod firmware;
mod form_factor;
mod policies;
mod serial;
mod slot;

pub use firmware::Firmware;
pub use form_factor::{Body, FormFactor};
pub use policies::{PinPolicy, TouchPolicy};
pub use serial::Serial;
pub use slot::Slot;

use thiserror::Error;

/// Text that is not the fact that it was read as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("not a {what}; expected {expected}")]
pub struct ParseFactError {
    pub(crate) what: &'static str,
    pub(crate) expected: &'static str,
}

/// Serde as the text that `Display` writes and `FromStr` reads.
macro_rules! serde_as_text {
    ($name:ty) => {
        #[cfg(feature = "serde")]
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        #[cfg(feature = "serde")]
        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text =
                    <alloc::string::String as serde::Deserialize>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}
pub(crate) use serde_as_text;
