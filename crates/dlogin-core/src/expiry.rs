//! Certificates and disk keys do not outlive their end: every command that
//! changes anything takes away what has expired.
//!
//! By the CA's clock where it told the time. Else by this computer's, with a
//! margin. Not where a clock is in doubt, as both are where they are far apart: a
//! clock that is wrong, or lies, must not cost anybody a certificate.

use time::OffsetDateTime;

use crate::clock::{CaClock, TOLERANCE};
use crate::held::Folder;
use crate::login::Show;
use crate::{CaError, CertificateName, Error, Paths};

/// Takes away what expired more than five minutes ago by this computer's
/// clock, of every site. Gives the names.
///
/// # Errors
/// Where the folder cannot be read, or something cannot be removed.
pub async fn sweep(
    paths: &Paths,
    show: &mut (dyn Show + Send),
) -> Result<Vec<CertificateName>, Error> {
    sweep_where(paths, |_| true, show).await
}

/// The same of every site but the one of `paths`.
pub(crate) async fn sweep_others(
    paths: &Paths,
    show: &mut (dyn Show + Send),
) -> Result<Vec<CertificateName>, Error> {
    sweep_where(paths, |at| at != paths, show).await
}

async fn sweep_where(
    paths: &Paths,
    which: impl Fn(&Paths) -> bool,
    show: &mut (dyn Show + Send),
) -> Result<Vec<CertificateName>, Error> {
    let now = OffsetDateTime::now_utc();
    let mut removed = Vec::new();
    for at in paths.every_site()? {
        if which(&at) {
            removed.extend(by_local_clock(&at, now, show).await?);
        }
    }
    Ok(removed)
}

async fn by_local_clock(
    paths: &Paths,
    local: OffsetDateTime,
    show: &mut (dyn Show + Send),
) -> Result<Vec<CertificateName>, Error> {
    if !paths.certificate_dir().exists() {
        return Ok(Vec::new());
    }
    let folder = Folder::wait(paths, |what| show.warning(what)).await?;
    folder.sweep(local - TOLERANCE)
}

/// After the CA was asked: with its clock, if it gave the time, and with the
/// `error` that came, if one did.
pub(crate) async fn sweep_after(
    paths: &Paths,
    clock: Option<&CaClock>,
    error: Option<&CaError>,
    local: OffsetDateTime,
    show: &mut (dyn Show + Send),
) -> Result<Vec<CertificateName>, Error> {
    match (clock, error) {
        // One of the two is wrong; the run ends by it.
        (Some(clock), _) if clock.check().is_err() => Ok(Vec::new()),
        (Some(clock), _) => {
            let folder = Folder::wait(paths, |what| show.warning(what)).await?;
            folder.sweep(clock.now())
        }
        // Our clock is wrong, or the CA is neglected; there is no telling.
        (None, Some(CaError::TlsExpired { .. } | CaError::TlsNotYetValid { .. })) => Ok(Vec::new()),
        (None, _) => by_local_clock(paths, local, show).await,
    }
}

#[cfg(test)]
pub(crate) mod tests;
