//! A key in the YubiKey, by way of the agent.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use dlogin_service::{Algorithm, Client, Input, KeyId, Sign};
use rustls::pki_types::SubjectPublicKeyInfoDer;
use rustls::sign::{Signer, SigningKey};
use rustls::{OtherError, SignatureAlgorithm, SignatureScheme};

/// How long PIN and touch may take, the time in the agent's queue included.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// A key that the agent signs with.
#[derive(Clone, Debug)]
pub struct AgentKey {
    pub(crate) socket: PathBuf,
    pub(crate) spki: Vec<u8>,
    pub(crate) id: KeyId,
    pub(crate) algorithm: Algorithm,
    pub(crate) peer: Option<String>,
}

impl AgentKey {
    fn scheme(&self) -> Option<SignatureScheme> {
        match self.algorithm {
            Algorithm::EcdsaP256Sha256 => Some(SignatureScheme::ECDSA_NISTP256_SHA256),
            Algorithm::EcdsaP384Sha384 => Some(SignatureScheme::ECDSA_NISTP384_SHA384),
            Algorithm::RsaPkcs1Sha256 => Some(SignatureScheme::RSA_PKCS1_SHA256),
            Algorithm::Ed25519 => Some(SignatureScheme::ED25519),
            _ => None,
        }
    }
}

impl SigningKey for AgentKey {
    fn choose_scheme(&self, offered: &[SignatureScheme]) -> Option<Box<dyn Signer>> {
        let scheme = self.scheme().filter(|scheme| offered.contains(scheme))?;
        Some(Box::new(AgentSigner {
            key: self.clone(),
            scheme,
        }))
    }

    fn public_key(&self) -> Option<SubjectPublicKeyInfoDer<'_>> {
        Some(self.spki.as_slice().into())
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        match self.algorithm {
            Algorithm::RsaPkcs1Sha256 => SignatureAlgorithm::RSA,
            Algorithm::Ed25519 => SignatureAlgorithm::ED25519,
            _ => SignatureAlgorithm::ECDSA,
        }
    }
}

#[derive(Debug)]
struct AgentSigner {
    key: AgentKey,
    scheme: SignatureScheme,
}

impl Signer for AgentSigner {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rustls::Error> {
        let sign = Sign {
            key: self.key.id,
            algorithm: self.key.algorithm,
            // The message itself: the agent sees that it answers no CA.
            input: Input::Message(message.to_vec()),
            purpose: "TLS".to_owned(),
            peer: self.key.peer.clone(),
            patience: PATIENCE,
        };
        Client::connect(&self.key.socket)
            .and_then(|mut agent| agent.sign(&sign))
            .map_err(|error| rustls::Error::Other(OtherError(Arc::new(error))))
    }

    fn scheme(&self) -> SignatureScheme {
        self.scheme
    }
}
