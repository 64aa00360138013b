//! Why a token proves nothing.

use acme_wire::problem::ProblemType;

use crate::config::Seconds;

/// Why a token proves nothing. Text of the token is short and escaped.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KubernetesError {
    /// There is none.
    #[error("the response is no JSON object with the member \"token\"")]
    Response,
    /// It is too long.
    #[error("the token has {found} bytes; no more than {most} are read")]
    TooLong {
        /// How long it is.
        found: usize,
        /// How long it may be.
        most: usize,
    },
    /// It is no JWS in the compact form (RFC 7515 §7.1).
    #[error("the token is not three parts of base64url with dots between")]
    NotCompact,
    /// A part is no JSON object, or has a member twice.
    #[error("the token's {part} cannot be read: {reason}")]
    Json {
        /// `header` or `payload`.
        part: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// A header member that would change what the token means, or brings its own key.
    #[error("the token's header has the member {member:?}, which no token of a cluster has")]
    HeaderMember {
        /// The member.
        member: String,
    },
    /// A member is missing, or of another type.
    #[error("the token has no {member}, or one of a wrong type")]
    Member {
        /// The member.
        member: &'static str,
    },
    /// No signature, a MAC, or an algorithm that the settings do not name.
    #[error("the token is signed with {found:?}; for this cluster that is not accepted")]
    Algorithm {
        /// `alg`.
        found: String,
    },
    /// No cluster of the settings.
    #[error("the token is of the issuer {found:?}, which is no cluster of this CA")]
    Issuer {
        /// `iss`.
        found: String,
    },
    /// It was made for something else.
    #[error(
        "the token is for the audiences {found:?}; this challenge needs {expected:?} and no other"
    )]
    Audiences {
        /// What it must be for.
        expected: [String; 2],
        /// The first few that it is for.
        found: Vec<String>,
    },
    /// The cluster has no such key.
    #[error("the cluster has no key {id:?}")]
    UnknownKey {
        /// `kid`.
        id: String,
    },
    /// The signature is wrong.
    #[error("the token's signature is not that of the cluster's key")]
    Signature,
    /// It is over.
    #[error("the token expired at {}", crate::time_text(*at))]
    Expired {
        /// `exp`.
        at: i64,
    },
    /// It has not begun.
    #[error("the token is valid from {} only", crate::time_text(*at))]
    Early {
        /// `nbf` or `iat`.
        at: i64,
    },
    /// It lives longer than a proof should.
    #[error("the token lives for {found}; no more than {most} is accepted")]
    LongLived {
        /// `exp` − `iat`.
        found: Seconds,
        /// The setting.
        most: Seconds,
    },
    /// `sub` is no service account's.
    #[error("the token's subject {found:?} is no service account")]
    Subject {
        /// `sub`.
        found: String,
    },
    /// Two claims say two things.
    #[error("the token's claim {claim} does not agree with its subject")]
    Disagree {
        /// The claim.
        claim: &'static str,
    },
    /// A namespace or service account that cannot be one label of a name.
    #[error("{value:?} cannot be one label of a name")]
    Label {
        /// The value.
        value: String,
    },
    /// A name that is too long.
    #[error("the name that follows from namespace and service account is no DNS name: {name}")]
    Name {
        /// The name.
        name: String,
    },
    /// The settings do not list the namespace.
    #[error("pods of the namespace {namespace:?} get no certificates here")]
    Namespace {
        /// The namespace.
        namespace: String,
    },
    /// The name ordered is not one of those that follow.
    #[error("{ordered} is not a name of this service account; its names are {}", names.join(", "))]
    OtherName {
        /// What was ordered.
        ordered: String,
        /// What it may have.
        names: Vec<String>,
    },
    /// The cluster's keys cannot be had. This decides nothing.
    #[error("the keys of the cluster cannot be fetched: {0}")]
    Keys(#[from] FetchError),
}

/// Why the keys of a cluster cannot be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FetchError {
    /// No connection, or no TLS.
    #[error("{url}: {reason}")]
    Unreachable {
        /// What was asked for.
        url: String,
        /// Why.
        reason: String,
    },
    /// Another status than 200. Redirects are not followed.
    #[error("{url}: status {status}, expected 200")]
    Status {
        /// What was asked for.
        url: String,
        /// The status.
        status: u16,
    },
    /// It took too long.
    #[error("{url}: no answer within {limit}")]
    Timeout {
        /// What was asked for.
        url: String,
        /// How long it might have taken.
        limit: Seconds,
    },
    /// What came is no set of keys.
    #[error("{url}: {reason}")]
    NoKeys {
        /// What was asked for.
        url: String,
        /// What is wrong.
        reason: String,
    },
    /// It failed a moment ago, and is not tried again yet.
    #[error("they could not be fetched a moment ago")]
    Lately,
}

impl KubernetesError {
    /// The type of the problem document that tells it (RFC 8555 §6.7).
    #[must_use]
    pub fn problem_type(&self) -> ProblemType {
        match self {
            Self::Response
            | Self::TooLong { .. }
            | Self::NotCompact
            | Self::Json { .. }
            | Self::HeaderMember { .. }
            | Self::Member { .. } => ProblemType::Malformed,
            Self::Algorithm { .. }
            | Self::Audiences { .. }
            | Self::UnknownKey { .. }
            | Self::Signature
            | Self::Expired { .. }
            | Self::Early { .. }
            | Self::LongLived { .. }
            | Self::Subject { .. }
            | Self::Disagree { .. } => ProblemType::IncorrectResponse,
            Self::Issuer { .. }
            | Self::Label { .. }
            | Self::Name { .. }
            | Self::Namespace { .. }
            | Self::OtherName { .. } => ProblemType::Unauthorized,
            Self::Keys(_) => ProblemType::Connection,
        }
    }

    /// Whether the token was judged. If not, the same token may do later.
    #[must_use]
    pub fn is_judgement(&self) -> bool {
        !matches!(self, Self::Keys(_))
    }
}

/// The beginning of a text of the token.
pub(super) fn short(text: &str) -> String {
    text.chars().take(120).collect()
}
