//! A certificate chain as `dlogin` writes it, and what has to be known of it.

use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

use dlogin_service::Algorithm;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use x509_cert::der::asn1::ObjectIdentifier;
use x509_cert::der::{Decode, Encode};

/// No file of dlogin is longer, in bytes.
const MAX_FILE: u64 = 1 << 20;
/// Leaf, and more intermediates than any CA has.
const MAX_CHAIN: usize = 8;

pub(crate) struct Chain {
    /// The leaf first.
    pub(crate) certificates: Vec<CertificateDer<'static>>,
    /// SubjectPublicKeyInfo of the leaf, DER.
    pub(crate) spki: Vec<u8>,
    /// How its key signs, where the agent knows to.
    pub(crate) algorithm: Option<Algorithm>,
    /// Its end, seconds since 1970.
    pub(crate) not_after: u64,
}

impl Chain {
    /// `None` where the file is not a chain as dlogin writes it.
    pub(crate) fn read(path: &Path) -> Option<Self> {
        let pem = read(path)?;
        let certificates: Vec<_> = CertificateDer::pem_slice_iter(&pem)
            .take(MAX_CHAIN + 1)
            .collect::<Result<_, _>>()
            .ok()?;
        if certificates.len() > MAX_CHAIN {
            return None;
        }
        let leaf = x509_cert::Certificate::from_der(certificates.first()?).ok()?;
        let tbs = leaf.tbs_certificate();
        let key = tbs.subject_public_key_info();
        let curve = || key.algorithm.parameters.as_ref()?.decode_as().ok();
        Some(Self {
            spki: key.to_der().ok()?,
            algorithm: algorithm(key.algorithm.oid, curve),
            not_after: tbs.validity().not_after.to_unix_duration().as_secs(),
            certificates,
        })
    }
}

fn algorithm(
    key: ObjectIdentifier,
    curve: impl FnOnce() -> Option<ObjectIdentifier>,
) -> Option<Algorithm> {
    // RFC 5480 §2.1.1, RFC 8017 appendix C, RFC 8410 §3.
    match key.to_string().as_str() {
        "1.2.840.10045.2.1" => match curve()?.to_string().as_str() {
            "1.2.840.10045.3.1.7" => Some(Algorithm::EcdsaP256Sha256),
            "1.3.132.0.34" => Some(Algorithm::EcdsaP384Sha384),
            _ => None,
        },
        "1.2.840.113549.1.1.1" => Some(Algorithm::RsaPkcs1Sha256),
        "1.3.101.112" => Some(Algorithm::Ed25519),
        _ => None,
    }
}

fn read(path: &Path) -> Option<Vec<u8>> {
    // Looked at before it is opened: a pipe would wait for a writer.
    if !fs::metadata(path).ok()?.is_file() {
        return None;
    }
    let mut bytes = Vec::new();
    let file = File::open(path).ok()?;
    let length = file.take(MAX_FILE + 1).read_to_end(&mut bytes).ok()?;
    (length as u64 <= MAX_FILE).then_some(bytes)
}
