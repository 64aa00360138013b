//! Certificates (RFC 8555 §7.4.2): downloaded by the account that ordered them.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::Response;
use http::{HeaderValue, header};

use super::post::Post;
use super::problem::Error;
use super::{Web, answer, paths};
use crate::issuance::PEM_CHAIN;
use crate::pki;
use crate::store::Certificates;
use crate::store::certificates::CertificateKind;

/// POST-as-GET of a certificate.
pub(crate) async fn get(
    State(web): State<Arc<Web>>,
    Path(id): Path<String>,
    post: Post,
) -> Result<Response, Error> {
    let (kind, body) = find(&web, &id, post).await?;
    match kind {
        CertificateKind::X509 | CertificateKind::Server => {
            let other = paths::alternate(&web.ca.config().url, &id);
            let response = answer(PEM_CHAIN, body);
            Ok(answer::with_link(response, &other, "alternate"))
        }
        CertificateKind::Ssh => Ok(answer(sshcert_acme::MEDIA_TYPE, body)),
    }
}

/// POST-as-GET of the same with the root at the end of the chain (RFC 8555 §7.4.2, §9.1): the
/// trust is the same, some software wants the whole path.
pub(crate) async fn alternate(
    State(web): State<Arc<Web>>,
    Path(id): Path<String>,
    post: Post,
) -> Result<Response, Error> {
    let (kind, mut body) = find(&web, &id, post).await?;
    if kind == CertificateKind::Ssh {
        return Err(Error::NotFound);
    }
    let root =
        pki::pem_certificate(web.ca.hierarchy().root_der()).map_err(|error| Error::Internal {
            what: format!("the root certificate could not be written: {error}"),
        })?;
    body.extend_from_slice(root.as_bytes());
    Ok(answer(PEM_CHAIN, body))
}

async fn find(web: &Web, id: &str, post: Post) -> Result<(CertificateKind, Vec<u8>), Error> {
    let caller = post.post_as_get(web).await?;
    let certificate = web
        .ca
        .store()
        .certificate(id)
        .await?
        .filter(|certificate| certificate.account.as_deref() == Some(&caller.account.id))
        .ok_or(Error::NotFound)?;
    let body = certificate.body.ok_or(Error::NotFound)?;
    Ok((certificate.kind, body))
}

fn answer(media_type: &'static str, body: Vec<u8>) -> Response {
    let mut response = Response::new(Body::from(body));
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    response
}
