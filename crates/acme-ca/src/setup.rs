//! `ca init`: a new CA in a folder.

use std::fs::{DirBuilder, Permissions};
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::audit::{Decision, OPERATOR, Outcome};
use crate::config::{CaUrl, Config, ConfigError, Host, template};
use crate::pki::{Hierarchy, Layout, PkiError};
use crate::signer::write_private;
use crate::store::{Audit, SqliteStore, StoreError};

/// Why there is no new CA.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InitError {
    /// There is one already, or the remains of one.
    #[error(
        "{path} exists: a CA is never overwritten; choose another folder, or remove it yourself"
    )]
    Exists {
        /// What is there.
        path: PathBuf,
    },
    /// The folder is open to others, and holds something.
    #[error(
        "{dir} is open to others (mode {mode:o}) and not empty: chmod 700 it, or choose another folder"
    )]
    Open {
        /// The folder.
        dir: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// A file or folder could not be made.
    #[error("{path}: {error}")]
    Io {
        /// Which.
        path: PathBuf,
        /// Why not.
        error: std::io::Error,
    },
    /// `--listen`.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The keys and certificates.
    #[error(transparent)]
    Pki(#[from] PkiError),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Makes a CA in `dir`: keys, hierarchy, database, and settings with comments. Everything is
/// private to its owner. If it fails, nothing that it made stays behind.
///
/// # Errors
/// [`InitError`].
pub async fn init(
    dir: &Path,
    url: &CaUrl,
    listen: Option<&str>,
    now: i64,
) -> Result<(), InitError> {
    let layout = Layout::new(dir);
    let settings = template(url, listen);
    // Before anything is written: a bad `--listen` would make a CA that cannot start.
    Config::parse(&settings, &layout.config())?;
    make_folder(dir)?;
    for path in [layout.config(), layout.pki(), layout.database()] {
        if path.exists() {
            return Err(InitError::Exists { path });
        }
    }
    let made = fill(&layout, url, &settings, now).await;
    if made.is_err() {
        let _ = std::fs::remove_dir_all(layout.pki());
        for path in [layout.database(), layout.config()] {
            let _ = std::fs::remove_file(path);
        }
    }
    made
}

async fn fill(layout: &Layout, url: &CaUrl, settings: &str, now: i64) -> Result<(), InitError> {
    let io = |path: PathBuf| move |error| InitError::Io { path, error };
    private_folder(&layout.pki()).map_err(io(layout.pki()))?;
    let host = match url.host() {
        Host::Dns(name) => name.clone(),
        Host::Ip(ip) => ip.to_string(),
    };
    Hierarchy::create(layout, &host, now)?;
    // SQLite gives its other files the mode of this one.
    write_private(&layout.database(), b"").map_err(io(layout.database()))?;
    let store = SqliteStore::open(&layout.database())?;
    let decision = Decision::new(Outcome::Done, "ca.init", OPERATOR, "ca", now)
        .fact("url", url)
        .fact(
            "root",
            hex::encode(Hierarchy::load(layout)?.root_fingerprint()),
        );
    store.record_decision(decision).await?;
    drop(store);
    // Last: a folder with settings is a whole CA.
    write_private(&layout.config(), settings.as_bytes()).map_err(io(layout.config()))
}

fn private_folder(path: &Path) -> std::io::Result<()> {
    DirBuilder::new().mode(0o700).create(path)
}

fn make_folder(dir: &Path) -> Result<(), InitError> {
    let io = |error| InitError::Io {
        path: dir.to_owned(),
        error,
    };
    match private_folder(dir) {
        Ok(()) => return Ok(()),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
        Err(error) => return Err(io(error)),
    }
    let mode = std::fs::metadata(dir).map_err(io)?.permissions().mode() & 0o777;
    if mode & 0o077 == 0 {
        return Ok(());
    }
    if std::fs::read_dir(dir).map_err(io)?.next().is_some() {
        return Err(InitError::Open {
            dir: dir.to_owned(),
            mode,
        });
    }
    std::fs::set_permissions(dir, Permissions::from_mode(0o700)).map_err(io)
}
