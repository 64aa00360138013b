//! Validation of identifiers over the network: http-01 and dns-01 (RFC 8555 §8.3, §8.4),
//! tls-alpn-01 (RFC 8737), and the same for addresses (RFC 8738).
//!
//! Whoever orders a certificate chooses where the CA connects to, and what answers there. So
//! everything has a bound: time for each phase and for the whole, bytes, redirects, addresses.
//! A name is looked up once for each connection, and the connection goes to an address of that
//! look-up that [`AddressPolicy`] admitted; a second answer of the DNS is never asked for.
//!
//! [`Validators::validate`] is the one call. It says nothing about who may have the name, and
//! decides nothing: the challenge is decided by whoever calls.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;
use std::time::Duration;

use async_trait::async_trait;
use base64ct::{Base64UrlUnpadded, Encoding};
use tokio::time::timeout;

use crate::config::{Seconds, Validation};

mod address;
pub(crate) mod bounded;
pub mod caa;
mod dns;
mod error;
pub(crate) mod exchange;
mod http;
mod network;
mod redirect;
mod resolver;
pub mod tls_alpn;

pub use address::{AddressPolicy, Special, special};
pub use error::{Phase, ValidatorError};
pub use network::SetupError;

use network::Network;

/// How control of an identifier is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Method {
    /// A file on the web server of the name (RFC 8555 §8.3).
    Http01,
    /// A record in the zone of the name (RFC 8555 §8.4).
    Dns01,
    /// A certificate of the TLS server of the name (RFC 8737).
    TlsAlpn01,
}

impl Method {
    /// Every one.
    pub const ALL: [Self; 3] = [Self::Http01, Self::Dns01, Self::TlsAlpn01];

    /// The type of the challenge on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Http01 => "http-01",
            Self::Dns01 => "dns-01",
            Self::TlsAlpn01 => "tls-alpn-01",
        }
    }

    /// Whether it can show control of an identifier: a wildcard's needs the zone (RFC 8555
    /// §8.3), an address has none (RFC 8738 §7).
    #[must_use]
    pub const fn is_for(self, subject: &Subject) -> bool {
        match subject {
            Subject::Dns(_) => true,
            Subject::Wildcard(_) => matches!(self, Self::Dns01),
            Subject::Ip(_) => !matches!(self, Self::Dns01),
        }
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A challenge type that is none of [`Method`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no validation method {name:?}")]
pub struct UnknownMethod {
    /// What stood there.
    pub name: String,
}

impl FromStr for Method {
    type Err = UnknownMethod;

    fn from_str(name: &str) -> Result<Self, UnknownMethod> {
        Self::ALL
            .into_iter()
            .find(|method| method.as_str() == name)
            .ok_or_else(|| UnknownMethod {
                name: name.to_owned(),
            })
    }
}

/// What is validated.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Subject {
    /// A DNS name, ASCII, without a dot at its end.
    Dns(String),
    /// Every name below this one: `example.org` for `*.example.org`.
    Wildcard(String),
    /// An address (RFC 8738).
    Ip(IpAddr),
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dns(name) => f.write_str(name),
            Self::Wildcard(name) => write!(f, "*.{name}"),
            Self::Ip(ip) => write!(f, "{ip}"),
        }
    }
}

/// One challenge to be validated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// What the client says it controls.
    pub subject: Subject,
    /// The challenge's token, base64url.
    pub token: String,
    /// RFC 7638, of the account key.
    pub thumbprint: [u8; 32],
}

impl Target {
    /// The key authorization (RFC 8555 §8.1).
    #[must_use]
    pub fn key_authorization(&self) -> String {
        let thumbprint = Base64UrlUnpadded::encode_string(&self.thumbprint);
        format!("{}.{thumbprint}", self.token)
    }
}

/// A place in the network from which a validation is made. A site that wants several implements
/// this for a remote one; the CA itself is the only one that comes with it.
#[async_trait]
pub trait Vantage: fmt::Debug + Send + Sync {
    /// Validates from there. Must end by itself.
    ///
    /// # Errors
    /// [`ValidatorError`].
    async fn validate(&self, method: Method, target: &Target) -> Result<(), ValidatorError>;
}

/// Validates over the network. Made once, shared by all validations.
#[derive(Debug)]
pub struct Validators {
    vantages: Vec<Box<dyn Vantage>>,
}

impl Validators {
    /// With the CA's own place in the network.
    ///
    /// # Errors
    /// [`SetupError`].
    pub fn new(settings: &Validation) -> Result<Self, SetupError> {
        Ok(Self {
            vantages: vec![Box::new(Here {
                network: Network::new(settings)?,
                limit: settings.timeout,
            })],
        })
    }

    /// Asks for agreement from one more place.
    #[must_use]
    pub fn with(mut self, vantage: Box<dyn Vantage>) -> Self {
        self.vantages.push(vantage);
        self
    }

    /// Validates `target`, once: from every place, one after the other, the CA's own first.
    ///
    /// # Errors
    /// [`ValidatorError`], of the first place that does not agree.
    pub async fn validate(&self, method: Method, target: &Target) -> Result<(), ValidatorError> {
        if !method.is_for(&target.subject) {
            return Err(ValidatorError::NotFor {
                method,
                subject: target.subject.clone(),
            });
        }
        for vantage in &self.vantages {
            vantage.validate(method, target).await?;
        }
        Ok(())
    }
}

/// The machine that the CA runs on.
#[derive(Debug)]
struct Here {
    network: Network,
    limit: Seconds,
}

#[async_trait]
impl Vantage for Here {
    async fn validate(&self, method: Method, target: &Target) -> Result<(), ValidatorError> {
        let limit = self.limit;
        let validation = async {
            match method {
                Method::Http01 => http::check(&self.network, target).await,
                Method::Dns01 => dns::check(&self.network, target).await,
                Method::TlsAlpn01 => tls_alpn::check(&self.network, target).await,
            }
        };
        let phase = Phase::Whole;
        timeout(duration(limit), validation)
            .await
            .unwrap_or(Err(ValidatorError::Timeout { phase, limit }))
    }
}

fn duration(seconds: Seconds) -> Duration {
    Duration::from_secs(u64::try_from(seconds.0).unwrap_or(0))
}
