//! The payload of the POST that answers a challenge.

use serde::{Deserialize, Serialize};

use crate::{
    bytes::{from_base64url, to_base64url},
    message::Message,
};

/// The longest response that is read, in bytes of JSON.
pub const MAX_LEN: usize = 48 * 1024;
/// The most certificates in `attestation`.
pub const MAX_CERTIFICATES: usize = 8;
/// The longest certificate, in bytes of DER.
pub const MAX_CERTIFICATE: usize = 4096;
/// The longest signature: RSA with 4096 bits.
pub const MAX_SIGNATURE: usize = 512;
/// The longest `publicKey`, in bytes of DER: more than RSA with 4096 bits needs.
pub const MAX_PUBLIC_KEY: usize = 1024;

/// An answer to a challenge. It proves nothing until
/// [`prove_possession`](Self::prove_possession) and what follows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Json", into = "Json")]
pub struct Response {
    pub(crate) attestation: Vec<Vec<u8>>,
    pub(crate) message: Vec<u8>,
    pub(crate) signature: Vec<u8>,
    pub(crate) public_key: Option<Vec<u8>>,
}

impl Response {
    /// The client's half.
    ///
    /// - `attestation`: the slot's attestation certificate, then the device's, then what
    ///   else leads to a root (DER).
    /// - `signature` over [`Message::as_bytes`] by the attested key: ECDSA as DER.
    /// - `public_key`: the SubjectPublicKeyInfo (DER) to be certified, with `yubikey-02` only.
    ///
    /// # Errors
    /// [`ResponseError`] when a part is out of bounds.
    pub fn new(
        attestation: Vec<Vec<u8>>,
        message: &Message,
        signature: Vec<u8>,
        public_key: Option<Vec<u8>>,
    ) -> Result<Self, ResponseError> {
        Self {
            attestation,
            message: message.as_bytes().to_vec(),
            signature,
            public_key,
        }
        .bounded()
    }

    /// The server's half: reads the payload of a JWS. Members that are not known are ignored
    /// (RFC 8555 §7.5.1).
    ///
    /// # Errors
    /// [`ResponseError`].
    pub fn from_json(payload: &[u8]) -> Result<Self, ResponseError> {
        if payload.len() > MAX_LEN {
            return Err(ResponseError::TooLong {
                part: "response",
                max: MAX_LEN,
            });
        }
        let json: Json =
            serde_json::from_slice(payload).map_err(|error| ResponseError::NotJson {
                // The parser quotes what it did not expect, which may be all of it.
                error: error.to_string().chars().take(200).collect(),
            })?;
        json.try_into()
    }

    /// The payload.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        // A struct of strings always has a JSON form.
        serde_json::to_vec(self).unwrap_or_default()
    }

    fn bounded(self) -> Result<Self, ResponseError> {
        let check = |part, bytes: &[u8], max| match bytes.len() {
            0 => Err(ResponseError::Empty { part }),
            len if len > max => Err(ResponseError::TooLong { part, max }),
            _ => Ok(()),
        };
        if self.attestation.len() > MAX_CERTIFICATES {
            return Err(ResponseError::TooManyCertificates {
                count: self.attestation.len(),
            });
        }
        if self.attestation.is_empty() {
            return Err(ResponseError::Empty {
                part: "attestation",
            });
        }
        for certificate in &self.attestation {
            check("attestation", certificate, MAX_CERTIFICATE)?;
        }
        // Loose, so that a 17th entry is told as such by `Message`.
        check("message", &self.message, Message::MAX_LEN * 2)?;
        check("signature", &self.signature, MAX_SIGNATURE)?;
        if let Some(key) = &self.public_key {
            check("publicKey", key, MAX_PUBLIC_KEY)?;
        }
        Ok(self)
    }
}

#[derive(Serialize, Deserialize)]
struct Json {
    attestation: Vec<String>,
    message: String,
    signature: String,
    #[serde(rename = "publicKey", default, skip_serializing_if = "Option::is_none")]
    public_key: Option<String>,
}

impl From<Response> for Json {
    fn from(response: Response) -> Self {
        Self {
            attestation: response
                .attestation
                .iter()
                .map(|der| to_base64url(der))
                .collect(),
            message: to_base64url(&response.message),
            signature: to_base64url(&response.signature),
            public_key: response.public_key.as_deref().map(to_base64url),
        }
    }
}

impl TryFrom<Json> for Response {
    type Error = ResponseError;

    fn try_from(json: Json) -> Result<Self, ResponseError> {
        let bytes =
            |part, text: &str| from_base64url(text).ok_or(ResponseError::NotBase64Url { part });
        if json.attestation.len() > MAX_CERTIFICATES {
            return Err(ResponseError::TooManyCertificates {
                count: json.attestation.len(),
            });
        }
        Self {
            attestation: json
                .attestation
                .iter()
                .map(|text| bytes("attestation", text))
                .collect::<Result<_, _>>()?,
            message: bytes("message", &json.message)?,
            signature: bytes("signature", &json.signature)?,
            public_key: json
                .public_key
                .map(|text| bytes("publicKey", &text))
                .transpose()?,
        }
        .bounded()
    }
}

/// Why something is not a response.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ResponseError {
    /// Not JSON, or not an object with the members that are needed, each once.
    #[error("the response is not the JSON object that answers this challenge: {error}")]
    NotJson {
        /// What the parser says.
        error: String,
    },
    /// A part is not canonical base64url.
    #[error("{part:?} in the response is not canonical base64url without padding")]
    NotBase64Url {
        /// The member.
        part: &'static str,
    },
    /// A part is empty.
    #[error("{part:?} in the response is empty")]
    Empty {
        /// The member.
        part: &'static str,
    },
    /// A part is too long.
    #[error("{part:?} in the response is longer than {max} bytes")]
    TooLong {
        /// The member.
        part: &'static str,
        /// The bound in bytes.
        max: usize,
    },
    /// More than [`MAX_CERTIFICATES`].
    #[error("the attestation has {count} certificates; at most {MAX_CERTIFICATES} are read")]
    TooManyCertificates {
        /// How many there are.
        count: usize,
    },
}

#[cfg(test)]
mod tests;
