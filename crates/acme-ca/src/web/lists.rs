//! Revocation lists, for relying parties. CRLs are signed, so they are served over plain HTTP
//! too; a KRL is not, so it is served over HTTPS alone.

use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};

use super::Web;
use super::problem::Error;
use crate::revocation::crl;
use crate::revocation::lists::{List, ListError, ListName};

const CRL: &str = "application/pkix-crl";
const PEM: &str = "application/x-pem-file";
const KRL: &str = "application/octet-stream";

/// GET of a CRL: `clients.crl`, `servers.crl` and `root.crl` in DER, `all.pem` for web servers
/// that want those of the whole chain in one file.
pub(crate) async fn crl(
    State(web): State<Arc<Web>>,
    Path(file): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Error> {
    match file.as_str() {
        "clients.crl" => list(&web, ListName::Clients, CRL, &headers).await,
        "servers.crl" => list(&web, ListName::Servers, CRL, &headers).await,
        "root.crl" => {
            let der = web.ca.root_crl().ok_or(Error::NotFound)?;
            Ok(conditional(&headers, &tag(der), None, CRL, der.to_vec()))
        }
        "all.pem" => {
            let (pem, made) = web.ca.crls_pem(web.now()).await?;
            let etag = tag(pem.as_bytes());
            Ok(conditional(&headers, &etag, Some(made), PEM, pem))
        }
        _ => Err(Error::NotFound),
    }
}

/// GET of the KRL.
pub(crate) async fn krl(
    State(web): State<Arc<Web>>,
    headers: HeaderMap,
) -> Result<Response, Error> {
    list(&web, ListName::Krl, KRL, &headers).await
}

async fn list(
    web: &Web,
    name: ListName,
    media_type: &'static str,
    headers: &HeaderMap,
) -> Result<Response, Error> {
    let list = web.ca.lists().current(name, web.now()).await?;
    let List {
        number, made, body, ..
    } = &*list;
    let etag = format!("\"{}-{number}-{made}\"", name.as_str());
    let body = body.clone();
    Ok(conditional(headers, &etag, Some(*made), media_type, body))
}

fn tag(bytes: &[u8]) -> String {
    use sha2::{Digest, Sha256};
    let digest = Sha256::digest(bytes);
    format!("\"{}\"", hex::encode(digest.get(..16).unwrap_or_default()))
}

/// The body, or 304 for whoever has it already (RFC 9110 §13).
fn conditional(
    request: &HeaderMap,
    etag: &str,
    made: Option<i64>,
    media_type: &'static str,
    body: impl Into<Body>,
) -> Response {
    let text = |name| request.get(name).and_then(|value| value.to_str().ok());
    let made = made
        .and_then(|made| u64::try_from(made).ok())
        .map(|made| UNIX_EPOCH + Duration::from_secs(made));
    let known = match text(header::IF_NONE_MATCH) {
        Some(tags) => tags == "*" || tags.split(',').any(|one| same_tag(one, etag)),
        None => text(header::IF_MODIFIED_SINCE)
            .and_then(|since| httpdate::parse_http_date(since).ok())
            .zip(made)
            .is_some_and(|(since, made)| since >= made),
    };
    let mut response = if known {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        Response::new(body.into())
    };
    let headers = response.headers_mut();
    if !known {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    }
    if let Ok(etag) = HeaderValue::from_str(etag) {
        headers.insert(header::ETAG, etag);
    }
    if let Some(made) = made
        && let Ok(date) = HeaderValue::from_str(&httpdate::fmt_http_date(made))
    {
        headers.insert(header::LAST_MODIFIED, date);
    }
    // It may be kept, and is asked for each time: a revocation must not wait in a cache.
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}

fn same_tag(one: &str, etag: &str) -> bool {
    let one = one.trim();
    one.strip_prefix("W/").unwrap_or(one) == etag
}

impl From<ListError> for Error {
    fn from(error: ListError) -> Self {
        match error {
            ListError::Store(error) => Self::Store(error),
            other => Self::Internal {
                what: other.to_string(),
            },
        }
    }
}

impl From<crl::CrlError> for Error {
    fn from(error: crl::CrlError) -> Self {
        Self::Internal {
            what: error.to_string(),
        }
    }
}
