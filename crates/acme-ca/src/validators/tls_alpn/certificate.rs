//! The certificate of tls-alpn-01 (RFC 8737 §3), and nothing else.

use std::net::IpAddr;

use der::asn1::OctetStringRef;
use der::oid::ObjectIdentifier;
use der::{Decode, Encode, Reader, SliceReader};
use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{WebPkiSupportedAlgorithms, aws_lc_rs};
use rustls::{CertificateError as RustlsCertificate, DigitallySignedStruct};
use rustls_pki_types::SignatureVerificationAlgorithm;
use subtle::ConstantTimeEq;
use x509_cert::Certificate;
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;

use super::super::Subject;

/// id-pe-acmeIdentifier (RFC 8737 §6.1).
const ACME_IDENTIFIER: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.1.31");
const SUBJECT_ALT_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.17");
/// Longer certificates are not read.
const MOST: usize = 16 * 1024;

/// Why a certificate does not answer the challenge.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CertificateError {
    /// None was shown.
    #[error("there is none")]
    Absent,
    /// It is too long.
    #[error("it has {found} bytes; no more than {most} are read")]
    TooLong {
        /// How long it is.
        found: usize,
        /// How long it may be.
        most: usize,
    },
    /// It cannot be read.
    #[error("it cannot be read: {0}")]
    Malformed(der::Error),
    /// An extension is missing.
    #[error("it has no extension {0}")]
    NoExtension(&'static str),
    /// An extension stands there twice.
    #[error("it has the extension {0} twice")]
    Twice(&'static str),
    /// The digest's extension must be critical.
    #[error("its acmeIdentifier is not critical")]
    NotCritical,
    /// The digest is no octet string of 32 bytes.
    #[error("its acmeIdentifier is not a digest of 32 bytes")]
    NoDigest,
    /// The digest is of another key authorization.
    #[error("its acmeIdentifier is not the SHA-256 of the key authorization")]
    OtherDigest,
    /// It must name what is validated alone.
    #[error("its subjectAltName must be {expected} and nothing else")]
    Names {
        /// What is validated.
        expected: Subject,
    },
    /// It is not signed by itself.
    #[error("it is not signed with its own key")]
    NotSelfSigned,
}

/// Checks that a certificate answers a challenge: it names `subject` alone, its acmeIdentifier is
/// critical and holds `digest`, the SHA-256 of the key authorization, and it is self-signed.
///
/// # Errors
/// [`CertificateError`], the first that applies.
pub fn check_certificate(
    der: &[u8],
    subject: &Subject,
    digest: &[u8; 32],
) -> Result<(), CertificateError> {
    if der.len() > MOST {
        let (found, most) = (der.len(), MOST);
        return Err(CertificateError::TooLong { found, most });
    }
    let certificate = Certificate::from_der(der).map_err(CertificateError::Malformed)?;
    let extensions = certificate
        .tbs_certificate()
        .extensions()
        .map_or(&[][..], Vec::as_slice);
    let acme = one(extensions, ACME_IDENTIFIER, "acmeIdentifier")?;
    let names = one(extensions, SUBJECT_ALT_NAME, "subjectAltName")?;
    if !acme.critical {
        return Err(CertificateError::NotCritical);
    }
    let found = <&OctetStringRef>::from_der(acme.extn_value.as_bytes())
        .map(OctetStringRef::as_bytes)
        .ok()
        .filter(|found| found.len() == digest.len())
        .ok_or(CertificateError::NoDigest)?;
    if !bool::from(found.ct_eq(digest)) {
        return Err(CertificateError::OtherDigest);
    }
    let names = SubjectAltName::from_der(names.extn_value.as_bytes())
        .map_err(CertificateError::Malformed)?;
    match names.0.as_slice() {
        [name] if is(name, subject) => {}
        _ => {
            let expected = subject.clone();
            return Err(CertificateError::Names { expected });
        }
    }
    self_signed(der, &certificate)
}

/// The one extension with an OID.
fn one<'a>(
    extensions: &'a [Extension],
    oid: ObjectIdentifier,
    name: &'static str,
) -> Result<&'a Extension, CertificateError> {
    let mut found = extensions
        .iter()
        .filter(|extension| extension.extn_id == oid);
    let first = found.next().ok_or(CertificateError::NoExtension(name))?;
    match found.next() {
        None => Ok(first),
        Some(_) => Err(CertificateError::Twice(name)),
    }
}

fn is(name: &GeneralName, subject: &Subject) -> bool {
    match (name, subject) {
        (GeneralName::DnsName(found), Subject::Dns(name)) => {
            found.as_str().eq_ignore_ascii_case(name)
        }
        (GeneralName::IpAddress(found), Subject::Ip(IpAddr::V4(ip))) => {
            found.as_bytes() == ip.octets()
        }
        (GeneralName::IpAddress(found), Subject::Ip(IpAddr::V6(ip))) => {
            found.as_bytes() == ip.octets()
        }
        _ => false,
    }
}

/// Whether a certificate is signed with its own key, over the bytes as they came.
fn self_signed(der: &[u8], certificate: &Certificate) -> Result<(), CertificateError> {
    let body = certificate.tbs_certificate();
    if body.issuer() != body.subject() {
        return Err(CertificateError::NotSelfSigned);
    }
    let tbs = signed_part(der).map_err(CertificateError::Malformed)?;
    let key = body.subject_public_key_info();
    let key_algorithm = contents(&key.algorithm).map_err(CertificateError::Malformed)?;
    let signature_algorithm =
        contents(certificate.signature_algorithm()).map_err(CertificateError::Malformed)?;
    let public_key = key.subject_public_key.raw_bytes();
    let signature = certificate.signature().raw_bytes();
    let provider = aws_lc_rs::default_provider();
    let verified = provider
        .signature_verification_algorithms
        .all
        .iter()
        .filter(|algorithm| {
            algorithm.public_key_alg_id().as_ref() == key_algorithm
                && algorithm.signature_alg_id().as_ref() == signature_algorithm
        })
        .any(|algorithm| {
            algorithm
                .verify_signature(public_key, tbs, signature)
                .is_ok()
        });
    if verified {
        Ok(())
    } else {
        Err(CertificateError::NotSelfSigned)
    }
}

/// TBSCertificate with its header.
fn signed_part(der: &[u8]) -> der::Result<&[u8]> {
    let mut reader = SliceReader::new(der)?;
    let header = der::Header::decode(&mut reader)?;
    header.tag().assert_eq(der::Tag::Sequence)?;
    reader.tlv_bytes()
}

/// What stands inside the SEQUENCE, as [`rustls_pki_types::AlgorithmIdentifier`] has it.
fn contents(algorithm: &impl Encode) -> der::Result<Vec<u8>> {
    let bytes = algorithm.to_der()?;
    let mut reader = SliceReader::new(&bytes)?;
    der::Header::decode(&mut reader)?;
    let length = reader.remaining_len();
    Ok(reader.read_slice(length)?.to_vec())
}

/// Verifies the handshake under the certificate's key. webpki would do it, but refuses to read a
/// certificate with a critical extension that it does not know, and acmeIdentifier is one.
pub(super) fn verify_handshake(
    message: &[u8],
    certificate: &[u8],
    signed: &DigitallySignedStruct,
    algorithms: &WebPkiSupportedAlgorithms,
) -> Result<HandshakeSignatureValid, rustls::Error> {
    let unreadable = |_| rustls::Error::InvalidCertificate(RustlsCertificate::BadEncoding);
    let certificate = Certificate::from_der(certificate).map_err(unreadable)?;
    let key = certificate.tbs_certificate().subject_public_key_info();
    let key_algorithm = contents(&key.algorithm).map_err(unreadable)?;
    let fits = |algorithm: &&&dyn SignatureVerificationAlgorithm| {
        algorithm.public_key_alg_id().as_ref() == key_algorithm
    };
    let verified = algorithms
        .mapping
        .iter()
        .filter(|(scheme, _)| *scheme == signed.scheme)
        .flat_map(|(_, candidates)| candidates.iter())
        .filter(fits)
        .any(|algorithm| {
            algorithm
                .verify_signature(
                    key.subject_public_key.raw_bytes(),
                    message,
                    signed.signature(),
                )
                .is_ok()
        });
    if verified {
        Ok(HandshakeSignatureValid::assertion())
    } else {
        Err(rustls::Error::InvalidCertificate(
            RustlsCertificate::BadSignature,
        ))
    }
}
