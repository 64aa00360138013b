//! Signature algorithms of certificates and requests.

use crate::{
    KeyAlgorithm, SignatureAlgorithm,
    der::{self, Element, dotted},
    error::Rule,
};

/// What an AlgorithmIdentifier names; for ECDSA the curve is the key's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SignatureKind {
    RsaSha256,
    RsaSha384,
    RsaSha512,
    EcdsaSha256,
    EcdsaSha384,
    Ed25519,
}

const RSA_SHA256: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0b];
const RSA_SHA384: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0c];
const RSA_SHA512: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0d];
const ECDSA_SHA256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02];
const ECDSA_SHA384: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x03];
const ED25519: &[u8] = &[0x2b, 0x65, 0x70];

impl SignatureKind {
    /// Reads an AlgorithmIdentifier.
    pub(crate) fn parse(identifier: Element<'_>) -> Result<Self, Rule> {
        let mut fields = identifier.reader();
        let oid = fields.expect(der::OBJECT_IDENTIFIER)?.oid()?;
        let parameters = if fields.is_empty() {
            None
        } else {
            Some(fields.any()?)
        };
        fields.finish()?;
        let kind = match oid {
            RSA_SHA256 => Self::RsaSha256,
            RSA_SHA384 => Self::RsaSha384,
            RSA_SHA512 => Self::RsaSha512,
            ECDSA_SHA256 => Self::EcdsaSha256,
            ECDSA_SHA384 => Self::EcdsaSha384,
            ED25519 => Self::Ed25519,
            other => return Err(Rule::SignatureAlgorithm { oid: dotted(other) }),
        };
        // Deviation `rsa-parameters-absent`: RFC 4055 §5 wants NULL, which some issuers leave out.
        // RFC 5758 §3.2 and RFC 8410 §3 want nothing.
        let allowed = match parameters {
            None => true,
            Some(null) => kind.is_rsa() && null.tag == der::NULL && null.contents.is_empty(),
        };
        if allowed {
            Ok(kind)
        } else {
            Err(Rule::AlgorithmParameters { oid: dotted(oid) })
        }
    }

    const fn is_rsa(self) -> bool {
        matches!(self, Self::RsaSha256 | Self::RsaSha384 | Self::RsaSha512)
    }

    /// The algorithm of a signature of this kind by such a key, if there is one.
    pub(crate) const fn by(self, key: KeyAlgorithm) -> Option<SignatureAlgorithm> {
        use SignatureAlgorithm as A;
        let algorithm = match (self, key) {
            (Self::RsaSha256, _) => A::RsaPkcs1Sha256,
            (Self::RsaSha384, _) => A::RsaPkcs1Sha384,
            (Self::RsaSha512, _) => A::RsaPkcs1Sha512,
            (Self::EcdsaSha256, KeyAlgorithm::P384) => A::EcdsaP384Sha256,
            (Self::EcdsaSha256, _) => A::EcdsaP256Sha256,
            (Self::EcdsaSha384, KeyAlgorithm::P384) => A::EcdsaP384Sha384,
            (Self::EcdsaSha384, _) => A::EcdsaP256Sha384,
            (Self::Ed25519, _) => A::Ed25519,
        };
        if algorithm.fits(key) {
            Some(algorithm)
        } else {
            None
        }
    }
}
