//! Orders, authorizations and challenges (RFC 8555 §7.1.3 to §7.1.6, §8).

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{
    problem::Problem,
    timestamp::{self, Timestamp},
};

/// What a certificate is ordered for (RFC 8555 §9.7.7).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Identifier {
    /// The type, such as `dns`.
    #[serde(rename = "type")]
    pub kind: IdentifierType,
    /// The value.
    pub value: String,
}

impl Identifier {
    /// A `dns` identifier.
    #[must_use]
    pub fn dns(name: impl Into<String>) -> Self {
        Self {
            kind: IdentifierType::Dns,
            value: name.into(),
        }
    }

    /// A `permanent-identifier` (draft-ietf-acme-device-attest).
    #[must_use]
    pub fn permanent(value: impl Into<String>) -> Self {
        Self {
            kind: IdentifierType::PermanentIdentifier,
            value: value.into(),
        }
    }
}

impl fmt::Display for Identifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?}", self.kind, self.value)
    }
}

/// Types of identifiers. Unknown ones are kept, so that a server can refuse
/// them with `unsupportedIdentifier` and name them.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum IdentifierType {
    /// `dns` (RFC 8555).
    Dns,
    /// `ip` (RFC 8738).
    Ip,
    /// `permanent-identifier` (draft-ietf-acme-device-attest).
    PermanentIdentifier,
    /// Another one.
    Unknown(String),
}

impl IdentifierType {
    /// The name on the wire.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Dns => "dns",
            Self::Ip => "ip",
            Self::PermanentIdentifier => "permanent-identifier",
            Self::Unknown(name) => name,
        }
    }
}

impl From<String> for IdentifierType {
    fn from(name: String) -> Self {
        match name.as_str() {
            "dns" => Self::Dns,
            "ip" => Self::Ip,
            "permanent-identifier" => Self::PermanentIdentifier,
            _ => Self::Unknown(name),
        }
    }
}

impl From<IdentifierType> for String {
    fn from(kind: IdentifierType) -> Self {
        kind.as_str().to_owned()
    }
}

impl fmt::Display for IdentifierType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The payload of a newOrder request (RFC 8555 §7.4, draft-ietf-acme-profiles).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NewOrder {
    /// What the certificate is for.
    pub identifiers: Vec<Identifier>,
    /// The profile asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
    /// The start of validity asked for.
    #[serde(
        default,
        with = "timestamp::whole",
        skip_serializing_if = "Option::is_none"
    )]
    pub not_before: Option<Timestamp>,
    /// The end of validity asked for.
    #[serde(
        default,
        with = "timestamp::whole",
        skip_serializing_if = "Option::is_none"
    )]
    pub not_after: Option<Timestamp>,
    /// The certificate that this one is to replace (RFC 9773 §5).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaces: Option<String>,
}

/// An order object (RFC 8555 §7.1.3).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Order {
    /// The state of the order.
    pub status: OrderStatus,
    /// When the server may forget it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Timestamp>,
    /// What the certificate is for.
    pub identifiers: Vec<Identifier>,
    /// The profile asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
    /// The start of validity asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<Timestamp>,
    /// The end of validity asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_after: Option<Timestamp>,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<Problem>,
    /// URLs of the authorizations that it needs.
    pub authorizations: Vec<String>,
    /// Where it is finalized.
    pub finalize: String,
    /// Where its certificate is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<String>,
    /// The certificate that it replaces (RFC 9773 §5).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaces: Option<String>,
}

/// The payload of a finalize request (RFC 8555 §7.4). `csr` absent or empty is
/// this project's extension for `yubikey-01`; the server decides by profile.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finalize {
    /// The CSR: base64url of DER.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub csr: Option<String>,
}

/// An authorization object (RFC 8555 §7.1.4).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Authorization {
    /// What it is about.
    pub identifier: Identifier,
    /// The state of the authorization.
    pub status: AuthorizationStatus,
    /// When it stops being valid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Timestamp>,
    /// The ways to fulfil it.
    pub challenges: Vec<Challenge>,
    /// It is for a wildcard of the identifier.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub wildcard: bool,
}

/// A challenge object (RFC 8555 §8). Members of other challenge types are kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Challenge {
    /// The type, such as `yubikey-01`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Where it is answered.
    pub url: String,
    /// The state of the challenge.
    pub status: ChallengeStatus,
    /// When it was validated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validated: Option<Timestamp>,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<Problem>,
    /// The value to prove something about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// What else the challenge type has.
    #[serde(flatten)]
    pub more: Map<String, Value>,
}

/// The payload of a POST that gives an authorization up (RFC 8555 §7.5.2).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuthorizationUpdate {
    /// `deactivated` is the only status that a client may ask for.
    pub status: AuthorizationStatus,
}

macro_rules! status {
    ($(#[$doc:meta])+ $name:ident { $($(#[$vdoc:meta])+ $variant:ident = $text:literal,)+ }) => {
        $(#[$doc])+
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "lowercase")]
        pub enum $name { $($(#[$vdoc])+ $variant,)+ }

        impl $name {
            /// The name on the wire.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }
        }

        impl std::str::FromStr for $name {
            type Err = UnknownStatus;
            fn from_str(text: &str) -> Result<Self, UnknownStatus> {
                match text { $($text => Ok(Self::$variant),)+ _ => Err(UnknownStatus) }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

/// The text names no status of this object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a status of this ACME object")]
pub struct UnknownStatus;

status! {
    /// States of an order (RFC 8555 §7.1.6).
    OrderStatus {
        /// Authorizations are missing.
        Pending = "pending",
        /// It can be finalized.
        Ready = "ready",
        /// The certificate is being made.
        Processing = "processing",
        /// The certificate is there.
        Valid = "valid",
        /// It failed.
        Invalid = "invalid",
    }
}

status! {
    /// States of an authorization (RFC 8555 §7.1.6).
    AuthorizationStatus {
        /// A challenge must be answered.
        Pending = "pending",
        /// Granted.
        Valid = "valid",
        /// A challenge failed.
        Invalid = "invalid",
        /// Given up by the client.
        Deactivated = "deactivated",
        /// Too old.
        Expired = "expired",
        /// Withdrawn by the server.
        Revoked = "revoked",
    }
}

status! {
    /// States of a challenge (RFC 8555 §7.1.6).
    ChallengeStatus {
        /// To be answered.
        Pending = "pending",
        /// Being validated.
        Processing = "processing",
        /// Answered well.
        Valid = "valid",
        /// Failed.
        Invalid = "invalid",
    }
}

#[cfg(test)]
mod tests;
