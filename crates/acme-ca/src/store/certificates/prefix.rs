//! The beginning of a certificate's number, as an operator writes it.

use std::fmt;
use std::str::FromStr;

/// So many hex digits at least: fewer are more likely a slip than a number.
const LEAST: usize = 4;
/// A number has 32.
const MOST: usize = 32;

/// A certificate's number, or enough of its beginning: hex in lower case, never less than four
/// digits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificatePrefix(String);

/// Text that is no [`CertificatePrefix`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no number of a certificate: write at least {LEAST} of its hex digits")]
pub struct BadPrefix {
    /// What stood there, its beginning.
    pub text: String,
}

impl CertificatePrefix {
    /// The digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for CertificatePrefix {
    type Err = BadPrefix;

    fn from_str(text: &str) -> Result<Self, BadPrefix> {
        let is_hex = text.bytes().all(|byte| byte.is_ascii_hexdigit());
        if is_hex && (LEAST..=MOST).contains(&text.len()) {
            Ok(Self(text.to_ascii_lowercase()))
        } else {
            Err(BadPrefix {
                text: text.chars().take(80).collect(),
            })
        }
    }
}

impl fmt::Display for CertificatePrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::CertificatePrefix;

    #[test]
    fn four_hex_digits_or_more_are_one_in_any_case() {
        for (text, prefix) in [("3f9c", "3f9c"), ("3F9CA0", "3f9ca0")] {
            let read: CertificatePrefix = text.parse().unwrap();
            assert_eq!(read.as_str(), prefix);
        }
        assert!("0".repeat(32).parse::<CertificatePrefix>().is_ok());
        for text in [
            "",
            "3",
            "3f9",
            "3f9g",
            "3f9c ",
            "%",
            "0".repeat(33).as_str(),
        ] {
            assert!(text.parse::<CertificatePrefix>().is_err(), "{text:?}");
        }
    }
}
