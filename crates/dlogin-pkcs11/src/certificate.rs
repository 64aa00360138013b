//! What the module needs to know of a certificate.

use der::asn1::{ObjectIdentifier, OctetStringRef};
use der::{Decode, Encode};
use dlogin_service::KeyId;
use sha2::{Digest, Sha256};

use crate::curve::Curve;

/// id-ecPublicKey (RFC 5480 section 2.1.1).
const EC_PUBLIC_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
/// Leaf, and more intermediates than any CA has.
const MAX_CHAIN: usize = 8;
const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
const END: &str = "-----END CERTIFICATE-----";

/// A certificate, all parts DER.
pub(crate) struct Certificate {
    pub(crate) der: Vec<u8>,
    pub(crate) subject: Vec<u8>,
    pub(crate) issuer: Vec<u8>,
    pub(crate) serial: Vec<u8>,
    pub(crate) spki: Vec<u8>,
    /// Seconds since 1970.
    pub(crate) not_before: u64,
    /// Seconds since 1970.
    pub(crate) not_after: u64,
    /// The key, where it is on a curve that we know.
    pub(crate) key: Option<PublicKey>,
}

/// An ECDSA public key.
#[derive(Clone)]
pub(crate) struct PublicKey {
    pub(crate) curve: Curve,
    /// The OID of the curve, DER: `CKA_EC_PARAMS`.
    pub(crate) parameters: Vec<u8>,
    /// The point in an OCTET STRING, DER: `CKA_EC_POINT`.
    pub(crate) point: Vec<u8>,
}

impl Certificate {
    fn read(der: Vec<u8>) -> Option<Self> {
        let certificate = x509_cert::Certificate::from_der(&der).ok()?;
        let tbs = certificate.tbs_certificate();
        let spki = tbs.subject_public_key_info();
        let seconds = |time: x509_cert::time::Time| time.to_unix_duration().as_secs();
        let curve = (spki.algorithm.oid == EC_PUBLIC_KEY)
            .then(|| spki.algorithm.parameters.as_ref()?.decode_as().ok())
            .flatten()
            .and_then(Curve::of);
        let key = curve.and_then(|curve| {
            let point = spki.subject_public_key.as_bytes()?;
            Some(PublicKey {
                curve,
                parameters: curve.oid().to_der().ok()?,
                point: OctetStringRef::new(point).ok()?.to_der().ok()?,
            })
        });
        Some(Self {
            subject: tbs.subject().to_der().ok()?,
            issuer: tbs.issuer().to_der().ok()?,
            serial: tbs.serial_number().to_der().ok()?,
            spki: spki.to_der().ok()?,
            not_before: seconds(tbs.validity().not_before),
            not_after: seconds(tbs.validity().not_after),
            key,
            der,
        })
    }

    /// A chain in PEM, the leaf first. Nothing where any of it is not what
    /// dlogin writes.
    pub(crate) fn read_chain(pem: &str) -> Option<Vec<Self>> {
        let mut chain = Vec::new();
        let mut rest = pem;
        while let Some(begin) = rest.find(BEGIN) {
            let from = rest.get(begin..)?;
            let length = from.find(END)? + END.len();
            let (_, der) = pem_rfc7468::decode_vec(from.get(..length)?.as_bytes()).ok()?;
            if chain.len() == MAX_CHAIN {
                return None;
            }
            chain.push(Self::read(der)?);
            rest = from.get(length..)?;
        }
        (!chain.is_empty()).then_some(chain)
    }

    /// The name of the key: SHA-256 of the SubjectPublicKeyInfo.
    pub(crate) fn key_id(&self) -> KeyId {
        KeyId(Sha256::digest(&self.spki).into())
    }
}
