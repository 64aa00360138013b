//! The client's half: the protected header and what is signed.

use serde_json::{Value, json};

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
    let mut header = json!({
        "alg": key.algorithm().as_str(),
        "nonce": nonce,
        "url": url,
    });
    match id {
        KeyId::Embedded => header["jwk"] = key.to_json(),
        KeyId::Account(kid) => header["kid"] = Value::from(kid),
    }
    (
        base64url::encode(header.to_string().as_bytes()),
        base64url::encode(payload),
    )
}
