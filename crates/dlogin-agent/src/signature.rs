//! Signatures, from DER to SSH.

use der::{Decode, asn1::UintRef};
use piv_attest::KeyAlgorithm;

use crate::wire::{Malformed, Writer};

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
pub(crate) struct EcdsaSignature<'a> {
    pub(crate) r: UintRef<'a>,
    pub(crate) s: UintRef<'a>,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sha_1_is_not_signed_with() {
        assert_eq!(RsaHash::from_flags(0), None);
        assert_eq!(RsaHash::from_flags(2), Some(RsaHash::Sha256));
        assert_eq!(RsaHash::from_flags(4), Some(RsaHash::Sha512));
        assert!(to_ssh(KeyAlgorithm::Rsa2048, None, &[0; 256]).is_err());
    }
}
