//! Whom a server's certificate has to come from.

use std::path::Path;

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use crate::Error;

/// The CA certificates in `file` (PEM) and no others; without, the system's.
///
/// # Errors
/// [`Error::CaFile`], [`Error::NoRoots`].
pub fn roots(file: Option<&Path>) -> Result<RootCertStore, Error> {
    let mut roots = RootCertStore::empty();
    let Some(path) = file else {
        let found = rustls_native_certs::load_native_certs();
        roots.add_parsable_certificates(found.certs);
        return if roots.is_empty() {
            Err(Error::NoRoots)
        } else {
            Ok(roots)
        };
    };
    let bad = |reason: String| Error::CaFile {
        path: path.to_owned(),
        reason,
    };
    for certificate in CertificateDer::pem_file_iter(path).map_err(|e| bad(e.to_string()))? {
        let certificate = certificate.map_err(|e| bad(e.to_string()))?;
        roots.add(certificate).map_err(|e| bad(e.to_string()))?;
    }
    if roots.is_empty() {
        return Err(bad("there is none in it".to_owned()));
    }
    Ok(roots)
}
