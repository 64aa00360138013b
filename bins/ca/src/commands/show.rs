//! `ca root` and `ca ssh-ca`: what others must trust.

use acme_ca::Ca;
use acme_ca::pki::pem_certificate;

use crate::exit::Failure;
use crate::print;

/// SHA-256 of the root certificate, hex.
pub(super) fn fingerprint(ca: &Ca) -> String {
    ca.hierarchy().root_fingerprint_hex()
}

pub(super) fn root(ca: &Ca, json: bool) -> Result<(), Failure> {
    let pem = pem_certificate(ca.hierarchy().root_der()).map_err(|_| Failure::Pem)?;
    if json {
        return print::json(&serde_json::json!({ "sha256": fingerprint(ca), "pem": pem }));
    }
    // Text before the first BEGIN is commentary (RFC 7468 §2), so this is a PEM file still.
    print::line(&format!("SHA256:{}", fingerprint(ca)))?;
    print::lines(pem.trim_end())
}

pub(super) fn ssh_ca(ca: &Ca, json: bool) -> Result<(), Failure> {
    let authorities = &ca.hierarchy().ssh_users;
    if json {
        let keys: Vec<_> = authorities
            .iter()
            .enumerate()
            .map(|(index, authority)| {
                serde_json::json!({
                    "name": authority.name(),
                    "key": authority.public_key().to_string(),
                    "fingerprint": authority.fingerprint(),
                    "signs": index == 0,
                })
            })
            .collect();
        return print::json(&keys);
    }
    for authority in authorities {
        print::line(&format!("{} {}", authority.public_key(), authority.name()))?;
    }
    Ok(())
}
