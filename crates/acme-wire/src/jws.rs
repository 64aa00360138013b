//! JWS as ACME restricts it (RFC 8555 §6.2): flattened JSON, one signature, everything protected.
//!
//! Reading has two steps, and the second needs the first: [`UnverifiedJws::parse`]
//! gives what the server must look up (the key, the nonce, the URL), and only
//! [`UnverifiedJws::verify_embedded`] and [`UnverifiedJws::verify_with`] give out the payload.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::{
    QUOTED, base64url, excerpt,
    json::{JsonError, is_too_deep, unique_object},
    jwk::{Algorithm, Jwk},
};

mod error;
mod inner;
mod sign;
#[cfg(test)]
mod tests;

pub use error::JwsError;
pub use inner::{Binding, InnerError, KeyChange, bind};
pub use sign::{KeyId, signing_input};

/// The media type of requests (RFC 8555 §6.2).
pub const MEDIA_TYPE: &str = "application/jose+json";

/// The longest JWS that is read, in bytes: room for the longest answer to a challenge, encoded twice.
pub const MAX_LEN: usize = 96 * 1024;

/// The longest `nonce`, `url` and `kid` that is read, in bytes.
pub const MAX_HEADER_VALUE: usize = 2048;

/// A JWS that is well-formed and that nobody has verified.
#[derive(Debug, Clone)]
pub struct UnverifiedJws {
    algorithm: Algorithm,
    key: SignedBy,
    nonce: String,
    url: String,
    payload: Vec<u8>,
    signature: Vec<u8>,
    signing_input: String,
}

/// What a JWS says about the key that signed it. Exactly one of both is there (RFC 8555 §6.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SignedBy {
    /// `jwk`: the key itself; newAccount, and revokeCert by the certificate's key.
    Jwk(Jwk),
    /// `kid`: the URL of an account.
    Kid(String),
}

impl UnverifiedJws {
    /// Reads the body of a request.
    ///
    /// # Errors
    /// One variant of [`JwsError`] for each thing that RFC 7515 and RFC 8555 §6.2 forbid.
    pub fn parse(body: &[u8]) -> Result<Self, JwsError> {
        if body.len() > MAX_LEN {
            return Err(JwsError::TooLarge { len: body.len() });
        }
        let outer = unique_object(body).map_err(JwsError::from_body)?;
        if outer.contains_key("signatures") {
            return Err(JwsError::SeveralSignatures);
        }
        if outer.contains_key("header") {
            return Err(JwsError::UnprotectedHeader);
        }
        let protected = member(&outer, "protected")?;
        let payload = member(&outer, "payload")?;
        let signature = bytes("signature", member(&outer, "signature")?)?;
        let content = bytes("payload", payload)?;
        if is_too_deep(&content) {
            return Err(JwsError::TooDeep);
        }
        let header =
            unique_object(&bytes("protected", protected)?).map_err(JwsError::from_header)?;

        if header.contains_key("crit") {
            return Err(JwsError::Critical);
        }
        if header.contains_key("b64") {
            return Err(JwsError::UnencodedPayload);
        }
        let algorithm = algorithm(member(&header, "alg")?)?;
        let key = match (header.get("jwk"), header.get("kid")) {
            (Some(_), Some(_)) => return Err(JwsError::JwkAndKid),
            (None, None) => return Err(JwsError::NeitherJwkNorKid),
            (Some(Value::Object(jwk)), None) => SignedBy::Jwk(Jwk::from_json(jwk)?),
            (Some(_), None) => return Err(JwsError::MemberType { member: "jwk" }),
            (None, Some(_)) => SignedBy::Kid(short(&header, "kid")?),
        };
        if let SignedBy::Jwk(jwk) = &key {
            fits(algorithm, jwk)?;
        }
        let nonce = short(&header, "nonce").map_err(|error| match error {
            JwsError::MissingMember { .. } => JwsError::MissingNonce,
            other => other,
        })?;
        if nonce.is_empty()
            || !nonce
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
        {
            return Err(JwsError::MalformedNonce);
        }
        Ok(Self {
            algorithm,
            key,
            nonce,
            url: short(&header, "url")?,
            payload: content,
            signature,
            signing_input: format!("{protected}.{payload}"),
        })
    }

    /// What it says about the key that signed it.
    #[must_use]
    pub fn signed_by(&self) -> &SignedBy {
        &self.key
    }

    /// The nonce, which is never empty and base64url characters only. Whether it is fresh is
    /// for the server to say.
    #[must_use]
    pub fn nonce(&self) -> &str {
        &self.nonce
    }

    /// The URL that was signed. The server compares it, byte by byte, with the one that was called
    /// (RFC 8555 §6.4).
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Verifies under the key that it carries itself.
    ///
    /// # Errors
    /// [`JwsError::KidWhereJwk`] and [`JwsError::BadSignature`].
    pub fn verify_embedded(self) -> Result<VerifiedJws, JwsError> {
        match &self.key {
            SignedBy::Jwk(jwk) => {
                let jwk = jwk.clone();
                self.verify_under(jwk)
            }
            SignedBy::Kid(_) => Err(JwsError::KidWhereJwk),
        }
    }

    /// Verifies under the key of the account that its `kid` names.
    ///
    /// # Errors
    /// [`JwsError::JwkWhereKid`], [`JwsError::AlgorithmForKey`] and [`JwsError::BadSignature`].
    pub fn verify_with(self, account_key: &Jwk) -> Result<VerifiedJws, JwsError> {
        match &self.key {
            SignedBy::Jwk(_) => Err(JwsError::JwkWhereKid),
            SignedBy::Kid(_) => self.verify_under(account_key.clone()),
        }
    }

    fn verify_under(self, key: Jwk) -> Result<VerifiedJws, JwsError> {
        fits(self.algorithm, &key)?;
        key.verify(self.signing_input.as_bytes(), &self.signature)
            .map_err(|_| JwsError::BadSignature)?;
        Ok(VerifiedJws {
            key,
            nonce: self.nonce,
            url: self.url,
            payload: self.payload,
        })
    }
}

/// A JWS whose signature verified. Nothing else makes one.
#[derive(Debug, Clone)]
pub struct VerifiedJws {
    key: Jwk,
    nonce: String,
    url: String,
    payload: Vec<u8>,
}

impl VerifiedJws {
    /// The key that signed it.
    #[must_use]
    pub fn key(&self) -> &Jwk {
        &self.key
    }

    /// The nonce that was signed.
    #[must_use]
    pub fn nonce(&self) -> &str {
        &self.nonce
    }

    /// The URL that was signed.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The payload.
    #[must_use]
    pub fn payload(&self) -> &[u8] {
        &self.payload
    }

    /// Whether this is a POST-as-GET: the payload is empty, which is not `{}` (RFC 8555 §6.3).
    #[must_use]
    pub fn is_post_as_get(&self) -> bool {
        self.payload.is_empty()
    }

    /// The payload as an object of the protocol.
    ///
    /// # Errors
    /// [`JwsError::Payload`] says where it does not fit.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, JwsError> {
        serde_json::from_slice(&self.payload).map_err(JwsError::payload)
    }
}

fn member<'a>(object: &'a Map<String, Value>, name: &'static str) -> Result<&'a str, JwsError> {
    match object.get(name) {
        Some(Value::String(text)) => Ok(text),
        Some(_) => Err(JwsError::MemberType { member: name }),
        None => Err(JwsError::MissingMember { member: name }),
    }
}

fn short(object: &Map<String, Value>, name: &'static str) -> Result<String, JwsError> {
    let text = member(object, name)?;
    if text.len() > MAX_HEADER_VALUE {
        return Err(JwsError::LongMember { member: name });
    }
    Ok(text.to_owned())
}

fn bytes(name: &'static str, text: &str) -> Result<Vec<u8>, JwsError> {
    base64url::decode(text).map_err(|_| JwsError::NotBase64Url { member: name })
}

fn algorithm(name: &str) -> Result<Algorithm, JwsError> {
    if let Some(algorithm) = Algorithm::from_name(name) {
        return Ok(algorithm);
    }
    Err(if name.eq_ignore_ascii_case("none") {
        JwsError::AlgorithmNone
    } else if name.len() > 1
        && name
            .get(..2)
            .is_some_and(|start| start.eq_ignore_ascii_case("hs"))
    {
        JwsError::AlgorithmMac
    } else {
        JwsError::AlgorithmUnsupported {
            alg: name.chars().take(40).collect(),
        }
    })
}

fn fits(algorithm: Algorithm, key: &Jwk) -> Result<(), JwsError> {
    if key.algorithm() == algorithm {
        return Ok(());
    }
    Err(JwsError::AlgorithmForKey {
        alg: algorithm.as_str(),
        key: key.algorithm().as_str(),
    })
}

impl JwsError {
    fn from_body(error: JsonError) -> Self {
        match error {
            JsonError::TooDeep => Self::TooDeep,
            JsonError::Syntax(error) => Self::BodyNotJson {
                error: excerpt(error, QUOTED),
            },
            JsonError::NotAnObject => Self::BodyNotAnObject,
            JsonError::Duplicate(member) => Self::DuplicateMember {
                member: excerpt(member, QUOTED),
            },
        }
    }

    fn from_header(error: JsonError) -> Self {
        match error {
            JsonError::TooDeep => Self::TooDeep,
            JsonError::Syntax(error) => Self::HeaderNotJson {
                error: excerpt(error, QUOTED),
            },
            JsonError::NotAnObject => Self::HeaderNotAnObject,
            JsonError::Duplicate(member) => Self::DuplicateHeader {
                member: excerpt(member, QUOTED),
            },
        }
    }

    /// The parser quotes what it did not expect, which may be the whole request.
    fn payload(error: impl std::fmt::Display) -> Self {
        Self::Payload {
            error: excerpt(error, QUOTED),
        }
    }
}
