//! `dlogin status` and `dlogin logout`.

use serde::Serialize;
use time::OffsetDateTime;

use crate::held::{Certificate, CertificateName, Folder};
use crate::issued::Issued;
use crate::trust::{self, Listed};
use crate::{Error, Paths};

/// What is set up and what is held.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Status {
    /// The URL of the first CA of the site without a name.
    pub ca: Option<String>,
    /// SHA-256 of its root.
    pub root_sha256: Option<String>,
    /// Every trusted CA, site by site.
    pub cas: Vec<Listed>,
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
    /// The serial number of the YubiKey that it was fetched with, where that
    /// is remembered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub yubikey: Option<String>,
}

/// Shows what is held, of every site. Nothing is fetched, nothing is changed, and the YubiKey
/// is not asked.
///
/// # Errors
/// Where the configuration or the folder cannot be read.
pub fn status(paths: &Paths) -> Result<Status, Error> {
    let cas = trust::list(paths)?;
    let first = cas.iter().find(|ca| ca.site.is_none());
    let now = OffsetDateTime::now_utc();
    let mut certificates = Vec::new();
    for at in paths.every_site()? {
        let Some(folder) = Folder::look(&at)? else {
            continue;
        };
        let issued = Issued::load(&at)?;
        certificates.extend(folder.list()?.into_iter().map(|certificate| Held {
            expired: certificate.not_after <= now,
            yubikey: issued.yubikey(&certificate).map(str::to_owned),
            certificate,
        }));
    }
    Ok(Status {
        ca: first.map(|ca| ca.url.clone()),
        root_sha256: first.map(|ca| ca.root_sha256.clone()),
        cas,
        folder: paths.at(None).certificate_dir().to_owned(),
        certificates,
    })
}

/// What was taken away.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LoggedOut {
    /// The names of the certificates that are gone, with their keys.
    pub removed: Vec<CertificateName>,
}

/// Removes all certificates and disk keys of the site of `paths`. The keys are overwritten first, as
/// far as the file system lets us. What is trusted and remembered stays.
///
/// # Errors
/// Where something cannot be removed.
pub fn logout(paths: &Paths) -> Result<LoggedOut, Error> {
    Ok(LoggedOut {
        removed: Folder::lock(paths)?.clear()?,
    })
}

/// The same of every site.
///
/// # Errors
/// Where something cannot be removed.
pub fn logout_everywhere(paths: &Paths) -> Result<LoggedOut, Error> {
    let mut removed = Vec::new();
    for at in paths.every_site()? {
        removed.extend(logout(&at)?.removed);
    }
    Ok(LoggedOut { removed })
}
