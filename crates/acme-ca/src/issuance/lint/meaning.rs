//! What no certificate of this CA may be, though it was meant: a mistake before the template.

use piv_attest::{KeyAlgorithm, PublicKey};

use super::Finding;
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
        if let San::Dns(text) = name {
            // A wildcard is a server's alone.
            let base = match template.purpose {
                Purpose::Server => text.strip_prefix("*.").unwrap_or(text),
                _ => text,
            };
            if !crate::config::is_dns_name(base) || base.bytes().any(|b| b.is_ascii_uppercase()) {
                findings.push(Finding::Name { name: text.clone() });
            }
        }
        if template.names.iter().take(place).any(|other| other == name) {
            let name = format!("{name:?}");
            findings.push(Finding::NameTwice { name });
        }
    }
    findings
}
