//! How long a certificate shall live, as people write it.

use std::str::FromStr;
use std::time::Duration;

/// A lifetime, such as `30m`, `8h` or `1h30m`: never nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Lifetime(Duration);

/// A text that is no lifetime.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a lifetime is a number with s, m, h or d behind it, like 30m, 8h or 1h30m, and not zero")]
pub struct NotALifetime;

impl Lifetime {
    /// As a duration.
    #[must_use]
    pub fn get(self) -> Duration {
        self.0
    }
}

impl FromStr for Lifetime {
    type Err = NotALifetime;

    fn from_str(text: &str) -> Result<Self, NotALifetime> {
        let mut total = 0_u64;
        let mut number = String::new();
        for character in text.chars() {
            if character.is_ascii_digit() {
                number.push(character);
                continue;
            }
            let unit: u64 = match character {
                's' => 1,
                'm' => 60,
                'h' => 60 * 60,
                'd' => 24 * 60 * 60,
                _ => return Err(NotALifetime),
            };
            let count: u64 = number.parse().map_err(|_| NotALifetime)?;
            total = count
                .checked_mul(unit)
                .and_then(|part| total.checked_add(part))
                .ok_or(NotALifetime)?;
            number.clear();
        }
        if total == 0 || !number.is_empty() {
            return Err(NotALifetime);
        }
        Ok(Self(Duration::from_secs(total)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lifetimes_are_read_as_people_write_them() {
        let seconds = |text: &str| text.parse::<Lifetime>().map(|life| life.get().as_secs());
        assert_eq!(seconds("90s"), Ok(90));
        assert_eq!(seconds("30m"), Ok(1800));
        assert_eq!(seconds("1h30m"), Ok(5400));
        assert_eq!(seconds("1d"), Ok(86_400));
        for bad in [
            "",
            "0m",
            "30",
            "m",
            "-1h",
            "1.5h",
            "1h30",
            "5 m",
            "99999999999999999999h",
            "9999999999999999999d",
        ] {
            assert_eq!(seconds(bad), Err(NotALifetime), "{bad}");
        }
    }
}
