//! The root's CRL: whom servers must ask that check every certificate of a chain (nginx and
//! HAProxy do). The root's key is offline, so it lasts as long as what it is about.

use std::path::PathBuf;
use std::sync::Arc;

use der::Decode;
use x509_cert::Certificate;

use super::crl::{self, CrlError, Issue};
use super::file;
use crate::pki::{Authority, Layout, PkiError};
use crate::revocation::Reason;
use crate::signer::FileKey;

/// Why there is no new CRL of the root.
#[derive(Debug, thiserror::Error)]
pub enum RootCrlError {
    /// Its key or certificate.
    #[error(transparent)]
    Pki(#[from] PkiError),
    /// The CRL.
    #[error(transparent)]
    Crl(#[from] CrlError),
    /// A file.
    #[error("{path}: {error}")]
    Io {
        /// Which.
        path: PathBuf,
        /// Why not.
        error: std::io::Error,
    },
    /// A file that holds something else.
    #[error("{path} does not hold {expected}")]
    Format {
        /// The file.
        path: PathBuf,
        /// What should be in it.
        expected: &'static str,
    },
}

/// Signs a new CRL of the root, with those that stood in the one before and, if given, one more
/// intermediate; needs the root's key in `pki/`. Returns its number, and how many it revokes.
///
/// # Errors
/// [`RootCrlError`]; then the old one stands.
pub fn renew(
    layout: &Layout,
    revoke: Option<&std::path::Path>,
    now: i64,
) -> Result<(u64, usize), RootCrlError> {
    let io = |path: &std::path::Path| {
        let path = path.to_owned();
        move |error| RootCrlError::Io { path, error }
    };
    let key = FileKey::load(&layout.key("root")).map_err(PkiError::from)?;
    let path = layout.certificate("root");
    let bytes = std::fs::read(&path).map_err(io(&path))?;
    let der = crate::pki::certificate_der(&bytes).ok_or(RootCrlError::Format {
        path: path.clone(),
        expected: "a certificate",
    })?;
    let root = Authority::new(&der, Arc::new(key))?.ok_or_else(|| PkiError::Mismatch {
        key: layout.key("root"),
        certificate: path,
    })?;
    let path = layout.root_crl();
    let (number, mut entries) = match std::fs::read(&path) {
        Ok(text) => crl::from_pem(&text)
            .and_then(|der| crl::read(&der).ok())
            .ok_or(RootCrlError::Format {
                path: path.clone(),
                expected: "a CRL",
            })?,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => (0, Vec::new()),
        Err(error) => return Err(io(&path)(error)),
    };
    if let Some(file) = revoke {
        let bytes = std::fs::read(file).map_err(io(file))?;
        let certificate = crate::pki::certificate_der(&bytes)
            .and_then(|der| Certificate::from_der(&der).ok())
            .filter(|one| one.tbs_certificate().issuer() == root.name())
            .ok_or(RootCrlError::Format {
                path: file.to_owned(),
                expected: "a certificate that the root issued",
            })?;
        let serial = certificate.tbs_certificate().serial_number();
        if !entries.iter().any(|one| one.serial_number == *serial) {
            let bytes = serial.as_bytes();
            let bytes = bytes.strip_prefix(&[0]).unwrap_or(bytes);
            entries.push(crl::revoked_cert(bytes, now, Reason::Superseded)?);
        }
    }
    let revoked = entries.len();
    let issue = Issue {
        number: number + 1,
        this_update: now,
        next_update: root.not_after(),
    };
    let der = crl::sign(&root, entries, issue)?;
    let pem = crl::to_pem(&der).map_err(CrlError::from)?;
    file::replace(&path, pem.as_bytes(), 0o600).map_err(io(&path))?;
    Ok((issue.number, revoked))
}
