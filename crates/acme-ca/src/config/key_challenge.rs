//! The challenges by which a YubiKey shows itself.

use std::fmt;
use std::str::FromStr;

use acme_yubikey::ChallengeType;

/// A challenge that a key in a YubiKey answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyChallenge {
    /// `yubikey-01` and `yubikey-02`.
    Yubikey(ChallengeType),
    /// `device-attest-01` (draft-ietf-acme-device-attest) with a statement `step`.
    DeviceAttest,
}

/// Text that is none of them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no challenge {name:?} for keys in YubiKeys")]
pub struct UnknownKeyChallenge {
    /// What stood there.
    pub name: String,
}

impl KeyChallenge {
    /// The type on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Yubikey(challenge) => challenge.as_str(),
            Self::DeviceAttest => "device-attest-01",
        }
    }

    /// The challenge of dlogin's own that certifies the same kind of key and wants a key for the
    /// same use: device-attest-01 certifies the attested key itself, as yubikey-01 does.
    #[must_use]
    pub const fn alike(self) -> ChallengeType {
        match self {
            Self::Yubikey(challenge) => challenge,
            Self::DeviceAttest => ChallengeType::Yubikey01,
        }
    }
}

impl From<ChallengeType> for KeyChallenge {
    fn from(challenge: ChallengeType) -> Self {
        Self::Yubikey(challenge)
    }
}

impl fmt::Display for KeyChallenge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for KeyChallenge {
    type Err = UnknownKeyChallenge;

    fn from_str(name: &str) -> Result<Self, UnknownKeyChallenge> {
        if name == Self::DeviceAttest.as_str() {
            return Ok(Self::DeviceAttest);
        }
        name.parse::<ChallengeType>()
            .map(Self::Yubikey)
            .map_err(|_| UnknownKeyChallenge {
                name: name.to_owned(),
            })
    }
}
