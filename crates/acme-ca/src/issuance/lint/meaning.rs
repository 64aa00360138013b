//! What no certificate of this CA may be, though it was meant: a mistake before the template.

use const_oid::db::rfc4519::COMMON_NAME;
use piv_attest::{KeyAlgorithm, PublicKey};

use super::Finding;
use crate::config::{is_dns_name, is_mail_address, is_uri};
use crate::pki::{Authority, Purpose, San, Template};

/// Its key, its purpose, and its names.
pub(super) fn findings(template: &Template, authority: &Authority) -> Vec<Finding> {
    let mut findings = Vec::new();
    let good = PublicKey::from_spki_der(&template.spki).is_ok_and(|key| {
        matches!(
            key.algorithm(),
            KeyAlgorithm::P256
                | KeyAlgorithm::P384
                | KeyAlgorithm::Ed25519
                | KeyAlgorithm::Rsa2048
                | KeyAlgorithm::Rsa3072
                | KeyAlgorithm::Rsa4096
        ) && !key.has_roca_fingerprint()
    });
    if !good {
        findings.push(Finding::KeyKind);
    }
    if !authority.is_for(template.purpose) {
        findings.push(Finding::OtherPurpose);
    }
    for (place, name) in template.names.iter().enumerate() {
        if !may_carry(template.purpose, name) {
            findings.push(Finding::Name { name: text(name) });
        }
        if template.names.iter().take(place).any(|other| other == name) {
            let name = text(name);
            findings.push(Finding::NameTwice { name });
        }
    }
    for attribute in template.subject.iter_rdn().flat_map(|rdn| rdn.iter()) {
        let common = String::from_utf8_lossy(attribute.value.value());
        if attribute.oid == COMMON_NAME && !template.names.iter().any(|name| text(name) == common) {
            let name = common.into_owned();
            findings.push(Finding::CommonName { name });
        }
    }
    findings
}

/// A wildcard and an address are a server's alone, a URI and a mail address a person's.
fn may_carry(purpose: Purpose, name: &San) -> bool {
    let is_server = purpose == Purpose::Server;
    match name {
        San::Dns(text) if is_server => {
            let base = text.strip_prefix("*.").unwrap_or(text);
            is_host(base) && crate::names::has_only_a_labels(base)
        }
        San::Dns(text) => is_host(text),
        San::Uri(text) => !is_server && is_uri(text),
        San::Email(text) => {
            let host = text.rsplit_once('@').map_or("", |(_, host)| host);
            !is_server && is_mail_address(text) && is_host(host)
        }
        San::Ip(_) => is_server,
    }
}

fn is_host(name: &str) -> bool {
    is_dns_name(name) && !name.bytes().any(|b| b.is_ascii_uppercase())
}

fn text(name: &San) -> String {
    match name {
        San::Dns(text) | San::Uri(text) | San::Email(text) => text.clone(),
        San::Ip(ip) => ip.to_string(),
    }
}
