//! Why a validation failed.

use std::fmt;
use std::net::IpAddr;

use acme_wire::problem::ProblemType;

use super::address::Special;
use super::tls_alpn::CertificateError;
use super::{Method, Subject};
use crate::config::Seconds;

/// Why a validation failed. Text that came from the other side is short and escaped.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ValidatorError {
    /// This method proves nothing about such an identifier.
    #[error("{method} cannot validate {subject}")]
    NotFor {
        /// The method.
        method: Method,
        /// The identifier.
        subject: Subject,
    },
    /// The name does not exist.
    #[error("DNS: there is no name {name}")]
    NoSuchName {
        /// The name.
        name: String,
    },
    /// The name has no address.
    #[error("DNS: {name} has no address (A or AAAA)")]
    NoAddress {
        /// The name.
        name: String,
    },
    /// The name has no TXT record.
    #[error("DNS: {name} has no TXT record")]
    NoTxt {
        /// The name.
        name: String,
    },
    /// The resolvers gave no answer that could be used.
    #[error("DNS: looking up {name} failed: {reason}")]
    Lookup {
        /// The name.
        name: String,
        /// What the resolver says.
        reason: String,
    },
    /// Every address is one that this CA does not connect to.
    #[error("{host} is at {}, where this CA does not connect to", list(.refused))]
    Forbidden {
        /// The name or address.
        host: String,
        /// The addresses, and what they are.
        refused: Vec<(IpAddr, Special)>,
    },
    /// No connection.
    #[error("cannot connect to {address} port {port}: {reason}")]
    Connect {
        /// The last address that was tried.
        address: IpAddr,
        /// The port.
        port: u16,
        /// What the system says.
        reason: String,
    },
    /// It took too long.
    #[error("{phase} took longer than {limit}")]
    Timeout {
        /// What took so long.
        phase: Phase,
        /// How long it might have taken.
        limit: Seconds,
    },
    /// What came back is no HTTP.
    #[error("{url}: {reason}")]
    Http {
        /// What was asked for.
        url: String,
        /// What is wrong.
        reason: String,
    },
    /// The other side sent more than a validation can need.
    #[error("{from} sent more than {most} bytes")]
    TooMuch {
        /// Who sent it.
        from: String,
        /// The most that is read.
        most: usize,
    },
    /// Another status than 200.
    #[error("{url}: status {status}, expected 200")]
    Status {
        /// What was asked for.
        url: String,
        /// The status.
        status: u16,
    },
    /// The body is not the key authorization.
    #[error("{url}: expected the key authorization {expected}, found {}", or_something(.found.as_deref()))]
    Content {
        /// What was asked for.
        url: String,
        /// The key authorization.
        expected: String,
        /// The beginning of what came; none behind a redirect, which may lead to what the one
        /// who asks must not read.
        found: Option<String>,
    },
    /// A redirect that says not where, or nonsense.
    #[error("{url}: the redirect leads nowhere: {location:?}")]
    RedirectTarget {
        /// What was asked for.
        url: String,
        /// The beginning of `Location`; empty if there is none.
        location: String,
    },
    /// A redirect to something that is neither http nor https.
    #[error("{url}: the redirect leads to {scheme:?}, not to http or https")]
    RedirectScheme {
        /// What was asked for.
        url: String,
        /// The scheme.
        scheme: String,
    },
    /// A redirect to a port where no web server of the name has to be.
    #[error("{url}: the redirect leads to port {port}, where this CA does not follow")]
    RedirectPort {
        /// What was asked for.
        url: String,
        /// The port.
        port: u16,
    },
    /// A redirect to an address, where no name says whose it is.
    #[error("{url}: the redirect leads to an address ({to}), not to a name")]
    RedirectAddress {
        /// What was asked for.
        url: String,
        /// The address.
        to: IpAddr,
    },
    /// A redirect of somebody on the public Internet to where only this site is.
    #[error("{host} is at {}, where this CA does not follow redirects from the public Internet", list(.refused))]
    RedirectInwards {
        /// The name.
        host: String,
        /// The addresses, and what they are.
        refused: Vec<(IpAddr, Special)>,
    },
    /// A redirect to what was asked for before.
    #[error("{url}: the redirects lead in a circle")]
    RedirectLoop {
        /// What would have been asked for again.
        url: String,
    },
    /// One redirect after the other.
    #[error("more than {most} redirects")]
    Redirects {
        /// The most that are followed.
        most: usize,
    },
    /// No TXT record is the digest.
    #[error("DNS: no TXT record of {name} is {expected:?}; found {}", quoted(.found))]
    Txt {
        /// The name.
        name: String,
        /// The digest of the key authorization.
        expected: String,
        /// The first few records.
        found: Vec<String>,
    },
    /// No TLS.
    #[error("TLS with {host} at {address}: {reason}")]
    Tls {
        /// The name that was asked for.
        host: String,
        /// The address.
        address: IpAddr,
        /// What is wrong.
        reason: String,
    },
    /// The server speaks TLS and not RFC 8737.
    #[error("TLS with {host} at {address}: the server did not negotiate the protocol acme-tls/1")]
    NoAcmeTls {
        /// The name that was asked for.
        host: String,
        /// The address.
        address: IpAddr,
    },
    /// The certificate is not that of RFC 8737.
    #[error("the certificate of {host}: {error}")]
    Certificate {
        /// The name that was asked for.
        host: String,
        /// What is wrong.
        error: CertificateError,
    },
}

/// The parts of a validation that have a time of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Asking the resolvers.
    Lookup,
    /// Making a connection to one address.
    Connect,
    /// The TLS handshake.
    Handshake,
    /// One request and its response.
    Exchange,
    /// All of it.
    Whole,
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Lookup => "the DNS look-up",
            Self::Connect => "the connection",
            Self::Handshake => "the TLS handshake",
            Self::Exchange => "the response",
            Self::Whole => "the validation",
        })
    }
}

impl ValidatorError {
    /// The type of the problem document that tells it (RFC 8555 §6.7).
    #[must_use]
    pub fn problem_type(&self) -> ProblemType {
        match self {
            Self::NotFor { .. } => ProblemType::RejectedIdentifier,
            Self::NoSuchName { .. }
            | Self::NoAddress { .. }
            | Self::Lookup { .. }
            | Self::Timeout {
                phase: Phase::Lookup,
                ..
            } => ProblemType::Dns,
            Self::Forbidden { .. }
            | Self::Connect { .. }
            | Self::Timeout { .. }
            | Self::Http { .. }
            | Self::RedirectTarget { .. }
            | Self::RedirectScheme { .. }
            | Self::RedirectPort { .. }
            | Self::RedirectAddress { .. }
            | Self::RedirectInwards { .. }
            | Self::RedirectLoop { .. }
            | Self::Redirects { .. } => ProblemType::Connection,
            Self::Tls { .. } | Self::NoAcmeTls { .. } => ProblemType::Tls,
            Self::NoTxt { .. }
            | Self::TooMuch { .. }
            | Self::Status { .. }
            | Self::Content { .. }
            | Self::Txt { .. }
            | Self::Certificate { .. } => ProblemType::IncorrectResponse,
        }
    }

    /// Whether trying again within the same validation may help (RFC 8555 §8.2): something was
    /// out of reach or not there yet. A wrong answer stays wrong.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        match self {
            Self::NoSuchName { .. }
            | Self::NoAddress { .. }
            | Self::NoTxt { .. }
            | Self::Lookup { .. }
            | Self::Connect { .. }
            | Self::Timeout { .. }
            | Self::Http { .. }
            // Records spread to the servers of a zone one by one.
            | Self::Txt { .. } => true,
            Self::Status { status, .. } => *status >= 500 || *status == 429,
            Self::NotFor { .. }
            | Self::Forbidden { .. }
            | Self::TooMuch { .. }
            | Self::Content { .. }
            | Self::RedirectTarget { .. }
            | Self::RedirectScheme { .. }
            | Self::RedirectPort { .. }
            | Self::RedirectAddress { .. }
            | Self::RedirectInwards { .. }
            | Self::RedirectLoop { .. }
            | Self::Redirects { .. }
            | Self::Tls { .. }
            | Self::NoAcmeTls { .. }
            | Self::Certificate { .. } => false,
        }
    }
}

/// Text of the other side, short and printable.
pub(super) fn excerpt(text: &[u8]) -> String {
    const MOST: usize = 120;
    let text = text.get(..MOST).unwrap_or(text);
    String::from_utf8_lossy(text)
        .chars()
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect()
}

fn or_something(found: Option<&str>) -> String {
    match found {
        Some(found) => format!("{found:?}"),
        None => "something else".to_owned(),
    }
}

fn list(refused: &[(IpAddr, Special)]) -> String {
    let texts: Vec<String> = refused
        .iter()
        .map(|(address, special)| format!("{address} ({special})"))
        .collect();
    texts.join(", ")
}

fn quoted(found: &[String]) -> String {
    let texts: Vec<String> = found.iter().map(|text| format!("{text:?}")).collect();
    texts.join(", ")
}
