//! The directory (RFC 8555 §7.1.1) and what it says about profiles (draft-ietf-acme-profiles).

use std::sync::Arc;

use acme_wire::directory::{Directory, DirectoryMeta};
use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use http::{HeaderValue, StatusCode, header};

use super::problem::Error;
use super::{Web, answer, paths};
use crate::pki;

/// GET of the directory.
pub(crate) async fn get(State(web): State<Arc<Web>>) -> Response {
    let url = &web.ca.config().url;
    let acme = &web.ca.config().acme;
    let profiles = web
        .ca
        .config()
        .profiles
        .values()
        .map(|profile| (profile.name.clone(), profile.description.clone()))
        .collect();
    let directory = Directory {
        new_nonce: url.join(paths::NEW_NONCE),
        new_account: url.join(paths::NEW_ACCOUNT),
        new_order: url.join(paths::NEW_ORDER),
        new_authz: web
            .offers_authorizations()
            .then(|| url.join(paths::NEW_AUTHORIZATION)),
        revoke_cert: Some(url.join(paths::REVOKE_CERTIFICATE)),
        key_change: Some(url.join(paths::KEY_CHANGE)),
        renewal_info: Some(url.join(paths::RENEWAL)),
        meta: Some(DirectoryMeta {
            profiles,
            terms_of_service: acme.terms_of_service.clone(),
            website: acme.website.clone(),
            caa_identities: web
                .ca
                .config()
                .caa_identities()
                .into_iter()
                .map(str::to_owned)
                .collect(),
            external_account_required: acme.external_account_required,
        }),
    };
    answer::json(StatusCode::OK, &directory)
}

/// GET of the root certificate. It proves nothing by coming from here: whoever fetches it
/// compares it with the fingerprint that the operator gave.
pub(crate) async fn root(State(web): State<Arc<Web>>) -> Result<Response, Error> {
    let pem =
        pki::pem_certificate(web.ca.hierarchy().root_der()).map_err(|error| Error::Internal {
            what: format!("the root certificate could not be written: {error}"),
        })?;
    let mut response = Response::new(Body::from(pem));
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/x-pem-file"),
    );
    Ok(response)
}
