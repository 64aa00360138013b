//! `[acme]`: what accounts must do, and what the directory says besides URLs.

use serde::Deserialize;
use toml::Spanned;

use super::Located;

/// What accounts must do, and what the directory says besides URLs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Acme {
    /// Where the terms of service are, which accounts must agree to. Another URL is other terms.
    pub terms_of_service: Option<String>,
    /// A page about the CA.
    pub website: Option<String>,
    /// Whether a new account must be bound to a person (RFC 8555 §7.3.4).
    pub external_account_required: bool,
}

/// Text that cannot be the URL of a page.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{url:?} is no URL of a page: write https://…")]
pub struct BadPageUrl {
    /// What stood there.
    pub url: String,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct RawAcme {
    terms_of_service: Option<Spanned<String>>,
    website: Option<Spanned<String>>,
    #[serde(default)]
    external_account_required: bool,
}

pub(super) fn read(raw: RawAcme) -> Result<Acme, Located> {
    Ok(Acme {
        terms_of_service: raw.terms_of_service.map(page).transpose()?,
        website: raw.website.map(page).transpose()?,
        external_account_required: raw.external_account_required,
    })
}

fn page(url: Spanned<String>) -> Result<String, Located> {
    let text = url.get_ref();
    let rest = text
        .strip_prefix("https://")
        .or_else(|| text.strip_prefix("http://"));
    let good = text.len() <= 500
        && rest.is_some_and(|rest| !rest.is_empty())
        && text
            .bytes()
            .all(|b| b.is_ascii_graphic() && !b"\"<>\\^`{|}".contains(&b));
    if good {
        return Ok(url.into_inner());
    }
    let bad = BadPageUrl {
        url: text.chars().take(200).collect(),
    };
    Err(Located::new(url.span().start, bad))
}
