//! http-01 (RFC 8555 §8.3): a file on the web server of the name holds the key authorization.

use std::pin::pin;

use bytes::Bytes;
use http::{Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};

use super::bounded::is_over_limit;
use super::error::{Phase, excerpt};
use super::network::{Host, MOST_BYTES, Network};
use super::redirect::{Hop, Trail};
use super::{Method, Subject, Target, ValidatorError};

/// A key authorization has less than a hundred bytes; some servers add white space.
const MOST_BODY: usize = 1024;
/// Headers of one response; hyper does not go below 8 KiB.
const MOST_HEAD: usize = 16 * 1024;
const MOST_HEADERS: usize = 64;

/// What one request brought.
enum Answer {
    Body(Vec<u8>),
    /// `Location`.
    Redirect(Vec<u8>),
}

pub(super) async fn check(network: &Network, target: &Target) -> Result<(), ValidatorError> {
    let host = match &target.subject {
        Subject::Dns(name) => Host::Name(name.clone()),
        Subject::Ip(ip) => Host::Ip(*ip),
        Subject::Wildcard(_) => {
            return Err(ValidatorError::NotFor {
                method: Method::Http01,
                subject: target.subject.clone(),
            });
        }
    };
    let path = format!("/.well-known/acme-challenge/{}", target.token);
    let mut trail = Trail::new(network.http_port, network.tls_port);
    let mut hop = Hop {
        secure: false,
        host,
        port: network.http_port,
        path,
    };
    loop {
        match ask(network, &hop).await? {
            Answer::Body(body) => return compare(&hop, &body, &target.key_authorization()),
            Answer::Redirect(location) => hop = trail.follow(&hop, &location)?,
        }
    }
}

/// The body must be the key authorization; white space at its end is ignored (RFC 8555 §8.3).
fn compare(hop: &Hop, body: &[u8], expected: &str) -> Result<(), ValidatorError> {
    if body.trim_ascii_end() == expected.as_bytes() {
        return Ok(());
    }
    Err(ValidatorError::Content {
        url: hop.to_string(),
        expected: expected.to_owned(),
        found: excerpt(body),
    })
}

async fn ask(network: &Network, hop: &Hop) -> Result<Answer, ValidatorError> {
    let connected = network.connect(&hop.host, hop.port).await?;
    if hop.secure {
        let stream = network.https(connected, &hop.host).await?;
        network.within(Phase::Exchange, exchange(hop, stream)).await
    } else {
        let stream = connected.stream;
        network.within(Phase::Exchange, exchange(hop, stream)).await
    }
}

/// One request and its response, on a connection that is closed afterwards.
async fn exchange<S>(hop: &Hop, stream: S) -> Result<Answer, ValidatorError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let request = Request::get(&hop.path)
        .header(header::HOST, hop.authority())
        .header(
            header::USER_AGENT,
            concat!("dlogin-ca/", env!("CARGO_PKG_VERSION"), " (http-01)"),
        )
        .header(header::ACCEPT, "*/*")
        .header(header::CONNECTION, "close")
        .body(Empty::<Bytes>::new())
        .map_err(|error| broken(hop, &error))?;
    let (mut sender, connection) = http1::Builder::new()
        .max_buf_size(MOST_HEAD)
        .max_headers(MOST_HEADERS)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(|error| broken(hop, &error))?;
    let mut answer = pin!(async {
        let response = sender
            .send_request(request)
            .await
            .map_err(|error| failed(hop, &error))?;
        read(hop, response).await
    });
    // The connection is driven here, not by a task of its own, so that nothing outlives this.
    tokio::select! {
        biased;
        answer = &mut answer => return answer,
        _ = connection => {}
    }
    answer.await
}

async fn read(hop: &Hop, response: Response<Incoming>) -> Result<Answer, ValidatorError> {
    let status = response.status();
    if is_redirect(status) {
        let location = response.headers().get(header::LOCATION);
        let location = location.map(|value| value.as_bytes().to_vec());
        return Ok(Answer::Redirect(location.unwrap_or_default()));
    }
    if status != StatusCode::OK {
        return Err(ValidatorError::Status {
            url: hop.to_string(),
            status: status.as_u16(),
        });
    }
    let mut body = response.into_body();
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| failed(hop, &error))?;
        let Some(data) = frame.data_ref() else {
            continue;
        };
        if bytes.len().saturating_add(data.len()) > MOST_BODY {
            return Err(ValidatorError::TooMuch {
                from: hop.to_string(),
                most: MOST_BODY,
            });
        }
        bytes.extend_from_slice(data);
    }
    Ok(Answer::Body(bytes))
}

fn is_redirect(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
}

/// What hyper says about the other side.
fn failed(hop: &Hop, error: &hyper::Error) -> ValidatorError {
    let most = if is_over_limit(error) {
        MOST_BYTES
    } else if error.is_parse_too_large() {
        MOST_HEAD
    } else {
        return broken(hop, error);
    };
    let from = hop.to_string();
    ValidatorError::TooMuch { from, most }
}

/// The whole chain of causes, since the first one says little.
fn broken(hop: &Hop, error: &dyn std::error::Error) -> ValidatorError {
    let mut reason = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        reason = format!("{reason}: {cause}");
        source = cause.source();
    }
    ValidatorError::Http {
        url: hop.to_string(),
        reason: excerpt(reason.as_bytes()),
    }
}
