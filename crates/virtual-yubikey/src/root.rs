//! The root of the virtual keys' attestations.

use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use pem_rfc7468::LineEnding;

use crate::certificate;
use crate::error::{Error, FileError};
use crate::key::{Algorithm, PrivateKey};

/// Where virtual YubiKeys come from: the key that certifies their f9 keys.
///
/// It is generated for each state folder and never shared, so that trusting
/// it trusts the virtual keys of one folder and nobody else's. A CA trusts it
/// only where its operator names `root.pem`.
#[derive(Debug, Clone)]
pub struct Root {
    key: PrivateKey,
    certificate: Vec<u8>,
}

impl Root {
    /// A new root that lives in memory only.
    ///
    /// # Errors
    /// [`Error::KeyGeneration`] without a source of randomness.
    pub fn generate() -> Result<Self, Error> {
        let key = PrivateKey::generate(Algorithm::Rsa2048).map_err(|_| Error::KeyGeneration)?;
        let certificate = certificate::root(&key).map_err(|_| Error::KeyGeneration)?;
        Ok(Self { key, certificate })
    }

    /// The root of a state folder: `root.key` and `root.pem`. The folder, too,
    /// is made when missing.
    ///
    /// # Errors
    /// [`Error::File`] when the files cannot be read or written or are damaged.
    pub fn open(dir: &Path) -> Result<Self, Error> {
        fs::create_dir_all(dir).map_err(FileError::write(dir))?;
        let (key_path, pem_path) = (dir.join("root.key"), dir.join("root.pem"));
        if key_path.exists() {
            let text = fs::read_to_string(&key_path).map_err(FileError::read(&key_path))?;
            let key = serde_json::from_str(&text).map_err(|_| damaged(&key_path))?;
            let pem = fs::read(&pem_path).map_err(FileError::read(&pem_path))?;
            let (_, certificate) = pem_rfc7468::decode_vec(&pem).map_err(|_| damaged(&pem_path))?;
            return Ok(Self { key, certificate });
        }
        let root = Self::generate()?;
        let key = serde_json::to_vec(&root.key).map_err(|_| damaged(&key_path))?;
        // The certificate first: a key without it would be taken for a whole root.
        write_file(&pem_path, root.pem().as_bytes(), 0o644)?;
        write_file(&key_path, &key, 0o600)?;
        Ok(root)
    }

    /// The root's certificate, DER.
    #[must_use]
    pub fn der(&self) -> &[u8] {
        &self.certificate
    }

    /// The root's certificate, PEM.
    #[must_use]
    pub fn pem(&self) -> String {
        // Fails for inputs near the address space's size only.
        pem_rfc7468::encode_string("CERTIFICATE", LineEnding::LF, &self.certificate)
            .unwrap_or_default()
    }

    pub(crate) fn key(&self) -> &PrivateKey {
        &self.key
    }
}

fn damaged(path: &Path) -> FileError {
    FileError::Damaged { path: path.into() }
}

/// Writes a whole file or nothing: beside it first, then renamed.
pub(crate) fn write_file(path: &Path, bytes: &[u8], mode: u32) -> Result<(), FileError> {
    let mut beside = PathBuf::from(path);
    beside.add_extension("new");
    let written = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(mode)
        .open(&beside)
        .and_then(|mut file| file.write_all(bytes))
        .and_then(|()| fs::rename(&beside, path));
    written.map_err(FileError::write(path))
}
