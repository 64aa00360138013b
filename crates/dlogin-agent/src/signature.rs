//! Signatures between DER and SSH, and whether a host's holds.

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P384_SHA384_ASN1, ED25519, RSA_PKCS1_2048_8192_SHA256,
    RSA_PKCS1_2048_8192_SHA512, UnparsedPublicKey, VerificationAlgorithm,
};
use der::{Decode, Encode, asn1::UintRef};
use piv_attest::KeyAlgorithm;
use sshcert_acme::{KeyKind, SshPublicKey};
use x509_cert::spki::SubjectPublicKeyInfoRef;

use crate::wire::{Malformed, Reader, Writer};

/// The hash of an RSA signature, as a client asks for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RsaHash {
    Sha256,
    Sha512,
}

impl RsaHash {
    /// From the flags of a request (draft-ietf-sshm-ssh-agent §4.5.1). Without
    /// any, SHA-1 is meant, which we do not sign with.
    pub(crate) fn from_flags(flags: u32) -> Option<Self> {
        match flags {
            flags if flags & 4 != 0 => Some(Self::Sha512),
            flags if flags & 2 != 0 => Some(Self::Sha256),
            _ => None,
        }
    }
}

/// Ecdsa-Sig-Value (RFC 3279 §2.2.3).
#[derive(der::Sequence)]
struct EcdsaSignature<'a> {
    r: UintRef<'a>,
    s: UintRef<'a>,
}

/// The card's signature as SSH has it.
pub(crate) fn to_ssh(
    key: KeyAlgorithm,
    hash: Option<RsaHash>,
    signature: &[u8],
) -> Result<Vec<u8>, Malformed> {
    let named = |name: &str, signature: &[u8]| {
        Ok(Writer::default()
            .string(name.as_bytes())
            .string(signature)
            .done())
    };
    let ecdsa = |name| {
        let both = EcdsaSignature::from_der(signature).map_err(|_| Malformed)?;
        let both = Writer::default()
            .mpint(both.r.as_bytes())
            .mpint(both.s.as_bytes())
            .done();
        named(name, &both)
    };
    match (key, hash) {
        (KeyAlgorithm::P256, _) => ecdsa("ecdsa-sha2-nistp256"),
        (KeyAlgorithm::P384, _) => ecdsa("ecdsa-sha2-nistp384"),
        (KeyAlgorithm::Ed25519, _) => named("ssh-ed25519", signature),
        (key, Some(RsaHash::Sha256)) if key.is_rsa() => named("rsa-sha2-256", signature),
        (key, Some(RsaHash::Sha512)) if key.is_rsa() => named("rsa-sha2-512", signature),
        _ => Err(Malformed),
    }
}

/// Whether `signature`, in SSH's wire format, is `key`'s over `message`. Keys of
/// kinds that we do not know sign nothing.
pub(crate) fn holds(key: &[u8], message: &[u8], signature: &[u8]) -> bool {
    check(key, message, signature).is_ok()
}

fn check(key: &[u8], message: &[u8], signature: &[u8]) -> Result<(), Malformed> {
    let key = SshPublicKey::from_blob(key).map_err(|_| Malformed)?;
    let mut reader = Reader::new(signature);
    let name = reader.string()?;
    let bytes = reader.string()?;
    reader.end()?;
    let (algorithm, bytes): (&'static dyn VerificationAlgorithm, _) = match (key.kind(), name) {
        (KeyKind::Ed25519, b"ssh-ed25519") => (&ED25519, bytes.to_vec()),
        (KeyKind::P256, b"ecdsa-sha2-nistp256") => (&ECDSA_P256_SHA256_ASN1, to_der(bytes)?),
        (KeyKind::P384, b"ecdsa-sha2-nistp384") => (&ECDSA_P384_SHA384_ASN1, to_der(bytes)?),
        (KeyKind::Rsa, b"rsa-sha2-256") => (&RSA_PKCS1_2048_8192_SHA256, bytes.to_vec()),
        (KeyKind::Rsa, b"rsa-sha2-512") => (&RSA_PKCS1_2048_8192_SHA512, bytes.to_vec()),
        _ => return Err(Malformed),
    };
    let spki = key.to_spki_der();
    let spki = SubjectPublicKeyInfoRef::from_der(&spki).map_err(|_| Malformed)?;
    UnparsedPublicKey::new(algorithm, spki.subject_public_key.raw_bytes())
        .verify(message, &bytes)
        .map_err(|_| Malformed)
}

fn to_der(signature: &[u8]) -> Result<Vec<u8>, Malformed> {
    let mut reader = Reader::new(signature);
    let (r, s) = (reader.string()?, reader.string()?);
    reader.end()?;
    let positive = |number| UintRef::new(number).map_err(|_| Malformed);
    EcdsaSignature {
        r: positive(r)?,
        s: positive(s)?,
    }
    .to_der()
    .map_err(|_| Malformed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_lc_rs::rand::SystemRandom;
    use aws_lc_rs::signature::{
        ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair,
    };

    #[test]
    fn an_ed25519_host_is_believed_for_its_own_signature_alone() {
        let pair = Ed25519KeyPair::generate().unwrap();
        let blob = |pair: &Ed25519KeyPair| {
            Writer::default()
                .string(b"ssh-ed25519")
                .string(pair.public_key().as_ref())
                .done()
        };
        let signature = Writer::default()
            .string(b"ssh-ed25519")
            .string(pair.sign(b"session").as_ref())
            .done();
        assert!(holds(&blob(&pair), b"session", &signature));
        assert!(!holds(&blob(&pair), b"another", &signature));
        let other = Ed25519KeyPair::generate().unwrap();
        assert!(!holds(&blob(&other), b"session", &signature));
    }

    #[test]
    fn ecdsa_goes_from_der_to_ssh_and_back() {
        let random = SystemRandom::new();
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap();
        let blob = Writer::default()
            .string(b"ecdsa-sha2-nistp256")
            .string(b"nistp256")
            .string(pair.public_key().as_ref())
            .done();
        // Often enough that numbers with a high first bit are among them.
        for round in 0..32u8 {
            let der = pair.sign(&random, &[round]).unwrap();
            let ssh = to_ssh(KeyAlgorithm::P256, None, der.as_ref()).unwrap();
            assert!(holds(&blob, &[round], &ssh));
        }
    }

    #[test]
    fn sha_1_is_not_signed_with() {
        assert_eq!(RsaHash::from_flags(0), None);
        assert_eq!(RsaHash::from_flags(2), Some(RsaHash::Sha256));
        assert_eq!(RsaHash::from_flags(4), Some(RsaHash::Sha512));
        assert!(to_ssh(KeyAlgorithm::Rsa2048, None, &[0; 256]).is_err());
    }
}
