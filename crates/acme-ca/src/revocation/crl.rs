//! Certificate revocation lists (RFC 5280 §5): full ones, each for all that its issuer issued,
//! and so without an issuingDistributionPoint.

use const_oid::db::rfc5280;
use der::asn1::OctetString;
use der::{Decode, Encode};
use x509_cert::Version;
use x509_cert::crl::{CertificateList, RevokedCert, TbsCertList};
use x509_cert::ext::pkix::AuthorityKeyIdentifier;
use x509_cert::ext::pkix::crl::CrlNumber;
use x509_cert::ext::{Extension, ToExtension};
use x509_cert::serial_number::SerialNumber;

use super::Reason;
use crate::pki::{Authority, algorithm_identifier, assemble, time};
use crate::signer::SignError;
use crate::store::revocation::Revoked;

/// PEM's label for a CRL (RFC 7468 §7).
const LABEL: &str = "X509 CRL";

/// Why there is no CRL.
#[derive(Debug, thiserror::Error)]
pub enum CrlError {
    /// It cannot be encoded.
    #[error("the CRL could not be encoded: {0}")]
    Der(#[from] der::Error),
    /// A serial number on record is not hex.
    #[error("the CRL could not be built: {serial:?} is no serial number")]
    Serial {
        /// What stands there.
        serial: String,
    },
    /// The key did not sign.
    #[error(transparent)]
    Sign(#[from] SignError),
}

/// What a CRL says besides whom it revokes. Times are seconds since 1970.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Issue {
    pub(crate) number: u64,
    pub(crate) this_update: i64,
    pub(crate) next_update: i64,
}

/// A signed CRL, DER.
pub(crate) fn build(
    authority: &Authority,
    revoked: &[Revoked],
    issue: Issue,
) -> Result<Vec<u8>, CrlError> {
    let revoked = revoked.iter().map(entry).collect::<Result<Vec<_>, _>>()?;
    sign(authority, revoked, issue)
}

/// The same from entries of an earlier CRL.
pub(crate) fn sign(
    authority: &Authority,
    revoked: Vec<RevokedCert>,
    issue: Issue,
) -> Result<Vec<u8>, CrlError> {
    let key = AuthorityKeyIdentifier {
        key_identifier: Some(OctetString::new(authority.key_identifier())?),
        ..AuthorityKeyIdentifier::default()
    };
    let number = CrlNumber::try_from(issue.number)?;
    let name = authority.name();
    let signer = authority.signer();
    let list = TbsCertList {
        version: Version::V2,
        signature: algorithm_identifier(signer.algorithm()),
        issuer: name.clone(),
        this_update: time(issue.this_update)?,
        next_update: Some(time(issue.next_update)?),
        // An empty list is left out (§5.1.2.6).
        revoked_certificates: Some(revoked).filter(|revoked| !revoked.is_empty()),
        crl_extensions: Some(vec![
            (false, &key).to_extension(name, &[])?,
            (false, &number).to_extension(name, &[])?,
        ]),
    };
    let to_sign = list.to_der()?;
    let signature = signer.sign(&to_sign)?;
    Ok(assemble(&to_sign, signer.algorithm(), &signature)?)
}

fn entry(revoked: &Revoked) -> Result<RevokedCert, CrlError> {
    let serial = hex::decode(&revoked.serial).map_err(|_| CrlError::Serial {
        serial: revoked.serial.clone(),
    })?;
    revoked_cert(&serial, revoked.at, revoked.reason)
}

/// One entry. "Unspecified" is said by saying nothing (§5.3.1).
pub(crate) fn revoked_cert(
    serial: &[u8],
    at: i64,
    reason: Reason,
) -> Result<RevokedCert, CrlError> {
    let extensions = match reason {
        Reason::Unspecified => None,
        reason => Some(vec![Extension {
            extn_id: rfc5280::ID_CE_CRL_REASONS,
            critical: false,
            // ENUMERATED of one byte.
            extn_value: OctetString::new([0x0a, 1, reason.code()])?,
        }]),
    };
    Ok(RevokedCert {
        serial_number: SerialNumber::new(serial)?,
        revocation_date: time(at)?,
        crl_entry_extensions: extensions,
    })
}

/// Number and entries of a CRL.
pub(crate) fn read(der: &[u8]) -> Result<(u64, Vec<RevokedCert>), der::Error> {
    let list: CertificateList = CertificateList::from_der(der)?;
    let tbs = list.tbs_cert_list;
    let number = tbs
        .crl_extensions
        .iter()
        .flatten()
        .find(|one| one.extn_id == rfc5280::ID_CE_CRL_NUMBER)
        .map(|one| CrlNumber::from_der(one.extn_value.as_bytes()))
        .transpose()?
        .map_or(0, |number| {
            let bytes = number.0.as_bytes();
            bytes
                .iter()
                .fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte))
        });
    Ok((number, tbs.revoked_certificates.unwrap_or_default()))
}

/// As PEM.
///
/// # Errors
/// None that a CRL can cause.
pub fn to_pem(der: &[u8]) -> Result<String, der::Error> {
    der::pem::encode_string(LABEL, der::pem::LineEnding::LF, der).map_err(der::Error::from)
}

/// The DER of the first CRL in a PEM file.
#[must_use]
pub(crate) fn from_pem(text: &[u8]) -> Option<Vec<u8>> {
    let (label, der) = der::pem::decode_vec(text).ok()?;
    (label == LABEL).then_some(der)
}
