//! A JWS inside of another one: a change of keys (RFC 8555 §7.3.5), and the binding of an account
//! to an external one (§7.3.4). Neither has a nonce; the outer JWS has.

use aws_lc_rs::hmac;
use serde_json::{Map, Value};

use super::{JwsError, algorithm, bytes, fits, member, short};
use crate::json::unique_object;
use crate::{base64url, jwk::Jwk};

/// Why an inner JWS is not acceptable.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InnerError {
    /// It is no JWS as it must be.
    #[error("the inner JWS: {0}")]
    Jws(#[from] JwsError),
    /// It has a nonce.
    #[error("the inner JWS must not have a nonce")]
    Nonce,
    /// It was signed for another URL than the outer one.
    #[error("the inner JWS was signed for another URL than the outer one")]
    Url,
    /// A binding that is signed by something else than a MAC key.
    #[error("an external account binding is authenticated by HS256, HS384 or HS512, not {alg}")]
    MacAlgorithm {
        /// What it says.
        alg: String,
    },
    /// The MAC does not verify.
    #[error("the external account binding does not verify under its key")]
    Mac,
    /// A binding that is about another key than the account's.
    #[error("the external account binding is not about the account's key")]
    OtherKey,
}

/// What a change of keys says: the new key signed it.
#[derive(Debug, Clone)]
pub struct KeyChange {
    /// The new key.
    pub new_key: Jwk,
    /// The URL of the account.
    pub account: String,
    /// The key that it had.
    pub old_key: Jwk,
}

/// A flattened JWS without its judgement.
struct Parts {
    header: Map<String, Value>,
    payload: Vec<u8>,
    signature: Vec<u8>,
    signing_input: String,
}

impl Parts {
    fn read(body: &[u8], url: &str) -> Result<Self, InnerError> {
        let outer = unique_object(body).map_err(JwsError::from_body)?;
        if outer.contains_key("signatures") {
            return Err(JwsError::SeveralSignatures.into());
        }
        if outer.contains_key("header") {
            return Err(JwsError::UnprotectedHeader.into());
        }
        let protected = member(&outer, "protected")?;
        let payload = member(&outer, "payload")?;
        let signature = bytes("signature", member(&outer, "signature")?)?;
        let header =
            unique_object(&bytes("protected", protected)?).map_err(JwsError::from_header)?;
        if header.contains_key("crit") {
            return Err(JwsError::Critical.into());
        }
        if header.contains_key("b64") {
            return Err(JwsError::UnencodedPayload.into());
        }
        if header.contains_key("nonce") {
            return Err(InnerError::Nonce);
        }
        if short(&header, "url")? != url {
            return Err(InnerError::Url);
        }
        Ok(Self {
            payload: bytes("payload", payload)?,
            signature,
            signing_input: format!("{protected}.{payload}"),
            header,
        })
    }
}

impl KeyChange {
    /// Reads the payload of a keyChange request that was sent to `url`, and verifies that the new
    /// key signed it.
    ///
    /// # Errors
    /// [`InnerError`].
    pub fn read(body: &[u8], url: &str) -> Result<Self, InnerError> {
        let parts = Parts::read(body, url)?;
        if parts.header.contains_key("kid") {
            return Err(JwsError::KidWhereJwk.into());
        }
        let algorithm = algorithm(member(&parts.header, "alg")?)?;
        let new_key = key(&parts.header, "jwk")?;
        fits(algorithm, &new_key)?;
        new_key
            .verify(parts.signing_input.as_bytes(), &parts.signature)
            .map_err(|_| JwsError::BadSignature)?;
        let payload = unique_object(&parts.payload).map_err(JwsError::payload)?;
        Ok(Self {
            account: short(&payload, "account")?,
            old_key: key(&payload, "oldKey")?,
            new_key,
        })
    }
}

fn key(object: &Map<String, Value>, name: &'static str) -> Result<Jwk, JwsError> {
    match object.get(name) {
        Some(Value::Object(members)) => Ok(Jwk::from_json(members)?),
        Some(_) => Err(JwsError::MemberType { member: name }),
        None => Err(JwsError::MissingMember { member: name }),
    }
}

/// The binding of an account to an external one, read and not yet verified.
#[derive(Debug, Clone)]
pub struct Binding {
    kid: String,
    algorithm: hmac::Algorithm,
    payload: Vec<u8>,
    signature: Vec<u8>,
    signing_input: String,
}

impl Binding {
    /// Reads `externalAccountBinding` of a newAccount request that was sent to `url`.
    ///
    /// # Errors
    /// [`InnerError`].
    pub fn read(binding: &Value, url: &str) -> Result<Self, InnerError> {
        let parts = Parts::read(binding.to_string().as_bytes(), url)?;
        let algorithm = match member(&parts.header, "alg")? {
            "HS256" => hmac::HMAC_SHA256,
            "HS384" => hmac::HMAC_SHA384,
            "HS512" => hmac::HMAC_SHA512,
            other => {
                return Err(InnerError::MacAlgorithm {
                    alg: other.chars().take(40).collect(),
                });
            }
        };
        if parts.header.contains_key("jwk") {
            return Err(JwsError::JwkWhereKid.into());
        }
        Ok(Self {
            kid: short(&parts.header, "kid")?,
            algorithm,
            payload: parts.payload,
            signature: parts.signature,
            signing_input: parts.signing_input,
        })
    }

    /// The name of its MAC key.
    #[must_use]
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// Verifies that the holder of the MAC key bound this account key. Takes constant time.
    ///
    /// # Errors
    /// [`InnerError::Mac`] and [`InnerError::OtherKey`].
    pub fn verify(&self, mac_key: &[u8], account_key: &Jwk) -> Result<(), InnerError> {
        let key = hmac::Key::new(self.algorithm, mac_key);
        hmac::verify(&key, self.signing_input.as_bytes(), &self.signature)
            .map_err(|_| InnerError::Mac)?;
        let bound: Jwk = serde_json::from_slice(&self.payload).map_err(JwsError::payload)?;
        if bound == *account_key {
            Ok(())
        } else {
            Err(InnerError::OtherKey)
        }
    }
}

/// The client's half of [`Binding`]: HS256 over the account's key.
#[must_use]
pub fn bind(account_key: &Jwk, url: &str, kid: &str, mac_key: &[u8]) -> Value {
    let header = serde_json::json!({"alg": "HS256", "kid": kid, "url": url});
    let protected = base64url::encode(header.to_string().as_bytes());
    let payload = base64url::encode(account_key.to_json().as_bytes());
    let key = hmac::Key::new(hmac::HMAC_SHA256, mac_key);
    let tag = hmac::sign(&key, format!("{protected}.{payload}").as_bytes());
    serde_json::json!({
        "protected": protected,
        "payload": payload,
        "signature": base64url::encode(tag.as_ref()),
    })
}
