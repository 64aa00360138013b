//! Who may have which names of servers: `[[profiles.NAME.allow]]`. What no rule allows is
//! forbidden.

use ipnet::IpNet;
use serde::Deserialize;
use toml::Spanned;

use super::url::is_dns_name;
use super::validation::network;
use super::{Fault, Located};
use crate::names::ServerName;
use crate::records::UserName;
use crate::store::orders::Account;

/// One rule: these names, for these accounts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allow {
    who: Who,
    names: Vec<Pattern>,
    wildcards: bool,
    addresses: Vec<IpNet>,
}

/// Which accounts a rule is for.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Who {
    /// Every account.
    Anyone,
    /// This one.
    Account(String),
    /// Those that are bound to this person (RFC 8555 §7.3.4).
    User(UserName),
    /// The one that this external account key bound.
    External(String),
}

/// Which DNS names a rule is for. In lower case.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Pattern {
    /// This one.
    Exact(String),
    /// The wildcard of this one.
    Wildcard(String),
    /// All below, written with a dot before it; empty for every name.
    Below(String),
}

/// An account that asks for names.
#[derive(Debug, Clone, Copy)]
pub struct Applicant<'a> {
    /// Its id.
    pub account: &'a str,
    /// The person that it is bound to.
    pub user: Option<&'a str>,
    /// The external account key that bound it.
    pub external: Option<&'a str>,
}

impl<'a> Applicant<'a> {
    /// An account as it is on record.
    #[must_use]
    pub fn of(account: &'a Account) -> Self {
        Self {
            account: &account.id,
            user: account.user.as_deref(),
            external: account.external.as_deref(),
        }
    }
}

impl Allow {
    /// Whether the rule lets this account have this name.
    #[must_use]
    pub fn permits(&self, applicant: Applicant<'_>, name: &ServerName) -> bool {
        let is_for = match &self.who {
            Who::Anyone => true,
            Who::Account(id) => id == applicant.account,
            Who::User(name) => applicant.user == Some(name.as_str()),
            Who::External(key) => applicant.external == Some(key),
        };
        is_for
            && match name {
                ServerName::Ip(ip) => self.addresses.iter().any(|net| net.contains(ip)),
                ServerName::Dns { base, wildcard } => self
                    .names
                    .iter()
                    .any(|pattern| self.matches(pattern, base, *wildcard)),
            }
    }

    fn matches(&self, pattern: &Pattern, base: &str, wildcard: bool) -> bool {
        match pattern {
            Pattern::Exact(name) => !wildcard && name == base,
            Pattern::Wildcard(name) => wildcard && name == base,
            Pattern::Below(above) if wildcard => {
                self.wildcards && (base == above || is_below(base, above))
            }
            Pattern::Below(above) => is_below(base, above),
        }
    }
}

fn is_below(name: &str, above: &str) -> bool {
    above.is_empty()
        || name
            .strip_suffix(above)
            .is_some_and(|labels| labels.ends_with('.'))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawAllow {
    who: Spanned<String>,
    #[serde(default)]
    names: Vec<Spanned<String>>,
    #[serde(default)]
    wildcards: bool,
    #[serde(default)]
    addresses: Vec<Spanned<String>>,
}

fn who(text: &str) -> Option<Who> {
    match text.split_once(':') {
        None if text == "anyone" => Some(Who::Anyone),
        Some(("account", id)) if !id.is_empty() => Some(Who::Account(id.to_owned())),
        Some(("user", name)) => name.parse().ok().map(Who::User),
        Some(("eab", key)) if !key.is_empty() => Some(Who::External(key.to_owned())),
        _ => None,
    }
}

pub(super) fn read(raw: &RawAllow) -> Result<Allow, Located> {
    let at = |place: &Spanned<String>, fault| Located::new(place.span().start, fault);
    let who = who(raw.who.get_ref()).ok_or_else(|| {
        let who = raw.who.get_ref().clone();
        at(&raw.who, Fault::AllowWho { who })
    })?;
    let pattern = |text: &Spanned<String>| {
        let name = text.get_ref().to_ascii_lowercase();
        let read = match (name.strip_prefix("*."), name.strip_prefix('.')) {
            (Some(base), _) if is_dns_name(base) => Some(Pattern::Wildcard(base.to_owned())),
            (_, Some(above)) if above.is_empty() || is_dns_name(above) => {
                Some(Pattern::Below(above.to_owned()))
            }
            _ if is_dns_name(&name) => Some(Pattern::Exact(name)),
            _ => None,
        };
        read.ok_or_else(|| {
            let name = text.get_ref().clone();
            at(text, Fault::AllowName { name })
        })
    };
    Ok(Allow {
        who,
        names: raw.names.iter().map(pattern).collect::<Result<_, _>>()?,
        wildcards: raw.wildcards,
        addresses: raw
            .addresses
            .iter()
            .map(network)
            .collect::<Result<_, _>>()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use acme_wire::order::{Identifier, IdentifierType};

    fn rule(text: &str) -> Allow {
        let raw: RawAllow = toml::from_str(text).unwrap();
        match read(&raw) {
            Ok(rule) => rule,
            Err(_) => panic!("{text}"),
        }
    }

    fn anyone(rule: &Allow, name: &str) -> bool {
        permits(rule, applicant("a"), name)
    }

    fn applicant(account: &str) -> Applicant<'_> {
        Applicant {
            account,
            user: None,
            external: None,
        }
    }

    fn permits(rule: &Allow, applicant: Applicant<'_>, name: &str) -> bool {
        let kind = match name.parse::<std::net::IpAddr>() {
            Ok(_) => IdentifierType::Ip,
            Err(_) => IdentifierType::Dns,
        };
        let value = name.to_owned();
        let name = ServerName::read(&Identifier { kind, value }).unwrap();
        rule.permits(applicant, &name)
    }

    #[test]
    fn an_exact_name_is_that_name_alone() {
        let rule = rule("who = 'anyone'\nnames = ['WWW.example.net']\nwildcards = true");
        assert!(anyone(&rule, "www.example.net"));
        for other in [
            "example.net",
            "a.www.example.net",
            "*.www.example.net",
            "awww.example.net",
        ] {
            assert!(!anyone(&rule, other), "{other}");
        }
    }

    #[test]
    fn a_suffix_is_what_is_below_it() {
        let plain = rule("who = 'anyone'\nnames = ['.example.net']");
        assert!(anyone(&plain, "www.example.net"));
        assert!(anyone(&plain, "a.b.example.net"));
        for other in [
            "example.net",
            "badexample.net",
            "*.example.net",
            "*.a.example.net",
        ] {
            assert!(!anyone(&plain, other), "{other}");
        }
        let wild = rule("who = 'anyone'\nnames = ['.example.net']\nwildcards = true");
        assert!(anyone(&wild, "*.example.net"));
        assert!(anyone(&wild, "*.a.example.net"));
        assert!(!anyone(&wild, "*.net"));
        assert!(!anyone(&wild, "*.badexample.net"));
    }

    #[test]
    fn one_wildcard_can_be_named() {
        let rule = rule("who = 'anyone'\nnames = ['*.example.net']");
        assert!(anyone(&rule, "*.example.net"));
        assert!(!anyone(&rule, "www.example.net"));
        assert!(!anyone(&rule, "*.a.example.net"));
    }

    #[test]
    fn every_name_is_a_dot() {
        let rule = rule("who = 'anyone'\nnames = ['.']");
        assert!(anyone(&rule, "localhost"));
        assert!(anyone(&rule, "www.example.net"));
        assert!(!anyone(&rule, "*.example.net"));
        assert!(!anyone(&rule, "192.0.2.1"));
    }

    #[test]
    fn addresses_are_networks() {
        let rule = rule("who = 'anyone'\naddresses = ['192.0.2.0/24', '2001:db8::1']");
        assert!(anyone(&rule, "192.0.2.77"));
        assert!(anyone(&rule, "2001:db8::1"));
        for other in ["192.0.3.1", "2001:db8::2", "www.example.net"] {
            assert!(!anyone(&rule, other), "{other}");
        }
    }

    #[test]
    fn a_rule_is_for_whom_it_says() {
        let account = rule("who = 'account:abc'\nnames = ['.']");
        assert!(permits(&account, applicant("abc"), "a.example"));
        assert!(!permits(&account, applicant("abd"), "a.example"));
        let bound = Applicant {
            account: "abc",
            user: Some("alice"),
            external: Some("5f3a"),
        };
        for (who, is_for) in [
            ("user:alice", true),
            ("user:alic", false),
            ("user:abc", false),
            ("eab:5f3a", true),
            ("eab:5f3", false),
            ("account:alice", false),
        ] {
            let rule = rule(&format!("who = '{who}'\nnames = ['.']"));
            assert_eq!(permits(&rule, bound, "a.example"), is_for, "{who}");
            assert!(!permits(&rule, applicant("alice"), "a.example") || who == "account:alice");
        }
    }

    #[test]
    fn whom_a_rule_can_be_for() {
        for bad in [
            "",
            "everyone",
            "anyone:",
            "alice",
            "account:",
            "user:",
            "user:a b",
            "user:*",
            "eab:",
            "group:ops",
        ] {
            assert_eq!(who(bad), None, "{bad:?}");
        }
    }
}
