//! The URL that clients reach the CA under.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// `https://HOST[:PORT]`, nothing after it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaUrl {
    host: Host,
    port: u16,
}

/// What a server certificate must name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Host {
    /// A DNS name, lower case.
    Dns(String),
    /// An address.
    Ip(IpAddr),
}

/// Text that cannot be the CA's URL.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{url:?} cannot be the CA's URL: write https://HOST or https://HOST:PORT, with no path")]
pub struct BadUrl {
    /// What stood there.
    pub url: String,
}

impl CaUrl {
    /// The host.
    #[must_use]
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// The port; 443 when the URL names none.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The URL of a path that begins with `/`.
    #[must_use]
    pub fn join(&self, path: &str) -> String {
        format!("{self}{path}")
    }
}

impl fmt::Display for CaUrl {
    /// As `https://HOST[:PORT]`, without a slash at the end.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            Host::Dns(name) => write!(f, "https://{name}")?,
            Host::Ip(IpAddr::V4(ip)) => write!(f, "https://{ip}")?,
            Host::Ip(IpAddr::V6(ip)) => write!(f, "https://[{ip}]")?,
        }
        match self.port {
            443 => Ok(()),
            port => write!(f, ":{port}"),
        }
    }
}

impl FromStr for CaUrl {
    type Err = BadUrl;

    fn from_str(url: &str) -> Result<Self, BadUrl> {
        let bad = || BadUrl {
            url: url.to_owned(),
        };
        let rest = url.strip_prefix("https://").ok_or_else(bad)?;
        let authority = rest.strip_suffix('/').unwrap_or(rest);
        let (host, port) = match authority.strip_prefix('[') {
            Some(bracketed) => {
                let (ip, after) = bracketed.split_once(']').ok_or_else(bad)?;
                let ip = ip.parse().map_err(|_| bad())?;
                (Host::Ip(IpAddr::V6(ip)), after)
            }
            None => {
                let end = authority.find(':').unwrap_or(authority.len());
                let (host, after) = authority.split_at(end);
                let host = match host.parse() {
                    Ok(ip) => Host::Ip(IpAddr::V4(ip)),
                    Err(_) if is_dns_name(host) => Host::Dns(host.to_ascii_lowercase()),
                    Err(_) => return Err(bad()),
                };
                (host, after)
            }
        };
        let port = match port.strip_prefix(':') {
            Some(digits) if digits.bytes().all(|b| b.is_ascii_digit()) => digits
                .parse()
                .ok()
                .filter(|port| *port != 0)
                .ok_or_else(bad)?,
            None if port.is_empty() => 443,
            _ => return Err(bad()),
        };
        Ok(Self { host, port })
    }
}

/// `https://HOST[:PORT]/PATH`: where a document is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpsUrl {
    origin: CaUrl,
    /// Begins with `/`.
    path: String,
}

/// Text that is no [`HttpsUrl`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{url:?} is no URL of a document: write https://HOST/PATH or https://HOST:PORT/PATH")]
pub struct BadHttpsUrl {
    /// What stood there.
    pub url: String,
}

impl HttpsUrl {
    /// The host.
    #[must_use]
    pub fn host(&self) -> &Host {
        self.origin.host()
    }

    /// The port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.origin.port()
    }

    /// Path and query.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// `HOST[:PORT]`.
    #[must_use]
    pub fn authority(&self) -> String {
        let origin = self.origin.to_string();
        origin.trim_start_matches("https://").to_owned()
    }
}

impl fmt::Display for HttpsUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.origin, self.path)
    }
}

impl FromStr for HttpsUrl {
    type Err = BadHttpsUrl;

    fn from_str(url: &str) -> Result<Self, BadHttpsUrl> {
        let bad = || BadHttpsUrl {
            url: url.to_owned(),
        };
        let rest = url.strip_prefix("https://").ok_or_else(bad)?;
        let end = rest.find(['/', '?', '#']).ok_or_else(bad)?;
        let (authority, path) = rest.split_at(end);
        let clean = |b: u8| b.is_ascii_graphic() && b != b'#' && b != b'\\';
        if !path.starts_with('/') || path.len() > 1024 || !path.bytes().all(clean) {
            return Err(bad());
        }
        Ok(Self {
            origin: format!("https://{authority}").parse().map_err(|_| bad())?,
            path: path.to_owned(),
        })
    }
}

/// Letters, digits and hyphens in labels of 1 to 63, at most 253 in all (RFC 1123 §2.1); the
/// last label is not all digits, so that no mistyped address passes for a name.
pub(crate) fn is_dns_name(name: &str) -> bool {
    let label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    name.len() <= 253
        && name.split('.').all(label)
        && name
            .rsplit('.')
            .next()
            .is_some_and(|last| !last.bytes().all(|b| b.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_url_is_https_host_and_port_alone() {
        for (text, shown) in [
            ("https://ca.example", "https://ca.example"),
            ("https://CA.example:443/", "https://ca.example"),
            ("https://127.0.0.1:8443", "https://127.0.0.1:8443"),
            ("https://[::1]:8443", "https://[::1]:8443"),
            ("https://localhost:1", "https://localhost:1"),
        ] {
            assert_eq!(text.parse::<CaUrl>().unwrap().to_string(), shown);
        }
        for text in [
            "",
            "http://ca.example",
            "https://",
            "https://ca.example/acme",
            "https://ca.example?",
            "https://u@ca.example",
            "https://ca.example:0",
            "https://ca.example:+1",
            "https://ca.example:99999",
            "https://1.2.3",
            "https://-a.example",
            "https://a..b",
            "https://[::1",
            "https://ca.example:",
            "ca.example",
        ] {
            assert!(text.parse::<CaUrl>().is_err(), "{text:?}");
        }
    }
}
