//! What every method needs of the network, each part within its time.

use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use rustls::crypto::aws_lc_rs;
use rustls_pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::address::{AddressPolicy, Way};
use super::bounded::Bounded;
use super::error::{Phase, excerpt};
use super::resolver::Resolver;
use super::{ValidatorError, tls_alpn};
use crate::config::{Seconds, Validation};

/// More addresses of one name than this are not tried.
pub(super) const MOST_ADDRESSES: usize = 4;
/// More bytes than this are not read from one connection.
pub(super) const MOST_BYTES: usize = 64 * 1024;

/// Why there can be no validation.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SetupError {
    /// The resolver.
    #[error("the resolver cannot be set up: {0}")]
    Resolver(String),
    /// TLS.
    #[error("TLS cannot be set up: {0}")]
    Tls(#[from] rustls::Error),
}

/// A host to connect to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Host {
    /// A DNS name.
    Name(String),
    /// An address.
    Ip(IpAddr),
}

impl std::fmt::Display for Host {
    /// As it stands in a URL.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Ip(IpAddr::V4(ip)) => write!(f, "{ip}"),
            Self::Ip(IpAddr::V6(ip)) => write!(f, "[{ip}]"),
        }
    }
}

/// A connection, and where it leads.
pub(super) struct Connected {
    pub(super) stream: Bounded<TcpStream>,
    pub(super) address: IpAddr,
}

/// The way out: look-ups, connections and TLS.
pub(super) struct Network {
    resolver: Resolver,
    policy: AddressPolicy,
    /// For redirects to https: any certificate will do.
    https: TlsConnector,
    /// For tls-alpn-01: any certificate will do at first, it is looked at afterwards.
    acme_tls: TlsConnector,
    pub(super) http_port: u16,
    pub(super) tls_port: u16,
    /// For one phase.
    phase: Seconds,
}

impl std::fmt::Debug for Network {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Network")
            .field("policy", &self.policy)
            .field("http_port", &self.http_port)
            .field("tls_port", &self.tls_port)
            .finish_non_exhaustive()
    }
}

impl Network {
    pub(super) fn new(settings: &Validation) -> Result<Self, SetupError> {
        // One phase may take half of the whole, a question to a resolver half of a phase.
        let phase = Seconds((settings.timeout.0 / 2).max(1));
        let patience = super::duration(phase) / 2;
        let provider = Arc::new(aws_lc_rs::default_provider());
        Ok(Self {
            resolver: Resolver::new(&settings.resolvers, patience)
                .map_err(|error| SetupError::Resolver(error.to_string()))?,
            policy: AddressPolicy::new(settings.allow_private.clone()),
            https: tls_alpn::connector(&provider, b"http/1.1")?,
            acme_tls: tls_alpn::connector(&provider, tls_alpn::PROTOCOL)?,
            http_port: settings.http_port,
            tls_port: settings.tls_port,
            phase,
        })
    }

    /// The TXT records of a name.
    pub(super) async fn txt(&self, name: &str) -> Result<Vec<Vec<u8>>, ValidatorError> {
        self.within(Phase::Lookup, self.resolver.txt(name)).await
    }

    /// Connects to `host`: looks it up once, and goes to the addresses of that answer that may
    /// be gone to on this way, one after the other.
    pub(super) async fn connect(
        &self,
        host: &Host,
        port: u16,
        way: &mut Way,
    ) -> Result<Connected, ValidatorError> {
        let addresses = match host {
            Host::Ip(ip) => vec![*ip],
            Host::Name(name) => {
                self.within(Phase::Lookup, self.resolver.addresses(name))
                    .await?
            }
        };
        let mut refused = Vec::new();
        let mut last = None;
        for address in addresses.into_iter().take(MOST_ADDRESSES) {
            match way.admit(&self.policy, address) {
                Ok(address) => match self.connect_to(address, port).await {
                    Ok(connected) => {
                        way.went_to(address);
                        return Ok(connected);
                    }
                    Err(error) => last = Some(error),
                },
                Err(special) => refused.push((address, special)),
            }
        }
        let host = host.to_string();
        Err(last.unwrap_or(if way.is_public() {
            ValidatorError::RedirectInwards { host, refused }
        } else {
            ValidatorError::Forbidden { host, refused }
        }))
    }

    async fn connect_to(&self, address: IpAddr, port: u16) -> Result<Connected, ValidatorError> {
        let connecting = async {
            TcpStream::connect(SocketAddr::new(address, port))
                .await
                .map_err(|error| ValidatorError::Connect {
                    address,
                    port,
                    reason: error.to_string(),
                })
        };
        // Half of a phase, so that an address that swallows everything leaves time for another.
        let limit = super::duration(self.phase) / 2;
        let stream = timeout(limit, connecting)
            .await
            .unwrap_or_else(|_| Err(self.late(Phase::Connect)))?;
        Ok(Connected {
            stream: Bounded::new(stream, MOST_BYTES),
            address,
        })
    }

    /// TLS for a redirect to https.
    pub(super) async fn https(
        &self,
        connected: Connected,
        host: &Host,
    ) -> Result<TlsStream<Bounded<TcpStream>>, ValidatorError> {
        let name = match host {
            Host::Ip(ip) => Ok(ServerName::from(*ip)),
            Host::Name(name) => ServerName::try_from(name.clone()),
        };
        self.handshake(&self.https, connected, name, &host.to_string())
            .await
    }

    /// TLS for tls-alpn-01.
    pub(super) async fn acme_tls(
        &self,
        connected: Connected,
        sni: &str,
    ) -> Result<TlsStream<Bounded<TcpStream>>, ValidatorError> {
        let name = ServerName::try_from(sni.to_owned());
        self.handshake(&self.acme_tls, connected, name, sni).await
    }

    async fn handshake(
        &self,
        connector: &TlsConnector,
        connected: Connected,
        name: Result<ServerName<'static>, rustls_pki_types::InvalidDnsNameError>,
        host: &str,
    ) -> Result<TlsStream<Bounded<TcpStream>>, ValidatorError> {
        let address = connected.address;
        let failed = |reason: &dyn std::fmt::Display| ValidatorError::Tls {
            host: host.to_owned(),
            address,
            reason: excerpt(reason.to_string().as_bytes()),
        };
        let name = name.map_err(|error| failed(&error))?;
        let handshake = async {
            connector
                .connect(name, connected.stream)
                .await
                .map_err(|error| {
                    if super::bounded::is_over_limit(&error) {
                        ValidatorError::TooMuch {
                            from: host.to_owned(),
                            most: MOST_BYTES,
                        }
                    } else {
                        failed(&error)
                    }
                })
        };
        self.within(Phase::Handshake, handshake).await
    }

    /// Runs one phase, for as long as it may take.
    pub(super) async fn within<T>(
        &self,
        phase: Phase,
        work: impl Future<Output = Result<T, ValidatorError>>,
    ) -> Result<T, ValidatorError> {
        let limit: Duration = super::duration(self.phase);
        timeout(limit, work)
            .await
            .unwrap_or_else(|_| Err(self.late(phase)))
    }

    fn late(&self, phase: Phase) -> ValidatorError {
        let limit = self.phase;
        ValidatorError::Timeout { phase, limit }
    }
}
