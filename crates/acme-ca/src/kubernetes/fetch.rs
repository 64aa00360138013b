//! Fetching the keys of a cluster, over TLS that the settings vouch for.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode, header};
use http_body_util::Empty;
use rustls::crypto::aws_lc_rs;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::{CertificateDer, ServerName};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::error::{FetchError, short};
use crate::config::{Host, HttpsUrl, Seconds};
use crate::validators::bounded::Bounded;
use crate::validators::exchange::exchange;

/// The longest that it may take.
const LIMIT: Seconds = Seconds(5);
/// More bytes than this are not read, TLS and headers included.
const MOST_BYTES: usize = 256 * 1024;
/// A longer set is not read.
const MOST_BODY: usize = 128 * 1024;

/// Asks one URL, over and over. Redirects are not followed: the operator said where the keys are.
pub(super) struct Fetcher {
    url: HttpsUrl,
    tls: TlsConnector,
}

impl std::fmt::Debug for Fetcher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Fetcher")
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}

impl Fetcher {
    /// `roots` alone vouch for the server.
    pub(super) fn new(url: &HttpsUrl, roots: &[Vec<u8>]) -> Result<Self, rustls::Error> {
        let mut store = RootCertStore::empty();
        for root in roots {
            store.add(CertificateDer::from(root.as_slice()))?;
        }
        let provider = Arc::new(aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(store)
            .with_no_client_auth();
        Ok(Self {
            url: url.clone(),
            tls: TlsConnector::from(Arc::new(config)),
        })
    }

    pub(super) fn url(&self) -> String {
        self.url.to_string()
    }

    /// The body of a 200.
    pub(super) async fn fetch(&self) -> Result<Vec<u8>, FetchError> {
        let limit = Duration::from_secs(LIMIT.0.unsigned_abs());
        timeout(limit, self.ask()).await.unwrap_or_else(|_| {
            Err(FetchError::Timeout {
                url: self.url(),
                limit: LIMIT,
            })
        })
    }

    async fn ask(&self) -> Result<Vec<u8>, FetchError> {
        let unreachable = |reason: String| FetchError::Unreachable {
            url: self.url(),
            reason: short(&reason),
        };
        let port = self.url.port();
        let (stream, name) = match self.url.host() {
            Host::Ip(ip) => (
                TcpStream::connect((*ip, port)).await,
                Ok(ServerName::from(*ip)),
            ),
            Host::Dns(name) => (
                TcpStream::connect((name.as_str(), port)).await,
                ServerName::try_from(name.clone()),
            ),
        };
        let stream = stream.map_err(|error| unreachable(error.to_string()))?;
        let name = name.map_err(|error| unreachable(error.to_string()))?;
        let stream = self
            .tls
            .connect(name, Bounded::new(stream, MOST_BYTES))
            .await
            .map_err(|error| unreachable(error.to_string()))?;
        let request = Request::get(self.url.path())
            .header(header::HOST, self.url.authority())
            .header(header::ACCEPT, "application/jwk-set+json, application/json")
            .header(header::CONNECTION, "close")
            .body(Empty::<Bytes>::new())
            .map_err(|error| unreachable(error.to_string()))?;
        let response = exchange(stream, request, MOST_BODY)
            .await
            .map_err(|error| unreachable(error.to_string()))?;
        if response.status() != StatusCode::OK {
            return Err(FetchError::Status {
                url: self.url(),
                status: response.status().as_u16(),
            });
        }
        Ok(response.into_body())
    }
}
