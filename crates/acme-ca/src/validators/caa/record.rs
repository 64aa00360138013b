//! What CAA records say (RFC 8659 §4), and to whom (RFC 8657).

use crate::config::is_dns_name;

/// One CAA record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Property {
    /// Whoever does not know its tag must not issue.
    pub critical: bool,
    /// Its tag, such as `issue`.
    pub tag: String,
    /// Its value.
    pub value: Vec<u8>,
}

/// Who wants to issue, for whom.
#[derive(Debug, Clone, Copy)]
pub struct Application<'a> {
    /// The names of this CA in CAA records, in lower case.
    pub identities: &'a [String],
    /// The URL of the account.
    pub account: &'a str,
    /// The challenge that showed control.
    pub method: &'a str,
}

/// Why records forbid to issue.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Forbids {
    /// A critical property that this CA does not know.
    #[error("it does not know the critical property {tag:?}")]
    Critical {
        /// Its tag.
        tag: String,
    },
    /// None of the issuers is this CA, for this account and this challenge.
    #[error("it may not issue to this account by {method}, but: {}", quoted(.found))]
    Others {
        /// The challenge.
        method: String,
        /// The values of the first few records.
        found: Vec<String>,
    },
}

/// Properties that say nothing about certificates for names (RFC 8659 §4.4, RFC 9495).
const ELSEWHERE: [&str; 2] = ["iodef", "issuemail"];
/// More records than this are not told to the client.
const MOST_TOLD: usize = 3;

/// Whether the records of the relevant set let a certificate be issued.
pub(super) fn judge(
    records: &[Property],
    wildcard: bool,
    application: Application<'_>,
) -> Result<(), Forbids> {
    let tagged = |tag: &'static str| {
        let is = move |record: &&Property| record.tag.eq_ignore_ascii_case(tag);
        records.iter().filter(is).collect::<Vec<_>>()
    };
    let (issue, wild) = (tagged("issue"), tagged("issuewild"));
    let known = |record: &&Property| {
        let mut tags = ["issue", "issuewild"].iter().chain(&ELSEWHERE);
        tags.any(|tag| record.tag.eq_ignore_ascii_case(tag))
    };
    let mut critical = records.iter().filter(|record| record.critical);
    if let Some(unknown) = critical.find(|record| !known(record)) {
        let tag = unknown.tag.chars().take(32).collect();
        return Err(Forbids::Critical { tag });
    }
    // RFC 8659 §4.3: `issuewild` counts for wildcards alone, and instead of `issue`.
    let issuers = if wildcard && !wild.is_empty() {
        wild
    } else {
        issue
    };
    let named = |record: &&Property| {
        Issuer::read(&record.value).is_some_and(|issuer| issuer.is(application))
    };
    if issuers.is_empty() || issuers.iter().any(named) {
        return Ok(());
    }
    let text = |record: &&Property| super::super::error::excerpt(&record.value);
    Err(Forbids::Others {
        method: application.method.to_owned(),
        found: issuers.iter().take(MOST_TOLD).map(text).collect(),
    })
}

/// The value of `issue` and `issuewild`. One that is malformed names nobody.
#[derive(Debug, PartialEq, Eq)]
struct Issuer<'a> {
    /// Empty: nobody.
    domain: &'a str,
    parameters: Vec<(&'a str, &'a str)>,
}

impl<'a> Issuer<'a> {
    fn read(value: &'a [u8]) -> Option<Self> {
        let text = std::str::from_utf8(value).ok()?;
        let (domain, rest) = text.split_once(';').unwrap_or((text, ""));
        let domain = trim(domain);
        if !domain.is_empty() && !is_dns_name(domain) {
            return None;
        }
        let parameters = match trim(rest) {
            "" => Vec::new(),
            rest => rest.split(';').map(parameter).collect::<Option<_>>()?,
        };
        Some(Self { domain, parameters })
    }

    fn is(&self, application: Application<'_>) -> bool {
        let ours = |name: &String| name.eq_ignore_ascii_case(self.domain);
        application.identities.iter().any(ours)
            && self.allows("accounturi", |uri| uri == application.account)
            && self.allows("validationmethods", |methods| {
                methods.split(',').all(is_label)
                    && methods.split(',').any(|one| one == application.method)
            })
    }

    /// Whether a parameter of RFC 8657 is not there, or is there once and allows it. Others
    /// mean nothing to this CA.
    fn allows(&self, tag: &str, allows: impl Fn(&str) -> bool) -> bool {
        let mut found = self
            .parameters
            .iter()
            .filter(|(name, _)| name.eq_ignore_ascii_case(tag));
        match (found.next(), found.next()) {
            (None, _) => true,
            (Some((_, value)), None) => allows(value),
            (Some(_), Some(_)) => false,
        }
    }
}

fn parameter(text: &str) -> Option<(&str, &str)> {
    let (tag, value) = text.split_once('=')?;
    let (tag, value) = (trim(tag), trim(value));
    (is_label(tag) && value.bytes().all(|b| b.is_ascii_graphic())).then_some((tag, value))
}

fn is_label(text: &str) -> bool {
    !text.is_empty()
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        && !text.starts_with('-')
        && !text.ends_with('-')
}

/// Without the white space of RFC 5234.
fn trim(text: &str) -> &str {
    text.trim_matches([' ', '\t'])
}

fn quoted(found: &[String]) -> String {
    let texts: Vec<String> = found.iter().map(|text| format!("{text:?}")).collect();
    texts.join(", ")
}

#[cfg(test)]
mod tests;
