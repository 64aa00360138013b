//! The directory (RFC 8555 §7.1.1) and its metadata.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The one URL that a client must know leads here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Directory {
    /// Where nonces come from.
    pub new_nonce: String,
    /// Where accounts are made.
    pub new_account: String,
    /// Where orders are made.
    pub new_order: String,
    /// Where authorizations are made ahead of an order, if the server does that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub new_authz: Option<String>,
    /// Where certificates are revoked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoke_cert: Option<String>,
    /// Where an account changes its key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_change: Option<String>,
    /// Where renewal times are suggested (RFC 9773).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub renewal_info: Option<String>,
    /// About the server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub meta: Option<DirectoryMeta>,
}

/// Metadata of the directory.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct DirectoryMeta {
    /// The current terms of service.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub terms_of_service: Option<String>,
    /// A page about the server.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub website: Option<String>,
    /// The names that the CA recognises as its own in CAA records.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub caa_identities: Vec<String>,
    /// Whether newAccount needs an external account binding.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub external_account_required: bool,
    /// Profiles that may be ordered, with a description of each (draft-ietf-acme-profiles).
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub profiles: BTreeMap<String, String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 8555 §7.1.1.
    const EXAMPLE: &str = r#"{
        "newNonce": "https://example.com/acme/new-nonce",
        "newAccount": "https://example.com/acme/new-account",
        "newOrder": "https://example.com/acme/new-order",
        "newAuthz": "https://example.com/acme/new-authz",
        "revokeCert": "https://example.com/acme/revoke-cert",
        "keyChange": "https://example.com/acme/key-change",
        "meta": {
            "termsOfService": "https://example.com/acme/terms/2017-5-30",
            "website": "https://www.example.com/",
            "caaIdentities": ["example.com"],
            "externalAccountRequired": false
        }
    }"#;

    #[test]
    fn the_directory_of_rfc_8555_7_1_1() {
        let directory: Directory = serde_json::from_str(EXAMPLE).unwrap();
        assert_eq!(directory.new_order, "https://example.com/acme/new-order");
        let meta = directory.meta.unwrap();
        assert_eq!(meta.caa_identities, ["example.com"]);
        assert!(!meta.external_account_required);
    }

    #[test]
    fn profiles_are_names_with_descriptions() {
        let meta: DirectoryMeta =
            serde_json::from_str(r#"{"profiles":{"tls":"a client certificate"}}"#).unwrap();
        assert_eq!(meta.profiles["tls"], "a client certificate");
        assert_eq!(
            serde_json::to_string(&meta).unwrap(),
            r#"{"profiles":{"tls":"a client certificate"}}"#
        );
    }
}
