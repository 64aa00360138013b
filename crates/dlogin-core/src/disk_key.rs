//! The private key of a certificate that lives on disk (YUBIKEY-02): made
//! afresh for each issuance.

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair};
use der::asn1::{BitString, SetOfVec};
use der::{Decode, Encode};
use x509_cert::name::Name;
use x509_cert::request::{CertReq, CertReqInfo, Version};
use x509_cert::spki::{AlgorithmIdentifierOwned, ObjectIdentifier, SubjectPublicKeyInfoOwned};
use zeroize::Zeroizing;

/// ecdsa-with-SHA256 (RFC 5758 section 3.2).
const ECDSA_WITH_SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.2");

/// A fresh P-256 key that will be written to disk.
pub(crate) struct DiskKey {
    pair: EcdsaKeyPair,
    spki: Vec<u8>,
}

/// The machine could not make or use a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DiskKeyError {
    /// No randomness.
    #[error("no key could be made: the system's random generator failed")]
    Generate,
    /// The key could not be written in its standard form.
    #[error("the new key could not be encoded")]
    Encode,
    /// The certificate request could not be signed.
    #[error("the certificate request could not be signed")]
    Sign,
}

impl DiskKey {
    /// A fresh key.
    pub(crate) fn generate() -> Result<Self, DiskKeyError> {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING)
            .map_err(|_| DiskKeyError::Generate)?;
        let spki = pair
            .public_key()
            .as_der()
            .map_err(|_| DiskKeyError::Encode)?
            .as_ref()
            .to_vec();
        Ok(Self { pair, spki })
    }

    /// The SubjectPublicKeyInfo, DER.
    pub(crate) fn spki_der(&self) -> &[u8] {
        &self.spki
    }

    /// A certificate request (PKCS#10, DER) that shows possession and names
    /// nothing: the names come from the CA's records.
    pub(crate) fn request(&self) -> Result<Vec<u8>, DiskKeyError> {
        let info = CertReqInfo {
            version: Version::V1,
            subject: Name::default(),
            public_key: SubjectPublicKeyInfoOwned::from_der(&self.spki)
                .map_err(|_| DiskKeyError::Encode)?,
            attributes: SetOfVec::new(),
        };
        let signed = info.to_der().map_err(|_| DiskKeyError::Encode)?;
        let signature = self
            .pair
            .sign(&SystemRandom::new(), &signed)
            .map_err(|_| DiskKeyError::Sign)?;
        CertReq {
            info,
            algorithm: AlgorithmIdentifierOwned {
                oid: ECDSA_WITH_SHA256,
                parameters: None,
            },
            signature: BitString::from_bytes(signature.as_ref())
                .map_err(|_| DiskKeyError::Encode)?,
        }
        .to_der()
        .map_err(|_| DiskKeyError::Encode)
    }

    /// The private key as PEM (PKCS#8), as TLS programs read it.
    pub(crate) fn to_pem(&self) -> Result<Zeroizing<String>, DiskKeyError> {
        let pkcs8 = self.pair.to_pkcs8v1().map_err(|_| DiskKeyError::Encode)?;
        pem_rfc7468::encode_string("PRIVATE KEY", pem_rfc7468::LineEnding::LF, pkcs8.as_ref())
            .map(Zeroizing::new)
            .map_err(|_| DiskKeyError::Encode)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::process::{Command, Stdio};

    use super::*;

    fn openssl(arguments: &[&str], input: &[u8]) -> String {
        let mut child = Command::new("openssl")
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(input).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap()
    }

    #[test]
    fn openssl_reads_the_key_and_finds_the_same_public_key() {
        let key = DiskKey::generate().unwrap();
        let public = openssl(&["pkey", "-pubout"], key.to_pem().unwrap().as_bytes());
        let (_, der) = pem_rfc7468::decode_vec(public.as_bytes()).unwrap();
        assert_eq!(der, key.spki_der());
    }

    #[test]
    fn openssl_verifies_the_request_and_it_names_nothing() {
        let key = DiskKey::generate().unwrap();
        let text = openssl(
            &["req", "-inform", "DER", "-verify", "-noout", "-subject"],
            &key.request().unwrap(),
        );
        assert!(text.to_lowercase().contains("verify ok"), "{text}");
        assert!(text.contains("subject=\n"), "{text}");
    }

    #[test]
    fn every_key_is_a_new_one() {
        let keys = [DiskKey::generate().unwrap(), DiskKey::generate().unwrap()];
        assert_ne!(keys[0].spki_der(), keys[1].spki_der());
    }
}
