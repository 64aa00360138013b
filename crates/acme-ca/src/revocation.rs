//! Revocation: why, and the lists by which relying parties learn of it.

use std::fmt;
use std::str::FromStr;

pub mod crl;
pub mod file;
pub mod lists;
pub mod root;

/// Why a certificate is revoked (RFC 5280 §5.3.1). The other reasons of the standard are for
/// what this CA does not do (holds, attribute certificates), or would condemn the CA itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// Nobody says.
    Unspecified,
    /// The private key is, or may be, known to others.
    KeyCompromise,
    /// The names in it are no longer its holder's.
    AffiliationChanged,
    /// Another certificate took its place.
    Superseded,
    /// What it was for is gone.
    CessationOfOperation,
    /// Its holder lost the right to it.
    PrivilegeWithdrawn,
}

/// Neither a name nor a number of a reason that is allowed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{found} is no reason that is allowed; these are: unspecified (0), key-compromise (1), \
     affiliation-changed (3), superseded (4), cessation-of-operation (5), privilege-withdrawn (9)"
)]
pub struct BadReason {
    /// What was given.
    pub found: String,
}

impl Reason {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Unspecified,
        Self::KeyCompromise,
        Self::AffiliationChanged,
        Self::Superseded,
        Self::CessationOfOperation,
        Self::PrivilegeWithdrawn,
    ];

    /// Its number in CRLs and in revocation requests (RFC 8555 §7.6).
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Self::Unspecified => 0,
            Self::KeyCompromise => 1,
            Self::AffiliationChanged => 3,
            Self::Superseded => 4,
            Self::CessationOfOperation => 5,
            Self::PrivilegeWithdrawn => 9,
        }
    }

    /// From its number.
    ///
    /// # Errors
    /// [`BadReason`].
    pub fn from_code(code: i64) -> Result<Self, BadReason> {
        Self::ALL
            .into_iter()
            .find(|reason| i64::from(reason.code()) == code)
            .ok_or_else(|| BadReason {
                found: code.to_string(),
            })
    }

    /// As it is typed.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unspecified => "unspecified",
            Self::KeyCompromise => "key-compromise",
            Self::AffiliationChanged => "affiliation-changed",
            Self::Superseded => "superseded",
            Self::CessationOfOperation => "cessation-of-operation",
            Self::PrivilegeWithdrawn => "privilege-withdrawn",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Reason {
    type Err = BadReason;

    fn from_str(text: &str) -> Result<Self, BadReason> {
        Self::ALL
            .into_iter()
            .find(|reason| reason.as_str() == text)
            .ok_or_else(|| BadReason {
                found: text.chars().take(40).collect(),
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_have_the_numbers_of_rfc_5280_and_no_others_are_taken() {
        for reason in Reason::ALL {
            assert_eq!(Reason::from_code(reason.code().into()), Ok(reason));
            assert_eq!(reason.as_str().parse(), Ok(reason));
        }
        for code in [-1, 2, 6, 7, 8, 10, 11, i64::MAX] {
            assert!(Reason::from_code(code).is_err(), "{code}");
        }
        assert!("keyCompromise".parse::<Reason>().is_err());
    }
}
