//! `dlogin status` and `dlogin logout`.

use serde::Serialize;
use time::OffsetDateTime;

use crate::held::{Certificate, Folder};
use crate::{Config, Error, Paths, ProfileName};

/// What is set up and what is held.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Status {
    /// The trusted CA's URL.
    pub ca: Option<String>,
    /// SHA-256 of its root.
    pub root_sha256: Option<String>,
    /// The folder of the certificates.
    pub folder: std::path::PathBuf,
    /// The certificates that are there.
    pub certificates: Vec<Held>,
}

/// A certificate that is there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Held {
    /// The certificate.
    #[serde(flatten)]
    pub certificate: Certificate,
    /// Whether it has expired, by this computer's clock. The next login takes
    /// it away.
    pub expired: bool,
}

/// Shows what is held. Nothing is fetched, nothing is changed, and the YubiKey
/// is not asked.
///
/// # Errors
/// Where the configuration or the folder cannot be read.
pub fn status(paths: &Paths) -> Result<Status, Error> {
    let ca = Config::load(paths)?.ca;
    let held = match Folder::look(paths)? {
        Some(folder) => folder.list()?,
        None => Vec::new(),
    };
    let now = OffsetDateTime::now_utc();
    Ok(Status {
        ca: ca.as_ref().map(|ca| ca.url.clone()),
        root_sha256: ca.map(|ca| ca.root_sha256),
        folder: paths.certificate_dir().to_owned(),
        certificates: held
            .into_iter()
            .map(|certificate| Held {
                expired: certificate.not_after <= now,
                certificate,
            })
            .collect(),
    })
}

/// What was taken away.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LoggedOut {
    /// The profiles whose certificates and keys are gone.
    pub removed: Vec<ProfileName>,
}

/// Removes all certificates and disk keys. The keys are overwritten first, as
/// far as the file system lets us. What is trusted and remembered stays.
///
/// # Errors
/// Where something cannot be removed.
pub fn logout(paths: &Paths) -> Result<LoggedOut, Error> {
    Ok(LoggedOut {
        removed: Folder::lock(paths)?.clear()?,
    })
}
