//! Times in settings: `16h`, `30m`, `90s`, `7d`.

use std::fmt;
use std::str::FromStr;

/// A length of time in whole seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Seconds(pub i64);

/// Text that is no length of time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no length of time: write a number and s, m, h or d, as in \"16h\"")]
pub struct BadDuration {
    /// What stood there.
    pub text: String,
}

impl FromStr for Seconds {
    type Err = BadDuration;

    fn from_str(text: &str) -> Result<Self, BadDuration> {
        let bad = || BadDuration {
            text: text.to_owned(),
        };
        let unit = text.chars().last().ok_or_else(bad)?;
        let scale: i64 = match unit {
            's' => 1,
            'm' => 60,
            'h' => 60 * 60,
            'd' => 24 * 60 * 60,
            _ => return Err(bad()),
        };
        let digits = text.strip_suffix(unit).ok_or_else(bad)?;
        if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return Err(bad());
        }
        digits
            .parse::<i64>()
            .ok()
            .and_then(|number| number.checked_mul(scale))
            // A century: nothing here lasts longer, and sums of times stay far from overflow.
            .filter(|seconds| *seconds <= 100 * 366 * 24 * 60 * 60)
            .map(Self)
            .ok_or_else(bad)
    }
}

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (scale, unit) in [(24 * 60 * 60, 'd'), (60 * 60, 'h'), (60, 'm')] {
            if self.0 != 0 && self.0 % scale == 0 {
                return write!(f, "{}{unit}", self.0 / scale);
            }
        }
        write!(f, "{}s", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_time_are_a_number_and_a_unit() {
        for (text, seconds) in [("90s", 90), ("30m", 1800), ("16h", 57_600), ("7d", 604_800)] {
            assert_eq!(text.parse(), Ok(Seconds(seconds)), "{text}");
            assert_eq!(
                text.parse::<Seconds>().unwrap().to_string().parse(),
                Ok(Seconds(seconds))
            );
        }
        for text in [
            "",
            "h",
            "16",
            "16 h",
            "-1h",
            "+1h",
            "1.5h",
            "16H",
            "99999999999999999999s",
            "40000d",
        ] {
            assert!(text.parse::<Seconds>().is_err(), "{text:?}");
        }
    }
}
