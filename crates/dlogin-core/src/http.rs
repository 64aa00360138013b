//! HTTPS to the one trusted CA: only its pinned root counts, bodies are
//! bounded, and one connection serves all requests (HTTP/2).

mod failure;
mod tls;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use rustls_pki_types::CertificateDer;
use time::OffsetDateTime;

use crate::ca_error::CaError;
use crate::clock::{self, CaClock};
use crate::text::printable;

/// The longest body that an ACME server has reason to send us, in bytes.
pub(crate) const MAX_BODY: usize = 256 * 1024;

/// How long one request may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A client for one CA. Cheap to clone; clones share the connection.
#[derive(Clone, Debug)]
pub(crate) struct Http {
    client: reqwest::Client,
    /// A URL of the CA; nothing is sent to another origin.
    home: Arc<str>,
    seen: Arc<Seen>,
}

/// What went over the wire.
#[derive(Debug, Default)]
struct Seen {
    requests: AtomicU32,
    handshakes: Arc<AtomicU32>,
    clock: std::sync::OnceLock<CaClock>,
}

/// An answer, all of it.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) parts: http::response::Parts,
    pub(crate) body: Bytes,
}

impl Answer {
    /// A header, where it is there and is text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.parts.headers.get(name)?.to_str().ok()
    }
}

impl Http {
    /// A client that trusts `root` and nothing else, and speaks to the origin
    /// of `home` and no other: a URL in an answer leads nowhere else.
    pub(crate) fn pinned(root: &CertificateDer<'static>, home: &str) -> Result<Self, CaError> {
        let seen = Seen::default();
        let tls = tls::pinned(root, Arc::clone(&seen.handshakes))?;
        Self::over(tls, seen, home)
    }

    /// A client that takes any certificate: for the first fetch of a root
    /// whose SHA-256 the person already has, and for nothing else.
    pub(crate) fn unauthenticated(home: &str) -> Result<Self, CaError> {
        Self::over(tls::unauthenticated()?, Seen::default(), home)
    }

    fn over(tls: rustls::ClientConfig, seen: Seen, home: &str) -> Result<Self, CaError> {
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .https_only(true)
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(Duration::from_secs(10))
            .timeout(PATIENCE)
            .user_agent(concat!("dlogin/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(CaError::Client)?;
        Ok(Self {
            client,
            home: home.into(),
            seen: Arc::new(seen),
        })
    }

    /// Sends one request and reads the whole answer, whatever its status; one
    /// that says that there is none now is an error.
    pub(crate) async fn send(&self, request: http::Request<Bytes>) -> Result<Answer, CaError> {
        let url = request.uri().to_string();
        if !self.is_home(&url) {
            return Err(CaError::OtherOrigin {
                url: printable(&url),
                home: self.home.to_string(),
            });
        }
        self.seen.requests.fetch_add(1, Ordering::Relaxed);
        let failed = |error| failure::classify(&url, error);
        let request = reqwest::Request::try_from(request).map_err(failed)?;
        let mut response = self.client.execute(request).await.map_err(failed)?;
        if let Some(ca_time) = response.headers().get("date").and_then(clock::http_date) {
            let _ = self.seen.clock.set(CaClock::new(ca_time));
        }
        let mut body = BytesMut::new();
        while let Some(chunk) = response.chunk().await.map_err(failed)? {
            if body.len().saturating_add(chunk.len()) > MAX_BODY {
                return Err(CaError::TooLong {
                    url: printable(&url),
                    limit: MAX_BODY,
                });
            }
            body.extend_from_slice(&chunk);
        }
        let (parts, ()) = {
            let mut parts = http::Response::new(());
            *parts.status_mut() = response.status();
            *parts.headers_mut() = std::mem::take(response.headers_mut());
            parts.into_parts()
        };
        if parts.status.is_server_error() || parts.status == http::StatusCode::TOO_MANY_REQUESTS {
            return Err(failure::unavailable(&url, parts.status.as_u16(), &body));
        }
        Ok(Answer {
            parts,
            body: body.freeze(),
        })
    }

    /// A plain GET whose answer must be a success.
    pub(crate) async fn get(&self, url: &str) -> Result<Bytes, CaError> {
        let request = http::Request::get(url)
            .body(Bytes::new())
            .map_err(|source| CaError::Url {
                url: printable(url),
                reason: source.to_string(),
            })?;
        let answer = self.send(request).await?;
        if !answer.parts.status.is_success() {
            return Err(CaError::Status {
                url: printable(url),
                status: answer.parts.status.as_u16(),
            });
        }
        Ok(answer.body)
    }

    /// Whether a URL has the scheme, host and port of the CA.
    pub(crate) fn is_home(&self, url: &str) -> bool {
        same_origin(&self.home, url)
    }

    /// The CA's clock, known after the first answer that told the time.
    pub(crate) fn ca_clock(&self) -> Option<&CaClock> {
        self.seen.clock.get()
    }

    /// What time it is: the CA's opinion where it gave one.
    pub(crate) fn now(&self) -> OffsetDateTime {
        self.ca_clock()
            .map_or_else(OffsetDateTime::now_utc, CaClock::now)
    }

    /// How many requests were sent.
    pub(crate) fn requests(&self) -> u32 {
        self.seen.requests.load(Ordering::Relaxed)
    }

    /// How many TLS handshakes were made.
    pub(crate) fn handshakes(&self) -> u32 {
        self.seen.handshakes.load(Ordering::Relaxed)
    }
}

impl instant_acme::HttpClient for Http {
    fn request(
        &self,
        request: http::Request<instant_acme::BodyWrapper<Bytes>>,
    ) -> Pin<
        Box<dyn Future<Output = Result<instant_acme::BytesResponse, instant_acme::Error>> + Send>,
    > {
        let http = self.clone();
        Box::pin(async move {
            let (parts, body) = request.into_parts();
            let Ok(body) = body.collect().await;
            let request = http::Request::from_parts(parts, body.to_bytes());
            let answer = http
                .send(request)
                .await
                .map_err(|error| instant_acme::Error::Other(Box::new(error)))?;
            Ok(instant_acme::BytesResponse {
                parts: answer.parts,
                body: Box::new(answer.body),
            })
        })
    }
}

fn same_origin(a: &str, b: &str) -> bool {
    match (reqwest::Url::parse(a), reqwest::Url::parse(b)) {
        (Ok(a), Ok(b)) => a.origin().is_tuple() && a.origin() == b.origin(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::same_origin;

    #[test]
    fn an_orders_url_must_be_of_the_directorys_origin() {
        let directory = "https://ca.example:4443/directory";
        assert!(same_origin(directory, "https://ca.example:4443/order/1"));
        for other in [
            "https://other.example:4443/order/1",
            "https://ca.example/order/1",
            "http://ca.example:4443/order/1",
            "https://ca.example:4443@other.example/order/1",
            "/order/1",
            "data:,",
            "",
        ] {
            assert!(!same_origin(directory, other), "{other}");
        }
        assert!(
            !same_origin("data:,", "data:,"),
            "an opaque origin is nobody's"
        );
    }
}
