//! The extensions of a certificate that is about to be signed: exactly those of a leaf, each once.

use const_oid::db::{rfc5280, rfc5912};
use der::asn1::ObjectIdentifier;
use x509_cert::certificate::TbsCertificate;
use x509_cert::ext::pkix::{
    AuthorityKeyIdentifier, CrlDistributionPoints, ExtendedKeyUsage, KeyUsage, SubjectAltName,
    SubjectKeyIdentifier,
};

use super::Finding;
use crate::pki::{Authority, RevocationCheck, San, Template, key_identifier};

/// Exactly the extensions of a leaf, each once, with exactly the contents that were meant.
pub(super) fn findings(
    tbs: &TbsCertificate,
    template: &Template,
    authority: &Authority,
) -> Vec<Finding> {
    let key_id = |bytes: Result<[u8; 20], der::Error>| bytes.map(|bytes| bytes.to_vec());
    let own = key_id(key_identifier(&template.spki)).unwrap_or_default();
    let san_critical = template.subject.is_empty();
    let names: Result<Vec<_>, _> = template.names.iter().map(San::general_name).collect();
    let mut checks: Vec<(ObjectIdentifier, bool)> = vec![
        (
            rfc5280::ID_CE_KEY_USAGE,
            matches!(tbs.get_extension::<KeyUsage>(), Ok(Some((true, usage)))
                if usage == template.purpose.key_usage()),
        ),
        (
            rfc5280::ID_CE_EXT_KEY_USAGE,
            matches!(tbs.get_extension::<ExtendedKeyUsage>(), Ok(Some((false, usage)))
                if Some(usage.0.as_slice()) == template.purpose.extended_key_usage().as_ref().map(std::slice::from_ref)),
        ),
        (
            rfc5280::ID_CE_SUBJECT_ALT_NAME,
            matches!(tbs.get_extension::<SubjectAltName>(), Ok(Some((critical, found)))
                if critical == san_critical && names.as_ref().is_ok_and(|names| *names == found.0)),
        ),
        (
            rfc5280::ID_CE_SUBJECT_KEY_IDENTIFIER,
            matches!(tbs.get_extension::<SubjectKeyIdentifier>(), Ok(Some((false, id)))
                if id.0.as_bytes() == own),
        ),
        (
            rfc5280::ID_CE_AUTHORITY_KEY_IDENTIFIER,
            matches!(tbs.get_extension::<AuthorityKeyIdentifier>(), Ok(Some((false, id)))
                if id.key_identifier.as_ref().is_some_and(|id| id.as_bytes() == authority.key_identifier())
                    && id.authority_cert_issuer.is_none()
                    && id.authority_cert_serial_number.is_none()),
        ),
    ];
    match &template.checked_by {
        RevocationCheck::Silent => {}
        RevocationCheck::Crl(url) => checks.push((
            rfc5280::ID_CE_CRL_DISTRIBUTION_POINTS,
            matches!(tbs.get_extension::<CrlDistributionPoints>(), Ok(Some((false, points)))
                if RevocationCheck::distribution_points(url).is_ok_and(|meant| meant == points)),
        )),
        // RFC 9608 §2: not critical, and its value is NULL.
        RevocationCheck::NoRevAvail => {
            let mut all = tbs.extensions().into_iter().flatten();
            let found = all.find(|one| one.extn_id == rfc5912::ID_CE_NO_REV_AVAIL);
            checks.push((
                rfc5912::ID_CE_NO_REV_AVAIL,
                found.is_some_and(|one| !one.critical && one.extn_value.as_bytes() == [5, 0]),
            ));
        }
    }
    let known: Vec<ObjectIdentifier> = checks.iter().map(|(oid, _)| *oid).collect();
    let foreign = tbs
        .extensions()
        .into_iter()
        .flatten()
        .map(|extension| extension.extn_id)
        .filter(|oid| !known.contains(oid));
    checks
        .iter()
        .filter(|(_, good)| !good)
        .map(|(oid, _)| *oid)
        .chain(foreign)
        .map(|oid| Finding::Extension {
            oid: oid.to_string(),
        })
        .collect()
}
