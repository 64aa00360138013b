//! The firmware version of the device.

use super::{ParseFactError, serde_as_text};
use core::{fmt, str::FromStr};

/// A firmware version; ordered as versions are. It never changes over a YubiKey's life.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Firmware {
    /// 4 or 5 so far.
    pub major: u8,
    /// The minor version.
    pub minor: u8,
    /// The patch version.
    pub patch: u8,
}

impl Firmware {
    /// From its three numbers.
    #[must_use]
    pub const fn new(major: u8, minor: u8, patch: u8) -> Self {
        Self {
            major,
            minor,
            patch,
        }
    }
}

impl fmt::Display for Firmware {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

impl fmt::Debug for Firmware {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Firmware({self})")
    }
}

impl FromStr for Firmware {
    type Err = ParseFactError;

    /// Three decimal numbers without leading zeros, joined by dots.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bad = ParseFactError {
            what: "firmware version",
            expected: "three numbers, as in 5.7.4",
        };
        let number = |part: Option<&str>| {
            let part = part.ok_or(bad)?;
            let canonical = part == "0" || !part.starts_with(['0', '+']);
            canonical
                .then(|| part.parse::<u8>().ok())
                .flatten()
                .ok_or(bad)
        };
        let mut parts = text.split('.');
        let firmware = Self {
            major: number(parts.next())?,
            minor: number(parts.next())?,
            patch: number(parts.next())?,
        };
        parts.next().is_none().then_some(firmware).ok_or(bad)
    }
}

serde_as_text!(Firmware);

#[cfg(test)]
mod tests {
    use super::Firmware;
    use alloc::{format, string::ToString};

    #[test]
    fn versions_are_ordered_by_number_and_read_back() {
        let old = Firmware::new(4, 3, 10);
        assert!(Firmware::new(4, 3, 9) < old && old < Firmware::new(4, 4, 0));
        assert!(old < Firmware::new(5, 0, 0));
        assert_eq!(old.to_string(), "4.3.10");
        assert_eq!(format!("{old:?}"), "Firmware(4.3.10)");
        assert_eq!("4.3.10".parse(), Ok(old));
        for bad in [
            "", "5", "5.7", "5.7.4.0", "5.07.4", "5.7.256", "5.7.+4", "5..4", "a.b.c",
        ] {
            assert!(bad.parse::<Firmware>().is_err(), "{bad}");
        }
    }
}
