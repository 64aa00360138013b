//! SHA-256 of a key or a certificate, as data.

use crate::facts::{ParseFactError, serde_as_text};
use core::{fmt, str::FromStr};

/// A SHA-256 value; Display, [`FromStr`] and serde use 64 lowercase hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// From its bytes.
    #[must_use]
    pub const fn new(sha256: [u8; 32]) -> Self {
        Self(sha256)
    }

    /// Its bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fingerprint({self})")
    }
}

impl FromStr for Fingerprint {
    type Err = ParseFactError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bad = ParseFactError {
            what: "fingerprint",
            expected: "64 hexadecimal digits",
        };
        let (pairs, []) = text.as_bytes().as_chunks::<2>() else {
            return Err(bad);
        };
        let mut bytes = [0; 32];
        if pairs.len() != bytes.len() {
            return Err(bad);
        }
        let digit = |byte: u8| char::from(byte).to_digit(16).ok_or(bad);
        for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
            *byte = (digit(*high)? << 4 | digit(*low)?) as u8;
        }
        Ok(Self(bytes))
    }
}

serde_as_text!(Fingerprint);

#[cfg(test)]
mod tests {
    use super::Fingerprint;
    use alloc::{format, string::ToString};

    #[test]
    fn hexadecimal_reads_back() {
        let fingerprint = Fingerprint::new(core::array::from_fn(|i| i as u8 * 7));
        let text = fingerprint.to_string();
        assert_eq!(text.parse(), Ok(fingerprint));
        assert_eq!(text.to_uppercase().parse(), Ok(fingerprint));
        assert_eq!(fingerprint.as_bytes()[1], 7);
        assert_eq!(format!("{fingerprint:?}"), format!("Fingerprint({text})"));
        for bad in [
            "",
            &text[1..],
            &text[2..],
            &format!("{text}00"),
            &text.replace('7', "+"),
        ] {
            assert!(bad.parse::<Fingerprint>().is_err(), "{bad}");
        }
    }
}
