//! A CA, opened: its settings, records, keys and verifier in one place.

use std::fs::{File, OpenOptions, TryLockError};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use piv_attest::{UnixTime, Verifier};

use crate::Backend;
use crate::config::{Config, ConfigError};
use crate::issuance::Issuer;
use crate::pki::{Hierarchy, Layout, PkiError};
use crate::revocation::crl;
use crate::revocation::lists::{ListError, ListName, Lists};
use crate::store::{CertificateRow, SqliteStore, StoreError};
use crate::validators::SetupError;
use crate::validators::caa::Caa;

/// A CA, opened. Shared by everything that serves.
#[derive(Debug)]
pub struct Ca {
    layout: Layout,
    config: Arc<Config>,
    store: SqliteStore,
    hierarchy: Arc<Hierarchy>,
    issuer: Issuer,
    verifier: Verifier<Backend>,
    lists: Lists,
    root_crl: Option<Vec<u8>>,
    caa: Caa,
}

/// Why a CA cannot be opened or served.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// Its settings.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Its database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Its keys and certificates.
    #[error(transparent)]
    Pki(#[from] PkiError),
    /// The resolver for CAA records.
    #[error(transparent)]
    Validation(#[from] SetupError),
    /// A root in the settings.
    #[error("{path} cannot be a root of attestation: {error}")]
    Root {
        /// The file.
        path: PathBuf,
        /// Why not.
        error: piv_attest::Error,
    },
    /// Another `ca serve` has the folder.
    #[error("another `ca serve` works in {dir}")]
    Busy {
        /// The folder.
        dir: PathBuf,
    },
    /// The lock cannot be taken.
    #[error("{path}: {error}")]
    Lock {
        /// The file.
        path: PathBuf,
        /// Why not.
        error: std::io::Error,
    },
}

/// The right to serve a folder: one process has it at a time.
#[derive(Debug)]
pub struct Serving {
    /// Intents that an earlier run left; their serials are revoked, their orders can go on.
    pub abandoned: Vec<CertificateRow>,
    /// The lock lasts as long as this is open.
    _lock: File,
}

impl Ca {
    /// Opens the CA in `dir`.
    ///
    /// # Errors
    /// [`OpenError`]; settings that are wrong are told with their line.
    pub fn open(dir: &Path) -> Result<Self, OpenError> {
        let layout = Layout::new(dir);
        let config = Arc::new(Config::load(dir)?);
        let store = SqliteStore::open(&layout.database())?;
        let hierarchy = Arc::new(Hierarchy::load(&layout)?);
        let issuer = Issuer::new(
            Arc::clone(&hierarchy),
            Arc::new(store.clone()),
            Arc::clone(&config),
        );
        let verifier = verifier(&config)?;
        let caa = Caa::new(&config)?;
        let lists = Lists::new(Arc::clone(&hierarchy), store.clone(), Arc::clone(&config));
        // A CA of before there were any has none: `ca root-crl` makes it.
        let root_crl = std::fs::read(layout.root_crl())
            .ok()
            .and_then(|text| crl::from_pem(&text));
        Ok(Self {
            layout,
            config,
            store,
            hierarchy,
            issuer,
            verifier,
            lists,
            root_crl,
            caa,
        })
    }

    /// Takes the folder for serving, checks that the hierarchy is valid, and clears up after a
    /// crash. To be called once, before the first request.
    ///
    /// # Errors
    /// [`OpenError::Busy`] when another process serves the folder; see [`OpenError`].
    pub async fn begin_serving(&self, now: i64) -> Result<Serving, OpenError> {
        let path = self.layout.dir().join("serve.lock");
        let io = |error| OpenError::Lock {
            path: path.clone(),
            error,
        };
        let lock = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(io)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(OpenError::Busy {
                    dir: self.layout.dir().to_owned(),
                });
            }
            Err(TryLockError::Error(error)) => return Err(io(error)),
        }
        self.hierarchy.check_valid_at(&self.layout, now)?;
        let abandoned = self.issuer.recover(now).await?;
        Ok(Serving {
            abandoned,
            _lock: lock,
        })
    }

    /// Its folder.
    #[must_use]
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Its settings.
    #[must_use]
    pub fn config(&self) -> &Arc<Config> {
        &self.config
    }

    /// What it remembers.
    #[must_use]
    pub fn store(&self) -> &SqliteStore {
        &self.store
    }

    /// Its keys and certificates.
    #[must_use]
    pub fn hierarchy(&self) -> &Hierarchy {
        &self.hierarchy
    }

    /// The lists by which relying parties learn of revocations.
    #[must_use]
    pub fn lists(&self) -> &Lists {
        &self.lists
    }

    /// The root's CRL, DER, if there is one.
    #[must_use]
    pub fn root_crl(&self) -> Option<&[u8]> {
        self.root_crl.as_deref()
    }

    /// The CRLs of every issuer in one PEM file, and when the newest was made: for servers that
    /// check every certificate of a chain.
    ///
    /// # Errors
    /// [`ListError`].
    pub async fn crls_pem(&self, now: i64) -> Result<(String, i64), ListError> {
        let mut pem = String::new();
        let mut made = 0;
        for name in [ListName::Clients, ListName::Servers] {
            let list = self.lists.current(name, now).await?;
            pem.push_str(&crl::to_pem(&list.body).map_err(crl::CrlError::from)?);
            made = made.max(list.made);
        }
        if let Some(der) = &self.root_crl {
            pem.push_str(&crl::to_pem(der).map_err(crl::CrlError::from)?);
        }
        Ok((pem, made))
    }

    /// What asks the DNS whether this CA may issue.
    #[must_use]
    pub fn caa(&self) -> &Caa {
        &self.caa
    }

    /// What issues.
    #[must_use]
    pub fn issuer(&self) -> &Issuer {
        &self.issuer
    }

    /// What verifies attestations, trusting the roots that the settings name.
    #[must_use]
    pub fn verifier(&self) -> &Verifier<Backend> {
        &self.verifier
    }
}

fn verifier(config: &Config) -> Result<Verifier<Backend>, OpenError> {
    let mut builder = Verifier::<Backend>::builder_with();
    if config.yubico_roots {
        builder = builder.yubico();
    }
    for root in &config.attestation_roots {
        builder = builder.root(&root.der).map_err(|error| OpenError::Root {
            path: root.path.clone(),
            error,
        })?;
    }
    Ok(builder.build())
}

/// A fresh key that binds one account to a person (RFC 8555 §7.3.4), to be shown once.
pub struct ExternalKeySecret {
    /// Its name, the `kid`.
    pub id: String,
    /// The HMAC key.
    pub mac: zeroize::Zeroizing<[u8; 32]>,
}

impl ExternalKeySecret {
    /// The HMAC key as clients take it: base64url.
    #[must_use]
    pub fn text(&self) -> zeroize::Zeroizing<String> {
        zeroize::Zeroizing::new(acme_wire::base64url::encode(&*self.mac))
    }
}

impl std::fmt::Debug for ExternalKeySecret {
    /// Without the key.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ExternalKeySecret")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// The operating system gave no randomness.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the operating system gave no randomness")]
pub struct NoRandomness;

/// Makes a key that binds an account to a person; the store must still be told.
///
/// # Errors
/// [`NoRandomness`].
pub fn new_external_key() -> Result<ExternalKeySecret, NoRandomness> {
    let mut id = [0_u8; 12];
    let mut mac = zeroize::Zeroizing::new([0_u8; 32]);
    aws_lc_rs::rand::fill(&mut id).map_err(|_| NoRandomness)?;
    aws_lc_rs::rand::fill(&mut *mac).map_err(|_| NoRandomness)?;
    Ok(ExternalKeySecret {
        id: hex::encode(id),
        mac,
    })
}

/// The time, in seconds since 1970.
#[must_use]
pub fn now() -> i64 {
    UnixTime::from(SystemTime::now()).as_secs()
}
