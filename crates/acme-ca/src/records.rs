//! People, their keys, and what each key may have.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use acme_yubikey::ChallengeType;
use serde::{Deserialize, Serialize};

/// A person's name in the records. It goes into SSH key ids, so it is short, printable ASCII.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct UserName(String);

/// A name that cannot be a user's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{name:?} is no user name: 1 to 64 of a-z, A-Z, 0-9, '.', '_', '-', '@', '+', the first a letter or digit"
)]
pub struct BadUserName {
    name: String,
}

impl UserName {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for UserName {
    type Err = BadUserName;

    fn from_str(name: &str) -> Result<Self, BadUserName> {
        let good = name.len() <= 64
            && name.starts_with(|c: char| c.is_ascii_alphanumeric())
            && name
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "._-@+".contains(c));
        if good {
            Ok(Self(name.to_owned()))
        } else {
            Err(BadUserName {
                name: name.chars().take(80).collect(),
            })
        }
    }
}

impl fmt::Display for UserName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct User {
    /// Their name.
    pub name: UserName,
    /// Since when they are known, in seconds since 1970.
    pub added: i64,
    /// Since when they are disabled.
    pub disabled: Option<i64>,
}

/// The number of a key's record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct KeyId(pub i64);

impl FromStr for KeyId {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What a key is for. A `proof` key answers yubikey-02 and is never exposed to programs that
/// sign digests, which could pass a challenge off as a handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KeyUse {
    /// Answers yubikey-01 and is the key of the certificates.
    Login,
    /// Answers yubikey-02.
    Proof,
}

impl KeyUse {
    /// As it is typed and stored.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Login => "login",
            Self::Proof => "proof",
        }
    }
}

impl fmt::Display for KeyUse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Neither `login` nor `proof`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a key is for `login` or for `proof`")]
pub struct BadKeyUse;

impl FromStr for KeyUse {
    type Err = BadKeyUse;

    fn from_str(text: &str) -> Result<Self, BadKeyUse> {
        match text {
            "login" => Ok(Self::Login),
            "proof" => Ok(Self::Proof),
            _ => Err(BadKeyUse),
        }
    }
}

/// Whether a key may be used. Times are seconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "lowercase")]
pub enum KeyState {
    /// It may.
    Active,
    /// Replaced in good order; refused, but kindly.
    Retired {
        /// Since when.
        since: i64,
    },
    /// Lost or stolen; an answer by it is an alarm.
    Revoked {
        /// Since when.
        since: i64,
    },
}

impl KeyState {
    /// As it is stored.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Retired { .. } => "retired",
            Self::Revoked { .. } => "revoked",
        }
    }
}

/// One profile that a key may have, and the names in its certificates. An SSH profile's names
/// are its principals.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// The profile.
    pub profile: String,
    /// The names, in the order given; never empty.
    pub names: Vec<String>,
}

/// Text that is no grant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no grant: write PROFILE=NAME[,NAME]…, as in tls=alice.example")]
pub struct BadGrant {
    text: String,
}

impl FromStr for Grant {
    type Err = BadGrant;

    /// `PROFILE=NAME[,NAME]…`. Whether profile and names are good is for the configuration.
    fn from_str(text: &str) -> Result<Self, BadGrant> {
        let bad = || BadGrant {
            text: text.chars().take(200).collect(),
        };
        let (profile, names) = text.split_once('=').ok_or_else(bad)?;
        let names: Vec<String> = names.split(',').map(str::to_owned).collect();
        if profile.is_empty() || names.iter().any(String::is_empty) {
            return Err(bad());
        }
        Ok(Self {
            profile: profile.to_owned(),
            names,
        })
    }
}

/// Which profiles certify TLS names, and by which challenge. A TLS name is one person's, and
/// stands for one kind of key. Principals may be shared: `root` is whoever may be root.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TlsProfiles(BTreeMap<String, ChallengeType>);

/// Why a TLS name cannot be granted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameClash {
    /// A name of somebody else.
    #[error("the name {name:?} belongs to user {user}")]
    Taken {
        /// The name.
        name: String,
        /// Whose it is.
        user: UserName,
    },
    /// A name that stands for another kind of key.
    #[error(
        "the name {name:?} stands for {other} certificates already: hardware and disk keys need \
         different names, so that access lists can tell them apart"
    )]
    OtherKind {
        /// The name.
        name: String,
        /// The other challenge type.
        other: ChallengeType,
    },
}

impl TlsProfiles {
    /// From each TLS profile's name and challenge.
    pub(crate) fn new(profiles: impl IntoIterator<Item = (String, ChallengeType)>) -> Self {
        Self(profiles.into_iter().collect())
    }

    /// What stands against a name for a user's key under a profile, given who holds the name and
    /// under which profile.
    pub(crate) fn clashes<'a>(
        &self,
        user: &UserName,
        profile: &str,
        name: &str,
        holders: impl IntoIterator<Item = &'a (UserName, String)>,
    ) -> Vec<NameClash> {
        let Some(challenge) = self.0.get(profile) else {
            return Vec::new();
        };
        holders
            .into_iter()
            .filter_map(|(holder, other)| {
                let other = *self.0.get(other)?;
                if holder != user {
                    Some(NameClash::Taken {
                        name: name.to_owned(),
                        user: holder.clone(),
                    })
                } else if other != *challenge {
                    Some(NameClash::OtherKind {
                        name: name.to_owned(),
                        other,
                    })
                } else {
                    None
                }
            })
            .collect()
    }
}

/// What is known of a key.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct KeyRecord {
    /// Its number.
    pub id: KeyId,
    /// Whose it is.
    pub user: UserName,
    /// What it is for.
    #[serde(rename = "use")]
    pub usage: KeyUse,
    /// Whether it may be used.
    #[serde(flatten)]
    pub state: KeyState,
    /// Every fact of its attestation, public key included.
    pub attested: piv_attest::Record,
    /// SHA-256 of its SubjectPublicKeyInfo.
    #[serde(serialize_with = "hex_bytes")]
    pub spki_sha256: [u8; 32],
    /// The attestation as it was enrolled, DER: the key's certificate first.
    #[serde(skip)]
    pub chain: Vec<Vec<u8>>,
    /// What it may have.
    pub grants: Vec<Grant>,
    /// Since when it is known, in seconds since 1970.
    pub added: i64,
}

fn hex_bytes<S: serde::Serializer>(bytes: &[u8; 32], to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(&hex::encode(bytes))
}

/// A key about to be recorded. Only [`crate::enrolment`] makes one, from a verified bundle.
#[derive(Debug, Clone)]
pub struct NewKey {
    pub(crate) user: UserName,
    pub(crate) usage: KeyUse,
    pub(crate) attested: piv_attest::Record,
    pub(crate) spki: Vec<u8>,
    pub(crate) spki_sha256: [u8; 32],
    pub(crate) chain: Vec<Vec<u8>>,
    pub(crate) grants: Vec<Grant>,
    /// For the rules of names, which hold in the moment of recording.
    pub(crate) tls: TlsProfiles,
    pub(crate) added: i64,
}
