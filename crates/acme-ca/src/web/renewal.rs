//! When to renew (RFC 9773): a window in the last third of a certificate's life, or in the past
//! when it was revoked.

use std::sync::Arc;

use acme_wire::Timestamp;
use acme_wire::base64url;
use acme_wire::renewal::{RenewalInfo, SuggestedWindow};
use axum::extract::{Path, State};
use axum::response::Response;
use http::{HeaderValue, StatusCode, header};

use super::problem::Error;
use super::{Web, answer};
use crate::store::{CertificateRow, CertificateStatus, Revocations};

/// Asked again at the earliest after a minute, at the latest after six hours.
const MOST: i64 = 6 * 60 * 60;

/// GET of a certificate's renewal information; nobody needs to sign for it.
pub(crate) async fn get(
    State(web): State<Arc<Web>>,
    Path(id): Path<String>,
) -> Result<Response, Error> {
    let certificate = certificate(&web, &id).await?.ok_or(Error::NotFound)?;
    let (start, end) = window(&certificate);
    let time = |seconds| {
        Timestamp::from_epoch(seconds).ok_or(Error::Internal {
            what: "a certificate on record has a time that cannot be written".into(),
        })
    };
    let info = RenewalInfo {
        suggested_window: SuggestedWindow {
            start: time(start)?,
            end: time(end)?,
        },
        explanation_url: None,
    };
    let life = certificate.not_after.saturating_sub(certificate.not_before);
    let after = (life / 48).clamp(60, MOST);
    let mut response = answer::json(StatusCode::OK, &info);
    let headers = response.headers_mut();
    headers.insert(header::RETRY_AFTER, HeaderValue::from(after));
    if let Ok(value) = HeaderValue::from_str(&format!("public, max-age={after}")) {
        headers.insert(header::CACHE_CONTROL, value);
    }
    Ok(response)
}

/// From two thirds of its life to five sixths; before it was revoked for one that was.
fn window(certificate: &CertificateRow) -> (i64, i64) {
    if let (CertificateStatus::Revoked, Some(at)) = (certificate.status, certificate.revoked) {
        return (at - 3600, at);
    }
    let life = certificate.not_after.saturating_sub(certificate.not_before);
    let start = certificate.not_before + life / 3 * 2;
    (start, (start + life / 6).max(start + 1))
}

/// The certificate that an identifier names (RFC 9773 §4.1): its authority's key identifier and
/// its serial number.
///
/// # Errors
/// [`Error::CertId`] for what is no such identifier, and the store's.
pub(crate) async fn certificate(web: &Web, id: &str) -> Result<Option<CertificateRow>, Error> {
    let (key, serial) = id.split_once('.').ok_or(Error::CertId)?;
    let decode = |text: &str| match base64url::decode(text) {
        Ok(bytes) if (1..=64).contains(&bytes.len()) => Ok(bytes),
        _ => Err(Error::CertId),
    };
    let (key, serial) = (decode(key)?, decode(serial)?);
    let hierarchy = web.ca.hierarchy();
    let Some(authority) = [&hierarchy.clients, &hierarchy.servers]
        .into_iter()
        .find(|authority| authority.key_identifier() == key)
    else {
        return Ok(None);
    };
    // DER puts a zero before a number whose first bit is set, and nowhere else.
    let serial = match serial.as_slice() {
        [0, rest @ ..] if rest.first().is_some_and(|first| first & 0x80 != 0) => rest,
        [first, ..] if (1..0x80).contains(first) => &serial,
        _ => return Err(Error::CertId),
    };
    let issuer = authority.name().to_string();
    let store = web.ca.store();
    Ok(store
        .certificate_by_serial(&issuer, &hex::encode(serial))
        .await?
        .filter(|found| found.body.is_some()))
}
