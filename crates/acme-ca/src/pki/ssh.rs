//! One SSH CA.

use std::sync::Arc;

use base64ct::{Base64Unpadded, Encoding};
use sha2::{Digest, Sha256};
use sshcert_acme::SshPublicKey;

use crate::signer::Signer;

/// The fingerprint of a key, as `ssh-keygen -l` shows it.
pub(crate) fn fingerprint(key: &SshPublicKey) -> String {
    let digest = Sha256::digest(key.to_blob());
    format!("SHA256:{}", Base64Unpadded::encode_string(&digest))
}

/// One SSH user CA.
pub struct SshAuthority {
    name: String,
    public_key: SshPublicKey,
    signer: Arc<dyn Signer>,
}

impl SshAuthority {
    /// `None` if the key is of a kind that SSH CAs do not have.
    pub(super) fn new(signer: Arc<dyn Signer>, name: &str) -> Option<Self> {
        Some(Self {
            name: name.to_owned(),
            public_key: SshPublicKey::from_spki_der(signer.spki_der()).ok()?,
            signer,
        })
    }

    /// Its name in this CA, such as `ssh-user-1`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its public key.
    #[must_use]
    pub fn public_key(&self) -> &SshPublicKey {
        &self.public_key
    }

    /// Its fingerprint, as `ssh-keygen -l` shows it.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        fingerprint(&self.public_key)
    }

    pub(crate) fn signer(&self) -> &dyn Signer {
        self.signer.as_ref()
    }
}
