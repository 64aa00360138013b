//! `dlogin remind`: that a certificate ends soon, told once.

use std::time::Duration;

use time::OffsetDateTime;

use crate::held::{Certificate, Folder};
use crate::issued::Issued;
use crate::{Error, Paths};

/// How long before its end a certificate is told of, if nobody says otherwise.
pub const BEFORE: Duration = Duration::from_secs(30 * 60);

/// The certificates of every site that end within `before` and of which nobody
/// was told yet. From now on somebody was. Neither CA nor YubiKey is asked.
///
/// # Errors
/// Where the folder cannot be read, or what was told cannot be noted.
pub fn due(paths: &Paths, before: Duration) -> Result<Vec<Certificate>, Error> {
    let mut due = Vec::new();
    for at in paths.every_site()? {
        if !at.certificate_dir().exists() {
            continue;
        }
        let folder = Folder::lock(&at)?;
        let issued = Issued::load(&at)?;
        let now = OffsetDateTime::now_utc();
        let ends_soon = |held: &Certificate| now < held.not_after && held.not_after <= now + before;
        let found: Vec<_> = folder
            .list()?
            .into_iter()
            .filter(|held| ends_soon(held) && !issued.was_told(held))
            .collect();
        if !found.is_empty() {
            Issued::told(&folder, &at, &found)?;
            due.extend(found);
        }
    }
    Ok(due)
}
