//! Profiles: what can be ordered, and what it becomes.

use sshcert_acme::{CriticalOptions, Extensions};

use super::allow::{Allow, Applicant};
use super::duration::Seconds;
use super::key_challenge::KeyChallenge;
use super::url::is_dns_name;
use crate::names::ServerName;
use crate::validators::Method;

/// One thing that can be ordered (draft-ietf-acme-profiles).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    /// Its name.
    pub name: String,
    /// For people, in the directory.
    pub description: String,
    /// How a client shows that it may have what it orders.
    pub proven_by: ProvenBy,
    /// What is issued.
    pub kind: ProfileKind,
    /// The longest life that may be asked for.
    pub max_validity: Seconds,
    /// The life of an order that asks for none.
    pub default_validity: Seconds,
    /// What its certificates say about revocation.
    pub checked_by: CheckedBy,
}

/// What a profile's certificates say about how their revocation is checked. SSH certificates say
/// nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CheckedBy {
    /// Nothing.
    Silent,
    /// Where the CRL is (RFC 5280 §4.2.1.13).
    Crl,
    /// That there is no revocation information (RFC 9608): they end before it would spread.
    NoRevAvail,
}

/// How a client shows that it may have what it orders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProvenBy {
    /// By an enrolled YubiKey: an order has one identifier, its authorization this one challenge,
    /// and the record of the key says what is certified.
    Yubikey(KeyChallenge),
    /// By controlling each name that it orders, and being allowed to have it.
    Names(NameRules),
}

/// How names of servers are validated, and who may have which.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameRules {
    /// The challenges over the network that an authorization offers, if they fit its name; never
    /// empty unless `kubernetes`.
    pub methods: Vec<Method>,
    /// Whether kubernetes-01 is offered, too.
    pub kubernetes: bool,
    /// The names of this CA in CAA records (RFC 8659), in lower case; CAA is asked for unless
    /// there are none.
    pub caa: Vec<String>,
    /// What no rule allows is forbidden.
    pub allow: Vec<Allow>,
}

impl NameRules {
    /// Whether a rule lets this account have this name.
    #[must_use]
    pub fn permits(&self, applicant: Applicant<'_>, name: &ServerName) -> bool {
        self.allow.iter().any(|rule| rule.permits(applicant, name))
    }

    /// The types of the challenges that an authorization for a name offers.
    pub fn challenges_for(&self, name: &ServerName) -> impl Iterator<Item = &'static str> {
        // A service account has names; an address or all names below one are no pod's.
        let is_a_pods = matches!(
            name,
            ServerName::Dns {
                wildcard: false,
                ..
            }
        );
        self.methods_for(name)
            .map(Method::as_str)
            .chain((self.kubernetes && is_a_pods).then_some(crate::kubernetes::CHALLENGE))
    }

    /// The challenges over the network that can show control of a name.
    pub fn methods_for(&self, name: &ServerName) -> impl Iterator<Item = Method> {
        let subject = name.subject();
        self.methods
            .iter()
            .copied()
            .filter(move |method| method.is_for(&subject))
    }
}

/// What a profile issues.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProfileKind {
    /// A TLS client certificate with names of one kind.
    X509(SanKind),
    /// A TLS server certificate with the names of its order.
    X509Server,
    /// An OpenSSH user certificate.
    SshUser(SshProfile),
}

/// Which subject alternative names a profile's certificates carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SanKind {
    /// `dNSName`.
    Dns,
    /// `uniformResourceIdentifier`.
    Uri,
    /// `rfc822Name`.
    Email,
}

/// What stands in a profile's SSH certificates besides names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SshProfile {
    /// Extensions such as `permit-pty`.
    pub extensions: Extensions,
    /// Critical options such as `source-address`.
    pub critical_options: CriticalOptions,
}

/// A life that a profile does not give.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadValidity {
    /// It would be over.
    #[error("notAfter is not in the future")]
    Past,
    /// It is longer than the profile allows.
    #[error("notAfter is further off than this profile allows ({most})")]
    TooLong {
        /// The most that it allows.
        most: Seconds,
    },
    /// `notBefore` was asked for.
    #[error("notBefore cannot be chosen")]
    NotBefore,
}

/// A name that a profile's certificates cannot carry.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name:?} cannot be a name of profile {profile}: {expected}")]
pub struct BadName {
    /// The name.
    pub name: String,
    /// The profile.
    pub profile: String,
    /// What would do.
    pub expected: &'static str,
}

impl Profile {
    /// When a certificate ordered with `asked` (seconds since 1970; `None` if the order does
    /// not say) and made at `now` ends.
    ///
    /// # Errors
    /// [`BadValidity`] for a life that the profile does not give.
    pub fn not_after(&self, asked: Option<i64>, now: i64) -> Result<i64, BadValidity> {
        match asked {
            None => Ok(now.saturating_add(self.default_validity.0)),
            Some(asked) if asked <= now => Err(BadValidity::Past),
            Some(asked) if asked > now.saturating_add(self.max_validity.0) => {
                Err(BadValidity::TooLong {
                    most: self.max_validity,
                })
            }
            Some(asked) => Ok(asked),
        }
    }

    /// The challenge of a profile that is had with a YubiKey.
    #[must_use]
    pub fn yubikey(&self) -> Option<KeyChallenge> {
        match self.proven_by {
            ProvenBy::Yubikey(challenge) => Some(challenge),
            ProvenBy::Names(_) => None,
        }
    }

    /// The kind, as it stands in `ca.toml`.
    #[must_use]
    pub fn kind_name(&self) -> &'static str {
        match self.kind {
            ProfileKind::X509(_) => "x509",
            ProfileKind::X509Server => "x509-server",
            ProfileKind::SshUser(_) => "ssh-user",
        }
    }
}

/// Checks a name for a profile and puts it into the one form under which it is stored.
///
/// # Errors
/// [`BadName`].
pub fn certificate_name(profile: &Profile, name: &str) -> Result<String, BadName> {
    let bad = |expected| BadName {
        name: name.chars().take(300).collect(),
        profile: profile.name.clone(),
        expected,
    };
    match profile.kind {
        // A wildcard is no name of a person's laptop.
        ProfileKind::X509(SanKind::Dns) if is_dns_name(name) => Ok(name.to_ascii_lowercase()),
        ProfileKind::X509(SanKind::Dns) => Err(bad("expected a host name, such as alice.example")),
        ProfileKind::X509(SanKind::Uri) if is_uri(name) => Ok(name.to_owned()),
        ProfileKind::X509(SanKind::Uri) => {
            Err(bad("expected a URI, such as spiffe://example/alice"))
        }
        ProfileKind::X509(SanKind::Email) => match name.rsplit_once('@') {
            Some((local, host)) if is_mail_address(name) => {
                Ok(format!("{local}@{}", host.to_ascii_lowercase()))
            }
            _ => Err(bad("expected an address, such as alice@example.com")),
        },
        // The names of servers are ordered, not granted to a key.
        ProfileKind::X509Server => Err(bad("its names are ordered, not granted")),
        ProfileKind::SshUser(_) if is_principal(name) => Ok(name.to_owned()),
        ProfileKind::SshUser(_) => Err(bad(
            "expected a principal: printable ASCII without spaces, commas, quotes and wildcards",
        )),
    }
}

pub(crate) fn is_uri(name: &str) -> bool {
    let Some((scheme, rest)) = name.split_once(':') else {
        return false;
    };
    name.len() <= 255
        && scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b))
        && !rest.is_empty()
        && rest
            .bytes()
            .all(|b| b.is_ascii_graphic() && !b"\"<>\\^`{|}".contains(&b))
}

pub(crate) fn is_mail_address(name: &str) -> bool {
    name.rsplit_once('@')
        .is_some_and(|(local, host)| is_local_part(local) && is_dns_name(host))
}

fn is_local_part(local: &str) -> bool {
    !local.is_empty()
        && local.len() <= 64
        && !local.starts_with('.')
        && !local.ends_with('.')
        && !local.contains("..")
        && local
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~.".contains(&b))
}

/// sshd matches principals with its pattern language and lists them with commas.
fn is_principal(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 128
        && name
            .bytes()
            .all(|b| b.is_ascii_graphic() && !b"\"',*?!#\\".contains(&b))
}
