//! JSON Web Keys (RFC 7517, RFC 7518 §6, RFC 8037) and their thumbprints (RFC 7638).

use std::hash::{Hash, Hasher};

use aws_lc_rs::digest;
use aws_lc_rs::signature::{self, ParsedPublicKey};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

use crate::base64url;

mod der;
#[cfg(test)]
mod tests;

/// Smallest and largest RSA modulus that is accepted, in bits.
pub const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=4096;

/// A public key that may verify a JWS: P-256, P-384, RSA or Ed25519.
///
/// It holds no key that is malformed: points are on their curves, numbers are
/// canonical, so that one key has one thumbprint.
#[derive(Debug, Clone)]
pub struct Jwk {
    key: Key,
    /// The same, ready to verify: whoever verifies often parses once.
    parsed: ParsedPublicKey,
}

impl PartialEq for Jwk {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key
    }
}

impl Eq for Jwk {}

impl Hash for Jwk {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.key.hash(state);
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Key {
    /// X9.62 uncompressed point.
    P256(Vec<u8>),
    /// X9.62 uncompressed point.
    P384(Vec<u8>),
    /// Modulus and exponent, big-endian without leading zeros.
    Rsa {
        n: Vec<u8>,
        e: Vec<u8>,
    },
    Ed25519([u8; 32]),
}

/// JWS algorithms on the allow-list (RFC 7518 §3.1, RFC 8037 §3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// ECDSA on P-384 with SHA-384.
    Es384,
    /// RSA PKCS#1 v1.5 with SHA-256.
    Rs256,
    /// Ed25519.
    EdDsa,
}

impl Algorithm {
    /// All of them, for `algorithms` in a `badSignatureAlgorithm` problem.
    pub const ALL: [Self; 4] = [Self::Es256, Self::Es384, Self::Rs256, Self::EdDsa];

    /// The name in the `alg` header.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
            Self::Rs256 => "RS256",
            Self::EdDsa => "EdDSA",
        }
    }

    /// From the name in the `alg` header.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|alg| alg.as_str() == name)
    }
}

impl Jwk {
    /// A P-256 key from its X9.62 uncompressed point (65 bytes).
    ///
    /// # Errors
    /// [`JwkError::NotOnCurve`].
    pub fn p256(point: &[u8]) -> Result<Self, JwkError> {
        let parsed = ParsedPublicKey::new(&signature::ECDSA_P256_SHA256_FIXED, point)
            .ok()
            .filter(|_| point.len() == 65)
            .ok_or(JwkError::NotOnCurve { curve: "P-256" })?;
        let key = Key::P256(point.to_vec());
        Ok(Self { key, parsed })
    }

    /// A P-384 key from its X9.62 uncompressed point (97 bytes).
    ///
    /// # Errors
    /// [`JwkError::NotOnCurve`].
    pub fn p384(point: &[u8]) -> Result<Self, JwkError> {
        let parsed = ParsedPublicKey::new(&signature::ECDSA_P384_SHA384_FIXED, point)
            .ok()
            .filter(|_| point.len() == 97)
            .ok_or(JwkError::NotOnCurve { curve: "P-384" })?;
        let key = Key::P384(point.to_vec());
        Ok(Self { key, parsed })
    }

    /// An RSA key from its big-endian modulus and exponent without leading zeros.
    ///
    /// # Errors
    /// [`JwkError::RsaModulus`] and [`JwkError::RsaExponent`].
    pub fn rsa(n: &[u8], e: &[u8]) -> Result<Self, JwkError> {
        let bits = match n.first() {
            None | Some(0) => return Err(JwkError::LeadingZero { member: "n" }),
            Some(first) => n.len().saturating_mul(8) - first.leading_zeros() as usize,
        };
        if !RSA_BITS.contains(&bits) || n.last().is_none_or(|last| last & 1 == 0) {
            return Err(JwkError::RsaModulus { bits });
        }
        match e {
            [] | [0, ..] => return Err(JwkError::LeadingZero { member: "e" }),
            // Odd, 3 or more, and short: a long exponent makes verification slow.
            [.., last] if e.len() <= 4 && last & 1 == 1 && e != [1] => {}
            _ => return Err(JwkError::RsaExponent),
        }
        let parsed = ParsedPublicKey::new(
            &signature::RSA_PKCS1_2048_8192_SHA256,
            der::rsa_public_key(n, e),
        )
        .map_err(|_| JwkError::RsaModulus { bits })?;
        let key = Key::Rsa {
            n: n.to_vec(),
            e: e.to_vec(),
        };
        Ok(Self { key, parsed })
    }

    /// An Ed25519 key.
    ///
    /// # Errors
    /// [`JwkError::NotOnCurve`].
    pub fn ed25519(public: &[u8; 32]) -> Result<Self, JwkError> {
        let parsed = ParsedPublicKey::new(&signature::ED25519, public.as_slice())
            .map_err(|_| JwkError::NotOnCurve { curve: "Ed25519" })?;
        let key = Key::Ed25519(*public);
        Ok(Self { key, parsed })
    }

    /// Reads the JSON object. Members that are not needed are ignored (RFC 7517 §4).
    ///
    /// # Errors
    /// One variant of [`JwkError`] for each way in which it may be wrong.
    pub fn from_json(members: &Map<String, Value>) -> Result<Self, JwkError> {
        for private in ["d", "p", "q", "dp", "dq", "qi", "oth", "k"] {
            if members.contains_key(private) {
                return Err(JwkError::PrivateMember { member: private });
            }
        }
        let text = |name: &'static str| match members.get(name) {
            Some(Value::String(text)) => Ok(text.as_str()),
            Some(_) => Err(JwkError::MemberType { member: name }),
            None => Err(JwkError::MissingMember { member: name }),
        };
        let bytes = |name: &'static str| {
            base64url::decode(text(name)?).map_err(|_| JwkError::NotBase64Url { member: name })
        };
        let key = match text("kty")? {
            "EC" => {
                let (size, curve) = match text("crv")? {
                    "P-256" => (32, "P-256"),
                    "P-384" => (48, "P-384"),
                    other => return Err(JwkError::unsupported("crv", other)),
                };
                let (x, y) = (bytes("x")?, bytes("y")?);
                if x.len() != size || y.len() != size {
                    return Err(JwkError::CoordinateLength { curve });
                }
                let point = [&[4][..], &x, &y].concat();
                if size == 32 {
                    Self::p256(&point)?
                } else {
                    Self::p384(&point)?
                }
            }
            "OKP" => match text("crv")? {
                "Ed25519" => {
                    let x: [u8; 32] = bytes("x")?
                        .try_into()
                        .map_err(|_| JwkError::CoordinateLength { curve: "Ed25519" })?;
                    Self::ed25519(&x)?
                }
                other => return Err(JwkError::unsupported("crv", other)),
            },
            "RSA" => Self::rsa(&bytes("n")?, &bytes("e")?)?,
            other => return Err(JwkError::unsupported("kty", other)),
        };
        if members.contains_key("use") && text("use")? != "sig" {
            return Err(JwkError::unsupported("use", text("use")?));
        }
        if members.contains_key("alg") && text("alg")? != key.algorithm().as_str() {
            return Err(JwkError::unsupported("alg", text("alg")?));
        }
        Ok(key)
    }

    /// The JSON object with its required members only, in lexicographic order and without
    /// whitespace: the form that [`thumbprint`](Self::thumbprint) hashes.
    #[must_use]
    pub fn to_json(&self) -> String {
        // No value needs escaping: they are base64url and the names of curves and types.
        let members: Vec<String> = self
            .members()
            .iter()
            .map(|(name, value)| format!("\"{name}\":\"{value}\""))
            .collect();
        format!("{{{}}}", members.join(","))
    }

    /// The members of [`to_json`](Self::to_json), in its order.
    fn members(&self) -> Vec<(&'static str, String)> {
        let ec = |curve: &str, point: &[u8]| {
            // A point is 04 ‖ x ‖ y.
            let coordinates = point.get(1..).unwrap_or_default();
            let (x, y) = coordinates.split_at(coordinates.len() / 2);
            vec![
                ("crv", curve.to_owned()),
                ("kty", "EC".to_owned()),
                ("x", base64url::encode(x)),
                ("y", base64url::encode(y)),
            ]
        };
        match &self.key {
            Key::P256(point) => ec("P-256", point),
            Key::P384(point) => ec("P-384", point),
            Key::Rsa { n, e } => vec![
                ("e", base64url::encode(e)),
                ("kty", "RSA".to_owned()),
                ("n", base64url::encode(n)),
            ],
            Key::Ed25519(x) => vec![
                ("crv", "Ed25519".to_owned()),
                ("kty", "OKP".to_owned()),
                ("x", base64url::encode(x)),
            ],
        }
    }

    /// The one algorithm that this key may be used with.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        match self.key {
            Key::P256(_) => Algorithm::Es256,
            Key::P384(_) => Algorithm::Es384,
            Key::Rsa { .. } => Algorithm::Rs256,
            Key::Ed25519(_) => Algorithm::EdDsa,
        }
    }

    /// The SHA-256 thumbprint (RFC 7638, RFC 8037 §2).
    #[must_use]
    pub fn thumbprint(&self) -> [u8; 32] {
        let hash = digest::digest(&digest::SHA256, self.to_json().as_bytes());
        let mut thumbprint = [0; 32];
        thumbprint.copy_from_slice(hash.as_ref());
        thumbprint
    }

    /// The key as DER SubjectPublicKeyInfo, to compare it with a certificate's.
    #[must_use]
    pub fn spki_der(&self) -> Vec<u8> {
        match &self.key {
            Key::P256(point) => der::spki(der::P256, point),
            Key::P384(point) => der::spki(der::P384, point),
            Key::Rsa { n, e } => der::spki(der::RSA, &der::rsa_public_key(n, e)),
            Key::Ed25519(x) => der::spki(der::ED25519, x),
        }
    }

    /// Verifies a JWS signature by this key with its [`algorithm`](Self::algorithm).
    ///
    /// # Errors
    /// [`BadSignature`].
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), BadSignature> {
        self.parsed
            .verify_sig(message, signature)
            .map_err(|_| BadSignature)
    }
}

impl Serialize for Jwk {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.members())
    }
}

impl<'de> Deserialize<'de> for Jwk {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let members = Map::deserialize(deserializer)?;
        Self::from_json(&members).map_err(serde::de::Error::custom)
    }
}

/// The signature does not verify.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the signature does not verify under this key")]
pub struct BadSignature;

/// Why an object is not an acceptable public key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JwkError {
    /// A member that the key type needs is absent.
    #[error("the key has no member {member:?}")]
    MissingMember {
        /// The member.
        member: &'static str,
    },
    /// A member is not a string.
    #[error("the key's member {member:?} is not a string")]
    MemberType {
        /// The member.
        member: &'static str,
    },
    /// A member is not canonical base64url.
    #[error("the key's member {member:?} is not canonical base64url without padding")]
    NotBase64Url {
        /// The member.
        member: &'static str,
    },
    /// The key carries private parts. Whoever sent it must consider it burnt.
    #[error("the key carries its private member {member:?}; do not use this key again")]
    PrivateMember {
        /// The member.
        member: &'static str,
    },
    /// A key type, curve, use or algorithm that is not on the allow-list.
    #[error("{member:?} {value:?} is not supported for keys; use P-256, P-384, Ed25519 or RSA")]
    Unsupported {
        /// The member.
        member: &'static str,
        /// Its value, shortened.
        value: String,
    },
    /// A coordinate has not its curve's length (RFC 7518 §6.2.1.2).
    #[error("a coordinate has the wrong length for {curve}")]
    CoordinateLength {
        /// The curve.
        curve: &'static str,
    },
    /// The point is not on the curve.
    #[error("the point is not on {curve}")]
    NotOnCurve {
        /// The curve.
        curve: &'static str,
    },
    /// A number has leading zeros or is empty (RFC 7518 §6.3.1).
    #[error("the key's number {member:?} is not in its shortest form")]
    LeadingZero {
        /// The member.
        member: &'static str,
    },
    /// An RSA modulus that is even or out of [`RSA_BITS`].
    #[error("an RSA modulus must be odd and of 2048 to 4096 bits; this one has {bits}")]
    RsaModulus {
        /// Its length in bits.
        bits: usize,
    },
    /// An RSA exponent that is even, 1, or longer than 32 bits.
    #[error("an RSA exponent must be odd, from 3, and of at most 32 bits")]
    RsaExponent,
}

impl JwkError {
    fn unsupported(member: &'static str, value: &str) -> Self {
        Self::Unsupported {
            member,
            value: value.chars().take(40).collect(),
        }
    }
}
