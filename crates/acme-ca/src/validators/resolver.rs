//! Asking the DNS.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{
    ConnectionConfig, LookupIpStrategy, NameServerConfig, ResolveHosts, ResolverConfig,
};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::{Name, RData, RecordType};

use super::ValidatorError;
use super::caa::Property;

/// A stub resolver. It remembers nothing: every validation sees the DNS as it is.
pub(crate) struct Resolver {
    inner: TokioResolver,
}

impl std::fmt::Debug for Resolver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Resolver")
    }
}

impl Resolver {
    /// Asks `servers`, or those of the system if there are none; each try takes at most
    /// `patience`.
    pub(crate) fn new(servers: &[SocketAddr], patience: Duration) -> Result<Self, NetError> {
        let system;
        let servers = if servers.is_empty() {
            system = of_the_system();
            &system
        } else {
            servers
        };
        let servers = servers.iter().map(name_server).collect();
        let config = ResolverConfig::from_parts(None, Vec::new(), servers);
        let provider = TokioRuntimeProvider::default();
        let mut builder = TokioResolver::builder_with_config(config, provider);
        let options = builder.options_mut();
        options.timeout = patience;
        options.attempts = 2;
        options.cache_size = 0;
        // The hosts file is no DNS; what stands in it is the operator's word about this machine.
        options.use_hosts_file = ResolveHosts::Never;
        options.ip_strategy = LookupIpStrategy::Ipv4AndIpv6;
        options.max_active_requests = 1024;
        Ok(Self {
            inner: builder.build()?,
        })
    }

    /// The addresses of a name, IPv6 and IPv4 by turns, IPv6 first.
    pub(crate) async fn addresses(&self, name: &str) -> Result<Vec<IpAddr>, ValidatorError> {
        let answer = self
            .inner
            .lookup_ip(absolute(name)?)
            .await
            .map_err(|error| {
                failure(&error, name, || ValidatorError::NoAddress {
                    name: name.to_owned(),
                })
            })?;
        let (v6, v4): (Vec<_>, Vec<_>) = answer.iter().partition(IpAddr::is_ipv6);
        let (mut v6, mut v4) = (v6.into_iter(), v4.into_iter());
        let mut addresses = Vec::new();
        loop {
            let before = addresses.len();
            addresses.extend(v6.next());
            addresses.extend(v4.next());
            if addresses.len() == before {
                break;
            }
        }
        if addresses.is_empty() {
            let name = name.to_owned();
            return Err(ValidatorError::NoAddress { name });
        }
        Ok(addresses)
    }

    /// The TXT records of a name, each in one piece.
    pub(crate) async fn txt(&self, name: &str) -> Result<Vec<Vec<u8>>, ValidatorError> {
        let none = || ValidatorError::NoTxt {
            name: name.to_owned(),
        };
        let answer = self
            .inner
            .txt_lookup(absolute(name)?)
            .await
            .map_err(|error| failure(&error, name, none))?;
        let records: Vec<Vec<u8>> = answer
            .answers()
            .iter()
            .filter_map(|record| match &record.data {
                RData::TXT(txt) => Some(txt.txt_data.concat()),
                _ => None,
            })
            .collect();
        if records.is_empty() {
            return Err(none());
        }
        Ok(records)
    }

    /// The CAA records of a name itself, often none.
    pub(crate) async fn caa(&self, name: &str) -> Result<Vec<Property>, ValidatorError> {
        let answer = self.inner.lookup(absolute(name)?, RecordType::CAA).await;
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) => {
                let none = || ValidatorError::NoSuchName {
                    name: name.to_owned(),
                };
                return match failure(&error, name, none) {
                    ValidatorError::NoSuchName { .. } => Ok(Vec::new()),
                    failed => Err(failed),
                };
            }
        };
        let property = |data: &RData| match data {
            RData::CAA(caa) => Some(Property {
                critical: caa.issuer_critical,
                tag: caa.tag.clone(),
                value: caa.value.clone(),
            }),
            _ => None,
        };
        let records = answer.answers().iter();
        Ok(records
            .filter_map(|record| property(&record.data))
            .collect())
    }
}

/// A name that no search list is applied to.
fn absolute(name: &str) -> Result<Name, ValidatorError> {
    let mut absolute = Name::from_ascii(name).map_err(|error| ValidatorError::Lookup {
        name: name.to_owned(),
        reason: error.to_string(),
    })?;
    absolute.set_fqdn(true);
    Ok(absolute)
}

fn failure(error: &NetError, name: &str, none: impl FnOnce() -> ValidatorError) -> ValidatorError {
    let name = name.to_owned();
    match error {
        NetError::Dns(DnsError::NoRecordsFound(found)) => match found.response_code {
            ResponseCode::NXDomain => ValidatorError::NoSuchName { name },
            ResponseCode::NoError => none(),
            code => ValidatorError::Lookup {
                name,
                reason: code.to_string(),
            },
        },
        NetError::Timeout => ValidatorError::Lookup {
            name,
            reason: "no resolver answered in time".to_owned(),
        },
        other => ValidatorError::Lookup {
            name,
            reason: other.to_string(),
        },
    }
}

fn name_server(at: &SocketAddr) -> NameServerConfig {
    let mut connections = vec![ConnectionConfig::udp(), ConnectionConfig::tcp()];
    for connection in &mut connections {
        connection.port = at.port();
    }
    NameServerConfig::new(at.ip(), true, connections)
}

/// `/etc/resolv.conf`; this machine if there is none, as resolv.conf(5) has it.
fn of_the_system() -> Vec<SocketAddr> {
    let file = std::fs::read("/etc/resolv.conf").unwrap_or_default();
    let mut servers: Vec<SocketAddr> = resolv_conf::Config::parse(file)
        .map(|config| config.nameservers)
        .unwrap_or_default()
        .into_iter()
        .map(|server| SocketAddr::new(server.into(), 53))
        .collect();
    if servers.is_empty() {
        servers.push(SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 53));
    }
    servers
}
