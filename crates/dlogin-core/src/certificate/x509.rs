//! A chain of X.509 certificates from the CA.

use std::sync::Arc;

use der::{Decode, Encode};
use rustls::RootCertStore;
use rustls::crypto::aws_lc_rs;
use rustls::server::WebPkiClientVerifier;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, UnixTime};
use time::OffsetDateTime;
use x509_cert::Certificate;
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;

use super::{CertificateError, judge_validity};
use crate::clock;
use crate::text::printable;

/// Leaf, and more intermediates than any CA has.
const MAX_CHAIN: usize = 8;

/// What a person wants to know of a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Facts {
    /// The names in it (SAN).
    pub(crate) names: Vec<String>,
    pub(crate) from: OffsetDateTime,
    pub(crate) until: OffsetDateTime,
    /// Serial number, hexadecimal.
    pub(crate) serial: String,
}

/// What a new certificate must be.
pub(crate) struct Expected<'a> {
    /// The pinned root.
    pub(crate) root: &'a CertificateDer<'static>,
    /// SubjectPublicKeyInfo of the key, DER.
    pub(crate) spki: &'a [u8],
    /// The end that was asked for.
    pub(crate) not_after: Option<OffsetDateTime>,
    pub(crate) now: OffsetDateTime,
}

/// A chain that was checked.
#[derive(Debug)]
pub(crate) struct Checked {
    /// The certificates that were checked, in PEM, and nothing else: what
    /// stood beside them (a key, another certificate under a label of its own)
    /// is not there.
    pub(crate) chain: String,
}

/// Checks a new chain: for our key, from the pinned root, for TLS clients,
/// valid now and no longer than asked.
pub(crate) fn verify(pem: &str, expected: &Expected<'_>) -> Result<Checked, CertificateError> {
    let chain = chain(pem)?;
    let (leaf, intermediates) = chain.split_first().ok_or(CertificateError::Empty)?;
    let certificate = Certificate::from_der(leaf).map_err(|_| CertificateError::NotPem)?;
    if spki_of(&certificate)? != expected.spki {
        return Err(CertificateError::OtherKey);
    }
    let facts = facts(&certificate);
    judge_validity(facts.from, facts.until, expected.now, expected.not_after)?;

    let mut roots = RootCertStore::empty();
    roots
        .add(expected.root.clone())
        .map_err(CertificateError::Chain)?;
    let provider = Arc::new(aws_lc_rs::default_provider());
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
        .build()
        .map_err(|error| CertificateError::Chain(rustls::Error::General(error.to_string())))?;
    let now =
        UnixTime::since_unix_epoch(std::time::Duration::from_secs(clock::to_unix(expected.now)));
    verifier
        .verify_client_cert(leaf, intermediates, now)
        .map_err(CertificateError::Chain)?;
    Ok(Checked {
        chain: chain.iter().map(encode).collect::<Result<_, _>>()?,
    })
}

fn encode(certificate: &CertificateDer<'_>) -> Result<String, CertificateError> {
    pem_rfc7468::encode_string("CERTIFICATE", pem_rfc7468::LineEnding::LF, certificate)
        .map_err(|_| CertificateError::NotPem)
}

/// Reads a certificate that was verified before it was written.
pub(crate) fn read(pem: &str) -> Result<Facts, CertificateError> {
    Ok(facts(&leaf(pem)?))
}

/// The SubjectPublicKeyInfo of the same, DER.
pub(crate) fn spki(pem: &str) -> Result<Vec<u8>, CertificateError> {
    spki_of(&leaf(pem)?)
}

fn leaf(pem: &str) -> Result<Certificate, CertificateError> {
    let chain = chain(pem)?;
    let leaf = chain.first().ok_or(CertificateError::Empty)?;
    Certificate::from_der(leaf).map_err(|_| CertificateError::NotPem)
}

fn spki_of(certificate: &Certificate) -> Result<Vec<u8>, CertificateError> {
    certificate
        .tbs_certificate()
        .subject_public_key_info()
        .to_der()
        .map_err(|_| CertificateError::NotPem)
}

fn chain(pem: &str) -> Result<Vec<CertificateDer<'static>>, CertificateError> {
    let mut chain = Vec::new();
    for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
        if chain.len() == MAX_CHAIN {
            return Err(CertificateError::TooMany { limit: MAX_CHAIN });
        }
        chain.push(certificate.map_err(|_| CertificateError::NotPem)?);
    }
    Ok(chain)
}

fn facts(certificate: &Certificate) -> Facts {
    let tbs = certificate.tbs_certificate();
    let time = |time: x509_cert::time::Time| clock::from_unix(time.to_unix_duration().as_secs());
    let names = match tbs.get_extension::<SubjectAltName>() {
        Ok(Some((_, names))) => names.0.iter().filter_map(name).collect(),
        _ => Vec::new(),
    };
    Facts {
        names,
        from: time(tbs.validity().not_before),
        until: time(tbs.validity().not_after),
        serial: hex::encode(tbs.serial_number().as_bytes()),
    }
}

fn name(name: &GeneralName) -> Option<String> {
    let text = match name {
        GeneralName::DnsName(text)
        | GeneralName::Rfc822Name(text)
        | GeneralName::UniformResourceIdentifier(text) => text.as_str(),
        _ => return None,
    };
    Some(printable(text))
}

#[cfg(test)]
pub(crate) mod tests;
