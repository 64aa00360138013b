//! Requests and answers.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::bytes;

/// The version of the language that this crate speaks.
pub const VERSION: u32 = 1;
/// The longest message or digest that is signed, in bytes.
pub const MAX_INPUT: usize = 64 * 1024;
/// The longest purpose or peer, in bytes.
pub const MAX_TEXT: usize = 256;
/// The longest that anybody may wait for a signature.
pub const MAX_PATIENCE: Duration = Duration::from_secs(300);

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// Which certificates are there, that have not expired. Costs no look at
    /// the YubiKey.
    List,
    /// Sign something.
    Sign(Sign),
}

/// Something to sign.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sign {
    /// With which key.
    pub key: KeyId,
    /// How.
    pub algorithm: Algorithm,
    /// What.
    pub input: Input,
    /// What for, in a word or two for the person: `TLS`. At most [`MAX_TEXT`].
    pub purpose: String,
    /// For whom, where that is known: a host, a person at a host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peer: Option<String>,
    /// How long the asking side waits, the time in the queue included. At most
    /// [`MAX_PATIENCE`]. A touch that was asked for before is waited for; with
    /// less than five seconds left none is. Whole milliseconds on the wire.
    #[serde(rename = "patience_ms", with = "milliseconds")]
    pub patience: Duration,
}

/// A key, by the SHA-256 of its SubjectPublicKeyInfo (DER).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyId(pub [u8; 32]);

/// What is signed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Input {
    /// A digest, as long as the algorithm's hash. The person cannot be shown
    /// what it is of, and is told so.
    Digest(#[serde(with = "bytes")] Vec<u8>),
    /// The message itself, which the agent hashes and looks at.
    Message(#[serde(with = "bytes")] Vec<u8>),
}

/// How a key signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Algorithm {
    /// ECDSA on P-256 with SHA-256; the signature is DER.
    #[serde(rename = "ecdsa-p256-sha256")]
    EcdsaP256Sha256,
    /// ECDSA on P-384 with SHA-384; the signature is DER.
    #[serde(rename = "ecdsa-p384-sha384")]
    EcdsaP384Sha384,
    /// RSASSA-PKCS1-v1_5 with SHA-256. Messages only.
    #[serde(rename = "rsa-pkcs1-sha256")]
    RsaPkcs1Sha256,
    /// Ed25519; 64 bytes. Messages only.
    #[serde(rename = "ed25519")]
    Ed25519,
}

impl Algorithm {
    /// How long its digests are; `None` where it takes messages only.
    #[must_use]
    pub fn digest_len(self) -> Option<usize> {
        match self {
            Self::EcdsaP256Sha256 => Some(32),
            Self::EcdsaP384Sha384 => Some(48),
            Self::RsaPkcs1Sha256 | Self::Ed25519 => None,
        }
    }
}

/// A certificate that can be used now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// The profile that it was issued for; unique among identities.
    pub profile: String,
    /// Its key.
    pub key: KeyId,
    /// The key's SubjectPublicKeyInfo, DER.
    #[serde(with = "bytes")]
    pub spki: Vec<u8>,
    /// How the key signs.
    pub algorithm: Algorithm,
    /// Where the private key is.
    pub place: KeyPlace,
    /// The certificate.
    pub covers: Covers,
    /// Its end, seconds since 1970.
    pub not_after: u64,
}

/// Where a private key is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyPlace {
    /// In the YubiKey: the agent signs, with PIN and touch as the key has it.
    Yubikey,
    /// In this file, PKCS#8 in PEM: whoever asks signs for itself.
    Disk(std::path::PathBuf),
}

/// What a certificate is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Covers {
    /// X.509 for TLS: leaf and intermediates, DER.
    Tls {
        /// The leaf first.
        #[serde(with = "bytes::list")]
        chain: Vec<Vec<u8>>,
        /// The names in it.
        names: Vec<String>,
    },
    /// An OpenSSH user certificate.
    Ssh {
        /// The line, `TYPE BASE64`.
        line: String,
        /// Its key id.
        key_id: String,
        /// Whom it lets in as.
        principals: Vec<String>,
    },
}

/// What is answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// To [`Request::List`].
    Identities(Vec<Identity>),
    /// To [`Request::Sign`].
    Signature(#[serde(with = "bytes")] Vec<u8>),
    /// No.
    Refused(Refusal),
}

/// Why not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Refusal {
    /// The agent is locked.
    #[error("the agent is locked: ssh-add -X unlocks it")]
    Locked,
    /// No certificate that is there has this key.
    #[error("no certificate of dlogin has this key: run dlogin")]
    UnknownKey,
    /// The certificate of this key has expired.
    #[error("the certificate has expired: run dlogin")]
    Expired,
    /// The key is on disk: whoever may use it reads it there.
    #[error("the key is on disk, not in the YubiKey")]
    OnDisk,
    /// A proof key, or a message that only `dlogin` itself may have signed.
    #[error("it would answer a certificate authority: only dlogin itself signs that")]
    Forbidden,
    /// The key does not sign in this way.
    #[error("the key does not sign in this way")]
    Unsupported,
    /// No YubiKey, or not the one with this key; also where it cannot be
    /// reached, with the reason.
    #[error("{0}")]
    NoCard(String),
    /// No PIN, or a wrong one, with what can be done.
    #[error("{0}")]
    Pin(String),
    /// Nobody touched the YubiKey in time.
    #[error("the YubiKey was not touched in time: nothing was signed")]
    NotTouched,
    /// The person said no.
    #[error("refused by the person")]
    Cancelled,
    /// Too many wait already.
    #[error("too many signatures wait already")]
    Busy,
    /// The time that was given is over; nothing was signed.
    #[error("it was not this request's turn in time")]
    Late,
    /// The request cannot be understood, or is in another version.
    #[error("the request cannot be understood")]
    Malformed,
    /// Anything else.
    #[error("{0}")]
    Failed(String),
}

/// A request that cannot be understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Malformed {
    /// Not a request as JSON.
    #[error("not a request")]
    Json,
    /// In another version.
    #[error("version {found}; this is {VERSION}")]
    Version {
        /// The version of the request.
        found: u32,
    },
    /// A text, the input or the patience is longer than allowed.
    #[error("{0} is too long")]
    TooLong(&'static str),
    /// A digest of another length than the algorithm's.
    #[error("a digest of the wrong length")]
    Digest,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Envelope {
    version: u32,
    request: Body,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Body {
    List,
    Sign(Sign),
}

#[derive(Deserialize)]
struct OnlyVersion {
    version: u32,
}

impl Request {
    /// The bytes of a frame.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let request = match self {
            Self::List => Body::List,
            Self::Sign(sign) => Body::Sign(sign.clone()),
        };
        let envelope = Envelope {
            version: VERSION,
            request,
        };
        // Texts, numbers and lists always have a JSON form.
        serde_json::to_vec(&envelope).unwrap_or_default()
    }

    /// From the bytes of a frame.
    ///
    /// # Errors
    /// [`Malformed`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Malformed> {
        let OnlyVersion { version } = serde_json::from_slice(bytes).map_err(|_| Malformed::Json)?;
        if version != VERSION {
            return Err(Malformed::Version { found: version });
        }
        let envelope: Envelope = serde_json::from_slice(bytes).map_err(|_| Malformed::Json)?;
        match envelope.request {
            Body::List => Ok(Self::List),
            Body::Sign(sign) => Ok(Self::Sign(sign.checked()?)),
        }
    }
}

impl Sign {
    fn checked(self) -> Result<Self, Malformed> {
        let too_long = |yes: bool, what| {
            if yes {
                Err(Malformed::TooLong(what))
            } else {
                Ok(())
            }
        };
        too_long(self.purpose.len() > MAX_TEXT, "purpose")?;
        too_long(
            self.peer.as_ref().is_some_and(|peer| peer.len() > MAX_TEXT),
            "peer",
        )?;
        too_long(self.patience > MAX_PATIENCE, "patience")?;
        match &self.input {
            Input::Message(message) => too_long(message.len() > MAX_INPUT, "message")?,
            Input::Digest(digest) if self.algorithm.digest_len() != Some(digest.len()) => {
                return Err(Malformed::Digest);
            }
            Input::Digest(_) => {}
        }
        Ok(self)
    }
}

impl Answer {
    /// The bytes of a frame.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// From the bytes of a frame.
    ///
    /// # Errors
    /// [`Malformed::Json`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Malformed> {
        serde_json::from_slice(bytes).map_err(|_| Malformed::Json)
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyId({self})")
    }
}

impl Serialize for KeyId {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        bytes::serialize(&self.0, to)
    }
}

impl<'de> Deserialize<'de> for KeyId {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let bytes = bytes::deserialize(from)?;
        bytes
            .try_into()
            .map(Self)
            .map_err(|_| serde::de::Error::custom("not 32 bytes"))
    }
}

mod milliseconds {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(time: &Duration, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_u64(u64::try_from(time.as_millis()).unwrap_or(u64::MAX))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
        u64::deserialize(from).map(Duration::from_millis)
    }
}
