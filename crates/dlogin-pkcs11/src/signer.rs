//! Signing: through the agent, or with a key on disk.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::time::Duration;

use dlogin_service::{Client, Error as AgentError, KeyId, Sign};
use p256::ecdsa::signature::hazmat::PrehashSigner;
use p256::ecdsa::{Signature, SigningKey as P256Key};
use p256::pkcs8::{DecodePrivateKey, EncodePublicKey};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::curve::Mechanism;
use crate::error::Error;
use crate::object::{Place, SigningKey};
use crate::store::{Store, now};

/// How long the agent may wait for PIN and touch. Chromium and Firefox give up
/// a handshake at 30 s; the client half allows the agent five seconds more than
/// this for its answer, so that everything ends at 25 s.
const PATIENCE: Duration = Duration::from_secs(20);
/// A P-256 key in PEM has 241 bytes.
const MAX_KEY_FILE: usize = 4096;

/// Signs; r and s, one after the other.
pub(crate) fn sign(
    store: &Store,
    key: &SigningKey,
    mechanism: Mechanism,
    data: Vec<u8>,
) -> Result<Vec<u8>, Error> {
    match &key.place {
        Place::Yubikey => through_agent(store, key, mechanism, data),
        Place::Disk { file, not_after } => {
            if *not_after <= now() {
                return Err(Error::Expired);
            }
            // The same limits, whoever signs.
            mechanism.input(key.curve, data.clone())?;
            on_disk(file, key.id, &mechanism.digest(key.curve, &data))
        }
    }
}

fn through_agent(
    store: &Store,
    key: &SigningKey,
    mechanism: Mechanism,
    data: Vec<u8>,
) -> Result<Vec<u8>, Error> {
    let asking = Sign {
        key: key.id,
        algorithm: key.curve.algorithm(),
        input: mechanism.input(key.curve, data)?,
        purpose: "PKCS#11".to_owned(),
        peer: None,
        patience: PATIENCE,
    };
    let socket = store.socket().ok_or(AgentError::NoPlace)?;
    // A connection for each signature: nothing is shared between threads, and
    // a child of fork() has none of its parent's.
    let signature = Client::connect(socket)?.sign(&asking)?;
    key.curve.raw_signature(&signature)
}

fn on_disk(file: &Path, id: KeyId, digest: &[u8]) -> Result<Vec<u8>, Error> {
    let key = read_key(file).ok_or(Error::DiskKey)?;
    let public = p256::PublicKey::from(key.verifying_key()).to_public_key_der();
    let public = public.map_err(|_| Error::DiskKey)?;
    if Sha256::digest(public.as_bytes()).as_slice() != id.0 {
        // Renewed since the program looked: a new certificate has a new key.
        return Err(Error::NoKey);
    }
    let signature: Signature = key.sign_prehash(digest).map_err(|_| Error::DiskKey)?;
    Ok(signature.to_bytes().to_vec())
}

/// The buffer is as large as it ever gets from the beginning: growing would
/// leave copies that nobody wipes.
fn read_key(file: &Path) -> Option<P256Key> {
    let mut pem = Zeroizing::new(vec![0; MAX_KEY_FILE]);
    let mut length = 0;
    let mut file = File::open(file).ok()?;
    loop {
        let read = file.read(pem.get_mut(length..)?).ok()?;
        if read == 0 {
            break;
        }
        length += read;
    }
    let text = std::str::from_utf8(pem.get(..length)?).ok()?;
    P256Key::from_pkcs8_pem(text).ok()
}
