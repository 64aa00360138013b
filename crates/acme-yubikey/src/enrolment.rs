//! Enrolment bundles: how a key gets onto the CA's record (proof of possession, for one CA and
//! one user).

use piv_attest::{
    Backend, SignatureAlgorithm, UnixTime, VerifiedAttestation, Verifier, claimed_key,
};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{
    bytes::{digest_from_hex, from_base64url, length_prefixed, to_base64url, to_hex},
    possession::AttestationError,
    response::{MAX_CERTIFICATE, MAX_CERTIFICATES, MAX_SIGNATURE},
};

/// The first 16 bytes of every enrolment message.
pub const MAGIC: &[u8; 16] = b"ACME-YUBIKEY-EN\0";
/// The version of the bundle that is written and read.
pub const VERSION: u32 = 1;
/// The longest bundle that is read, in bytes.
pub const MAX_LEN: usize = 48 * 1024;
/// The longest user name, in bytes.
pub const MAX_USER: usize = 128;
/// How long a nonce or enrolment token may be, in bytes.
pub const NONCE_LEN: std::ops::RangeInclusive<usize> = 16..=64;

/// What the slot's key signs: magic ‖ root fingerprint ‖ SHA-256 over user, nonce and key hash,
/// each with its length before it (4 bytes, big-endian). 80 bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnrolmentMessage([u8; 80]);

impl EnrolmentMessage {
    /// - `root_fingerprint`: SHA-256 of the CA's root certificate (DER).
    /// - `user`: as the operator calls them.
    /// - `nonce`: 32 random bytes of the client, or the enrolment token that the CA gave out.
    /// - `spki_sha256`: of the key that is enrolled.
    ///
    /// # Errors
    /// [`BundleError::User`] and [`BundleError::Nonce`].
    pub fn new(
        root_fingerprint: [u8; 32],
        user: &str,
        nonce: &[u8],
        spki_sha256: [u8; 32],
    ) -> Result<Self, BundleError> {
        if user.is_empty() || user.len() > MAX_USER || user.chars().any(char::is_control) {
            return Err(BundleError::User);
        }
        if !NONCE_LEN.contains(&nonce.len()) {
            return Err(BundleError::Nonce { len: nonce.len() });
        }
        let mut hash = Sha256::new();
        for part in [user.as_bytes(), nonce, &spki_sha256] {
            hash.update(length_prefixed(part).collect::<Vec<u8>>());
        }
        let mut bytes = [0; 80];
        let (magic, rest) = bytes.split_at_mut(16);
        let (root, tail) = rest.split_at_mut(32);
        magic.copy_from_slice(MAGIC);
        root.copy_from_slice(&root_fingerprint);
        tail.copy_from_slice(&hash.finalize());
        Ok(Self(bytes))
    }

    /// The bytes to sign.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// An enrolment bundle, as it travels from a person to the operator: a JSON file.
/// It proves nothing until [`verify`](Self::verify).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bundle {
    user: String,
    root_fingerprint: [u8; 32],
    nonce: Vec<u8>,
    attestation: Vec<Vec<u8>>,
    signature: Vec<u8>,
}

/// What the CA expects of a bundle.
#[derive(Debug, Clone, Copy)]
pub struct Expected<'a> {
    /// SHA-256 of its own root certificate (DER).
    pub root_fingerprint: [u8; 32],
    /// The user that the operator names.
    pub user: &'a str,
}

impl Bundle {
    /// The client's half. `signature` is over [`EnrolmentMessage::as_bytes`] by the attested
    /// key (ECDSA as DER); `attestation` is the slot's certificate, then the device's, then
    /// what else leads to a root (DER).
    ///
    /// # Errors
    /// [`BundleError`] when a part is out of bounds.
    pub fn new(
        root_fingerprint: [u8; 32],
        user: impl Into<String>,
        nonce: Vec<u8>,
        attestation: Vec<Vec<u8>>,
        signature: Vec<u8>,
    ) -> Result<Self, BundleError> {
        let bundle = Self {
            user: user.into(),
            root_fingerprint,
            nonce,
            attestation,
            signature,
        };
        bundle.check()?;
        Ok(bundle)
    }

    /// Reads a bundle's file.
    ///
    /// # Errors
    /// [`BundleError`].
    pub fn from_json(text: &[u8]) -> Result<Self, BundleError> {
        if text.len() > MAX_LEN {
            return Err(BundleError::TooLong {
                part: "bundle",
                max: MAX_LEN,
            });
        }
        let not_json = |error: serde_json::Error| BundleError::NotJson {
            error: without_its_text(&error),
        };
        // The version first: another one may have other members.
        let Version { version } = serde_json::from_slice(text).map_err(not_json)?;
        if version != VERSION {
            return Err(BundleError::Version { found: version });
        }
        let json: Json = serde_json::from_slice(text).map_err(not_json)?;
        let bytes =
            |part, text: &str| from_base64url(text).ok_or(BundleError::NotBase64Url { part });
        let bundle = Self {
            user: json.user,
            root_fingerprint: digest_from_hex(&json.root).ok_or(BundleError::RootNotHex)?,
            nonce: bytes("nonce", &json.nonce)?,
            attestation: json
                .attestation
                .iter()
                .map(|text| bytes("attestation", text))
                .collect::<Result<_, _>>()?,
            signature: bytes("signature", &json.signature)?,
        };
        bundle.check()?;
        Ok(bundle)
    }

    /// The bundle's file: JSON that ends in a newline.
    #[must_use]
    pub fn to_json(&self) -> String {
        let json = Json {
            version: VERSION,
            user: self.user.clone(),
            root: to_hex(&self.root_fingerprint),
            nonce: to_base64url(&self.nonce),
            attestation: self
                .attestation
                .iter()
                .map(|der| to_base64url(der))
                .collect(),
            signature: to_base64url(&self.signature),
        };
        // A struct of strings always has a JSON form.
        let mut text = serde_json::to_string_pretty(&json).unwrap_or_default();
        text.push('\n');
        text
    }

    /// The user that the bundle claims to be for.
    #[must_use]
    pub fn claimed_user(&self) -> &str {
        &self.user
    }

    /// Checks, in this order: the CA, the user, the signature under the key that the
    /// attestation names, the attestation.
    ///
    /// # Errors
    /// [`BundleError`].
    pub fn verify<B: Backend>(
        self,
        expected: &Expected<'_>,
        verifier: &Verifier<B>,
        now: UnixTime,
    ) -> Result<VerifiedBundle, BundleError> {
        if self.root_fingerprint != expected.root_fingerprint {
            return Err(BundleError::OtherCa {
                expected: to_hex(&expected.root_fingerprint),
                found: to_hex(&self.root_fingerprint),
            });
        }
        if self.user != expected.user {
            return Err(BundleError::OtherUser {
                expected: expected.user.to_owned(),
                found: self.user,
            });
        }
        let (leaf, intermediates) = self.attestation.split_first().ok_or(BundleError::Empty {
            part: "attestation",
        })?;
        let key = claimed_key(leaf).map_err(BundleError::AttestedKey)?;
        let message = EnrolmentMessage::new(
            self.root_fingerprint,
            &self.user,
            &self.nonce,
            key.spki_sha256(),
        )?;
        let algorithm =
            SignatureAlgorithm::usual_for(key.algorithm()).ok_or(BundleError::KeyCannotSign)?;
        key.verify::<B>(algorithm, message.as_bytes(), &self.signature)
            .map_err(|_| BundleError::Signature)?;

        let intermediates: Vec<&[u8]> = intermediates.iter().map(Vec::as_slice).collect();
        let attestation = verifier
            .verify(leaf, &intermediates, now)
            .map_err(AttestationError::from)?;
        // The same leaf gave both keys. That must never depend on two readings being alike.
        if attestation.public_key().spki_sha256() != key.spki_sha256() {
            return Err(AttestationError::OtherKey.into());
        }
        Ok(VerifiedBundle {
            user: self.user,
            nonce: self.nonce,
            chain: self.attestation,
            attestation,
        })
    }

    fn check(&self) -> Result<(), BundleError> {
        EnrolmentMessage::new(self.root_fingerprint, &self.user, &self.nonce, [0; 32])?;
        if self.attestation.len() > MAX_CERTIFICATES {
            return Err(BundleError::TooManyCertificates {
                count: self.attestation.len(),
            });
        }
        if self.attestation.is_empty() {
            return Err(BundleError::Empty {
                part: "attestation",
            });
        }
        let parts = self
            .attestation
            .iter()
            .map(|der| ("attestation", der, MAX_CERTIFICATE));
        for (part, bytes, max) in parts.chain([("signature", &self.signature, MAX_SIGNATURE)]) {
            if bytes.is_empty() {
                return Err(BundleError::Empty { part });
            }
            if bytes.len() > max {
                return Err(BundleError::TooLong { part, max });
            }
        }
        Ok(())
    }
}

/// What the parser found and where, without what it quotes: that is a stranger's, and goes to
/// terminals and logs.
fn without_its_text(error: &serde_json::Error) -> String {
    let what = match error.classify() {
        serde_json::error::Category::Io => "it cannot be read",
        serde_json::error::Category::Syntax => "it is not JSON",
        serde_json::error::Category::Data => {
            "a member is missing, unknown, doubled or of the wrong kind"
        }
        serde_json::error::Category::Eof => "it ends early",
    };
    format!("{what}, at line {} column {}", error.line(), error.column())
}

#[derive(Deserialize)]
struct Version {
    version: u32,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Json {
    version: u32,
    user: String,
    root: String,
    nonce: String,
    attestation: Vec<String>,
    signature: String,
}

/// A bundle for this CA and this user, by somebody who can use the key, which is in a YubiKey.
/// Only verification makes one.
#[derive(Debug, Clone)]
pub struct VerifiedBundle {
    user: String,
    nonce: Vec<u8>,
    chain: Vec<Vec<u8>>,
    attestation: VerifiedAttestation,
}

impl VerifiedBundle {
    /// The user.
    #[must_use]
    pub fn user(&self) -> &str {
        &self.user
    }

    /// The client's nonce, or the enrolment token; a CA that gives tokens out redeems it now.
    #[must_use]
    pub fn nonce(&self) -> &[u8] {
        &self.nonce
    }

    /// What the attestation says about the key.
    #[must_use]
    pub const fn attestation(&self) -> &VerifiedAttestation {
        &self.attestation
    }

    /// The attestation as it came (DER, leaf first).
    #[must_use]
    pub fn chain(&self) -> &[Vec<u8>] {
        &self.chain
    }
}

/// Why a bundle is not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BundleError {
    /// Not JSON, or not an object with exactly the members of a bundle, each once.
    #[error("not an enrolment bundle: {error}; make one with `dlogin bundle`")]
    NotJson {
        /// What the parser found, and where; nothing that the file says.
        error: String,
    },
    /// A version that is not known here.
    #[error(
        "the bundle has version {found}, and version {VERSION} is read here; make both sides the same release"
    )]
    Version {
        /// The version.
        found: u32,
    },
    /// The root's fingerprint is not 64 lowercase hexadecimal digits.
    #[error("\"root\" in the bundle is not a SHA-256 in lowercase hexadecimal")]
    RootNotHex,
    /// A part is not canonical base64url.
    #[error("{part:?} in the bundle is not canonical base64url without padding")]
    NotBase64Url {
        /// The member.
        part: &'static str,
    },
    /// A part is empty.
    #[error("{part:?} in the bundle is empty")]
    Empty {
        /// The member.
        part: &'static str,
    },
    /// A part is too long.
    #[error("{part:?} in the bundle is longer than {max} bytes")]
    TooLong {
        /// The member.
        part: &'static str,
        /// The bound in bytes.
        max: usize,
    },
    /// Too many certificates.
    #[error("the attestation has {count} certificates; at most {MAX_CERTIFICATES} are read")]
    TooManyCertificates {
        /// How many there are.
        count: usize,
    },
    /// The user is empty, too long, or has control characters.
    #[error("a user name has 1 to {MAX_USER} bytes and no control characters")]
    User,
    /// The nonce is too short or too long.
    #[error("the bundle's nonce has {len} bytes; it must have 16 to 64")]
    Nonce {
        /// Its length in bytes.
        len: usize,
    },
    /// The bundle is for another CA.
    #[error("the bundle is for another CA: its root is {found}, ours is {expected}")]
    OtherCa {
        /// Our root's fingerprint.
        expected: String,
        /// The bundle's.
        found: String,
    },
    /// The bundle is for another user.
    #[error("the bundle is for the user {found:?}, not {expected:?}")]
    OtherUser {
        /// Whom the operator named.
        expected: String,
        /// Whom the bundle names.
        found: String,
    },
    /// The leaf's key cannot be read.
    #[error("the attested key cannot be read: {0}")]
    AttestedKey(piv_attest::Error),
    /// The attested key is not one that signs.
    #[error("the attested key is of a kind that cannot sign")]
    KeyCannotSign,
    /// The signature does not verify under the attested key.
    #[error("the bundle was not signed by the key that it attests")]
    Signature,
    /// The attestation does not hold.
    #[error("the attestation does not hold: {0}")]
    Attestation(#[from] AttestationError),
}
