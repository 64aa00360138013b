//! The lists that relying parties fetch: made when something was revoked since the last one, and
//! in good time before that one ends. Several processes share them through the store.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use sha2::{Digest, Sha256};
use sshcert_acme::{Krl, SshPublicKey};

use super::crl::{self, CrlError};
use crate::config::Config;
use crate::pki::{Authority, Hierarchy};
use crate::store::revocation::{KEYS, StoredList};
use crate::store::{Revocations, SqliteStore, StoreError};

/// One of the lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ListName {
    /// The CRL of the intermediate that signs client certificates.
    Clients,
    /// The CRL of the intermediate that signs server certificates.
    Servers,
    /// The KRL of all SSH CAs.
    Krl,
}

impl ListName {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Clients, Self::Servers, Self::Krl];

    /// As it is stored, and as its file is called.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Clients => "clients",
            Self::Servers => "servers",
            Self::Krl => "krl",
        }
    }
}

/// A list as it is published. Times are seconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct List {
    /// cRLNumber, or the KRL's version.
    pub number: u64,
    /// When it was made.
    pub made: i64,
    /// When it ends; a KRL never does.
    pub next_update: Option<i64>,
    /// DER, or OpenSSH's own format.
    pub body: Bytes,
    signer: String,
    revision: u64,
}

/// Why there is no list.
#[derive(Debug, thiserror::Error)]
pub enum ListError {
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The CRL.
    #[error(transparent)]
    Crl(#[from] CrlError),
    /// A serial number on record is none that SSH has.
    #[error("the KRL could not be built: {serial:?} is no serial number")]
    Serial {
        /// What stands there.
        serial: String,
    },
    /// Others were faster, again and again.
    #[error("the list {0} could not be stored: other processes make it at the same time")]
    Contended(&'static str),
}

/// How often a KRL is made anew though nothing was revoked, in seconds: what expired leaves it.
const KRL_AGE: i64 = 24 * 60 * 60;
/// How often another process may be faster before something is wrong.
const TRIES: u32 = 8;

/// Makes the lists, and remembers them.
pub struct Lists {
    hierarchy: Arc<Hierarchy>,
    store: SqliteStore,
    config: Arc<Config>,
    kept: Mutex<HashMap<ListName, Arc<List>>>,
    making: tokio::sync::Mutex<()>,
}

impl std::fmt::Debug for Lists {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lists").finish_non_exhaustive()
    }
}

impl Lists {
    pub(crate) fn new(hierarchy: Arc<Hierarchy>, store: SqliteStore, config: Arc<Config>) -> Self {
        Self {
            hierarchy,
            store,
            config,
            kept: Mutex::default(),
            making: tokio::sync::Mutex::default(),
        }
    }

    /// A list that tells of every revocation until this call.
    ///
    /// # Errors
    /// [`ListError`].
    pub async fn current(&self, name: ListName, now: i64) -> Result<Arc<List>, ListError> {
        let revision = self.store.revision(&self.issuers(name)).await?;
        if let Some(list) = self.kept(name)
            && self.is_current(name, &list, revision, now)
        {
            return Ok(list);
        }
        // One at a time: all others find what the first one made.
        let _making = self.making.lock().await;
        for _ in 0..TRIES {
            // Read before the entries: what is revoked in between is told twice, never lost.
            let revision = self.store.revision(&self.issuers(name)).await?;
            let stored = self.store.revocation_list(name.as_str()).await?;
            let number = stored.as_ref().map_or(0, |list| list.number);
            if let Some(stored) = stored {
                let list = Arc::new(List::from(stored));
                if self.is_current(name, &list, revision, now) {
                    return Ok(self.keep(name, list));
                }
            }
            let list = self.make(name, number + 1, revision, now).await?;
            if self
                .store
                .keep_revocation_list(name.as_str(), list.clone().into())
                .await?
            {
                tracing::info!(list = name.as_str(), number = list.number, "made a list");
                return Ok(self.keep(name, Arc::new(list)));
            }
        }
        Err(ListError::Contended(name.as_str()))
    }

    /// The list that relying parties may have fetched before; none if there never was one.
    ///
    /// # Errors
    /// The store's.
    pub async fn last(&self, name: ListName) -> Result<Option<List>, StoreError> {
        let stored = self.store.revocation_list(name.as_str()).await?;
        Ok(stored.map(List::from))
    }

    fn kept(&self, name: ListName) -> Option<Arc<List>> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.get(&name).cloned()
    }

    fn keep(&self, name: ListName, list: Arc<List>) -> Arc<List> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.insert(name, Arc::clone(&list));
        list
    }

    fn is_current(&self, name: ListName, list: &List, revision: u64, now: i64) -> bool {
        let half = self.config.revocation.crl_lifetime.0 / 2;
        let renew_at = match list.next_update {
            Some(next_update) => next_update.min(list.made.saturating_add(half)),
            None => list.made.saturating_add(KRL_AGE),
        };
        list.revision == revision && list.signer == self.signer(name) && now < renew_at
    }

    fn authority(&self, name: ListName) -> Option<&Authority> {
        match name {
            ListName::Clients => Some(&self.hierarchy.clients),
            ListName::Servers => Some(&self.hierarchy.servers),
            ListName::Krl => None,
        }
    }

    /// Under which names what a list tells is counted.
    fn issuers(&self, name: ListName) -> Vec<String> {
        match self.authority(name) {
            Some(authority) => vec![authority.name().to_string()],
            None => {
                let cas = self.hierarchy.ssh_users.iter();
                cas.map(|ca| ca.fingerprint())
                    .chain([KEYS.to_owned()])
                    .collect()
            }
        }
    }

    /// Whose list it is.
    fn signer(&self, name: ListName) -> String {
        match self.authority(name) {
            Some(authority) => hex::encode(authority.key_identifier()),
            None => self.issuers(name).join(" "),
        }
    }

    async fn make(
        &self,
        name: ListName,
        number: u64,
        revision: u64,
        now: i64,
    ) -> Result<List, ListError> {
        let (body, next_update) = match self.authority(name) {
            Some(authority) => {
                let issuer = authority.name().to_string();
                let lifetime = self.config.revocation.crl_lifetime.0;
                // RFC 5280 §3.3: an entry is on one list that is made after its certificate's end.
                let since = now.saturating_sub(lifetime);
                let revoked = self.store.revoked(&issuer, since).await?;
                let next_update = now.saturating_add(lifetime);
                let issue = crl::Issue {
                    number,
                    this_update: now - self.config.lifetimes.backdate.0,
                    next_update,
                };
                (crl::build(authority, &revoked, issue)?, Some(next_update))
            }
            None => (self.krl(number, now).await?, None),
        };
        Ok(List {
            number,
            made: now,
            next_update,
            body: body.into(),
            signer: self.signer(name),
            revision,
        })
    }

    async fn krl(&self, version: u64, now: i64) -> Result<Vec<u8>, ListError> {
        let generated = u64::try_from(now).unwrap_or(0);
        let mut krl = Krl::new(version, generated, &self.config.url.to_string());
        for ca in &self.hierarchy.ssh_users {
            let since = now.saturating_sub(KRL_AGE);
            let revoked = self.store.revoked(&ca.fingerprint(), since).await?;
            let serials = revoked
                .iter()
                .map(|one| {
                    one.serial.parse().map_err(|_| ListError::Serial {
                        serial: one.serial.clone(),
                    })
                })
                .collect::<Result<Vec<u64>, _>>()?;
            krl.revoke_serials(ca.public_key(), serials);
        }
        for spki in self.store.revoked_keys().await? {
            // Any other kind of key is none that sshd would know.
            if let Ok(key) = SshPublicKey::from_spki_der(&spki) {
                krl.revoke_key(Sha256::digest(key.to_blob()).into());
            }
        }
        Ok(krl.to_bytes())
    }
}

impl From<StoredList> for List {
    fn from(stored: StoredList) -> Self {
        Self {
            number: stored.number,
            made: stored.made,
            next_update: stored.next_update,
            body: stored.body.into(),
            signer: stored.signer,
            revision: stored.revision,
        }
    }
}

impl From<List> for StoredList {
    fn from(list: List) -> Self {
        Self {
            signer: list.signer,
            number: list.number,
            revision: list.revision,
            made: list.made,
            next_update: list.next_update,
            body: list.body.to_vec(),
        }
    }
}
