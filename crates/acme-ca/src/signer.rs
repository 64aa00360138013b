//! The CA's own keys, behind one trait, so that a key may live elsewhere than in a file.

use std::fs::OpenOptions;
use std::io::{Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING, EcdsaKeyPair,
    EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair,
};
use der::pem::{self, LineEnding};
use zeroize::Zeroizing;

/// How a key of the CA signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// ECDSA on P-256 with SHA-256; signatures are DER.
    EcdsaP256Sha256,
    /// ECDSA on P-384 with SHA-384; signatures are DER.
    EcdsaP384Sha384,
    /// Ed25519; signatures are 64 bytes.
    Ed25519,
}

/// A private key that signs for the CA.
pub trait Signer: Send + Sync {
    /// How it signs.
    fn algorithm(&self) -> Algorithm;
    /// Its public key, SubjectPublicKeyInfo in DER.
    fn spki_der(&self) -> &[u8];
    /// Signs a message (which the algorithm hashes itself).
    ///
    /// # Errors
    /// [`SignError`] when the key's home does not answer.
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SignError>;
}

/// The key did not sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a key of the CA did not sign")]
pub struct SignError;

/// Why a key file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// It cannot be read or written.
    #[error("{path}: {error}")]
    Io {
        /// The file.
        path: PathBuf,
        /// Why not.
        error: std::io::Error,
    },
    /// Others than its owner may read it.
    #[error("{path} is open to others (mode {mode:o}): chmod 600 {path}, and ask who read it")]
    Open {
        /// The file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// It holds no key that the CA can use.
    #[error("{path} holds no P-256, P-384 or Ed25519 key in PKCS#8")]
    Format {
        /// The file.
        path: PathBuf,
    },
    /// No key could be made.
    #[error("no key could be made")]
    Generate,
}

enum Pair {
    Ecdsa(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

/// A key kept in a PKCS#8 file.
pub struct FileKey {
    pair: Pair,
    algorithm: Algorithm,
    spki: Vec<u8>,
}

/// PEM's label for PKCS#8 (RFC 7468 §10).
const LABEL: &str = "PRIVATE KEY";
/// No key of these algorithms is longer.
const MAX_FILE: u64 = 4096;

fn curve(algorithm: Algorithm) -> Option<&'static EcdsaSigningAlgorithm> {
    match algorithm {
        Algorithm::EcdsaP256Sha256 => Some(&ECDSA_P256_SHA256_ASN1_SIGNING),
        Algorithm::EcdsaP384Sha384 => Some(&ECDSA_P384_SHA384_ASN1_SIGNING),
        Algorithm::Ed25519 => None,
    }
}

impl FileKey {
    /// Makes a key, and its PKCS#8 encoding.
    ///
    /// # Errors
    /// [`KeyFileError::Generate`].
    pub fn generate(algorithm: Algorithm) -> Result<(Self, Zeroizing<Vec<u8>>), KeyFileError> {
        let pkcs8 = match curve(algorithm) {
            Some(curve) => EcdsaKeyPair::generate(curve).and_then(|pair| pair.to_pkcs8v1()),
            None => Ed25519KeyPair::generate().and_then(|pair| pair.to_pkcs8v1()),
        }
        .map_err(|_| KeyFileError::Generate)?;
        let pkcs8 = Zeroizing::new(pkcs8.as_ref().to_vec());
        let key = Self::from_pkcs8(&pkcs8).ok_or(KeyFileError::Generate)?;
        Ok((key, pkcs8))
    }

    /// Makes a key and writes it to a new file that only its owner may read.
    ///
    /// # Errors
    /// [`KeyFileError`]; an existing file is never overwritten.
    pub fn create(path: &Path, algorithm: Algorithm) -> Result<Self, KeyFileError> {
        let (key, pkcs8) = Self::generate(algorithm)?;
        let pem = pem::encode_string(LABEL, LineEnding::LF, &pkcs8)
            .map(Zeroizing::new)
            .map_err(|_| KeyFileError::Generate)?;
        write_private(path, pem.as_bytes()).map_err(|error| KeyFileError::Io {
            path: path.to_owned(),
            error,
        })?;
        Ok(key)
    }

    /// Reads a key file.
    ///
    /// # Errors
    /// [`KeyFileError`], also when others than its owner may read it.
    pub fn load(path: &Path) -> Result<Self, KeyFileError> {
        let io = |error| KeyFileError::Io {
            path: path.to_owned(),
            error,
        };
        let file = std::fs::File::open(path).map_err(io)?;
        let mode = file.metadata().map_err(io)?.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(KeyFileError::Open {
                path: path.to_owned(),
                mode,
            });
        }
        let mut text = Zeroizing::new(Vec::new());
        file.take(MAX_FILE).read_to_end(&mut text).map_err(io)?;
        pem::decode_vec(&text)
            .ok()
            .filter(|(label, _)| *label == LABEL)
            .map(|(_, der)| Zeroizing::new(der))
            .and_then(|der| Self::from_pkcs8(&der))
            .ok_or_else(|| KeyFileError::Format {
                path: path.to_owned(),
            })
    }

    fn from_pkcs8(der: &[u8]) -> Option<Self> {
        for algorithm in [Algorithm::EcdsaP256Sha256, Algorithm::EcdsaP384Sha384] {
            if let Ok(pair) = EcdsaKeyPair::from_pkcs8(curve(algorithm)?, der) {
                let spki = AsDer::<PublicKeyX509Der<'_>>::as_der(pair.public_key()).ok()?;
                return Some(Self {
                    algorithm,
                    spki: spki.as_ref().to_vec(),
                    pair: Pair::Ecdsa(pair),
                });
            }
        }
        let pair = Ed25519KeyPair::from_pkcs8(der).ok()?;
        let spki = AsDer::<PublicKeyX509Der<'_>>::as_der(pair.public_key()).ok()?;
        Some(Self {
            algorithm: Algorithm::Ed25519,
            spki: spki.as_ref().to_vec(),
            pair: Pair::Ed25519(pair),
        })
    }
}

impl Signer for FileKey {
    fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    fn spki_der(&self) -> &[u8] {
        &self.spki
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SignError> {
        match &self.pair {
            Pair::Ecdsa(pair) => pair
                .sign(&SystemRandom::new(), message)
                .map(|signature| signature.as_ref().to_vec())
                .map_err(|_| SignError),
            Pair::Ed25519(pair) => pair
                .try_sign(message)
                .map(|signature| signature.as_ref().to_vec())
                .map_err(|_| SignError),
        }
    }
}

impl std::fmt::Debug for FileKey {
    /// Without the key.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FileKey")
            .field("algorithm", &self.algorithm)
            .finish_non_exhaustive()
    }
}

/// Writes a new file that only its owner may read, and waits until it is on disk.
pub(crate) fn write_private(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_file_is_private_and_comes_back_as_the_same_key() {
        let dir = tempfile::tempdir().unwrap();
        for (name, algorithm) in [
            ("a", Algorithm::EcdsaP256Sha256),
            ("b", Algorithm::EcdsaP384Sha384),
            ("c", Algorithm::Ed25519),
        ] {
            let path = dir.path().join(name);
            let made = FileKey::create(&path, algorithm).unwrap();
            let mode = std::fs::metadata(&path).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
            let read = FileKey::load(&path).unwrap();
            assert_eq!(read.spki_der(), made.spki_der());
            assert_eq!(read.algorithm(), algorithm);
            assert!(matches!(
                FileKey::create(&path, algorithm),
                Err(KeyFileError::Io { .. })
            ));
        }
    }

    #[test]
    fn a_key_file_that_others_may_read_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        FileKey::create(&path, Algorithm::Ed25519).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(
            FileKey::load(&path),
            Err(KeyFileError::Open { mode: 0o640, .. })
        ));
    }

    #[test]
    fn a_file_that_holds_no_key_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        write_private(
            &path,
            b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
        )
        .unwrap();
        assert!(matches!(
            FileKey::load(&path),
            Err(KeyFileError::Format { .. })
        ));
    }
}
