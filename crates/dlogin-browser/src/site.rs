//! The sites for which Chromium gives a certificate without asking.

use std::fmt;
use std::net::Ipv6Addr;
use std::str::FromStr;

/// A URL pattern as the policy `AutoSelectCertificateForUrls` takes it:
/// `https://intranet.example.net`, `https://[*.]example.net`, with a port or
/// without.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Site(String);

/// The text is no pattern that names a host.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{text:?} is no site: write https://HOST, https://HOST:PORT, or https://[*.]DOMAIN with a \
     dot in DOMAIN; what names no host would give the certificate to every site that asks"
)]
pub struct NotASite {
    text: String,
}

impl FromStr for Site {
    type Err = NotASite;

    fn from_str(text: &str) -> Result<Self, NotASite> {
        let rest = text.strip_prefix("https://");
        rest.map(|rest| rest.strip_suffix('/').unwrap_or(rest))
            .filter(|rest| names_a_host(rest))
            .map(|rest| Self(format!("https://{rest}")))
            .ok_or_else(|| NotASite {
                text: text.chars().take(200).collect(),
            })
    }
}

/// `HOST`, `[*.]DOMAIN`, with `:PORT` or without.
fn names_a_host(text: &str) -> bool {
    if let Some(domain) = text.strip_prefix("[*.]") {
        let (name, port) = with_port(domain);
        return is_name(name) && name.contains('.') && is_port(port);
    }
    if let Some((address, rest)) = text.strip_prefix('[').and_then(|text| text.split_once(']')) {
        let (nothing, port) = with_port(rest);
        return address.parse::<Ipv6Addr>().is_ok() && nothing.is_empty() && is_port(port);
    }
    let (name, port) = with_port(text);
    is_name(name) && is_port(port)
}

fn with_port(text: &str) -> (&str, Option<&str>) {
    match text.split_once(':') {
        Some((name, port)) => (name, Some(port)),
        None => (text, None),
    }
}

fn is_port(text: Option<&str>) -> bool {
    text.is_none_or(|text| text.parse::<u16>().is_ok())
}

fn is_name(text: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
    text.split('.')
        .all(|label| !label.is_empty() && label.chars().all(fits))
}

impl Site {
    /// The pattern.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl serde::Serialize for Site {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_site_is_a_host_behind_https() {
        for text in [
            "https://intranet.example.net",
            "https://[*.]example.net",
            "https://[*.]example.net:8443",
            "https://localhost:8443/",
            "https://[::1]:8443",
        ] {
            let site: Site = text.parse().unwrap();
            assert_eq!(site.as_str(), text.trim_end_matches('/'));
        }
    }

    #[test]
    fn a_pattern_without_a_host_is_no_site() {
        for text in [
            "*",
            "https://*",
            "https://*:443",
            "https://*.example.net",
            "https://a*.example.net",
            "https://intranet.*",
            "https://[*.]",
            "https://[*.]:443",
            "https://[*.]net",
            "https://[*.]*.net",
            "https://[*.][*.]example.net",
            "https://[*]",
        ] {
            let error = text.parse::<Site>().unwrap_err().to_string();
            assert!(error.contains("every site that asks"), "{text}: {error}");
        }
    }

    #[test]
    fn other_text_is_no_site() {
        for text in [
            "",
            "intranet.example.net",
            "http://intranet.example.net",
            "https://",
            "https:///",
            "https://:443",
            "https://a..b",
            "https://a:b",
            "https://a:1:2",
            "https://[::1]a",
            "https://[::x]",
            "https://a b",
            "https://a/path",
            "https://a\"}",
        ] {
            assert!(text.parse::<Site>().is_err(), "{text}");
        }
    }
}
