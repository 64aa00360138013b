//! The key that is certified: where no record of a person led to it, it must be used for nothing
//! else.

use acme_wire::Jwk;
use piv_attest::{KeyAlgorithm, PublicKey};

use super::{CsrError, Issuer};
use crate::entitlement::Entitlement;
use crate::store::SubjectKey;

impl Issuer {
    /// The key of a person's certificate, if it is another one than the attested key that
    /// answered; of that its record says whether it may have a certificate.
    pub(super) fn subject_key(
        &self,
        entitlement: &Entitlement,
    ) -> Result<Option<SubjectKey>, CsrError> {
        if entitlement.certifies_attested_key() {
            return Ok(None);
        }
        self.separate_key(entitlement.certified_key()).map(Some)
    }

    /// A key as the records know keys, if it is none of this CA's. The records are asked what
    /// else it is when the intent is recorded.
    pub(super) fn separate_key(&self, key: &PublicKey) -> Result<SubjectKey, CsrError> {
        let jwk = jwk(key).ok_or_else(|| CsrError::WeakKey {
            algorithm: key.algorithm(),
        })?;
        if self.hierarchy.has_key(key.spki_der()) {
            let what = "a key of this CA";
            return Err(CsrError::ReusedKey { what });
        }
        Ok(SubjectKey {
            thumbprint: jwk.thumbprint(),
            spki_sha256: key.spki_sha256(),
        })
    }
}

/// `None` for a key of a kind that is not certified.
fn jwk(key: &PublicKey) -> Option<Jwk> {
    match key.algorithm() {
        KeyAlgorithm::P256 => Jwk::p256(key.raw()?).ok(),
        KeyAlgorithm::P384 => Jwk::p384(key.raw()?).ok(),
        KeyAlgorithm::Ed25519 => Jwk::ed25519(key.raw()?.try_into().ok()?).ok(),
        KeyAlgorithm::Rsa2048 | KeyAlgorithm::Rsa3072 | KeyAlgorithm::Rsa4096 => {
            // 65537 is the one exponent that such a key can have here.
            Jwk::rsa(key.rsa_modulus()?, &[1, 0, 1]).ok()
        }
        _ => None,
    }
}
