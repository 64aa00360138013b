//! The slot that held the key when it was attested.

use super::{ParseFactError, serde_as_text};
use core::{fmt, str::FromStr};

/// A PIV slot that can be attested: 9a, 9c, 9d, 9e, or a retired key slot 82 to 95
/// (NIST SP 800-73-4, part 1, table 4b).
///
/// It is the slot at the time of attestation: from firmware 5.7 on a key can be moved.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot(u8);

impl Slot {
    /// 9a, PIV Authentication.
    pub const AUTHENTICATION: Self = Self(0x9a);
    /// 9c, Digital Signature.
    pub const SIGNATURE: Self = Self(0x9c);
    /// 9d, Key Management.
    pub const KEY_MANAGEMENT: Self = Self(0x9d);
    /// 9e, Card Authentication.
    pub const CARD_AUTHENTICATION: Self = Self(0x9e);

    /// The slot with this key reference, if it can be attested.
    #[must_use]
    pub const fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            0x9a | 0x9c | 0x9d | 0x9e | 0x82..=0x95 => Some(Self(byte)),
            _ => None,
        }
    }

    /// The key reference, as in APDUs.
    #[must_use]
    pub const fn as_byte(self) -> u8 {
        self.0
    }
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02x}", self.0)
    }
}

impl fmt::Debug for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Slot({self})")
    }
}

impl FromStr for Slot {
    type Err = ParseFactError;

    /// Exactly two lowercase hexadecimal digits.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits = text.len() == 2 && !text.bytes().any(|b| b == b'+' || b.is_ascii_uppercase());
        digits
            .then(|| u8::from_str_radix(text, 16).ok())
            .flatten()
            .and_then(Self::from_byte)
            .ok_or(ParseFactError {
                what: "slot",
                expected: "9a, 9c, 9d, 9e, or 82 to 95",
            })
    }
}

serde_as_text!(Slot);

#[cfg(test)]
mod tests {
    use super::Slot;
    use alloc::{format, string::ToString};

    #[test]
    fn exactly_the_attestable_slots_exist() {
        let slots = (0..=255u8).filter_map(Slot::from_byte);
        assert_eq!(slots.clone().count(), 24);
        for slot in slots {
            assert_eq!(slot.to_string().parse(), Ok(slot));
            assert_eq!(format!("{slot:?}"), format!("Slot({slot})"));
        }
        for bad in [
            "", "9", "9A", "f9", "81", "96", "9b", "09a", "+9", "+a", "0x9a", " 9a",
        ] {
            assert!(bad.parse::<Slot>().is_err(), "{bad}");
        }
    }
}
