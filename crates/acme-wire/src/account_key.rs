//! The client's account key.

use aws_lc_rs::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair},
};
use serde_json::json;
use zeroize::Zeroizing;

use crate::{
    base64url,
    jwk::Jwk,
    jws::{KeyId, signing_input},
};

/// A P-256 key that signs requests with ES256. Its `Debug` shows the thumbprint only.
pub struct AccountKey {
    pair: EcdsaKeyPair,
    public: Jwk,
}

impl AccountKey {
    /// A fresh key.
    ///
    /// # Errors
    /// [`AccountKeyError::Generate`] when the system gives no randomness.
    pub fn generate() -> Result<Self, AccountKeyError> {
        EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)
            .map_err(|_| AccountKeyError::Generate)
            .and_then(Self::from_pair)
    }

    /// Reads what [`to_pkcs8_der`](Self::to_pkcs8_der) wrote.
    ///
    /// # Errors
    /// [`AccountKeyError::NotPkcs8P256`].
    pub fn from_pkcs8_der(pkcs8: &[u8]) -> Result<Self, AccountKeyError> {
        EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8)
            .map_err(|_| AccountKeyError::NotPkcs8P256)
            .and_then(Self::from_pair)
    }

    /// The private key, to be stored where only its owner reads.
    ///
    /// # Errors
    /// [`AccountKeyError::Encode`].
    pub fn to_pkcs8_der(&self) -> Result<Zeroizing<Vec<u8>>, AccountKeyError> {
        let der = self
            .pair
            .to_pkcs8v1()
            .map_err(|_| AccountKeyError::Encode)?;
        Ok(Zeroizing::new(der.as_ref().to_vec()))
    }

    /// The public key.
    #[must_use]
    pub fn jwk(&self) -> &Jwk {
        &self.public
    }

    /// A request body: `payload` signed for `url` with `nonce`. An empty payload is a POST-as-GET.
    ///
    /// # Errors
    /// [`AccountKeyError::Sign`].
    pub fn sign(
        &self,
        url: &str,
        nonce: &str,
        id: KeyId<'_>,
        payload: &[u8],
    ) -> Result<String, AccountKeyError> {
        let (protected, payload) = signing_input(&self.public, url, nonce, id, payload);
        let signature = self
            .pair
            .sign(
                &SystemRandom::new(),
                format!("{protected}.{payload}").as_bytes(),
            )
            .map_err(|_| AccountKeyError::Sign)?;
        Ok(json!({
            "protected": protected,
            "payload": payload,
            "signature": base64url::encode(signature.as_ref()),
        })
        .to_string())
    }

    fn from_pair(pair: EcdsaKeyPair) -> Result<Self, AccountKeyError> {
        let public =
            Jwk::p256(pair.public_key().as_ref()).map_err(|_| AccountKeyError::NotPkcs8P256)?;
        Ok(Self { pair, public })
    }
}

impl std::fmt::Debug for AccountKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "AccountKey({})",
            base64url::encode(&self.public.thumbprint())
        )
    }
}

/// What may go wrong with an account key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AccountKeyError {
    /// No key could be made.
    #[error("no account key could be generated: the system's random generator failed")]
    Generate,
    /// The bytes are not a P-256 key in PKCS#8.
    #[error("the account key is not a P-256 private key in PKCS#8; remove it to get a new account")]
    NotPkcs8P256,
    /// The key could not be written out.
    #[error("the account key could not be encoded")]
    Encode,
    /// The key could not sign.
    #[error("the account key could not sign")]
    Sign,
}
