//! Answers, and the headers that each of them has.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use acme_wire::excerpt;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderName, HeaderValue, Method, StatusCode, header};
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

/// Which headers scripts in browsers may read, beside the simple ones.
const EXPOSED: &str = "Link, Location, Replay-Nonce, Retry-After";

/// Around every request: a nonce on the answer, errors included (RFC 8555 §6.5), the link to
/// the directory (§7.1), nothing cached that does not say so, browsers let in (§6.1), one line
/// of log.
pub(crate) async fn around(State(web): State<Arc<Web>>, request: Request, next: Next) -> Response {
    let seen = Seen::of(&request);
    let preflight = request.method() == Method::OPTIONS;
    let mut response = if preflight {
        StatusCode::NO_CONTENT.into_response()
    } else {
        next.run(request).await
    };
    let headers = response.headers_mut();
    // A browser page may call this CA: no cookie or other ambient authority is ever looked at.
    headers.insert(
        header::ACCESS_CONTROL_ALLOW_ORIGIN,
        HeaderValue::from_static("*"),
    );
    if preflight {
        for (name, value) in [
            (header::ACCESS_CONTROL_ALLOW_METHODS, "GET, HEAD, POST"),
            (header::ACCESS_CONTROL_ALLOW_HEADERS, "Content-Type"),
            (header::ACCESS_CONTROL_MAX_AGE, "86400"),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
    } else {
        headers.insert(
            header::ACCESS_CONTROL_EXPOSE_HEADERS,
            HeaderValue::from_static(EXPOSED),
        );
    }
    // What may be kept has no nonce: that would be kept, too.
    if !headers.contains_key(header::CACHE_CONTROL) {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        let nonce = web.nonces.issue(u64::try_from(web.now()).unwrap_or(0));
        if let Ok(nonce) = HeaderValue::from_str(&nonce) {
            headers.insert(REPLAY_NONCE, nonce);
        }
    }
    if seen.path != paths::DIRECTORY {
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
    seen.log(&response);
    response
}

/// Around every request over plain HTTP.
pub(crate) async fn around_plain(request: Request, next: Next) -> Response {
    let seen = Seen::of(&request);
    let response = next.run(request).await;
    seen.log(&response);
    response
}

/// How much of a method and a path goes to the log, in characters. None of ours is as long.
const TOLD: usize = 120;

/// What the log says of a request.
struct Seen {
    begin: Instant,
    method: Method,
    path: String,
    peer: Option<SocketAddr>,
}

impl Seen {
    fn of(request: &Request) -> Self {
        Self {
            begin: Instant::now(),
            method: request.method().clone(),
            path: excerpt(request.uri().path(), TOLD),
            peer: request.extensions().get::<Peer>().map(|peer| peer.0),
        }
    }

    fn log(&self, response: &Response) {
        let problem = response.extensions().get::<Logged>();
        tracing::info!(
            target: "http",
            method = %excerpt(&self.method, TOLD),
            path = self.path,
            peer = self.peer.map(tracing::field::display),
            status = response.status().as_u16(),
            micros = u64::try_from(self.begin.elapsed().as_micros()).unwrap_or(u64::MAX),
            problem = problem.map(|problem| problem.0.as_str()),
            "request"
        );
    }
}
