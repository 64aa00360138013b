//! Certificates (RFC 8555 §7.4.2): downloaded by the account that ordered them.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::Response;
use http::{HeaderValue, header};

use super::Web;
use super::post::Post;
use super::problem::Error;
use crate::store::Certificates;
use crate::store::certificates::CertificateKind;

const PEM_CHAIN: &str = "application/pem-certificate-chain";

/// POST-as-GET of a certificate.
pub(crate) async fn get(
    State(web): State<Arc<Web>>,
    Path(id): Path<String>,
    post: Post,
) -> Result<Response, Error> {
    let caller = post.post_as_get(&web).await?;
    let certificate = web
        .ca
        .store()
        .certificate(&id)
        .await?
        .filter(|certificate| certificate.account.as_deref() == Some(&caller.account.id))
        .ok_or(Error::NotFound)?;
    let body = certificate.body.ok_or(Error::NotFound)?;
    let media_type = match certificate.kind {
        CertificateKind::X509 | CertificateKind::Server => PEM_CHAIN,
        CertificateKind::Ssh => sshcert_acme::MEDIA_TYPE,
    };
    let mut response = Response::new(Body::from(body));
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    Ok(response)
}
