//! Private keys: generating, importing, using, keeping.
//!
//! The RustCrypto `rsa` crate has a timing side channel in private-key
//! operations (RUSTSEC-2023-0071). Here it does not matter: the card is a stand-in
//! for tests and demonstrations, its keys lie in a file beside it and are worth
//! nothing. It is used because PIV asks for the bare private operation on a
//! padded block, which no other library offers.

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use getrandom::SysRng;
use p256::ecdsa::signature::hazmat::PrehashSigner;
use p256::elliptic_curve::sec1::ToSec1Point;
use rsa::pkcs8::{DecodePrivateKey, EncodePrivateKey};
use rsa::traits::PublicKeyParts;
use rsa::{BoxedUint, RsaPrivateKey};
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, Zeroizing};

use crate::der;
use crate::tlv::tlv;

/// What a slot's key can be (SP 800-73, and Yubico's additions).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Algorithm {
    Rsa1024,
    Rsa2048,
    Rsa3072,
    Rsa4096,
    P256,
    P384,
    Ed25519,
    X25519,
}

impl Algorithm {
    pub(crate) fn from_code(code: u8) -> Option<Self> {
        Some(match code {
            0x06 => Self::Rsa1024,
            0x07 => Self::Rsa2048,
            0x05 => Self::Rsa3072,
            0x16 => Self::Rsa4096,
            0x11 => Self::P256,
            0x14 => Self::P384,
            0xE0 => Self::Ed25519,
            0xE1 => Self::X25519,
            _ => return None,
        })
    }

    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Rsa1024 => 0x06,
            Self::Rsa2048 => 0x07,
            Self::Rsa3072 => 0x05,
            Self::Rsa4096 => 0x16,
            Self::P256 => 0x11,
            Self::P384 => 0x14,
            Self::Ed25519 => 0xE0,
            Self::X25519 => 0xE1,
        }
    }

    /// Since firmware 5.7.
    pub(crate) fn is_new(self) -> bool {
        matches!(
            self,
            Self::Rsa3072 | Self::Rsa4096 | Self::Ed25519 | Self::X25519
        )
    }

    /// Length of modulus or field element, in bytes.
    pub(crate) fn size(self) -> usize {
        match self {
            Self::Rsa1024 => 128,
            Self::Rsa2048 => 256,
            Self::Rsa3072 => 384,
            Self::Rsa4096 => 512,
            Self::P384 => 48,
            Self::P256 | Self::Ed25519 | Self::X25519 => 32,
        }
    }
}

/// The key's part that stays secret, in the form in which it is kept.
#[derive(Clone, Serialize, Deserialize)]
#[serde(into = "Stored", try_from = "Stored")]
pub(crate) enum PrivateKey {
    Rsa(Algorithm, Box<RsaPrivateKey>),
    P256(p256::SecretKey),
    P384(p384::SecretKey),
    Ed25519(Box<ed25519_dalek::SigningKey>),
    X25519(x25519_dalek::StaticSecret),
}

impl std::fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("PrivateKey")
            .field(&self.algorithm())
            .finish()
    }
}

/// Why a key cannot be made, read or used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum KeyError {
    #[error("no key of this algorithm can be generated")]
    Generate,
    #[error("these are not the parts of a private key of this algorithm")]
    Parts,
    #[error("the operation does not fit the key, or its input does not")]
    Operation,
}

/// On disk: RSA as PKCS#8, the others as the bare secret; in hexadecimal.
#[derive(Serialize, Deserialize)]
struct Stored {
    algorithm: Algorithm,
    secret: String,
}

impl Drop for Stored {
    fn drop(&mut self) {
        self.secret.zeroize();
    }
}

impl From<PrivateKey> for Stored {
    fn from(key: PrivateKey) -> Self {
        let secret = match &key {
            // Encoding a key that was read or made before does not fail.
            PrivateKey::Rsa(_, rsa) => rsa
                .to_pkcs8_der()
                .map(|der| Zeroizing::new(der.as_bytes().to_vec()))
                .unwrap_or_default(),
            PrivateKey::P256(key) => Zeroizing::new(key.to_bytes().to_vec()),
            PrivateKey::P384(key) => Zeroizing::new(key.to_bytes().to_vec()),
            PrivateKey::Ed25519(key) => Zeroizing::new(key.to_bytes().to_vec()),
            PrivateKey::X25519(key) => Zeroizing::new(key.to_bytes().to_vec()),
        };
        Self {
            algorithm: key.algorithm(),
            secret: hex::encode(&secret),
        }
    }
}

impl TryFrom<Stored> for PrivateKey {
    type Error = KeyError;

    fn try_from(stored: Stored) -> Result<Self, Self::Error> {
        let secret = Zeroizing::new(hex::decode(&stored.secret).map_err(|_| KeyError::Parts)?);
        match stored.algorithm {
            Algorithm::Rsa1024 | Algorithm::Rsa2048 | Algorithm::Rsa3072 | Algorithm::Rsa4096 => {
                Self::rsa_from_pkcs8(stored.algorithm, &secret)
            }
            other => Self::from_secret(other, &secret),
        }
    }
}

impl PrivateKey {
    /// A new key.
    pub(crate) fn generate(algorithm: Algorithm) -> Result<Self, KeyError> {
        // aws-lc generates RSA keys ten times as fast, but none of 1024 bits.
        let size = match algorithm {
            Algorithm::Rsa1024 => {
                let key = RsaPrivateKey::new(&mut rsa::rand_core::UnwrapErr(SysRng), 1024)
                    .map_err(|_| KeyError::Generate)?;
                return Ok(Self::Rsa(algorithm, Box::new(key)));
            }
            Algorithm::Rsa2048 => KeySize::Rsa2048,
            Algorithm::Rsa3072 => KeySize::Rsa3072,
            Algorithm::Rsa4096 => KeySize::Rsa4096,
            Algorithm::P256 | Algorithm::P384 | Algorithm::Ed25519 | Algorithm::X25519 => {
                let mut secret = Zeroizing::new(vec![0; algorithm.size()]);
                loop {
                    getrandom::fill(&mut secret).map_err(|_| KeyError::Generate)?;
                    // Fails for scalars beyond the group order: about never.
                    if let Ok(key) = Self::from_secret(algorithm, &secret) {
                        return Ok(key);
                    }
                }
            }
        };
        let pair = KeyPair::generate(size).map_err(|_| KeyError::Generate)?;
        let der = pair.as_der().map_err(|_| KeyError::Generate)?;
        Self::rsa_from_pkcs8(algorithm, der.as_ref())
    }

    fn rsa_from_pkcs8(algorithm: Algorithm, der: &[u8]) -> Result<Self, KeyError> {
        let key = RsaPrivateKey::from_pkcs8_der(der).map_err(|_| KeyError::Parts)?;
        if key.size() != algorithm.size() {
            return Err(KeyError::Parts);
        }
        Ok(Self::Rsa(algorithm, Box::new(key)))
    }

    /// An RSA key from its primes, for the exponent 65,537 that PIV has.
    pub(crate) fn from_primes(algorithm: Algorithm, p: &[u8], q: &[u8]) -> Result<Self, KeyError> {
        let half = algorithm.size() / 2;
        if p.len() != half || q.len() != half {
            return Err(KeyError::Parts);
        }
        let key = RsaPrivateKey::from_p_q(
            BoxedUint::from_be_slice_vartime(p),
            BoxedUint::from_be_slice_vartime(q),
            BoxedUint::from(65_537_u64),
        )
        .map_err(|_| KeyError::Parts)?;
        if key.size() != algorithm.size() || key.validate().is_err() {
            return Err(KeyError::Parts);
        }
        Ok(Self::Rsa(algorithm, Box::new(key)))
    }

    /// A key that is one number: everything but RSA.
    pub(crate) fn from_secret(algorithm: Algorithm, secret: &[u8]) -> Result<Self, KeyError> {
        if secret.len() != algorithm.size() {
            return Err(KeyError::Parts);
        }
        Ok(match algorithm {
            Algorithm::P256 => {
                Self::P256(p256::SecretKey::from_slice(secret).map_err(|_| KeyError::Parts)?)
            }
            Algorithm::P384 => {
                Self::P384(p384::SecretKey::from_slice(secret).map_err(|_| KeyError::Parts)?)
            }
            Algorithm::Ed25519 => {
                let seed = secret.try_into().map_err(|_| KeyError::Parts)?;
                Self::Ed25519(Box::new(ed25519_dalek::SigningKey::from_bytes(seed)))
            }
            Algorithm::X25519 => {
                let seed: [u8; 32] = secret.try_into().map_err(|_| KeyError::Parts)?;
                Self::X25519(seed.into())
            }
            Algorithm::Rsa1024 | Algorithm::Rsa2048 | Algorithm::Rsa3072 | Algorithm::Rsa4096 => {
                return Err(KeyError::Parts);
            }
        })
    }

    pub(crate) fn algorithm(&self) -> Algorithm {
        match self {
            Self::Rsa(algorithm, _) => *algorithm,
            Self::P256(_) => Algorithm::P256,
            Self::P384(_) => Algorithm::P384,
            Self::Ed25519(_) => Algorithm::Ed25519,
            Self::X25519(_) => Algorithm::X25519,
        }
    }

    /// What PIV's "challenge" (tag 81) asks: a signature. For RSA the bare
    /// operation on a padded block, which decrypts as well; for ECDSA the
    /// signature of a digest; for Ed25519 that of a message.
    pub(crate) fn sign(&self, input: &[u8]) -> Result<Vec<u8>, KeyError> {
        match self {
            Self::Rsa(_, key) => rsa_private(key, input),
            Self::P256(key) => {
                let digest = widen::<32>(input)?;
                let signature: p256::ecdsa::Signature = p256::ecdsa::SigningKey::from(key)
                    .sign_prehash(&digest)
                    .map_err(|_| KeyError::Operation)?;
                Ok(signature.to_der().as_bytes().to_vec())
            }
            Self::P384(key) => {
                let digest = widen::<48>(input)?;
                let signature: p384::ecdsa::Signature = p384::ecdsa::SigningKey::from(key)
                    .sign_prehash(&digest)
                    .map_err(|_| KeyError::Operation)?;
                Ok(signature.to_der().as_bytes().to_vec())
            }
            Self::Ed25519(key) => {
                use ed25519_dalek::Signer;
                let signature = key.try_sign(input).map_err(|_| KeyError::Operation)?;
                Ok(signature.to_bytes().to_vec())
            }
            Self::X25519(_) => Err(KeyError::Operation),
        }
    }

    /// What PIV's "exponentiation" (tag 85) asks: a Diffie-Hellman secret.
    pub(crate) fn agree(&self, peer: &[u8]) -> Result<Vec<u8>, KeyError> {
        match self {
            Self::P256(key) => {
                let peer =
                    p256::PublicKey::from_sec1_bytes(peer).map_err(|_| KeyError::Operation)?;
                let secret = p256::ecdh::diffie_hellman(key.to_nonzero_scalar(), *peer.as_affine());
                Ok(secret.raw_secret_bytes().to_vec())
            }
            Self::P384(key) => {
                let peer =
                    p384::PublicKey::from_sec1_bytes(peer).map_err(|_| KeyError::Operation)?;
                let secret = p384::ecdh::diffie_hellman(key.to_nonzero_scalar(), *peer.as_affine());
                Ok(secret.raw_secret_bytes().to_vec())
            }
            Self::X25519(key) => {
                let peer: [u8; 32] = peer.try_into().map_err(|_| KeyError::Operation)?;
                Ok(key.diffie_hellman(&peer.into()).to_bytes().to_vec())
            }
            Self::Rsa(..) | Self::Ed25519(_) => Err(KeyError::Operation),
        }
    }

    /// The public key as the card tells it: 81 modulus 82 exponent, or 86 point.
    pub(crate) fn public_elements(&self) -> Vec<u8> {
        match self {
            Self::Rsa(_, key) => [tlv(0x81, &key.n_bytes()), tlv(0x82, &key.e_bytes())].concat(),
            _ => tlv(0x86, &self.point()),
        }
    }

    /// The public key as SubjectPublicKeyInfo, written as Yubico's firmware
    /// writes it (RSA parameters NULL; RFC 8410 for the Edwards curves).
    pub(crate) fn spki(&self) -> Vec<u8> {
        let (algorithm, key) = match self {
            Self::Rsa(_, key) => {
                let numbers = [der::unsigned(&key.n_bytes()), der::unsigned(&key.e_bytes())];
                (
                    der::sequence(&[der::oid(der::RSA_ENCRYPTION), der::null()]),
                    der::sequence(&numbers),
                )
            }
            Self::P256(_) => (
                der::sequence(&[der::oid(der::EC_PUBLIC_KEY), der::oid(der::P256)]),
                self.point(),
            ),
            Self::P384(_) => (
                der::sequence(&[der::oid(der::EC_PUBLIC_KEY), der::oid(der::P384)]),
                self.point(),
            ),
            Self::Ed25519(_) => (der::sequence(&[der::oid(der::ED25519)]), self.point()),
            Self::X25519(_) => (der::sequence(&[der::oid(der::X25519)]), self.point()),
        };
        der::sequence(&[algorithm, der::bit_string(&key)])
    }

    fn point(&self) -> Vec<u8> {
        match self {
            Self::Rsa(..) => Vec::new(),
            Self::P256(key) => key.public_key().to_sec1_point(false).as_bytes().to_vec(),
            Self::P384(key) => key.public_key().to_sec1_point(false).as_bytes().to_vec(),
            Self::Ed25519(key) => key.verifying_key().to_bytes().to_vec(),
            Self::X25519(key) => x25519_dalek::PublicKey::from(key).to_bytes().to_vec(),
        }
    }
}

fn rsa_private(key: &RsaPrivateKey, block: &[u8]) -> Result<Vec<u8>, KeyError> {
    if block.len() != key.size() {
        return Err(KeyError::Operation);
    }
    let bits = u32::try_from(block.len() * 8).map_err(|_| KeyError::Operation)?;
    let number = BoxedUint::from_be_slice(block, bits).map_err(|_| KeyError::Operation)?;
    let result = rsa::hazmat::rsa_decrypt_and_check(key, Some(&mut SysRng), &number)
        .map_err(|_| KeyError::Operation)?;
    let bytes = result.to_be_bytes();
    // The number may carry more leading zeros than the modulus is long, or fewer.
    let mut out = vec![0; key.size()];
    for (to, from) in out.iter_mut().rev().zip(bytes.iter().rev()) {
        *to = *from;
    }
    Ok(out)
}

/// A digest as long as the curve's field: shorter ones are numbers with leading
/// zeros, longer ones are refused as the real key does.
fn widen<const N: usize>(digest: &[u8]) -> Result<[u8; N], KeyError> {
    let mut wide = [0; N];
    let start = N.checked_sub(digest.len()).ok_or(KeyError::Operation)?;
    wide.get_mut(start..)
        .ok_or(KeyError::Operation)?
        .copy_from_slice(digest);
    Ok(wide)
}

#[cfg(test)]
mod tests;
