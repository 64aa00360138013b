//! The section `[validation]`: where the CA looks when a client says that it controls a name.

use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;
use serde::Deserialize;
use toml::Spanned;

use super::{BadDuration, Fault, Located, Seconds};

/// How http-01, dns-01 and tls-alpn-01 are validated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Validation {
    /// Resolvers to ask; none means those of the system.
    pub resolvers: Vec<SocketAddr>,
    /// Where http-01 connects to, and where a redirect to `http` leads that names no port.
    pub http_port: u16,
    /// Where tls-alpn-01 connects to, and where a redirect to `https` leads that names no port.
    pub tls_port: u16,
    /// Networks that are not public and may be connected to all the same.
    pub allow_private: Vec<IpNet>,
    /// The longest that one validation takes.
    pub timeout: Seconds,
}

impl Default for Validation {
    fn default() -> Self {
        Self {
            resolvers: Vec::new(),
            http_port: 80,
            tls_port: 443,
            allow_private: Vec::new(),
            timeout: Seconds(10),
        }
    }
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct RawValidation {
    resolver: Option<Spanned<OneOrMore>>,
    http_port: Option<Spanned<u16>>,
    tls_port: Option<Spanned<u16>>,
    allow_private: Option<Vec<Spanned<String>>>,
    timeout: Option<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMore {
    One(String),
    More(Vec<String>),
}

/// More resolvers than this are a mistake.
const MOST_RESOLVERS: usize = 8;

pub(super) fn read(raw: RawValidation) -> Result<Validation, Located> {
    let default = Validation::default();
    Ok(Validation {
        resolvers: resolvers(raw.resolver)?,
        http_port: port(raw.http_port, default.http_port)?,
        tls_port: port(raw.tls_port, default.tls_port)?,
        allow_private: raw
            .allow_private
            .unwrap_or_default()
            .iter()
            .map(network)
            .collect::<Result<_, _>>()?,
        timeout: timeout(raw.timeout.as_ref(), default.timeout)?,
    })
}

fn resolvers(setting: Option<Spanned<OneOrMore>>) -> Result<Vec<SocketAddr>, Located> {
    let Some(setting) = setting else {
        return Ok(Vec::new());
    };
    let place = setting.span().start;
    let texts = match setting.into_inner() {
        OneOrMore::One(text) if text == "system" => return Ok(Vec::new()),
        OneOrMore::One(text) => vec![text],
        OneOrMore::More(texts) => texts,
    };
    if texts.is_empty() || texts.len() > MOST_RESOLVERS {
        let resolver = format!("a list of {}", texts.len());
        return Err(Located::new(place, Fault::Resolver { resolver }));
    }
    let resolver = |text: String| {
        socket_address(&text).ok_or_else(|| {
            Located::new(
                place,
                Fault::Resolver {
                    resolver: text.clone(),
                },
            )
        })
    };
    texts.into_iter().map(resolver).collect()
}

/// `ADDRESS:PORT`, or an address alone, for port 53.
fn socket_address(text: &str) -> Option<SocketAddr> {
    let alone = || Some(SocketAddr::new(text.parse::<IpAddr>().ok()?, 53));
    text.parse().ok().or_else(alone).filter(|at| at.port() != 0)
}

fn port(setting: Option<Spanned<u16>>, default: u16) -> Result<u16, Located> {
    match setting {
        None => Ok(default),
        Some(port) if *port.get_ref() == 0 => Err(Located::new(port.span().start, Fault::PortZero)),
        Some(port) => Ok(port.into_inner()),
    }
}

/// A network without bits behind its prefix, or one address.
pub(super) fn network(text: &Spanned<String>) -> Result<IpNet, Located> {
    let network = text.get_ref();
    let place = text.span().start;
    let parsed: IpNet = network
        .parse()
        .or_else(|_| network.parse::<IpAddr>().map(IpNet::from))
        .map_err(|_| {
            Located::new(
                place,
                Fault::Network {
                    network: network.clone(),
                },
            )
        })?;
    if parsed.trunc() == parsed {
        Ok(parsed)
    } else {
        let network = network.clone();
        let meant = parsed.trunc().to_string();
        Err(Located::new(place, Fault::HostBits { network, meant }))
    }
}

fn timeout(setting: Option<&Spanned<String>>, default: Seconds) -> Result<Seconds, Located> {
    let Some(text) = setting else {
        return Ok(default);
    };
    let place = text.span().start;
    let timeout: Seconds = text
        .get_ref()
        .parse()
        .map_err(|fault: BadDuration| Located::new(place, fault))?;
    let (what, least, most) = ("timeout", Seconds(1), Seconds(60));
    if (least..=most).contains(&timeout) {
        Ok(timeout)
    } else {
        Err(Located::new(place, Fault::Lifetime { what, least, most }))
    }
}
