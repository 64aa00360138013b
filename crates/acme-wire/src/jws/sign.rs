//! The client's half: the protected header and what is signed.

use serde::Serialize;

use crate::{base64url, jwk::Jwk};

/// How a request names the key that signs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyId<'a> {
    /// By the key itself (`jwk`): newAccount, and revokeCert by the certificate's key.
    Embedded,
    /// By the URL of the account (`kid`): everything else.
    Account(&'a str),
}

/// The two parts that a signature covers: `(protected, payload)`, both base64url.
/// What is signed is `protected.payload`.
#[must_use]
pub fn signing_input(
    key: &Jwk,
    url: &str,
    nonce: &str,
    id: KeyId<'_>,
    payload: &[u8],
) -> (String, String) {
    let (jwk, kid) = match id {
        KeyId::Embedded => (Some(key), None),
        KeyId::Account(kid) => (None, Some(kid)),
    };
    let header = Header {
        alg: key.algorithm().as_str(),
        jwk,
        kid,
        nonce,
        url,
    };
    // A struct of strings always has a JSON form.
    let header = serde_json::to_vec(&header).unwrap_or_default();
    (base64url::encode(&header), base64url::encode(payload))
}

#[derive(Serialize)]
struct Header<'a> {
    alg: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    jwk: Option<&'a Jwk>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kid: Option<&'a str>,
    nonce: &'a str,
    url: &'a str,
}
