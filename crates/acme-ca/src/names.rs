//! Names of servers: what a client may order by proving that it controls it (RFC 8555 §7.1.3,
//! RFC 8738), read into one form, and the right to a certificate for them.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

use acme_wire::order::{Identifier, IdentifierType};

use crate::validators::Subject;

mod authorized;

pub(crate) use authorized::name_of;
pub use authorized::{Forbidden, NamesAuthorized, NamesError, Reason, forbidden};

/// A name that a server certificate can carry, in its one form: a DNS name in lower case without
/// a dot at its end, or an address.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ServerName {
    /// A DNS name.
    Dns {
        /// The name; of a wildcard, what stands behind `*.`.
        base: String,
        /// Whether it stands for every name one label below.
        wildcard: bool,
    },
    /// An address.
    Ip(IpAddr),
}

/// Why an identifier is no name of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadName {
    /// Another type than `dns` and `ip`.
    #[error("identifiers of this type are not for servers: use dns or ip")]
    Type,
    /// An address in a `dns` identifier.
    #[error("it is an address: order it with the type \"ip\"")]
    AddressAsDns,
    /// Letters outside ASCII.
    #[error("write it in ASCII, internationalised labels as xn--… (RFC 5890)")]
    NotAscii,
    /// A `*` that is not the whole first label.
    #[error("a wildcard is \"*.\" before a host name, and nothing else")]
    Wildcard,
    /// A dot at the end.
    #[error("write it without a dot at the end")]
    TrailingDot,
    /// A label with hyphens in its third and fourth place that is no A-label.
    #[error("labels with \"--\" in the third and fourth place are reserved, but for xn--")]
    ReservedLabel,
    /// A label that says that it is an A-label, and is none.
    #[error("a label that begins with xn-- is no internationalised one (RFC 5891 §5.4)")]
    NotALabel,
    /// Nothing that a host can be called.
    #[error("it is no host name")]
    NotHostName,
    /// No address.
    #[error("it is no address: write 192.0.2.1 or 2001:db8::1")]
    NotAddress,
    /// An address that is an IPv4 address in disguise.
    #[error("write IPv4 addresses as 192.0.2.1")]
    MappedAddress,
}

impl ServerName {
    /// Reads an identifier.
    ///
    /// # Errors
    /// [`BadName`], which says what would do.
    pub fn read(identifier: &Identifier) -> Result<Self, BadName> {
        match identifier.kind {
            IdentifierType::Dns => dns(&identifier.value),
            IdentifierType::Ip => ip(&identifier.value),
            IdentifierType::PermanentIdentifier | IdentifierType::Unknown(_) => Err(BadName::Type),
        }
    }

    /// The type of its identifier.
    #[must_use]
    pub fn kind(&self) -> IdentifierType {
        match self {
            Self::Dns { .. } => IdentifierType::Dns,
            Self::Ip(_) => IdentifierType::Ip,
        }
    }

    /// The value of an authorization's identifier: a wildcard without its `*.` (RFC 8555 §7.1.4).
    #[must_use]
    pub fn authorized_value(&self) -> String {
        match self {
            Self::Dns { base, .. } => base.clone(),
            Self::Ip(ip) => ip.to_string(),
        }
    }

    /// As validators have it.
    #[must_use]
    pub fn subject(&self) -> Subject {
        match self {
            Self::Dns {
                base,
                wildcard: false,
            } => Subject::Dns(base.clone()),
            Self::Dns {
                base,
                wildcard: true,
            } => Subject::Wildcard(base.clone()),
            Self::Ip(ip) => Subject::Ip(*ip),
        }
    }

    /// Whether it is a wildcard.
    #[must_use]
    pub fn is_wildcard(&self) -> bool {
        matches!(self, Self::Dns { wildcard: true, .. })
    }

    /// Whether a certificate for this name is good for a host of that DNS name.
    #[must_use]
    pub fn covers(&self, host: &str) -> bool {
        match self {
            Self::Dns {
                base,
                wildcard: false,
            } => host.eq_ignore_ascii_case(base),
            Self::Dns {
                base,
                wildcard: true,
            } => host
                .split_once('.')
                .is_some_and(|(_, above)| above.eq_ignore_ascii_case(base)),
            Self::Ip(_) => false,
        }
    }
}

impl fmt::Display for ServerName {
    /// As in a certificate: `www.example.net`, `*.example.net`, `192.0.2.1`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dns {
                base,
                wildcard: false,
            } => f.write_str(base),
            Self::Dns {
                base,
                wildcard: true,
            } => write!(f, "*.{base}"),
            Self::Ip(ip) => ip.fmt(f),
        }
    }
}

fn dns(value: &str) -> Result<ServerName, BadName> {
    if !value.is_ascii() {
        return Err(BadName::NotAscii);
    }
    if value.parse::<IpAddr>().is_ok() {
        return Err(BadName::AddressAsDns);
    }
    let (base, wildcard) = match value.strip_prefix("*.") {
        Some(base) => (base, true),
        None => (value, false),
    };
    if base.contains('*') {
        return Err(BadName::Wildcard);
    }
    if base.ends_with('.') {
        return Err(BadName::TrailingDot);
    }
    // The whole of it must fit into 253 characters.
    if value.len() > 253 || !crate::config::is_dns_name(base) {
        return Err(BadName::NotHostName);
    }
    let base = base.to_ascii_lowercase();
    let reserved =
        |label: &str| label.get(2..4).is_some_and(|at| at == "--") && !label.starts_with("xn--");
    if base.split('.').any(reserved) {
        return Err(BadName::ReservedLabel);
    }
    if !has_only_a_labels(&base) {
        return Err(BadName::NotALabel);
    }
    Ok(ServerName::Dns { base, wildcard })
}

/// Whether each label of a host name that begins with `xn--` stands for something, in the one form
/// that it has.
pub(crate) fn has_only_a_labels(name: &str) -> bool {
    !name.split('.').any(|label| label.starts_with("xn--"))
        || matches!(url::Host::parse(name), Ok(url::Host::Domain(again)) if again == name)
}

fn ip(value: &str) -> Result<ServerName, BadName> {
    let ip: IpAddr = value.parse().map_err(|_| BadName::NotAddress)?;
    match ip {
        IpAddr::V6(v6) if is_ipv4_in_disguise(v6) => Err(BadName::MappedAddress),
        ip => Ok(ServerName::Ip(ip)),
    }
}

fn is_ipv4_in_disguise(ip: Ipv6Addr) -> bool {
    ip.to_ipv4_mapped().is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip_identifier(value: &str) -> Identifier {
        Identifier {
            kind: IdentifierType::Ip,
            value: value.to_owned(),
        }
    }

    #[test]
    fn a_name_has_one_form() {
        for (value, shown) in [
            ("WWW.Example.NET", "www.example.net"),
            ("*.Example.net", "*.example.net"),
            ("localhost", "localhost"),
            ("xn--bcher-kva.example", "xn--bcher-kva.example"),
        ] {
            let name = ServerName::read(&Identifier::dns(value)).unwrap();
            assert_eq!(name.to_string(), shown);
            let again = ServerName::read(&Identifier::dns(shown)).unwrap();
            assert_eq!(again, name);
        }
        for (value, shown) in [
            ("192.0.2.1", "192.0.2.1"),
            ("2001:DB8:0:0::1", "2001:db8::1"),
            ("::1", "::1"),
        ] {
            let name = ServerName::read(&ip_identifier(value)).unwrap();
            assert_eq!(name.to_string(), shown);
        }
    }

    #[test]
    fn what_is_no_name_is_told_apart() {
        let long = "a.".repeat(126) + "ab";
        for (value, bad) in [
            ("", BadName::NotHostName),
            ("a b", BadName::NotHostName),
            ("a..b", BadName::NotHostName),
            ("-a.example", BadName::NotHostName),
            ("a_b.example", BadName::NotHostName),
            ("1.2.3", BadName::NotHostName),
            (long.as_str(), BadName::NotHostName),
            ("bücher.example", BadName::NotAscii),
            ("192.0.2.1", BadName::AddressAsDns),
            ("2001:db8::1", BadName::AddressAsDns),
            ("example.net.", BadName::TrailingDot),
            ("*.", BadName::NotHostName),
            ("*", BadName::Wildcard),
            ("*example.net", BadName::Wildcard),
            ("*.*.example.net", BadName::Wildcard),
            ("www.*.net", BadName::Wildcard),
            ("ab--cd.example", BadName::ReservedLabel),
            ("xn--a.example", BadName::NotALabel),
            ("*.xn--zzzzzzzzzzzz99999.example", BadName::NotALabel),
        ] {
            assert_eq!(
                ServerName::read(&Identifier::dns(value)),
                Err(bad),
                "{value}"
            );
        }
        for (value, bad) in [
            ("", BadName::NotAddress),
            ("192.0.2.01", BadName::NotAddress),
            ("192.0.2", BadName::NotAddress),
            ("[::1]", BadName::NotAddress),
            ("fe80::1%eth0", BadName::NotAddress),
            ("example.net", BadName::NotAddress),
            ("::ffff:192.0.2.1", BadName::MappedAddress),
        ] {
            assert_eq!(ServerName::read(&ip_identifier(value)), Err(bad), "{value}");
        }
        assert_eq!(
            ServerName::read(&Identifier::permanent("1")),
            Err(BadName::Type)
        );
    }

    #[test]
    fn a_wildcard_covers_one_label() {
        let name = ServerName::read(&Identifier::dns("*.example.net")).unwrap();
        assert!(name.covers("www.example.net"));
        assert!(name.covers("WWW.EXAMPLE.NET"));
        for other in ["example.net", "a.b.example.net", "www.example.org"] {
            assert!(!name.covers(other), "{other}");
        }
    }
}
