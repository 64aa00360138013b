//! One HTTP/1.1 request and its response, on a connection that is closed afterwards, with a
//! bound for everything that comes back. Time is the caller's.

use std::pin::pin;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};

use super::bounded::is_over_limit;
use super::error::excerpt;

/// Headers of one response; hyper does not go below 8 KiB.
const MOST_HEAD: usize = 16 * 1024;
const MOST_HEADERS: usize = 64;

/// Why there is no response.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ExchangeError {
    /// More came than is read.
    #[error("more than {most} bytes")]
    TooMuch {
        /// The most that is read.
        most: usize,
    },
    /// It is no HTTP, or it ended early.
    #[error("{reason}")]
    Broken {
        /// What is wrong.
        reason: String,
    },
}

/// Sends `request` over `stream`. The body is read if the status is 200, up to `most_body` bytes;
/// of any other response there is the head alone.
pub(crate) async fn exchange<S>(
    stream: S,
    request: Request<Empty<Bytes>>,
    most_body: usize,
) -> Result<Response<Vec<u8>>, ExchangeError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) = http1::Builder::new()
        .max_buf_size(MOST_HEAD)
        .max_headers(MOST_HEADERS)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(|error| failed(&error))?;
    let mut answer = pin!(async {
        let response = sender
            .send_request(request)
            .await
            .map_err(|error| failed(&error))?;
        read(response, most_body).await
    });
    // The connection is driven here, not by a task of its own, so that nothing outlives this.
    tokio::select! {
        biased;
        answer = &mut answer => return answer,
        _ = connection => {}
    }
    answer.await
}

async fn read(
    response: Response<Incoming>,
    most: usize,
) -> Result<Response<Vec<u8>>, ExchangeError> {
    let (head, mut body) = response.into_parts();
    let mut bytes = Vec::new();
    if head.status != StatusCode::OK {
        return Ok(Response::from_parts(head, bytes));
    }
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| failed(&error))?;
        let Some(data) = frame.data_ref() else {
            continue;
        };
        if bytes.len().saturating_add(data.len()) > most {
            return Err(ExchangeError::TooMuch { most });
        }
        bytes.extend_from_slice(data);
    }
    Ok(Response::from_parts(head, bytes))
}

/// What hyper says about the other side: the whole chain of causes, since the first says little.
fn failed(error: &hyper::Error) -> ExchangeError {
    if is_over_limit(error) {
        let most = super::network::MOST_BYTES;
        return ExchangeError::TooMuch { most };
    }
    if error.is_parse_too_large() {
        return ExchangeError::TooMuch { most: MOST_HEAD };
    }
    let mut reason = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        reason = format!("{reason}: {cause}");
        source = cause.source();
    }
    let reason = excerpt(reason.as_bytes());
    ExchangeError::Broken { reason }
}
