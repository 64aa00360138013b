//! What is known to be wrong with some devices, and how old their firmware is.

use crate::facts::{ParseFactError, serde_as_text};
use crate::{Body, Firmware, UnixTime, VerifiedAttestation};
use alloc::vec::Vec;
use core::{fmt, str::FromStr};

/// An advisory that is left to the policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Advisory {
    /// YSA-2024-03, EUCLEAK: whoever has the device and opens it can measure ECDSA keys out of
    /// it, below firmware 5.7.0, and 5.7.2 on Bio devices.
    Eucleak,
}

impl Advisory {
    /// Its name in Yubico's list.
    #[must_use]
    pub const fn id(self) -> &'static str {
        match self {
            Self::Eucleak => "YSA-2024-03",
        }
    }
}

impl fmt::Display for Advisory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Eucleak => f.write_str(
                "YSA-2024-03 (EUCLEAK): this firmware lets whoever opens the device measure out \
                 its ECDSA keys",
            ),
        }
    }
}

/// What a policy does about an advisory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "lowercase"))]
pub enum Response {
    /// Accept the key, with a warning.
    Warn,
    /// Refuse the key.
    Refuse,
}

/// The advisories that reach this key.
pub(super) fn reaching(attestation: &VerifiedAttestation) -> Vec<Advisory> {
    let bio = attestation
        .form_factor()
        .is_some_and(|form| matches!(form.body(), Body::UsbABio | Body::UsbCBio));
    let mended = if bio {
        Firmware::new(5, 7, 2)
    } else {
        Firmware::new(5, 7, 0)
    };
    let ecdsa = attestation.public_key().algorithm().is_ecdsa();
    if ecdsa && attestation.firmware() < mended {
        Vec::from([Advisory::Eucleak])
    } else {
        Vec::new()
    }
}

/// When the first device of a line of firmware came out, in days since 1970-01-01. From Yubico's
/// announcements: YubiKey 4 (2015-11-16), YubiKey 4 FIPS (2018-06-06), YubiKey 5 (2018-09-24),
/// 5Ci (2019-08-20), YubiKey 5 FIPS with 5.4 (2021-05-11), firmware 5.7 (2024-05-21).
const LINES: [((u8, u8), i64); 6] = [
    ((4, 2), 16_755),
    ((4, 4), 17_688),
    ((5, 0), 17_798),
    ((5, 2), 18_128),
    ((5, 4), 18_758),
    ((5, 7), 19_864),
];

/// Days between the first device with this line of firmware and the time of verification. None
/// for lines that this crate does not know yet.
pub(super) fn firmware_age_days(attestation: &VerifiedAttestation) -> Option<i64> {
    age_days(attestation.firmware(), attestation.verified_at())
}

fn age_days(firmware: Firmware, now: UnixTime) -> Option<i64> {
    let line = (firmware.major, firmware.minor);
    if LINES.last().is_some_and(|(newest, _)| line > *newest) {
        return None;
    }
    let oldest = LINES.first().map(|(_, day)| *day)?;
    let known = LINES
        .iter()
        .rev()
        .find(|(start, _)| *start <= line)
        .map_or(oldest, |(_, d)| *d);
    Some(now.as_secs().div_euclid(86_400) - known)
}

/// Firmware from one version to another, both included. Display, [`FromStr`] and serde:
/// `5.4.3` (that one), `5.7.0-` (from), `-5.6.255` (up to), `5.4.2-5.7.1`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FirmwareRange {
    /// The lowest, if there is one.
    pub min: Option<Firmware>,
    /// The highest, if there is one.
    pub max: Option<Firmware>,
}

impl FirmwareRange {
    /// From this version on.
    #[must_use]
    pub const fn at_least(min: Firmware) -> Self {
        Self {
            min: Some(min),
            max: None,
        }
    }

    /// Whether it contains this version.
    #[must_use]
    pub fn contains(&self, firmware: Firmware) -> bool {
        self.min.is_none_or(|min| min <= firmware) && self.max.is_none_or(|max| firmware <= max)
    }
}

impl fmt::Display for FirmwareRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let (Some(min), Some(max)) = (self.min, self.max)
            && min == max
        {
            return min.fmt(f);
        }
        self.min.map_or(Ok(()), |min| min.fmt(f))?;
        f.write_str("-")?;
        self.max.map_or(Ok(()), |max| max.fmt(f))
    }
}

impl FromStr for FirmwareRange {
    type Err = ParseFactError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let end = |part: &str| {
            if part.is_empty() {
                Ok(None)
            } else {
                part.parse().map(Some)
            }
        };
        let (min, max) = text.split_once('-').unwrap_or((text, text));
        let range = Self {
            min: end(min)?,
            max: end(max)?,
        };
        let open = range.min.is_none() && range.max.is_none();
        let empty = matches!((range.min, range.max), (Some(min), Some(max)) if min > max);
        if open || empty {
            let expected = "a version, or two with a dash between, as in 5.7.0-";
            return Err(ParseFactError {
                what: "range of firmware",
                expected,
            });
        }
        Ok(range)
    }
}

serde_as_text!(FirmwareRange);

#[cfg(test)]
mod tests {
    use super::{FirmwareRange, LINES, age_days};
    use crate::{Firmware, UnixTime};
    use alloc::string::ToString;

    #[test]
    fn ranges_read_back_and_include_both_ends() {
        for (text, inside, outside) in [
            ("5.4.3", Firmware::new(5, 4, 3), Firmware::new(5, 4, 4)),
            ("5.7.0-", Firmware::new(5, 7, 0), Firmware::new(5, 6, 9)),
            ("-5.6.255", Firmware::new(5, 6, 255), Firmware::new(5, 7, 0)),
            (
                "5.4.2-5.7.1",
                Firmware::new(5, 7, 1),
                Firmware::new(5, 7, 2),
            ),
            (
                "5.4.2-5.7.1",
                Firmware::new(5, 4, 2),
                Firmware::new(5, 4, 1),
            ),
        ] {
            let range: FirmwareRange = text.parse().expect(text);
            assert_eq!(range.to_string(), text);
            assert!(range.contains(inside), "{text}");
            assert!(!range.contains(outside), "{text}");
        }
        let floor = FirmwareRange::at_least(Firmware::new(5, 7, 0));
        assert_eq!("5.7.0-".parse(), Ok(floor));
        for bad in ["", "-", "5.7", "5.7.1-5.7.0", "5.7.0-5.7.1-", "a-b"] {
            assert!(bad.parse::<FirmwareRange>().is_err(), "{bad}");
        }
    }

    #[test]
    fn age_counts_from_the_first_device_of_the_line() {
        let days = |year, month, day| UnixTime::from_civil(year, month, day, 0).as_secs() / 86_400;
        let announced = [
            days(2015, 11, 16),
            days(2018, 6, 6),
            days(2018, 9, 24),
            days(2019, 8, 20),
            days(2021, 5, 11),
            days(2024, 5, 21),
        ];
        assert_eq!(LINES.map(|(_, day)| day), announced);
        let now = UnixTime::from_civil(2024, 5, 31, 0);
        assert_eq!(age_days(Firmware::new(5, 7, 4), now), Some(10));
        assert_eq!(
            age_days(Firmware::new(5, 6, 0), now),
            age_days(Firmware::new(5, 4, 3), now)
        );
        assert_eq!(
            age_days(Firmware::new(4, 3, 5), now),
            age_days(Firmware::new(4, 2, 0), now)
        );
        assert_eq!(
            age_days(Firmware::new(3, 0, 0), now),
            age_days(Firmware::new(4, 2, 0), now)
        );
        assert_eq!(age_days(Firmware::new(5, 8, 0), now), None);
        assert_eq!(age_days(Firmware::new(6, 0, 0), now), None);
    }
}
