//! Answers, and the headers that each of them has.

use std::sync::Arc;
use std::time::Instant;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderName, HeaderValue, StatusCode, header};
use serde::Serialize;

use super::problem::{Error, Logged};
use super::{Web, help, paths};
use crate::serve::Peer;

const REPLAY_NONCE: HeaderName = HeaderName::from_static("replay-nonce");

/// An answer with a JSON body.
pub(crate) fn json<T: Serialize>(status: StatusCode, body: &T) -> Response {
    match serde_json::to_vec(body) {
        Ok(body) => {
            let mut response = Response::new(Body::from(body));
            *response.status_mut() = status;
            response.headers_mut().insert(
                header::CONTENT_TYPE,
                HeaderValue::from_static("application/json"),
            );
            response
        }
        Err(error) => Error::Internal {
            what: format!("an answer could not be written: {error}"),
        }
        .into_response(),
    }
}

/// Adds a header whose value is a URL of ours.
pub(crate) fn with_header(mut response: Response, name: HeaderName, value: &str) -> Response {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().append(name, value);
    }
    response
}

/// Adds a link (RFC 8288).
pub(crate) fn with_link(response: Response, url: &str, relation: &str) -> Response {
    with_header(
        response,
        header::LINK,
        &format!("<{url}>;rel=\"{relation}\""),
    )
}

/// Around every request: a nonce on the answer, errors included (RFC 8555 §6.5), the link to
/// the directory (§7.1), nothing cached, one line of log.
pub(crate) async fn around(State(web): State<Arc<Web>>, request: Request, next: Next) -> Response {
    let begin = Instant::now();
    let method = request.method().clone();
    let path = request.uri().path().to_owned();
    let peer = request.extensions().get::<Peer>().map(|peer| peer.0);
    let mut response = next.run(request).await;
    let nonce = web.nonces.issue(u64::try_from(web.now()).unwrap_or(0));
    let headers = response.headers_mut();
    if let Ok(nonce) = HeaderValue::from_str(&nonce) {
        headers.insert(REPLAY_NONCE, nonce);
    }
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if path != paths::DIRECTORY {
        response = with_link(
            response,
            &web.ca.config().url.join(paths::DIRECTORY),
            "index",
        );
    }
    if matches!(
        response.status(),
        StatusCode::TOO_MANY_REQUESTS | StatusCode::PAYLOAD_TOO_LARGE
    ) {
        response = with_link(response, &help::url(&web), "help");
    }
    let problem = response.extensions().get::<Logged>();
    tracing::info!(
        target: "http",
        %method,
        path,
        peer = peer.map(tracing::field::display),
        status = response.status().as_u16(),
        micros = u64::try_from(begin.elapsed().as_micros()).unwrap_or(u64::MAX),
        problem = problem.map(|problem| problem.0.as_str()),
        "request"
    );
    response
}
