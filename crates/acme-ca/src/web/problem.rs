//! The one place where errors become problem documents (RFC 7807, RFC 8555 §6.7).

use acme_wire::excerpt;
use acme_wire::jws::{InnerError, JwsError};
use acme_wire::order::Identifier;
use acme_wire::problem::{MEDIA_TYPE, Problem, ProblemType, Subproblem};
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};

use super::answer;
use crate::config::BadValidity;
use crate::issuance::{CsrError, IssueError};
use crate::kubernetes::KubernetesError;
use crate::names::Forbidden;
use crate::nonce::NonceError;
use crate::orders::{AccountStatus, OrderStatus};
use crate::revocation::BadReason;
use crate::store::StoreError;
use crate::validation::Wrong;

mod names;

pub(crate) use names::{BadIdentifier, of_caa, of_forbidden};
use names::{bad_identifiers, forbidden_text, of_identifiers};

/// Why a request was not done.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// There is nothing at this URL, or it is somebody else's.
    #[error("there is nothing at this URL")]
    NotFound,
    /// The resource takes another method.
    #[error("this URL does not take {method}")]
    Method { method: http::Method },
    /// RFC 8555 §6.2.
    #[error("the request must have the content type application/jose+json")]
    MediaType,
    /// The body is longer than anything that belongs here.
    #[error("the request is larger than {most} bytes")]
    TooLarge { most: usize },
    /// The body did not come in time.
    #[error("the request took too long to arrive")]
    TooSlow,
    /// The body ended early.
    #[error("the request did not arrive whole")]
    Broken,
    /// The JWS is not acceptable.
    #[error(transparent)]
    Jws(#[from] JwsError),
    /// RFC 8555 §6.5.
    #[error(transparent)]
    Nonce(#[from] NonceError),
    /// RFC 8555 §6.4.
    #[error("the JWS was signed for {signed:?}, not for this URL")]
    OtherUrl { signed: String },
    /// A `kid` or a key without an account.
    #[error("there is no such account here; register with newAccount")]
    NoAccount,
    /// RFC 8555 §7.3.6.
    #[error("the account is no longer valid: it was {}", crate::orders::account::word(*status))]
    AccountStatus { status: AccountStatus },
    /// RFC 8555 §6.3.
    #[error("this URL is read by POST-as-GET: the payload must be empty")]
    NotPostAsGet,
    /// An account update that asks for another status than `deactivated`.
    #[error("the client can only change the status to \"deactivated\"")]
    StatusChange,
    /// RFC 8555 §7.3.
    #[error("the contact {contact:?} is not acceptable: {reason}")]
    Contact {
        contact: String,
        reason: &'static str,
        supported: bool,
    },
    /// draft-ietf-acme-profiles: required here.
    #[error("the order names no profile; the directory's meta.profiles lists them")]
    NoProfile,
    /// draft-ietf-acme-profiles.
    #[error("there is no profile {profile:?}; the directory's meta.profiles lists them")]
    UnknownProfile { profile: String },
    /// RFC 8555 §7.4.
    #[error("the order names no identifier")]
    NoIdentifier,
    /// More names than one certificate gets.
    #[error("the order names {found} identifiers, at most {most} go into one certificate")]
    TooManyIdentifiers { found: usize, most: usize },
    /// Identifiers that are no names of servers; all of them.
    #[error("{}", bad_identifiers(.0))]
    Identifiers(Vec<(Identifier, BadIdentifier)>),
    /// Names that the account may not have; all of them.
    #[error("{}", forbidden_text(profile, refused))]
    Forbidden {
        profile: String,
        refused: Vec<Forbidden>,
    },
    /// RFC 8555 §7.4.1.
    #[error("a wildcard cannot be authorized ahead of its order (RFC 8555 §7.4.1)")]
    WildcardAuthorization,
    /// A yubikey order has exactly one identifier.
    #[error("an order of this profile has exactly one identifier, not {found}")]
    IdentifierCount { found: usize },
    /// An identifier type that no profile has.
    #[error(
        "identifiers of type {kind:?} are not supported; use permanent-identifier with the YubiKey's serial number, or dns"
    )]
    IdentifierType { kind: String },
    /// An identifier value that cannot be one.
    #[error("{value:?} is not a {kind}: {reason}")]
    IdentifierValue {
        kind: &'static str,
        value: String,
        reason: &'static str,
    },
    /// `notBefore` or `notAfter`.
    #[error(transparent)]
    Validity(#[from] BadValidity),
    /// RFC 8555 §7.4.1: there is no pre-authorization.
    #[error("there is no pre-authorization here: make an order")]
    NewAuthorization,
    /// Too much at once.
    #[error("{what}; try again in {retry_after} s")]
    TooMany {
        what: &'static str,
        retry_after: i64,
    },
    /// RFC 8555 §7.4.
    #[error("the order is {status}: only an order that is ready can be finalized")]
    NotReady { status: OrderStatus },
    /// `csr` is no base64url.
    #[error("\"csr\" is not canonical base64url without padding")]
    CsrEncoding,
    /// The CSR is unacceptable.
    #[error(transparent)]
    Csr(CsrError),
    /// The order's key may not have the certificate.
    #[error("refused")]
    Refused(Box<Problem>),
    /// RFC 8555 §7.3.3.
    #[error(
        "the terms of service at {url} must be agreed to: termsOfServiceAgreed, in newAccount or in a POST to the account"
    )]
    Terms { url: String },
    /// RFC 8555 §7.3.4.
    #[error(
        "a new account must be bound to a person here: ask the operator for a key (`ca user eab`)"
    )]
    ExternalAccountRequired,
    /// The person of the account may do nothing any more.
    #[error("the user of this account was disabled")]
    UserDisabled,
    /// An external account key that cannot be used.
    #[error("there is no external account key of that name, or it was used, revoked or expired")]
    ExternalKey,
    /// RFC 8555 §7.3.4, §7.3.5.
    #[error(transparent)]
    Inner(#[from] InnerError),
    /// RFC 8555 §7.3.5.
    #[error("{what}")]
    KeyChange { what: &'static str },
    /// RFC 8555 §7.3.5.
    #[error("an account has that key; its URL is in Location")]
    KeyTaken { account: String },
    /// Another request of the account was faster.
    #[error("the account has another key by now, or is no longer valid")]
    KeyLate,
    /// RFC 9773 §4.1.
    #[error(
        "that is no certificate identifier: base64url of the authority's key identifier, a period, base64url of the serial number"
    )]
    CertId,
    /// `replaces` names what is not there, or another account's.
    #[error("\"replaces\" names no certificate that this account ordered here")]
    NoPredecessor,
    /// RFC 9773 §5.
    #[error("the certificate that \"replaces\" names has none of the identifiers of this order")]
    OtherNames,
    /// RFC 9773 §5.
    #[error(
        "the certificate that \"replaces\" names is replaced by the order {order}: leave \"replaces\" out"
    )]
    AlreadyReplaced { order: String },
    /// A revocation request that holds no certificate.
    #[error("\"certificate\" is not a certificate in base64url")]
    CertificateEncoding,
    /// A certificate that this CA did not issue.
    #[error("this CA has not issued that certificate")]
    NoCertificate,
    /// RFC 8555 §7.6.
    #[error(
        "a certificate is revoked by its own key, by the account that ordered it, or by one that holds an authorization for each of its names"
    )]
    MayNotRevoke,
    /// RFC 8555 §7.6.
    #[error("the certificate is revoked already")]
    AlreadyRevoked,
    /// There is nothing left to revoke.
    #[error("the certificate has expired")]
    CertificateExpired,
    /// RFC 8555 §7.6.
    #[error("the reason {0}")]
    Reason(#[from] BadReason),
    /// The keys of a cluster cannot be had; nothing is decided.
    #[error(transparent)]
    Cluster(KubernetesError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Something that should not fail did.
    #[error("{what}")]
    Internal { what: String },
}

impl Error {
    /// Every reason, for the log, which may know more than the client.
    pub(crate) fn reasons(&self) -> Vec<String> {
        match self {
            Self::Identifiers(bad) => bad
                .iter()
                .map(|(identifier, reason)| format!("{identifier}: {reason}"))
                .collect(),
            Self::Forbidden { refused, .. } => refused
                .iter()
                .map(|one| format!("{}: {}", one.name, one.reason))
                .collect(),
            other => vec![other.to_string()],
        }
    }

    fn problem(self) -> Problem {
        use ProblemType as T;
        let detail = self.to_string();
        let (kind, status) = match self {
            Self::NotFound => (T::Malformed, 404),
            Self::Method { .. } => (T::Malformed, 405),
            Self::MediaType => (T::Malformed, 415),
            Self::TooLarge { .. } => (T::Malformed, 413),
            Self::TooSlow => (T::Malformed, 408),
            Self::Broken | Self::NotPostAsGet | Self::StatusChange | Self::Validity(_) => {
                (T::Malformed, 400)
            }
            Self::Jws(error) => return of_jws(&error),
            Self::Nonce(_) => (T::BadNonce, 400),
            Self::OtherUrl { .. } => (T::Unauthorized, 403),
            Self::NoAccount => (T::AccountDoesNotExist, 400),
            Self::AccountStatus { .. } => (T::Unauthorized, 401),
            Self::Contact {
                supported: true, ..
            } => (T::InvalidContact, 400),
            Self::Contact { .. } => (T::UnsupportedContact, 400),
            Self::NoProfile | Self::UnknownProfile { .. } => (T::InvalidProfile, 400),
            Self::IdentifierCount { .. } | Self::NoIdentifier => (T::Malformed, 400),
            Self::TooManyIdentifiers { .. } => (T::RateLimited, 429),
            Self::Identifiers(bad) => return of_identifiers(detail, bad),
            Self::Forbidden { profile, refused } => return of_forbidden(&profile, &refused),
            Self::IdentifierType { .. } | Self::NewAuthorization => (T::UnsupportedIdentifier, 400),
            Self::IdentifierValue { .. } | Self::WildcardAuthorization => (T::Malformed, 400),
            Self::TooMany { .. } => (T::RateLimited, 429),
            Self::NotReady { .. } => (T::OrderNotReady, 403),
            Self::CsrEncoding | Self::Csr(_) => (T::BadCsr, 400),
            Self::Terms { url } => {
                let mut problem = Problem::new(T::UserActionRequired, detail);
                problem.instance = Some(url);
                return problem;
            }
            Self::ExternalAccountRequired => (T::ExternalAccountRequired, 403),
            Self::UserDisabled | Self::ExternalKey | Self::Inner(InnerError::Mac) => {
                (T::Unauthorized, 403)
            }
            Self::Inner(InnerError::Jws(error)) => {
                let mut problem = of_jws(&error);
                problem.detail = Some(detail);
                return problem;
            }
            Self::Inner(_) | Self::KeyChange { .. } | Self::CertId => (T::Malformed, 400),
            Self::NoPredecessor | Self::OtherNames => (T::Malformed, 400),
            Self::AlreadyReplaced { .. } => (T::AlreadyReplaced, 409),
            Self::KeyTaken { .. } => (T::Malformed, 409),
            Self::CertificateEncoding => (T::Malformed, 400),
            Self::NoCertificate => (T::Malformed, 404),
            Self::MayNotRevoke | Self::CertificateExpired | Self::KeyLate => (T::Unauthorized, 403),
            Self::AlreadyRevoked => (T::AlreadyRevoked, 400),
            Self::Reason(_) => (T::BadRevocationReason, 400),
            Self::Refused(problem) => return *problem,
            Self::Cluster(error) => (error.problem_type(), 503),
            Self::Store(_) | Self::Internal { .. } => {
                // What failed inside is for the log, not for strangers.
                tracing::error!(error = %detail, "request failed");
                return Problem::new(
                    T::ServerInternal,
                    "the CA could not do this; its log says why",
                );
            }
        };
        let mut problem = Problem::new(kind, detail);
        problem.status = Some(status);
        problem
    }
}

fn of_jws(error: &JwsError) -> Problem {
    let mut problem = Problem::new(error.problem_type(), error.to_string());
    match error {
        JwsError::TooLarge { .. } => problem.status = Some(413),
        _ if problem.kind == ProblemType::BadSignatureAlgorithm => {
            let names = acme_wire::jwk::Algorithm::ALL.map(|a| a.as_str().to_owned());
            problem.algorithms = Some(names.into());
        }
        _ => {}
    }
    problem
}

/// For a wrong answer to a challenge.
pub(crate) fn of_wrong(wrong: &Wrong) -> Problem {
    let kind = match wrong {
        Wrong::Response(_) | Wrong::DeviceAttest(_) => ProblemType::Malformed,
        Wrong::Late { .. } | Wrong::Possession(_) => ProblemType::IncorrectResponse,
        Wrong::Attestation(_) => ProblemType::BadAttestationStatement,
        Wrong::Refused(_) => ProblemType::Unauthorized,
    };
    let mut problem = Problem::new(kind.clone(), wrong.to_string());
    let reasons = wrong.reasons();
    if reasons.len() > 1 {
        problem.subproblems = reasons
            .into_iter()
            .map(|reason| Subproblem {
                kind: kind.clone(),
                detail: Some(reason),
                identifier: None,
            })
            .collect();
    }
    problem
}

/// For an order that could not be issued. What failed inside is for the log.
pub(crate) fn of_issuing(error: &IssueError) -> Problem {
    match error {
        IssueError::Csr(error) => Problem::new(ProblemType::BadCsr, error.to_string()),
        IssueError::Validity(error) => Problem::new(ProblemType::Malformed, error.to_string()),
        IssueError::Store(error @ StoreError::ReusedKey { .. }) => {
            Problem::new(ProblemType::BadCsr, error.to_string())
        }
        IssueError::Store(StoreError::Withdrawn { .. }) => Problem::new(
            ProblemType::Unauthorized,
            "the account lost the right to certificates meanwhile",
        ),
        _ => Problem::new(
            ProblemType::ServerInternal,
            "the CA could not issue the certificate; its log says why",
        ),
    }
}

/// A problem as it is stored.
pub(crate) fn to_json(problem: &Problem) -> String {
    serde_json::to_string(problem).unwrap_or_default()
}

/// What a response says went wrong, kept beside it for the log: the beginning of it, since the
/// log has a line for each request of everybody.
#[derive(Debug, Clone)]
pub(crate) struct Logged(pub(crate) String);

impl Logged {
    fn new(problem: &Problem) -> Self {
        Self(excerpt(problem, crate::audit::MAX_REASON))
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let retry_after = match &self {
            Self::TooMany { retry_after, .. } => Some(*retry_after),
            _ => None,
        };
        let terms = match &self {
            Self::Terms { url } => Some(url.clone()),
            _ => None,
        };
        let problem = self.problem();
        let status = problem
            .status
            .and_then(|status| StatusCode::from_u16(status).ok())
            .unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = serde_json::to_vec(&problem).unwrap_or_default();
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
        if let Some(seconds) = retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds.max(1)));
        }
        response.extensions_mut().insert(Logged::new(&problem));
        match terms {
            Some(url) => answer::with_link(response, &url, "terms-of-service"),
            None => response,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_gets_the_beginning_of_a_problem() {
        let long = "x".repeat(100_000);
        let logged = Logged::new(&Problem::new(ProblemType::Malformed, &long)).0;
        assert!(logged.starts_with("malformed: xxx"), "{logged}");
        assert_eq!(logged.chars().count(), crate::audit::MAX_REASON + 1);
    }
}
