//! Accounts (RFC 8555 §7.1.2, §7.3).

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The payload of a newAccount request (RFC 8555 §7.3). Members that are not known are ignored, as §7.3 has it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct NewAccount {
    /// Contact URLs.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub contact: Vec<String>,
    /// The client agrees with the terms of service.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub terms_of_service_agreed: bool,
    /// Find the account of this key, make none (RFC 8555 §7.3.1).
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub only_return_existing: bool,
    /// A JWS by an external account over the account key (RFC 8555 §7.3.4).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub external_account_binding: Option<Value>,
}

/// The payload of a POST to an account URL (RFC 8555 §7.3.2, §7.3.6).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct AccountUpdate {
    /// New contacts; `None` leaves them as they are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contact: Option<Vec<String>>,
    /// `deactivated` is the only status that a client may ask for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<AccountStatus>,
    /// The client agrees with new terms of service.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub terms_of_service_agreed: Option<bool>,
}

/// An account object as the server answers it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Account {
    /// The state of the account.
    pub status: AccountStatus,
    /// Contact URLs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub contact: Vec<String>,
    /// The client agreed with the terms of service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub terms_of_service_agreed: Option<bool>,
    /// Where its orders are listed (RFC 8555 §7.1.2.1).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub orders: Option<String>,
}

/// A list of orders (RFC 8555 §7.1.2.1).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrdersList {
    /// URLs of orders.
    pub orders: Vec<String>,
}

/// States of an account (RFC 8555 §7.1.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AccountStatus {
    /// In use.
    Valid,
    /// Given up by the client.
    Deactivated,
    /// Withdrawn by the server.
    Revoked,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_account_of_rfc_8555_7_1_2() {
        let account: Account = serde_json::from_str(
            r#"{
                "status": "valid",
                "contact": ["mailto:cert-admin@example.org", "mailto:admin@example.org"],
                "termsOfServiceAgreed": true,
                "orders": "https://example.com/acme/orders/rzGoeA"
            }"#,
        )
        .unwrap();
        assert_eq!(account.status, AccountStatus::Valid);
        assert_eq!(account.contact.len(), 2);
    }

    #[test]
    fn new_account_ignores_what_it_does_not_know_and_the_orders_member() {
        let request: NewAccount = serde_json::from_str(
            r#"{"termsOfServiceAgreed":true,"orders":"https://evil.example/","colour":"red"}"#,
        )
        .unwrap();
        assert!(request.terms_of_service_agreed);
        assert!(!request.only_return_existing);
    }
}
