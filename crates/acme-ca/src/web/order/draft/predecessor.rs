//! The certificate that an order replaces (RFC 9773 §5).

use acme_wire::order::IdentifierType;

use crate::store::orders::{Account, Authorization};
use crate::store::{CertificateRow, Records};
use crate::web::problem::Error;
use crate::web::{Web, renewal};

/// The id of the certificate that `replaces` names, if this account ordered it and it has one of
/// the identifiers of the order. Whether it was replaced already, the store says when it takes
/// the order in.
///
/// # Errors
/// [`Error::CertId`], [`Error::NoPredecessor`] also for another account's certificate,
/// [`Error::OtherNames`], and the store's.
pub(super) async fn check(
    web: &Web,
    account: &Account,
    ordered: &[Authorization],
    replaces: &str,
) -> Result<String, Error> {
    let found = renewal::certificate(web, replaces)
        .await?
        .filter(|found| found.account.as_ref() == Some(&account.id))
        .ok_or(Error::NoPredecessor)?;
    for one in ordered {
        if is_for(web, &found, one).await? {
            return Ok(found.id);
        }
    }
    Err(Error::OtherNames)
}

/// Whether a certificate is for the identifier of an authorization: it carries the name, or its
/// key is in the YubiKey.
async fn is_for(web: &Web, found: &CertificateRow, one: &Authorization) -> Result<bool, Error> {
    if one.kind == IdentifierType::PermanentIdentifier.as_str() {
        let Some(key) = found.key else {
            return Ok(false);
        };
        let record = web.ca.store().key(key).await?;
        let serial = record.and_then(|record| record.attested.serial);
        return Ok(serial.is_some_and(|serial| serial.to_string() == one.value));
    }
    let ordered = match one.wildcard {
        true => format!("*.{}", one.value),
        false => one.value.clone(),
    };
    let mut names = found.names.iter();
    Ok(names.any(|name| name.eq_ignore_ascii_case(&ordered)))
}
