//! The pure Rust backend, always there.

use super::{Backend, InvalidSignature, SignatureAlgorithm, rsa};
use crate::{KeyAlgorithm, PublicKey};
use sha2::{Digest, Sha256, Sha384, Sha512};
use signature::{Verifier, hazmat::PrehashVerifier};

/// The RustCrypto crates: portable, no C compiler and no std needed; RSA on the
/// arithmetic of `crypto-bigint`.
#[derive(Clone, Copy, Debug, Default)]
pub struct RustCrypto;

impl Backend for RustCrypto {
    fn verify(
        algorithm: SignatureAlgorithm,
        key: &PublicKey,
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), InvalidSignature> {
        use SignatureAlgorithm as A;
        match algorithm {
            A::RsaPkcs1Sha256 => rsa::verify(
                modulus(key)?,
                rsa::SHA256,
                &Sha256::digest(message),
                signature,
            ),
            A::RsaPkcs1Sha384 => rsa::verify(
                modulus(key)?,
                rsa::SHA384,
                &Sha384::digest(message),
                signature,
            ),
            A::RsaPkcs1Sha512 => rsa::verify(
                modulus(key)?,
                rsa::SHA512,
                &Sha512::digest(message),
                signature,
            ),
            A::EcdsaP256Sha256 | A::EcdsaP384Sha256 => {
                ecdsa(key, &Sha256::digest(message), signature)
            }
            A::EcdsaP256Sha384 | A::EcdsaP384Sha384 => {
                ecdsa(key, &Sha384::digest(message), signature)
            }
            A::Ed25519 => ed25519(key, message, signature),
        }
    }
}

fn modulus(key: &PublicKey) -> Result<&[u8], InvalidSignature> {
    key.rsa_modulus().ok_or(InvalidSignature)
}

fn ecdsa(key: &PublicKey, digest: &[u8], signature: &[u8]) -> Result<(), InvalidSignature> {
    let point = key.raw().ok_or(InvalidSignature)?;
    let result = if key.algorithm() == KeyAlgorithm::P384 {
        let key = p384::ecdsa::VerifyingKey::from_sec1_bytes(point);
        let signature = p384::ecdsa::Signature::from_der(signature);
        key.and_then(|key| key.verify_prehash(digest, &signature?))
    } else {
        let key = p256::ecdsa::VerifyingKey::from_sec1_bytes(point);
        let signature = p256::ecdsa::Signature::from_der(signature);
        key.and_then(|key| key.verify_prehash(digest, &signature?))
    };
    result.map_err(|_| InvalidSignature)
}

fn ed25519(key: &PublicKey, message: &[u8], signature: &[u8]) -> Result<(), InvalidSignature> {
    let key = super::refuse_weak_ed25519(key)?;
    let signature = ed25519_dalek::Signature::from_slice(signature);
    signature
        .and_then(|signature| key.verify(message, &signature))
        .map_err(|_| InvalidSignature)
}
