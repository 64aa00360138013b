//! CSRs for names of servers (RFC 8555 §7.4): exactly the names of the order, a good key, and
//! its signature.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use der::Decode;
use piv_attest::PublicKey;
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::request::CertReqInfo;

use super::{
    COMMON_NAME, CsrError, DECIDED_BY_PROFILE, EXTENSION_REQUEST, Request, SUBJECT_ALT_NAME,
};
use crate::names::ServerName;

/// The key of a CSR that names exactly what was ordered, and is signed by it.
#[derive(Debug)]
pub(in crate::issuance) struct NamedKey {
    pub(in crate::issuance) key: PublicKey,
    /// The name that the client wants to see as the common name.
    pub(in crate::issuance) common_name: Option<ServerName>,
}

/// Checks a CSR against the names of its order.
pub(in crate::issuance) fn check_names(
    csr: &[u8],
    ordered: &[ServerName],
) -> Result<NamedKey, CsrError> {
    if csr.is_empty() {
        return Err(CsrError::Absent);
    }
    let request = Request::read(csr)?;
    if request.key.has_roca_fingerprint() {
        return Err(CsrError::RocaKey);
    }
    if let Some(how) = request.key.rsa_modulus().and_then(crate::factors::weakness) {
        return Err(CsrError::FactoredKey { how });
    }
    let common_name = common_name(&request.info)?;
    let mut named = alternative_names(&request.info)?;
    named.extend(common_name.clone());
    if let Some(name) = named.iter().find(|name| !ordered.contains(name)) {
        return Err(CsrError::ForeignName {
            name: name.to_string(),
        });
    }
    if let Some(name) = ordered.iter().find(|name| !named.contains(name)) {
        return Err(CsrError::MissingName {
            name: name.to_string(),
        });
    }
    request.verify()?;
    Ok(NamedKey {
        key: request.key,
        common_name,
    })
}

/// The common name, if there is one that is not empty. Other attributes of the subject name
/// nothing that is certified, and many programs fill them with something: they are left out.
fn common_name(info: &CertReqInfo) -> Result<Option<ServerName>, CsrError> {
    let mut found = None;
    for attribute in info.subject.iter_rdn().flat_map(|rdn| rdn.iter()) {
        if attribute.oid != COMMON_NAME {
            continue;
        }
        let text = std::str::from_utf8(attribute.value.value()).map_err(|_| CsrError::Malformed)?;
        if text.is_empty() {
            continue;
        }
        let name = match text.parse::<IpAddr>() {
            Ok(ip) => ServerName::Ip(ip),
            Err(_) => dns(text)?,
        };
        if found.replace(name).is_some() {
            // Which one would be meant?
            return Err(CsrError::SubjectAttribute {
                oid: COMMON_NAME.to_string(),
            });
        }
    }
    Ok(found)
}

fn alternative_names(info: &CertReqInfo) -> Result<Vec<ServerName>, CsrError> {
    let mut names = Vec::new();
    for attribute in info.attributes.iter() {
        if attribute.oid != EXTENSION_REQUEST {
            // A challenge password and the like ask for nothing that a certificate carries.
            continue;
        }
        for value in attribute.values.iter() {
            let requested: Vec<Extension> = value.decode_as().map_err(|_| CsrError::Malformed)?;
            for extension in &requested {
                if extension.extn_id == SUBJECT_ALT_NAME {
                    read_names(extension, &mut names)?;
                } else if !DECIDED_BY_PROFILE.contains(&extension.extn_id) {
                    return Err(CsrError::Extension {
                        oid: extension.extn_id.to_string(),
                    });
                }
            }
        }
    }
    Ok(names)
}

fn read_names(extension: &Extension, names: &mut Vec<ServerName>) -> Result<(), CsrError> {
    let found = SubjectAltName::from_der(extension.extn_value.as_bytes())
        .map_err(|_| CsrError::Malformed)?;
    for name in &found.0 {
        names.push(match name {
            GeneralName::DnsName(name) => dns(name.as_str())?,
            GeneralName::IpAddress(octets) => {
                ServerName::Ip(address(octets.as_bytes()).ok_or(CsrError::Malformed)?)
            }
            _ => {
                return Err(CsrError::ForeignName {
                    name: "a name of a type that is not issued".to_owned(),
                });
            }
        });
    }
    Ok(())
}

fn dns(text: &str) -> Result<ServerName, CsrError> {
    ServerName::read(&acme_wire::order::Identifier::dns(text)).map_err(|_| CsrError::ForeignName {
        name: text.chars().take(256).collect(),
    })
}

fn address(octets: &[u8]) -> Option<IpAddr> {
    if let Ok(v4) = <[u8; 4]>::try_from(octets) {
        return Some(Ipv4Addr::from(v4).into());
    }
    let v6 = <[u8; 16]>::try_from(octets).ok()?;
    Some(Ipv6Addr::from(v6).into())
}
