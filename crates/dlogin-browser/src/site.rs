//! The sites for which Chromium gives a certificate without asking.

use std::fmt;
use std::str::FromStr;

/// A URL pattern as the policy `AutoSelectCertificateForUrls` takes it:
/// `https://intranet.example.net`, `https://[*.]example.net`, with a port or
/// without.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Site(String);

/// The text is no pattern.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no site: write https://HOST, https://[*.]DOMAIN or https://HOST:PORT")]
pub struct NotASite {
    text: String,
}

impl FromStr for Site {
    type Err = NotASite;

    fn from_str(text: &str) -> Result<Self, NotASite> {
        let not = || NotASite {
            text: text.chars().take(200).collect(),
        };
        if text == "*" {
            return Ok(Self(text.to_owned()));
        }
        let rest = text.strip_prefix("https://").ok_or_else(not)?;
        let host = rest.strip_suffix('/').unwrap_or(rest);
        let fits = |c: char| c.is_ascii_alphanumeric() || ".-:[]*".contains(c);
        if host.is_empty() || !host.chars().all(fits) {
            return Err(not());
        }
        Ok(Self(format!("https://{host}")))
    }
}

impl Site {
    /// What is risky about it, if anything.
    #[must_use]
    pub fn warning(&self) -> Option<String> {
        let host = self.0.strip_prefix("https://").unwrap_or(&self.0);
        let name = host.split(':').next().unwrap_or_default();
        (matches!(name, "*" | "[*.]") || host == "*").then(|| {
            format!(
                "{} names no host: every site that asks gets the certificate, \
                 and learns who you are",
                self.0
            )
        })
    }

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
            "https://localhost:8443/",
            "https://[::1]:8443",
        ] {
            let site: Site = text.parse().unwrap();
            assert_eq!(site.as_str(), text.trim_end_matches('/'));
            assert_eq!(site.warning(), None, "{text}");
        }
    }

    #[test]
    fn a_pattern_without_a_host_is_warned_of() {
        for text in ["*", "https://*", "https://*:443", "https://[*.]"] {
            let site: Site = text.parse().unwrap();
            assert!(site.warning().unwrap().contains("names no host"), "{text}");
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
            "https://a b",
            "https://a/path",
            "https://a\"}",
        ] {
            assert!(text.parse::<Site>().is_err(), "{text}");
        }
    }
}
