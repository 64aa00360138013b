//! Time as an argument.

use core::fmt;

/// Seconds since 1970-01-01T00:00:00Z, without leap seconds; negative before.
///
/// This crate has no clock: whoever verifies says what time it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(transparent))]
pub struct UnixTime(i64);

impl UnixTime {
    /// From seconds since the epoch.
    #[must_use]
    pub const fn from_secs(seconds: i64) -> Self {
        Self(seconds)
    }

    /// Seconds since the epoch.
    #[must_use]
    pub const fn as_secs(self) -> i64 {
        self.0
    }

    /// From a proleptic Gregorian date and time of day in UTC. The caller has checked the ranges.
    pub(crate) const fn from_civil(year: i64, month: i64, day: i64, seconds: i64) -> Self {
        // Days from civil, Howard Hinnant: years start in March, so that the leap day comes last.
        let y = if month <= 2 { year - 1 } else { year };
        let era = y.div_euclid(400);
        let year_of_era = y.rem_euclid(400);
        let shifted = if month > 2 { month - 3 } else { month + 9 };
        let day_of_year = (153 * shifted + 2) / 5 + day - 1;
        let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
        Self((era * 146_097 + day_of_era - 719_468) * 86_400 + seconds)
    }
}

impl fmt::Display for UnixTime {
    /// RFC 3339 in UTC, such as `2052-04-17T00:00:00Z`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let days = self.0.div_euclid(86_400) + 719_468;
        let seconds = self.0.rem_euclid(86_400);
        let era = days.div_euclid(146_097);
        let day_of_era = days.rem_euclid(146_097);
        let year_of_era =
            (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * shifted + 2) / 5 + 1;
        let month = if shifted < 10 {
            shifted + 3
        } else {
            shifted - 9
        };
        let year = era * 400 + year_of_era + i64::from(month <= 2);
        let (hour, minute, second) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
        write!(
            f,
            "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z"
        )
    }
}

#[cfg(feature = "std")]
impl From<std::time::SystemTime> for UnixTime {
    fn from(time: std::time::SystemTime) -> Self {
        let seconds = |d: std::time::Duration| i64::try_from(d.as_secs()).unwrap_or(i64::MAX);
        match time.duration_since(std::time::UNIX_EPOCH) {
            Ok(after) => Self(seconds(after)),
            Err(before) => Self(-seconds(before.duration())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::UnixTime;
    use alloc::string::ToString;

    #[test]
    fn civil_dates_and_their_display_agree() {
        for (year, month, day, seconds, unix, text) in [
            (1970, 1, 1, 0, 0, "1970-01-01T00:00:00Z"),
            (1950, 1, 1, 0, -631_152_000, "1950-01-01T00:00:00Z"),
            (2016, 3, 14, 0, 1_457_913_600, "2016-03-14T00:00:00Z"),
            (2000, 2, 29, 86_399, 951_868_799, "2000-02-29T23:59:59Z"),
            (
                9999,
                12,
                31,
                86_399,
                253_402_300_799,
                "9999-12-31T23:59:59Z",
            ),
            (0, 1, 1, 0, -62_167_219_200, "0000-01-01T00:00:00Z"),
        ] {
            let time = UnixTime::from_civil(year, month, day, seconds);
            assert_eq!(time.as_secs(), unix, "{text}");
            assert_eq!(time.to_string(), text);
        }
    }

    #[cfg(feature = "std")]
    #[test]
    fn system_time_before_the_epoch_is_negative() {
        let before = std::time::UNIX_EPOCH - std::time::Duration::from_secs(5);
        assert_eq!(UnixTime::from(before).as_secs(), -5);
    }
}
