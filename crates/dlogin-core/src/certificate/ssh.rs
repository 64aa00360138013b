//! An OpenSSH user certificate from the CA.

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P384_SHA384_ASN1, ED25519, UnparsedPublicKey,
    VerificationAlgorithm,
};
use der::Decode;
use sshcert_acme::{CheckError, KeyKind, ReceivedCertificate, SshPublicKey};
use time::OffsetDateTime;
use x509_cert::spki::SubjectPublicKeyInfoOwned;

use super::{CertificateError, judge_validity};
use crate::clock;

/// What a person wants to know of an SSH certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Facts {
    /// Whom it lets in as.
    pub(crate) principals: Vec<String>,
    pub(crate) from: OffsetDateTime,
    pub(crate) until: OffsetDateTime,
    /// Serial number, decimal.
    pub(crate) serial: String,
}

/// What a new certificate must be.
pub(crate) struct Expected<'a> {
    /// SubjectPublicKeyInfo of the key, DER.
    pub(crate) spki: &'a [u8],
    /// The end that was asked for.
    pub(crate) not_after: Option<OffsetDateTime>,
    pub(crate) now: OffsetDateTime,
}

/// A certificate that was checked, and the public key that goes with it.
pub(crate) struct Checked {
    /// The certificate, one line with its end.
    pub(crate) certificate: String,
    /// The public key, one line with its end.
    pub(crate) public_key: String,
}

/// Checks a new certificate: for our key, for somebody, signed by the key that
/// it names, valid now and no longer than asked. That the CA key is the site's
/// is known from the connection: it came under the pinned root.
pub(crate) fn verify(line: &str, expected: &Expected<'_>) -> Result<Checked, CertificateError> {
    let certificate = parse(line)?;
    let subject = SshPublicKey::from_spki_der(expected.spki)
        .map_err(|error| CertificateError::NotSsh(error.to_string()))?;
    let facts = facts(&certificate);
    judge_validity(facts.from, facts.until, expected.now, expected.not_after)?;
    let kind = certificate.ca().kind();
    certificate
        .check(
            &subject,
            clock::to_unix(expected.now),
            |ca, signed, signature| holds(kind, ca, signed, signature),
        )
        .map_err(|error| match error {
            CheckError::OtherKey => CertificateError::OtherKey,
            other => CertificateError::NotSsh(other.to_string()),
        })?;
    Ok(Checked {
        certificate: format!("{}\n", certificate.line()),
        public_key: format!("{}\n", subject.to_openssh()),
    })
}

/// Reads a certificate that was verified before it was written.
pub(crate) fn read(line: &str) -> Result<Facts, CertificateError> {
    Ok(facts(&parse(line)?))
}

fn parse(line: &str) -> Result<ReceivedCertificate, CertificateError> {
    ReceivedCertificate::read(line).map_err(|error| CertificateError::NotSsh(error.to_string()))
}

fn facts(certificate: &ReceivedCertificate) -> Facts {
    Facts {
        principals: certificate.principals().to_vec(),
        from: clock::from_unix(certificate.validity().after()),
        until: clock::from_unix(certificate.validity().before()),
        serial: certificate.serial().to_string(),
    }
}

fn holds(kind: KeyKind, ca_spki: &[u8], signed: &[u8], signature: &[u8]) -> bool {
    let algorithm: &'static dyn VerificationAlgorithm = match kind {
        KeyKind::P256 => &ECDSA_P256_SHA256_ASN1,
        KeyKind::P384 => &ECDSA_P384_SHA384_ASN1,
        KeyKind::Ed25519 => &ED25519,
        _ => return false,
    };
    let Ok(spki) = SubjectPublicKeyInfoOwned::from_der(ca_spki) else {
        return false;
    };
    UnparsedPublicKey::new(algorithm, spki.subject_public_key.raw_bytes())
        .verify(signed, signature)
        .is_ok()
}
