//! http-01 (RFC 8555 §8.3): a file on the web server of the name holds the key authorization.

use bytes::Bytes;
use http::{Request, StatusCode, header};
use http_body_util::Empty;
use tokio::io::{AsyncRead, AsyncWrite};

use super::address::Way;
use super::error::{Phase, excerpt};
use super::exchange::{ExchangeError, exchange};
use super::network::{Host, Network};
use super::redirect::{Hop, Trail};
use super::{Method, Subject, Target, ValidatorError};

/// A key authorization has less than a hundred bytes; some servers add white space.
const MOST_BODY: usize = 1024;

/// What one request brought.
enum Answer {
    Body(Vec<u8>),
    /// `Location`.
    Redirect(Vec<u8>),
}

/// The body must be the key authorization; white space at its end is ignored (RFC 8555 §8.3).
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
    let expected = target.key_authorization();
    let mut trail = Trail::new(network.http_port, network.tls_port);
    let mut hop = Hop {
        secure: false,
        host,
        port: network.http_port,
        path,
    };
    let mut way = Way::default();
    loop {
        match ask(network, &hop, &mut way).await? {
            Answer::Body(body) if body.trim_ascii_end() == expected.as_bytes() => return Ok(()),
            Answer::Body(body) => {
                // Wherever a redirect led to, nobody is told what is there.
                let found = (!trail.is_redirected()).then(|| excerpt(&body));
                let url = hop.to_string();
                return Err(ValidatorError::Content {
                    url,
                    expected,
                    found,
                });
            }
            Answer::Redirect(location) => hop = trail.follow(&hop, &location)?,
        }
    }
}

async fn ask(network: &Network, hop: &Hop, way: &mut Way) -> Result<Answer, ValidatorError> {
    let connected = network.connect(&hop.host, hop.port, way).await?;
    if hop.secure {
        let stream = network.https(connected, &hop.host).await?;
        network.within(Phase::Exchange, fetch(hop, stream)).await
    } else {
        let stream = connected.stream;
        network.within(Phase::Exchange, fetch(hop, stream)).await
    }
}

/// One request and its response.
async fn fetch<S>(hop: &Hop, stream: S) -> Result<Answer, ValidatorError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let broken = |reason: String| ValidatorError::Http {
        url: hop.to_string(),
        reason,
    };
    let request = Request::get(&hop.path)
        .header(header::HOST, hop.authority())
        .header(
            header::USER_AGENT,
            concat!("dlogin-ca/", env!("CARGO_PKG_VERSION"), " (http-01)"),
        )
        .header(header::ACCEPT, "*/*")
        .header(header::CONNECTION, "close")
        .body(Empty::<Bytes>::new())
        .map_err(|error| broken(excerpt(error.to_string().as_bytes())))?;
    let response = exchange(stream, request, MOST_BODY)
        .await
        .map_err(|error| match error {
            ExchangeError::TooMuch { most } => ValidatorError::TooMuch {
                from: hop.to_string(),
                most,
            },
            ExchangeError::Broken { reason } => broken(reason),
        })?;
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
    Ok(Answer::Body(response.into_body()))
}

fn is_redirect(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
}
