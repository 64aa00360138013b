//! RFC 3339 timestamps, as ACME writes them, held as epoch seconds.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use time::{OffsetDateTime, UtcOffset, format_description::well_known::Rfc3339};

/// Seconds since 1970-01-01T00:00:00Z; RFC 3339 in JSON.
///
/// Times that a server tells are rounded down to the second. Times that a
/// client asks for must be whole ([`whole`]): `yubikey-01` signs the number, and
/// a rounding on one side would be a mismatch on the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// From epoch seconds; `None` outside the years 0 to 9999, which RFC 3339 can write.
    #[must_use]
    pub fn from_epoch(seconds: i64) -> Option<Self> {
        (-62_167_219_200..=253_402_300_799)
            .contains(&seconds)
            .then_some(Self(seconds))
    }

    /// Seconds since the epoch.
    #[must_use]
    pub fn epoch_seconds(self) -> i64 {
        self.0
    }

    /// Parses an RFC 3339 timestamp of whole seconds, in any offset.
    ///
    /// # Errors
    /// [`TimestampError`] says whether the text or its fraction is at fault.
    pub fn parse(text: &str) -> Result<Self, TimestampError> {
        match Self::parse_rounding_down(text)? {
            (_, true) => Err(TimestampError::Fraction),
            (time, false) => Ok(time),
        }
    }

    /// The time, and whether it had a fraction.
    fn parse_rounding_down(text: &str) -> Result<(Self, bool), TimestampError> {
        if text.len() > 64 {
            return Err(TimestampError::NotRfc3339);
        }
        let time = OffsetDateTime::parse(text, &Rfc3339).map_err(|_| TimestampError::NotRfc3339)?;
        let whole = Self::from_epoch(time.unix_timestamp()).ok_or(TimestampError::NotRfc3339)?;
        Ok((whole, time.nanosecond() != 0))
    }
}

impl std::fmt::Display for Timestamp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let text = OffsetDateTime::from_unix_timestamp(self.0)
            .map_err(|_| std::fmt::Error)?
            .to_offset(UtcOffset::UTC)
            .format(&Rfc3339)
            .map_err(|_| std::fmt::Error)?;
        f.write_str(&text)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse_rounding_down(&text)
            .map(|(time, _)| time)
            .map_err(serde::de::Error::custom)
    }
}

/// For `#[serde(with)]`: an optional timestamp that must be in whole seconds.
pub mod whole {
    use super::{Deserialize, Deserializer, Serialize, Serializer, Timestamp};

    /// Writes the timestamp.
    ///
    /// # Errors
    /// Those of the serializer.
    pub fn serialize<S: Serializer>(
        time: &Option<Timestamp>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        time.serialize(serializer)
    }

    /// Reads a timestamp without a fraction.
    ///
    /// # Errors
    /// Those of the deserializer, and of [`Timestamp::parse`].
    pub fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Timestamp>, D::Error> {
        Option::<String>::deserialize(deserializer)?
            .map(|text| Timestamp::parse(&text).map_err(serde::de::Error::custom))
            .transpose()
    }
}

/// Why a text is not a [`Timestamp`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TimestampError {
    /// Not RFC 3339, or a year that it cannot write.
    #[error("not an RFC 3339 timestamp; write it like 2030-01-31T12:00:00Z")]
    NotRfc3339,
    /// It names a fraction of a second.
    #[error("a timestamp must be in whole seconds")]
    Fraction,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_seconds_in_any_offset_and_written_in_utc() {
        let t = Timestamp::parse("2016-01-01T00:00:00Z").unwrap();
        assert_eq!(t.epoch_seconds(), 1_451_606_400);
        assert_eq!(Timestamp::parse("2016-01-01T02:00:00+02:00").unwrap(), t);
        assert_eq!(Timestamp::parse("2016-01-01T00:00:00.000Z").unwrap(), t);
        assert_eq!(t.to_string(), "2016-01-01T00:00:00Z");
    }

    #[test]
    fn a_fraction_is_refused() {
        let error = Timestamp::parse("2016-01-01T00:00:00.5Z");
        assert_eq!(error, Err(TimestampError::Fraction));
    }

    #[test]
    fn the_edges_of_what_rfc_3339_can_write() {
        for seconds in [-62_167_219_200, -1, 0, 253_402_300_799] {
            let t = Timestamp::from_epoch(seconds).unwrap();
            assert_eq!(Timestamp::parse(&t.to_string()), Ok(t), "{seconds}");
        }
        assert_eq!(Timestamp::from_epoch(253_402_300_800), None);
        assert_eq!(Timestamp::from_epoch(-62_167_219_201), None);
        for bad in [
            "",
            "now",
            "2016-13-01T00:00:00Z",
            "2016-01-01",
            "10000-01-01T00:00:00Z",
            "9999-12-31T23:59:59-01:00",
        ] {
            assert_eq!(
                Timestamp::parse(bad),
                Err(TimestampError::NotRfc3339),
                "{bad}"
            );
        }
    }
}
