//! Who checks signatures.

#[cfg(feature = "aws-lc-rs")]
mod aws_lc;
mod rsa;
mod rust_crypto;

#[cfg(feature = "aws-lc-rs")]
pub use aws_lc::AwsLcRs;
pub use rust_crypto::RustCrypto;

use crate::{KeyAlgorithm, PublicKey};
use thiserror::Error;

/// A signature algorithm that a [`Backend`] can check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SignatureAlgorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256 (RFC 8017 §8.2).
    RsaPkcs1Sha256,
    /// RSASSA-PKCS1-v1_5 with SHA-384.
    RsaPkcs1Sha384,
    /// RSASSA-PKCS1-v1_5 with SHA-512.
    RsaPkcs1Sha512,
    /// ECDSA with SHA-256 by a P-256 key; signatures are DER.
    EcdsaP256Sha256,
    /// ECDSA with SHA-384 by a P-256 key.
    EcdsaP256Sha384,
    /// ECDSA with SHA-256 by a P-384 key.
    EcdsaP384Sha256,
    /// ECDSA with SHA-384 by a P-384 key.
    EcdsaP384Sha384,
    /// Ed25519 (RFC 8032).
    Ed25519,
}

impl SignatureAlgorithm {
    /// The algorithm that ACME, JWS and this project use with this kind of key: the hash has the
    /// strength of the curve, and SHA-256 goes with RSA. None for X25519, which
    /// signs nothing, and RSA-1024, whose signatures prove nothing.
    #[must_use]
    pub const fn usual_for(key: KeyAlgorithm) -> Option<Self> {
        match key {
            KeyAlgorithm::Rsa2048 | KeyAlgorithm::Rsa3072 | KeyAlgorithm::Rsa4096 => {
                Some(Self::RsaPkcs1Sha256)
            }
            KeyAlgorithm::P256 => Some(Self::EcdsaP256Sha256),
            KeyAlgorithm::P384 => Some(Self::EcdsaP384Sha384),
            KeyAlgorithm::Ed25519 => Some(Self::Ed25519),
            KeyAlgorithm::Rsa1024 | KeyAlgorithm::X25519 => None,
        }
    }

    /// Whether this kind of key makes signatures of this algorithm. RSA-1024 fits none.
    #[must_use]
    pub const fn fits(self, key: KeyAlgorithm) -> bool {
        match self {
            Self::RsaPkcs1Sha256 | Self::RsaPkcs1Sha384 | Self::RsaPkcs1Sha512 => {
                key.is_rsa() && !matches!(key, KeyAlgorithm::Rsa1024)
            }
            Self::EcdsaP256Sha256 | Self::EcdsaP256Sha384 => matches!(key, KeyAlgorithm::P256),
            Self::EcdsaP384Sha256 | Self::EcdsaP384Sha384 => matches!(key, KeyAlgorithm::P384),
            Self::Ed25519 => matches!(key, KeyAlgorithm::Ed25519),
        }
    }
}

/// The signature is not the key's over the message, or the algorithm is not for the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("signature is wrong")]
pub struct InvalidSignature;

/// Checks signatures. A type that the caller names, so that no feature of any crate changes
/// what checks them: [`RustCrypto`], `AwsLcRs` behind the feature `aws-lc-rs`, or
/// one of your own.
///
/// Use [`PublicKey::verify`], which also makes sure that every backend accepts the same.
pub trait Backend: Send + Sync + 'static {
    /// Checks one signature. The key is well-formed, the algorithm fits it, and the signature has
    /// the form and length of the algorithm: [`PublicKey::verify`] has seen to it.
    ///
    /// # Errors
    /// [`InvalidSignature`] for anything but a valid signature.
    fn verify(
        algorithm: SignatureAlgorithm,
        key: &PublicKey,
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), InvalidSignature>;
}

/// An Ed25519 key of small order has signatures that anyone can make. Both backends refuse it
/// here, since AWS-LC itself does not.
fn refuse_weak_ed25519(key: &PublicKey) -> Result<ed25519_dalek::VerifyingKey, InvalidSignature> {
    let bytes = key
        .raw()
        .and_then(|raw| raw.try_into().ok())
        .ok_or(InvalidSignature)?;
    let key = ed25519_dalek::VerifyingKey::from_bytes(bytes).map_err(|_| InvalidSignature)?;
    if key.is_weak() {
        Err(InvalidSignature)
    } else {
        Ok(key)
    }
}

#[cfg(test)]
mod tests {
    use super::{SignatureAlgorithm as A, refuse_weak_ed25519};
    use crate::{
        KeyAlgorithm as K, PublicKey, RustCrypto,
        test_pki::{Key, raw_spki},
    };

    #[test]
    fn each_kind_of_key_has_its_algorithms_and_no_others() {
        let rsa = [A::RsaPkcs1Sha256, A::RsaPkcs1Sha384, A::RsaPkcs1Sha512];
        let p256 = [A::EcdsaP256Sha256, A::EcdsaP256Sha384];
        let p384 = [A::EcdsaP384Sha256, A::EcdsaP384Sha384];
        let all = [&rsa[..], &p256, &p384, &[A::Ed25519]].concat();
        for (key, usual, fitting) in [
            (K::Rsa1024, None, &[][..]),
            (K::Rsa2048, Some(A::RsaPkcs1Sha256), &rsa),
            (K::Rsa3072, Some(A::RsaPkcs1Sha256), &rsa),
            (K::Rsa4096, Some(A::RsaPkcs1Sha256), &rsa),
            (K::P256, Some(A::EcdsaP256Sha256), &p256),
            (K::P384, Some(A::EcdsaP384Sha384), &p384),
            (K::Ed25519, Some(A::Ed25519), &[A::Ed25519]),
            (K::X25519, None, &[]),
        ] {
            assert_eq!(A::usual_for(key), usual, "{key}");
            for algorithm in &all {
                assert_eq!(
                    algorithm.fits(key),
                    fitting.contains(algorithm),
                    "{key} {algorithm:?}"
                );
            }
            assert_eq!(key.as_str().parse(), Ok(key));
            assert_eq!(key.is_ecdsa(), matches!(key, K::P256 | K::P384));
        }
        assert!("RSA-512".parse::<K>().is_err());
    }

    #[test]
    fn ed25519_keys_of_small_order_verify_nothing() {
        // The neutral element: with it, R = B·0 and s = 0 is a signature of everything.
        let mut neutral = [0; 32];
        neutral[0] = 1;
        let weak = PublicKey::from_spki_der(&raw_spki(0x70, &neutral)).expect("well-formed");
        let signature = [&neutral[..], &[0; 32]].concat();
        assert!(refuse_weak_ed25519(&weak).is_err());
        assert!(
            weak.verify::<RustCrypto>(A::Ed25519, b"anything", &signature)
                .is_err()
        );
        #[cfg(feature = "aws-lc-rs")]
        assert!(
            weak.verify::<crate::AwsLcRs>(A::Ed25519, b"anything", &signature)
                .is_err()
        );
        let sound = PublicKey::from_spki_der(&Key::Ed25519(3).spki()).expect("well-formed");
        assert!(refuse_weak_ed25519(&sound).is_ok());
    }
}
