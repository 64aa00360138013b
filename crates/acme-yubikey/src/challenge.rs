//! Challenge types and challenge values.

use std::fmt;

use crate::bytes::{from_base64url, to_base64url};

/// The two challenge types.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ChallengeType {
    /// `yubikey-01`: the key that signs the challenge is the key in the certificate.
    Yubikey01,
    /// `yubikey-02`: the key that signs the challenge vouches for another key of the client.
    Yubikey02,
}

impl ChallengeType {
    /// Both of them.
    pub const ALL: [Self; 2] = [Self::Yubikey01, Self::Yubikey02];

    /// The name in the challenge object's `type`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Yubikey01 => "yubikey-01",
            Self::Yubikey02 => "yubikey-02",
        }
    }

    /// The first 16 bytes of every challenge value of this type: 15 ASCII characters and a NUL.
    #[must_use]
    pub const fn magic(self) -> &'static [u8; 16] {
        match self {
            Self::Yubikey01 => b"ACME-YUBIKEY-01\0",
            Self::Yubikey02 => b"ACME-YUBIKEY-02\0",
        }
    }
}

impl fmt::Display for ChallengeType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::str::FromStr for ChallengeType {
    type Err = UnknownChallengeType;

    fn from_str(name: &str) -> Result<Self, UnknownChallengeType> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.as_str() == name)
            .ok_or(UnknownChallengeType)
    }
}

/// The name is not one of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not yubikey-01 or yubikey-02")]
pub struct UnknownChallengeType;

/// A challenge value: the magic of its type and 48 random bytes.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ChallengeValue {
    kind: ChallengeType,
    random: [u8; 48],
}

impl ChallengeValue {
    /// The length of a value in bytes.
    pub const LEN: usize = 64;

    /// The server's half: a value from 48 bytes that its CSPRNG just gave.
    #[must_use]
    pub const fn new(kind: ChallengeType, random: [u8; 48]) -> Self {
        Self { kind, random }
    }

    /// The client's half: reads the `token` of a challenge object whose `type` is `kind`.
    ///
    /// # Errors
    /// [`ChallengeValueError`]. A client must not sign anything then: the token may be a
    /// message of another protocol.
    pub fn from_token(kind: ChallengeType, token: &str) -> Result<Self, ChallengeValueError> {
        // 64 bytes are 86 characters; do not decode what cannot be right.
        if token.len() > 128 {
            return Err(ChallengeValueError::Length {
                len: token.len() / 4 * 3,
            });
        }
        let bytes = from_base64url(token).ok_or(ChallengeValueError::NotBase64Url)?;
        let value = Self::from_bytes(&bytes)?;
        if value.kind != kind {
            return Err(ChallengeValueError::OtherType {
                expected: kind,
                found: value.kind,
            });
        }
        Ok(value)
    }

    /// Reads a value of either type from its bytes.
    ///
    /// # Errors
    /// [`ChallengeValueError::Length`] and [`ChallengeValueError::Magic`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ChallengeValueError> {
        let length = ChallengeValueError::Length { len: bytes.len() };
        if bytes.len() != Self::LEN {
            return Err(length);
        }
        let (magic, random) = bytes.split_first_chunk::<16>().ok_or(length)?;
        let kind = ChallengeType::ALL
            .into_iter()
            .find(|kind| kind.magic() == magic)
            .ok_or(ChallengeValueError::Magic)?;
        let random = random.try_into().map_err(|_| length)?;
        Ok(Self { kind, random })
    }

    /// The `token` of the challenge object.
    #[must_use]
    pub fn to_token(&self) -> String {
        to_base64url(&self.to_bytes())
    }

    /// The 64 bytes.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; Self::LEN] {
        let mut bytes = [0; Self::LEN];
        let (magic, random) = bytes.split_at_mut(16);
        magic.copy_from_slice(self.kind.magic());
        random.copy_from_slice(&self.random);
        bytes
    }

    /// The type that its magic says.
    #[must_use]
    pub const fn kind(&self) -> ChallengeType {
        self.kind
    }
}

impl fmt::Debug for ChallengeValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ChallengeValue({}, {})", self.kind, self.to_token())
    }
}

/// Why a token or a part of a message is not a challenge value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ChallengeValueError {
    /// The token is not canonical base64url.
    #[error("the token is not canonical base64url without padding; do not answer this challenge")]
    NotBase64Url,
    /// It has not 64 bytes.
    #[error("a challenge value has 64 bytes, not {len}; do not answer this challenge")]
    Length {
        /// How many there are.
        len: usize,
    },
    /// It starts with neither magic.
    #[error("the challenge value has not the magic of yubikey-01 or yubikey-02; do not answer it")]
    Magic,
    /// It has the magic of the other type.
    #[error("the challenge is {expected}, but its value is for {found}; do not answer it")]
    OtherType {
        /// The type of the challenge.
        expected: ChallengeType,
        /// The type in the magic.
        found: ChallengeType,
    },
}

#[cfg(test)]
mod tests;
