//! Redirects of http-01 (RFC 8555 §8.3): how far, and where to.

use std::collections::HashSet;
use std::fmt;

use url::Url;

use super::ValidatorError;
use super::error::excerpt;
use super::network::Host;

/// More redirects than this are not followed.
const MOST: usize = 10;
/// A longer `Location` is none.
const MOST_LOCATION: usize = 2048;

/// One request: where to, and for what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Hop {
    /// https.
    pub(super) secure: bool,
    pub(super) host: Host,
    pub(super) port: u16,
    /// Path and query.
    pub(super) path: String,
}

impl Hop {
    /// For the header `Host`: without the port that its scheme has anyway.
    pub(super) fn authority(&self) -> String {
        match (self.secure, self.port) {
            (false, 80) | (true, 443) => self.host.to_string(),
            (_, port) => format!("{}:{port}", self.host),
        }
    }
}

impl fmt::Display for Hop {
    /// As a URL.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.secure { "https" } else { "http" };
        write!(f, "{scheme}://{}{}", self.authority(), self.path)
    }
}

/// The way that a validation went.
#[derive(Debug)]
pub(super) struct Trail {
    http_port: u16,
    tls_port: u16,
    seen: HashSet<String>,
}

impl Trail {
    pub(super) fn new(http_port: u16, tls_port: u16) -> Self {
        Self {
            http_port,
            tls_port,
            seen: HashSet::new(),
        }
    }

    /// Whether any redirect was followed.
    pub(super) fn is_redirected(&self) -> bool {
        !self.seen.is_empty()
    }

    /// Where `location`, which came from `hop`, leads. A scheme without a port has the port of
    /// the settings.
    pub(super) fn follow(&mut self, hop: &Hop, location: &[u8]) -> Result<Hop, ValidatorError> {
        let from = hop.to_string();
        let nowhere = || ValidatorError::RedirectTarget {
            url: from.clone(),
            location: excerpt(location),
        };
        let text = std::str::from_utf8(location).map_err(|_| nowhere())?;
        if text.is_empty() || text.len() > MOST_LOCATION {
            return Err(nowhere());
        }
        let url = Url::parse(&from)
            .and_then(|base| base.join(text))
            .map_err(|_| nowhere())?;
        let (secure, standard) = match url.scheme() {
            "http" => (false, self.http_port),
            "https" => (true, self.tls_port),
            other => {
                return Err(ValidatorError::RedirectScheme {
                    url: from,
                    scheme: excerpt(other.as_bytes()),
                });
            }
        };
        if !url.username().is_empty() || url.password().is_some() {
            return Err(nowhere());
        }
        let port = url.port().unwrap_or(standard);
        if ![80, 443, self.http_port, self.tls_port].contains(&port) {
            return Err(ValidatorError::RedirectPort { url: from, port });
        }
        let host = match url.host() {
            Some(url::Host::Domain(name)) if crate::config::is_dns_name(name) => {
                Host::Name(name.to_owned())
            }
            Some(url::Host::Ipv4(ip)) => Host::Ip(ip.into()),
            Some(url::Host::Ipv6(ip)) => Host::Ip(ip.into()),
            _ => return Err(nowhere()),
        };
        if let Host::Ip(to) = host
            && host != hop.host
        {
            return Err(ValidatorError::RedirectAddress { url: from, to });
        }
        let mut path = url.path().to_owned();
        if let Some(query) = url.query() {
            path = format!("{path}?{query}");
        }
        let next = Hop {
            secure,
            host,
            port,
            path,
        };
        let to = next.to_string();
        if to == from || self.seen.contains(&to) {
            return Err(ValidatorError::RedirectLoop { url: to });
        }
        self.seen.insert(from);
        if self.seen.len() > MOST {
            return Err(ValidatorError::Redirects { most: MOST });
        }
        Ok(next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start() -> Hop {
        Hop {
            secure: false,
            host: Host::Name("a.example".to_owned()),
            port: 80,
            path: "/.well-known/acme-challenge/t".to_owned(),
        }
    }

    fn follow(location: &str) -> Result<String, ValidatorError> {
        Trail::new(80, 443)
            .follow(&start(), location.as_bytes())
            .map(|hop| hop.to_string())
    }

    #[test]
    fn redirects_lead_to_web_servers() {
        for (location, to) in [
            ("https://b.example/x?y=z", "https://b.example/x?y=z"),
            ("http://b.example:80/", "http://b.example/"),
            ("https://b.example:443/", "https://b.example/"),
            ("http://b.example:443/", "http://b.example:443/"),
            ("/elsewhere", "http://a.example/elsewhere"),
            ("other", "http://a.example/.well-known/acme-challenge/other"),
            ("//B.example/x#fragment", "http://b.example/x"),
        ] {
            assert_eq!(follow(location).as_deref(), Ok(to), "{location}");
        }
    }

    #[test]
    fn redirects_to_anything_else_are_not_followed() {
        for location in [
            "",
            "http://",
            "http://user:secret@b.example/",
            "http://user@b.example/",
            "http://_b.example/",
            "http://b..example/",
            &format!("http://b.example/{}", "x".repeat(MOST_LOCATION)),
        ] {
            let found = follow(location);
            assert!(
                matches!(found, Err(ValidatorError::RedirectTarget { .. })),
                "{location}: {found:?}"
            );
        }
        for location in [
            "ftp://b.example/",
            "file:///etc/passwd",
            "gopher://b.example:80/",
        ] {
            let found = follow(location);
            assert!(
                matches!(found, Err(ValidatorError::RedirectScheme { .. })),
                "{location}: {found:?}"
            );
        }
        for location in ["http://b.example:22/", "https://b.example:8443/"] {
            let found = follow(location);
            assert!(
                matches!(found, Err(ValidatorError::RedirectPort { .. })),
                "{location}: {found:?}"
            );
        }
        // However an address is written, it is one.
        for (location, address) in [
            ("http://192.0.2.1/", "192.0.2.1"),
            ("https://[2001:db8::1]/", "2001:db8::1"),
            ("http://0x7f.1/", "127.0.0.1"),
        ] {
            let (url, to) = (start().to_string(), address.parse().unwrap());
            let found = follow(location);
            assert_eq!(found, Err(ValidatorError::RedirectAddress { url, to }));
        }
        let same = start().to_string();
        assert!(matches!(
            follow(&same),
            Err(ValidatorError::RedirectLoop { .. })
        ));
    }

    #[test]
    fn an_address_redirects_to_itself_alone() {
        let start = Hop {
            host: Host::Ip([192, 0, 2, 1].into()),
            ..start()
        };
        let follow = |location: &[u8]| Trail::new(80, 443).follow(&start, location);
        for location in [
            &b"/elsewhere"[..],
            b"https://192.0.2.1/",
            b"http://b.example/",
        ] {
            assert!(follow(location).is_ok(), "{location:?}");
        }
        let other = follow(b"http://192.0.2.2/");
        assert!(
            matches!(other, Err(ValidatorError::RedirectAddress { .. })),
            "{other:?}"
        );
    }

    #[test]
    fn ten_redirects_are_followed_and_not_eleven() {
        let mut trail = Trail::new(80, 443);
        let mut hop = start();
        for number in 0..MOST {
            hop = trail.follow(&hop, format!("/{number}").as_bytes()).unwrap();
        }
        assert_eq!(
            trail.follow(&hop, b"/more"),
            Err(ValidatorError::Redirects { most: MOST })
        );
    }

    #[test]
    fn a_port_of_the_settings_stands_for_the_standard_one() {
        let mut trail = Trail::new(5002, 5001);
        let hop = trail.follow(&start(), b"http://b.example/").unwrap();
        assert_eq!(hop.port, 5002);
        let hop = trail.follow(&hop, b"https://b.example/").unwrap();
        assert_eq!(hop.port, 5001);
    }
}
