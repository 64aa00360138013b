//! Everything that may be wrong with a JWS, and the problem type that says so.

use crate::{json::MAX_DEPTH, jwk::JwkError, problem::ProblemType};

use super::{MAX_HEADER_VALUE, MAX_LEN};

/// Why a body is not an acceptable JWS.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JwsError {
    /// Longer than [`MAX_LEN`].
    #[error("the request has {len} bytes; at most {MAX_LEN} are read")]
    TooLarge {
        /// Its length.
        len: usize,
    },
    /// Body, header or payload nest deeper than [`MAX_DEPTH`].
    #[error("the request's JSON nests deeper than {MAX_DEPTH} arrays and objects")]
    TooDeep,
    /// The body is not JSON.
    #[error("the body is not JSON: {error}")]
    BodyNotJson {
        /// The beginning of what the parser says.
        error: String,
    },
    /// The body is JSON, but no object; a compact JWS is not accepted (RFC 8555 §6.2).
    #[error("the body is not a JSON object; send a JWS in the flattened JSON serialization")]
    BodyNotAnObject,
    /// A member stands twice in the body.
    #[error("the body has the member {member:?} twice")]
    DuplicateMember {
        /// The beginning of its name.
        member: String,
    },
    /// `signatures`: the general serialization (RFC 8555 §6.2).
    #[error("the JWS must have one signature, in the flattened JSON serialization")]
    SeveralSignatures,
    /// `header`: members that the signature does not cover (RFC 8555 §6.2).
    #[error("the JWS must not have an unprotected header")]
    UnprotectedHeader,
    /// A member is absent.
    #[error("the JWS has no {member:?}")]
    MissingMember {
        /// The member.
        member: &'static str,
    },
    /// A member is of another JSON type.
    #[error("{member:?} in the JWS has the wrong JSON type")]
    MemberType {
        /// The member.
        member: &'static str,
    },
    /// A header member is longer than [`MAX_HEADER_VALUE`].
    #[error("{member:?} in the JWS is longer than {MAX_HEADER_VALUE} bytes")]
    LongMember {
        /// The member.
        member: &'static str,
    },
    /// A part is not canonical base64url (RFC 7515 §2).
    #[error("{member:?} is not canonical base64url without padding")]
    NotBase64Url {
        /// The part.
        member: &'static str,
    },
    /// The protected header is not JSON.
    #[error("the protected header is not JSON: {error}")]
    HeaderNotJson {
        /// The beginning of what the parser says.
        error: String,
    },
    /// The protected header is JSON, but no object.
    #[error("the protected header is not a JSON object")]
    HeaderNotAnObject,
    /// A member stands twice in the protected header (RFC 7515 §4).
    #[error("the protected header has the member {member:?} twice")]
    DuplicateHeader {
        /// The beginning of its name.
        member: String,
    },
    /// `crit` (RFC 7515 §4.1.11): no extension is understood here.
    #[error("the protected header has \"crit\"; no JWS extension is supported")]
    Critical,
    /// `b64` (RFC 7797), which RFC 8555 §6.2 forbids.
    #[error("the payload must be encoded; \"b64\" is not allowed")]
    UnencodedPayload,
    /// `alg` is `none` (RFC 8555 §6.2).
    #[error("the JWS is not signed: \"alg\" is \"none\"")]
    AlgorithmNone,
    /// `alg` is a MAC (RFC 8555 §6.2); the public key would be the secret.
    #[error("the JWS is authenticated by a MAC; sign it with the account key")]
    AlgorithmMac,
    /// `alg` is not on the allow-list.
    #[error("the algorithm {alg:?} is not supported")]
    AlgorithmUnsupported {
        /// The algorithm, shortened.
        alg: String,
    },
    /// `alg` is not the one of the key.
    #[error("the algorithm {alg} does not fit the key, which is for {key}")]
    AlgorithmForKey {
        /// What the header says.
        alg: &'static str,
        /// What the key is for.
        key: &'static str,
    },
    /// `jwk` and `kid` together (RFC 8555 §6.2).
    #[error("the protected header has both \"jwk\" and \"kid\"")]
    JwkAndKid,
    /// Neither `jwk` nor `kid` (RFC 8555 §6.2).
    #[error("the protected header has neither \"jwk\" nor \"kid\"")]
    NeitherJwkNorKid,
    /// `jwk` in a request that must name an account.
    #[error("this request must be signed with \"kid\", the URL of the account, not \"jwk\"")]
    JwkWhereKid,
    /// `kid` in a request that must carry its key.
    #[error("this request must carry its key as \"jwk\", not \"kid\"")]
    KidWhereJwk,
    /// The key in `jwk` is not acceptable.
    #[error("\"jwk\" is not acceptable: {0}")]
    Key(#[from] JwkError),
    /// No `nonce` (RFC 8555 §6.5).
    #[error("the JWS has no nonce")]
    MissingNonce,
    /// `nonce` is empty or has other characters than base64url (RFC 8555 §6.5.2).
    #[error("the nonce is not base64url")]
    MalformedNonce,
    /// The signature does not verify.
    #[error("the signature of the JWS does not verify")]
    BadSignature,
    /// The payload is not the object that belongs here.
    #[error("the payload is not what belongs here: {error}")]
    Payload {
        /// The beginning of what the parser says.
        error: String,
    },
}

impl JwsError {
    /// The problem type that RFC 8555 has for it.
    #[must_use]
    pub fn problem_type(&self) -> ProblemType {
        match self {
            Self::AlgorithmNone | Self::AlgorithmMac | Self::AlgorithmUnsupported { .. } => {
                ProblemType::BadSignatureAlgorithm
            }
            Self::Key(_) | Self::AlgorithmForKey { .. } => ProblemType::BadPublicKey,
            Self::MissingNonce => ProblemType::BadNonce,
            _ => ProblemType::Malformed,
        }
    }
}
