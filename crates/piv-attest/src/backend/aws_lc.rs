//! The fast backend.

use super::{Backend, InvalidSignature, SignatureAlgorithm};
use crate::PublicKey;
use aws_lc_rs::signature::{self, UnparsedPublicKey, VerificationAlgorithm};

/// AWS-LC: several times faster than [`RustCrypto`](super::RustCrypto), most of all on P-384.
#[derive(Clone, Copy, Debug, Default)]
pub struct AwsLcRs;

impl Backend for AwsLcRs {
    fn verify(
        algorithm: SignatureAlgorithm,
        key: &PublicKey,
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), InvalidSignature> {
        use SignatureAlgorithm as A;
        let algorithm: &'static dyn VerificationAlgorithm = match algorithm {
            A::RsaPkcs1Sha256 => &signature::RSA_PKCS1_2048_8192_SHA256,
            A::RsaPkcs1Sha384 => &signature::RSA_PKCS1_2048_8192_SHA384,
            A::RsaPkcs1Sha512 => &signature::RSA_PKCS1_2048_8192_SHA512,
            A::EcdsaP256Sha256 => &signature::ECDSA_P256_SHA256_ASN1,
            A::EcdsaP256Sha384 => &signature::ECDSA_P256_SHA384_ASN1,
            A::EcdsaP384Sha256 => &signature::ECDSA_P384_SHA256_ASN1,
            A::EcdsaP384Sha384 => &signature::ECDSA_P384_SHA384_ASN1,
            A::Ed25519 => {
                super::refuse_weak_ed25519(key)?;
                &signature::ED25519
            }
        };
        UnparsedPublicKey::new(algorithm, key.subject_public_key())
            .verify(message, signature)
            .map_err(|_| InvalidSignature)
    }
}
