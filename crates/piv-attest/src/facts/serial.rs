//! The serial number printed on the device.

use super::ParseFactError;
use core::{fmt, str::FromStr};

/// A YubiKey's serial number. Display and [`FromStr`] are decimal without leading zeros.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(transparent))]
pub struct Serial(u64);

impl Serial {
    /// From its number.
    #[must_use]
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// Its number.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl From<u64> for Serial {
    fn from(number: u64) -> Self {
        Self(number)
    }
}

impl From<u32> for Serial {
    fn from(number: u32) -> Self {
        Self(u64::from(number))
    }
}

impl fmt::Display for Serial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Serial {
    type Err = ParseFactError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let canonical = text == "0" || !text.starts_with(['0', '+']);
        canonical
            .then(|| text.parse().ok())
            .flatten()
            .map(Self)
            .ok_or(ParseFactError {
                what: "serial number",
                expected: "a decimal number without leading zeros",
            })
    }
}

#[cfg(test)]
mod tests {
    use super::Serial;
    use alloc::string::ToString;

    #[test]
    fn decimal_without_leading_zeros_and_beyond_32_bits() {
        for number in [
            0u64,
            1,
            5_213_681,
            33_064_031,
            u64::from(u32::MAX) + 1,
            u64::MAX,
        ] {
            assert_eq!(number.to_string().parse(), Ok(Serial::from(number)));
            assert_eq!(Serial::new(number).to_string(), number.to_string());
        }
        for bad in [
            "",
            "01",
            "+1",
            "-1",
            " 1",
            "1 ",
            "0x1",
            "18446744073709551616",
            "00",
        ] {
            assert!(bad.parse::<Serial>().is_err(), "{bad}");
        }
    }
}
