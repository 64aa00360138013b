//! Problem documents (RFC 7807) with the error types of ACME (RFC 8555 §6.7).

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::order::Identifier;

/// The media type of a problem document.
pub const MEDIA_TYPE: &str = "application/problem+json";

const URN: &str = "urn:ietf:params:acme:error:";

macro_rules! problem_types {
    ($($(#[$doc:meta])+ $variant:ident = $name:literal, $status:literal;)+) => {
        /// The `type` of a problem: every URN of RFC 8555 §6.7 and the drafts that this project speaks.
        #[derive(Debug, Clone, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum ProblemType {
            $($(#[$doc])+ $variant,)+
            /// A type that is not in this list, in full; `about:blank` where the document had none.
            Unknown(String),
        }

        impl ProblemType {
            /// Every type that has a name here.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The last part of the URN, such as `badNonce`; the whole of an unknown type.
            #[must_use]
            pub fn name(&self) -> &str {
                match self {
                    $(Self::$variant => $name,)+
                    Self::Unknown(uri) => uri,
                }
            }

            /// The HTTP status that a server sends with this type unless it has a better one.
            #[must_use]
            pub fn status(&self) -> u16 {
                match self {
                    $(Self::$variant => $status,)+
                    Self::Unknown(_) => 500,
                }
            }

            fn from_name(name: &str) -> Option<Self> {
                match name {
                    $($name => Some(Self::$variant),)+
                    _ => None,
                }
            }
        }
    };
}

problem_types! {
    /// The request specified an account that does not exist.
    AccountDoesNotExist = "accountDoesNotExist", 400;
    /// The certificate to be revoked already is.
    AlreadyRevoked = "alreadyRevoked", 400;
    /// The certificate named in `replaces` was replaced before (RFC 9773 §5).
    AlreadyReplaced = "alreadyReplaced", 409;
    /// The CSR is unacceptable.
    BadCsr = "badCSR", 400;
    /// The client sent an unacceptable anti-replay nonce; try again with the one in this answer.
    BadNonce = "badNonce", 400;
    /// The JWS was signed by a public key that the server does not support.
    BadPublicKey = "badPublicKey", 400;
    /// The revocation reason is not allowed.
    BadRevocationReason = "badRevocationReason", 400;
    /// The JWS was signed with an algorithm that the server does not support.
    BadSignatureAlgorithm = "badSignatureAlgorithm", 400;
    /// The attestation was unacceptable (draft-ietf-acme-device-attest).
    BadAttestationStatement = "badAttestationStatement", 403;
    /// CAA records forbid the CA to issue.
    Caa = "caa", 403;
    /// Several errors; see the subproblems.
    Compound = "compound", 400;
    /// The server could not connect to the validation target.
    Connection = "connection", 400;
    /// A DNS query failed during validation.
    Dns = "dns", 400;
    /// The request must include an external account binding.
    ExternalAccountRequired = "externalAccountRequired", 403;
    /// The response did not match the challenge.
    IncorrectResponse = "incorrectResponse", 403;
    /// A contact URL was invalid.
    InvalidContact = "invalidContact", 400;
    /// The profile is not one that the server offers (draft-ietf-acme-profiles).
    InvalidProfile = "invalidProfile", 400;
    /// The request message was malformed.
    Malformed = "malformed", 400;
    /// The order is not ready to be finalized.
    OrderNotReady = "orderNotReady", 403;
    /// The request exceeds a rate limit.
    RateLimited = "rateLimited", 429;
    /// The server will not issue for the identifier.
    RejectedIdentifier = "rejectedIdentifier", 403;
    /// The server failed.
    ServerInternal = "serverInternal", 500;
    /// The server met a TLS error during validation.
    Tls = "tls", 400;
    /// The client lacks sufficient authorization.
    Unauthorized = "unauthorized", 403;
    /// A contact URL uses a scheme that is not supported.
    UnsupportedContact = "unsupportedContact", 400;
    /// An identifier is of a type that is not supported.
    UnsupportedIdentifier = "unsupportedIdentifier", 400;
    /// Visit the `instance` URL and act there.
    UserActionRequired = "userActionRequired", 403;
}

impl ProblemType {
    /// The whole URI.
    #[must_use]
    pub fn uri(&self) -> String {
        match self {
            Self::Unknown(uri) => uri.clone(),
            named => format!("{URN}{}", named.name()),
        }
    }

    /// From the whole URI.
    #[must_use]
    pub fn from_uri(uri: &str) -> Self {
        uri.strip_prefix(URN)
            .and_then(Self::from_name)
            .unwrap_or_else(|| Self::Unknown(uri.to_owned()))
    }
}

impl std::fmt::Display for ProblemType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

impl Default for ProblemType {
    /// `about:blank`, which RFC 7807 §4.2 takes where `type` is absent.
    fn default() -> Self {
        Self::Unknown("about:blank".to_owned())
    }
}

impl Serialize for ProblemType {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.uri())
    }
}

impl<'de> Deserialize<'de> for ProblemType {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self::from_uri(&String::deserialize(deserializer)?))
    }
}

/// A problem document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// What kind of problem it is.
    #[serde(rename = "type", default)]
    pub kind: ProblemType,
    /// What happened, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// The HTTP status of the answer that carried it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// A short title of the kind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Where to read or do something about it (RFC 8555 §7.3.3).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
    /// The algorithms that would have been accepted (RFC 8555 §6.2), with `badSignatureAlgorithm`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub algorithms: Option<Vec<String>>,
    /// One for each part that failed (RFC 8555 §6.7.1).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub subproblems: Vec<Subproblem>,
}

impl Problem {
    /// A problem with the type's usual status.
    #[must_use]
    pub fn new(kind: ProblemType, detail: impl Into<String>) -> Self {
        Self {
            status: Some(kind.status()),
            kind,
            detail: Some(detail.into()),
            title: None,
            instance: None,
            algorithms: None,
            subproblems: Vec::new(),
        }
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.kind)?;
        if let Some(detail) = &self.detail {
            write!(f, ": {detail}")?;
        }
        for part in &self.subproblems {
            write!(f, "; {}", part.kind)?;
            if let Some(detail) = &part.detail {
                write!(f, ": {detail}")?;
            }
        }
        Ok(())
    }
}

impl std::error::Error for Problem {}

/// A part of a [`Problem`] (RFC 8555 §6.7.1).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subproblem {
    /// What kind of problem it is.
    #[serde(rename = "type", default)]
    pub kind: ProblemType,
    /// What happened, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// The identifier that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identifier: Option<Identifier>,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 8555 §6.7.1.
    const COMPOUND: &str = r#"{
        "type": "urn:ietf:params:acme:error:malformed",
        "detail": "Some of the identifiers requested were rejected",
        "subproblems": [
            {
                "type": "urn:ietf:params:acme:error:malformed",
                "detail": "Invalid underscore in DNS name \"_example.org\"",
                "identifier": { "type": "dns", "value": "_example.org" }
            },
            {
                "type": "urn:ietf:params:acme:error:rejectedIdentifier",
                "detail": "This CA will not issue for \"example.net\"",
                "identifier": { "type": "dns", "value": "example.net" }
            }
        ]
    }"#;

    #[test]
    fn the_compound_problem_of_rfc_8555_6_7_1() {
        let problem: Problem = serde_json::from_str(COMPOUND).unwrap();
        assert_eq!(problem.kind, ProblemType::Malformed);
        assert_eq!(problem.subproblems.len(), 2);
        assert_eq!(problem.subproblems[1].kind, ProblemType::RejectedIdentifier);
        let again: Problem =
            serde_json::from_str(&serde_json::to_string(&problem).unwrap()).unwrap();
        assert_eq!(again, problem);
    }

    #[test]
    fn every_type_survives_its_uri() {
        for kind in ProblemType::ALL {
            assert_eq!(&ProblemType::from_uri(&kind.uri()), kind);
            assert!((400..=500).contains(&kind.status()));
        }
        let foreign = ProblemType::from_uri("https://example.com/probs/out-of-credit");
        assert_eq!(foreign.uri(), "https://example.com/probs/out-of-credit");
        assert_eq!(
            ProblemType::from_uri("badNonce"),
            ProblemType::Unknown("badNonce".to_owned()),
            "a bare name is not a URN"
        );
    }

    #[test]
    fn a_document_without_type_is_about_blank() {
        let problem: Problem = serde_json::from_str(r#"{"title":"Not Found"}"#).unwrap();
        assert_eq!(problem.kind.uri(), "about:blank");
    }
}
