//! `[revocation]`: where relying parties learn of revocations.

use serde::Deserialize;
use toml::Spanned;

use super::raw::{duration, is_listen_address};
use super::{Fault, Located, Seconds};

/// Where relying parties learn of revocations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revocation {
    /// The address and port on which CRLs are served over plain HTTP, beside HTTPS.
    pub listen: Option<String>,
    /// Where relying parties fetch CRLs, `http://` and without a slash at the end; certificates
    /// name it.
    pub crl_url: Option<String>,
    /// How long a CRL is good for.
    pub crl_lifetime: Seconds,
}

/// A URL from which no CRL can be fetched.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{url:?} cannot be where CRLs are fetched: write http://HOST[:PORT][/PATH] (not https: a CRL is \
     signed, and whoever checks a certificate must not need another one to fetch it)"
)]
pub struct BadCrlUrl {
    /// What stood there.
    pub url: String,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct RawRevocation {
    listen: Option<Spanned<String>>,
    crl_url: Option<Spanned<String>>,
    crl_lifetime: Option<Spanned<String>>,
}

impl Default for Revocation {
    fn default() -> Self {
        Self {
            listen: None,
            crl_url: None,
            crl_lifetime: Seconds(12 * 60 * 60),
        }
    }
}

impl Revocation {
    /// Where the CRL of an issuer is fetched, if certificates are to say so.
    #[must_use]
    pub fn crl(&self, issuer: &str) -> Option<String> {
        let base = self.crl_url.as_ref()?;
        Some(format!("{base}/crl/{issuer}.crl"))
    }
}

pub(super) fn read(raw: RawRevocation) -> Result<Revocation, Located> {
    let default = Revocation::default();
    if let Some(listen) = &raw.listen
        && !is_listen_address(listen.get_ref())
    {
        let fault = Fault::Listen {
            listen: listen.get_ref().clone(),
        };
        return Err(Located::new(listen.span().start, fault));
    }
    let crl_url = raw
        .crl_url
        .map(|url| crl_url(url.get_ref()).map_err(|bad| Located::new(url.span().start, bad)))
        .transpose()?;
    Ok(Revocation {
        listen: raw.listen.map(Spanned::into_inner),
        crl_url,
        crl_lifetime: duration(
            raw.crl_lifetime.as_ref(),
            "crl_lifetime",
            default.crl_lifetime,
            10 * 60,
            30 * 24 * 60 * 60,
        )?,
    })
}

fn crl_url(text: &str) -> Result<String, BadCrlUrl> {
    let bad = || BadCrlUrl {
        url: text.chars().take(200).collect(),
    };
    let good = text.len() <= 200
        && text.bytes().all(|b| b.is_ascii_graphic())
        && !text.contains(['?', '#', '"', '<', '>', '\\', '@']);
    let rest = text
        .strip_prefix("http://")
        .filter(|_| good)
        .ok_or_else(bad)?;
    let authority = rest.split('/').next().unwrap_or_default();
    // The rules of the CA's own URL hold for host and port.
    let _: super::CaUrl = format!("https://{authority}").parse().map_err(|_| bad())?;
    Ok(text.trim_end_matches('/').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crls_are_fetched_over_plain_http() {
        for (text, kept) in [
            ("http://ca.example", "http://ca.example"),
            ("http://ca.example:8080/", "http://ca.example:8080"),
            ("http://[::1]:8080/pki", "http://[::1]:8080/pki"),
        ] {
            assert_eq!(crl_url(text).unwrap(), kept);
        }
        for bad in [
            "",
            "https://ca.example",
            "ca.example",
            "http://",
            "http://a b",
            "http://a/?x",
        ] {
            assert!(crl_url(bad).is_err(), "{bad:?}");
        }
        let set = Revocation {
            crl_url: Some("http://ca.example".into()),
            ..Revocation::default()
        };
        assert_eq!(
            set.crl("clients").unwrap(),
            "http://ca.example/crl/clients.crl"
        );
    }
}
