//! Public keys, as SubjectPublicKeyInfo and as OpenSSH writes them.

use std::fmt;

use base64ct::{Base64, Encoding};
use der::{
    Decode, Encode,
    asn1::{AnyRef, BitString, ObjectIdentifier, UintRef},
};
use spki::{AlgorithmIdentifierRef, SubjectPublicKeyInfoRef};

use crate::{
    error::{KeyError, ReadError},
    wire::{Reader, Writer},
};

#[cfg(test)]
mod tests;

const EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
const P384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.34");
const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");

/// The longest public key line that is read, in bytes.
pub(crate) const MAX_LINE: usize = 4096;

/// Kinds of keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum KeyKind {
    /// ECDSA on P-256.
    P256,
    /// ECDSA on P-384.
    P384,
    /// RSA with 2048 to 8192 bits.
    Rsa,
    /// Ed25519.
    Ed25519,
}

impl KeyKind {
    /// OpenSSH's name of the key type.
    #[must_use]
    pub const fn key_type(self) -> &'static str {
        match self {
            Self::P256 => "ecdsa-sha2-nistp256",
            Self::P384 => "ecdsa-sha2-nistp384",
            Self::Rsa => "ssh-rsa",
            Self::Ed25519 => "ssh-ed25519",
        }
    }

    /// OpenSSH's name of the type of a certificate for such a key.
    #[must_use]
    pub const fn certificate_type(self) -> &'static str {
        match self {
            Self::P256 => "ecdsa-sha2-nistp256-cert-v01@openssh.com",
            Self::P384 => "ecdsa-sha2-nistp384-cert-v01@openssh.com",
            Self::Rsa => "ssh-rsa-cert-v01@openssh.com",
            Self::Ed25519 => "ssh-ed25519-cert-v01@openssh.com",
        }
    }

    const fn curve(self) -> &'static str {
        match self {
            Self::P384 => "nistp384",
            _ => "nistp256",
        }
    }

    const fn point_len(self) -> usize {
        match self {
            Self::P384 => 97,
            _ => 65,
        }
    }

    pub(crate) const ALL: [Self; 4] = [Self::P256, Self::P384, Self::Rsa, Self::Ed25519];
}

/// A public key that SSH can use. Its form is checked; that a point is on its curve is left to
/// whoever verifies with it.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct SshPublicKey {
    material: Material,
}

#[derive(Clone, PartialEq, Eq, Hash)]
enum Material {
    /// X9.62 uncompressed point.
    Ec(KeyKind, Vec<u8>),
    /// Magnitudes in their shortest form.
    Rsa {
        n: Vec<u8>,
        e: Vec<u8>,
    },
    Ed25519([u8; 32]),
}

impl SshPublicKey {
    /// From a SubjectPublicKeyInfo in DER.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn from_spki_der(spki: &[u8]) -> Result<Self, KeyError> {
        let spki = SubjectPublicKeyInfoRef::from_der(spki).map_err(|_| KeyError::NotSpki)?;
        let bits = spki
            .subject_public_key
            .as_bytes()
            .ok_or(KeyError::Malformed)?;
        let algorithm = spki.algorithm;
        let material = if algorithm.oid == EC {
            match algorithm.parameters_oid() {
                Ok(P256) => Self::ec(KeyKind::P256, bits),
                Ok(P384) => Self::ec(KeyKind::P384, bits),
                _ => return Err(KeyError::UnsupportedKey),
            }?
        } else if algorithm.oid == RSA {
            let key = RsaPublicKey::from_der(bits).map_err(|_| KeyError::Malformed)?;
            Self::rsa(key.n.as_bytes(), key.e.as_bytes())?
        } else if algorithm.oid == ED25519 && algorithm.parameters.is_none() {
            Material::Ed25519(bits.try_into().map_err(|_| KeyError::Malformed)?)
        } else {
            return Err(KeyError::UnsupportedKey);
        };
        Ok(Self { material })
    }

    /// The SubjectPublicKeyInfo in DER; RSA with NULL parameters (RFC 3279 §2.3.1).
    #[must_use]
    pub fn to_spki_der(&self) -> Vec<u8> {
        let rsa_key;
        let (oid, parameters, key): (_, Option<AnyRef<'_>>, &[u8]) = match &self.material {
            Material::Ec(kind, point) => {
                let curve = if *kind == KeyKind::P384 { &P384 } else { &P256 };
                (EC, Some(curve.into()), point)
            }
            Material::Rsa { n, e } => {
                rsa_key = UintRef::new(n)
                    .and_then(|n| UintRef::new(e).map(|e| RsaPublicKey { n, e }))
                    .and_then(|key| key.to_der())
                    .unwrap_or_default();
                (RSA, Some(AnyRef::NULL), &rsa_key)
            }
            Material::Ed25519(key) => (ED25519, None, key),
        };
        // Keys of the sizes that are held here always have a DER form.
        BitString::from_bytes(key)
            .and_then(|bits| {
                spki::SubjectPublicKeyInfo {
                    algorithm: AlgorithmIdentifierRef { oid, parameters },
                    subject_public_key: bits,
                }
                .to_der()
            })
            .unwrap_or_default()
    }

    /// From an OpenSSH line: type, base64, and an optional comment, which is dropped.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn from_openssh(line: &str) -> Result<Self, ReadError> {
        let (kind, blob) = crate::line::split(line, MAX_LINE)?;
        let mut reader = Reader::new(&blob);
        let kind = KeyKind::ALL
            .into_iter()
            .find(|known| known.key_type() == kind)
            .ok_or(ReadError::UnsupportedType)?;
        if reader.string()? != kind.key_type().as_bytes() {
            return Err(ReadError::TypeMismatch);
        }
        let key = Self::read(kind, &mut reader)?;
        reader.finish()?;
        Ok(key)
    }

    /// The OpenSSH line without comment: type and base64.
    #[must_use]
    pub fn to_openssh(&self) -> String {
        format!(
            "{} {}",
            self.kind().key_type(),
            Base64::encode_string(&self.to_blob())
        )
    }

    /// The key as SSH's wire format has it (RFC 4253 §6.6, RFC 5656 §3.1, RFC 8709 §4).
    #[must_use]
    pub fn to_blob(&self) -> Vec<u8> {
        let mut writer = Writer::default();
        writer.string(self.kind().key_type().as_bytes());
        self.write(&mut writer);
        writer.into_bytes()
    }

    /// From SSH's wire format.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn from_blob(blob: &[u8]) -> Result<Self, ReadError> {
        let mut reader = Reader::new(blob);
        let kind = reader.string()?;
        let kind = KeyKind::ALL
            .into_iter()
            .find(|known| known.key_type().as_bytes() == kind)
            .ok_or(ReadError::UnsupportedType)?;
        let key = Self::read(kind, &mut reader)?;
        reader.finish()?;
        Ok(key)
    }

    /// The kind of key.
    #[must_use]
    pub const fn kind(&self) -> KeyKind {
        match &self.material {
            Material::Ec(kind, _) => *kind,
            Material::Rsa { .. } => KeyKind::Rsa,
            Material::Ed25519(_) => KeyKind::Ed25519,
        }
    }

    /// The fields of the key, as they stand in keys and in certificates.
    pub(crate) fn write(&self, writer: &mut Writer) {
        match &self.material {
            Material::Ec(kind, point) => writer.string(kind.curve().as_bytes()).string(point),
            Material::Rsa { n, e } => writer.mpint(e).mpint(n),
            Material::Ed25519(key) => writer.string(key),
        };
    }

    pub(crate) fn read(kind: KeyKind, reader: &mut Reader<'_>) -> Result<Self, ReadError> {
        let material = match kind {
            KeyKind::P256 | KeyKind::P384 => {
                if reader.string()? != kind.curve().as_bytes() {
                    return Err(ReadError::Key);
                }
                Self::ec(kind, reader.string()?)
            }
            KeyKind::Rsa => {
                let e = reader.mpint()?;
                Self::rsa(reader.mpint()?, e)
            }
            KeyKind::Ed25519 => {
                let key = reader.string()?.try_into().map_err(|_| ReadError::Key)?;
                Ok(Material::Ed25519(key))
            }
        };
        Ok(Self {
            material: material.map_err(|_| ReadError::Key)?,
        })
    }

    fn ec(kind: KeyKind, point: &[u8]) -> Result<Material, KeyError> {
        if point.len() != kind.point_len() || point.first() != Some(&4) {
            return Err(KeyError::Malformed);
        }
        Ok(Material::Ec(kind, point.to_vec()))
    }

    fn rsa(n: &[u8], e: &[u8]) -> Result<Material, KeyError> {
        let bits = match n.first() {
            None | Some(0) => return Err(KeyError::Malformed),
            Some(first) => n.len().saturating_mul(8) - first.leading_zeros() as usize,
        };
        if !(2048..=8192).contains(&bits) {
            return Err(KeyError::RsaBits { bits });
        }
        let odd = |number: &[u8]| number.last().is_some_and(|last| last & 1 == 1);
        if !odd(n) || !odd(e) || e == [1] || e.len() > 8 {
            return Err(KeyError::Malformed);
        }
        Ok(Material::Rsa {
            n: n.to_vec(),
            e: e.to_vec(),
        })
    }
}

impl fmt::Display for SshPublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_openssh())
    }
}

impl fmt::Debug for SshPublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SshPublicKey({})", self.to_openssh())
    }
}

/// RSAPublicKey (RFC 8017 A.1.1).
#[derive(der::Sequence)]
struct RsaPublicKey<'a> {
    n: UintRef<'a>,
    e: UintRef<'a>,
}
