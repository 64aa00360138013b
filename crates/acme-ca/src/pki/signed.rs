//! The shape that certificates and requests share: what is signed, by what algorithm, and the
//! signature (RFC 5280 §4.1, RFC 2986 §4.2).

use der::asn1::{BitStringRef, ObjectIdentifier};
use der::{AnyRef, Decode, Encode, Sequence};
use piv_attest::{PublicKey, SignatureAlgorithm};
use spki::AlgorithmIdentifierRef;

use crate::Backend;

/// Something signed; the signed part is kept as it came.
#[derive(Sequence)]
pub(crate) struct Signed<'a> {
    info: AnyRef<'a>,
    algorithm: AlgorithmIdentifierRef<'a>,
    signature: BitStringRef<'a>,
}

/// The signature does not verify.
#[derive(Debug)]
pub(crate) struct NotSigned;

impl<'a> Signed<'a> {
    pub(crate) fn read(der: &'a [u8]) -> Result<Self, der::Error> {
        Self::from_der(der)
    }

    /// The bytes that are signed.
    pub(crate) fn info(&self) -> Result<Vec<u8>, der::Error> {
        self.info.to_der()
    }

    /// Checks the signature.
    pub(crate) fn verify(&self, key: &PublicKey) -> Result<(), NotSigned> {
        let algorithm = signature_algorithm(self.algorithm.oid, key).ok_or(NotSigned)?;
        let signature = self.signature.as_bytes().ok_or(NotSigned)?;
        let info = self.info().map_err(|_| NotSigned)?;
        key.verify::<Backend>(algorithm, &info, signature)
            .map_err(|_| NotSigned)
    }
}

/// What the OID and the key say together.
fn signature_algorithm(oid: ObjectIdentifier, key: &PublicKey) -> Option<SignatureAlgorithm> {
    use SignatureAlgorithm as A;
    let candidates: [(&str, A); 8] = [
        ("1.2.840.10045.4.3.2", A::EcdsaP256Sha256),
        ("1.2.840.10045.4.3.2", A::EcdsaP384Sha256),
        ("1.2.840.10045.4.3.3", A::EcdsaP256Sha384),
        ("1.2.840.10045.4.3.3", A::EcdsaP384Sha384),
        ("1.2.840.113549.1.1.11", A::RsaPkcs1Sha256),
        ("1.2.840.113549.1.1.12", A::RsaPkcs1Sha384),
        ("1.2.840.113549.1.1.13", A::RsaPkcs1Sha512),
        ("1.3.101.112", A::Ed25519),
    ];
    let oid = oid.to_string();
    candidates
        .into_iter()
        .find(|(name, algorithm)| *name == oid && algorithm.fits(key.algorithm()))
        .map(|(_, algorithm)| algorithm)
}
