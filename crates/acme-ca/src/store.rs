//! What the CA remembers: one trait for each family of facts, and SQLite behind them.
//!
//! The traits speak in operations of the domain, each of which is one transaction, so that
//! another database can stand behind them. Times are seconds since 1970 (UTC).

use async_trait::async_trait;

use crate::audit::Decision;
use crate::records::{KeyId, KeyRecord, KeyState, NewKey, User, UserName};

pub mod accounts;
pub mod audit;
pub mod certificates;
pub mod orders;
pub mod records;
pub mod revocation;
pub mod sqlite;

pub use accounts::Accounts;
pub use audit::DecisionFilter;
pub use certificates::{
    BadPrefix, CertificateFilter, CertificateKind, CertificatePrefix, CertificateRow,
    CertificateStatus, Intent, KeyUse, SubjectKey,
};
pub use orders::Orders;
pub use revocation::Revocations;
pub use sqlite::SqliteStore;

/// Why the store could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// SQLite reported an error.
    #[error("the database failed: {0}")]
    Sqlite(#[from] rusqlite::Error),
    /// The transaction that this write was part of could not be committed; nothing of it stands.
    #[error("the database could not commit: {0}")]
    Commit(std::sync::Arc<rusqlite::Error>),
    /// The database was written by a newer `ca`.
    #[error(
        "the database has schema {found}, this `ca` knows up to {known}: run the newer `ca` that wrote it"
    )]
    NewerSchema {
        /// The schema's number in the file.
        found: i64,
        /// The newest schema that this program knows.
        known: i64,
    },
    /// The file is not a database of this program.
    #[error("{path} is not a database of `ca`")]
    NotOurs {
        /// The file.
        path: std::path::PathBuf,
    },
    /// The writer has stopped, as it does when the program ends.
    #[error("the database is closed")]
    Stopped,
    /// A stored value does not mean anything; the database was damaged or edited.
    #[error("the database holds a value in {column} that means nothing")]
    Corrupt {
        /// Table and column.
        column: &'static str,
    },
    /// There is already one.
    #[error("{what} already exists")]
    Exists {
        /// What, for a person: "user alice".
        what: String,
    },
    /// There is none.
    #[error("{what} does not exist")]
    Missing {
        /// What, for a person: "key 7".
        what: String,
    },
    /// There are several where one is meant.
    #[error("more than one {what}: write more of it")]
    Ambiguous {
        /// What, for a person: "number of a certificate begins with 3f9c".
        what: String,
    },
    /// The key or person that a certificate was for lost its right in between.
    #[error("{what} lost its right meanwhile")]
    Withdrawn {
        /// What, for a person: "key 7".
        what: String,
    },
    /// The key to be certified is used for something else.
    #[error("the CSR's key is {}: make a key for this certificate alone", .used.as_str())]
    ReusedKey {
        /// For what.
        used: KeyUse,
    },
    /// It is revoked already.
    #[error("{what} was revoked before")]
    AlreadyRevoked {
        /// What, for a person: "certificate 3f9c…".
        what: String,
    },
    /// The change is not possible in the present state.
    #[error("{what}")]
    Conflict {
        /// What stands against it, for a person.
        what: String,
    },
}

impl StoreError {
    /// Whether the records stand against what was asked, rather than the database failing.
    #[must_use]
    pub fn is_refusal(&self) -> bool {
        matches!(
            self,
            Self::Exists { .. }
                | Self::Missing { .. }
                | Self::Withdrawn { .. }
                | Self::ReusedKey { .. }
                | Self::AlreadyRevoked { .. }
                | Self::Conflict { .. }
        )
    }
}

/// People, their keys, and what each key may have.
#[async_trait]
pub trait Records: Send + Sync {
    /// Adds a person, with the decision, whose time is the record's.
    async fn add_user(&self, name: &UserName, decision: Decision) -> Result<User, StoreError>;
    /// One person.
    async fn user(&self, name: &UserName) -> Result<Option<User>, StoreError>;
    /// All people, by name.
    async fn users(&self) -> Result<Vec<User>, StoreError>;
    /// Disables a person: every key and account of theirs is refused from now on, and what they
    /// still hold is revoked in the same moment.
    async fn disable_user(&self, name: &UserName, decision: Decision) -> Result<User, StoreError>;
    /// Records a key, with the decision, to which it adds the key's number. A public key belongs
    /// to one user, a TLS name to one user and one kind of key, and the user is not disabled.
    async fn add_key(&self, key: NewKey, decision: Decision) -> Result<KeyRecord, StoreError>;
    /// One key by its number.
    async fn key(&self, id: KeyId) -> Result<Option<KeyRecord>, StoreError>;
    /// The key whose SubjectPublicKeyInfo has this SHA-256, with its user.
    async fn key_by_spki(
        &self,
        spki_sha256: &[u8; 32],
    ) -> Result<Option<(KeyRecord, User)>, StoreError>;
    /// All keys, or those of one user, by number.
    async fn keys(&self, user: Option<&UserName>) -> Result<Vec<KeyRecord>, StoreError>;
    /// Retires or revokes a key. A revoked key stays revoked, and with it is revoked, in the same
    /// moment, what was issued for it.
    async fn set_key_state(
        &self,
        id: KeyId,
        state: KeyState,
        decision: Decision,
    ) -> Result<KeyRecord, StoreError>;
    /// Whose keys hold a name (compared without regard to case), and under which profile.
    async fn name_holders(&self, name: &str) -> Result<Vec<(UserName, String)>, StoreError>;
    /// Whether a name stands in the record of any key, whatever its state: such names are
    /// reserved for YubiKey orders.
    async fn name_is_reserved(&self, name: &str) -> Result<bool, StoreError>;
    /// The same of every name one label below `base`, which a wildcard covers.
    async fn name_below_is_reserved(&self, base: &str) -> Result<bool, StoreError>;
}

/// Every certificate that was signed or was about to be.
#[async_trait]
pub trait Certificates: Send + Sync {
    /// Records what is about to be signed. Returns when it is durable. In the same moment the
    /// key is active, its person is not disabled, a key that is not attested is nothing else, and
    /// the order is being processed: what was judged before may have changed
    /// ([`StoreError::Withdrawn`], [`StoreError::ReusedKey`], [`StoreError::Conflict`]).
    async fn intend(&self, intent: Intent) -> Result<(), StoreError>;
    /// Takes a ready order into processing, once, with the CSR that came (or an empty one), and
    /// then records what is about to be signed for it: [`Orders::begin`] and
    /// [`intend`](Self::intend) in one write. The first stands without the second.
    async fn begin_with(
        &self,
        csr: Vec<u8>,
        intent: Intent,
    ) -> Result<(orders::Swap, Result<(), StoreError>), StoreError>;
    /// Records what was signed, and the decision that led to it.
    async fn issued(
        &self,
        id: &str,
        body: Vec<u8>,
        at: i64,
        decision: Decision,
    ) -> Result<(), StoreError>;
    /// Revokes every intent that has no certificate, or those of one order, and returns them: a
    /// crash may have come between signature and record, so each serial may exist somewhere.
    async fn revoke_abandoned(
        &self,
        order: Option<&str>,
        at: i64,
    ) -> Result<Vec<CertificateRow>, StoreError>;
    /// What else a key is used for that is to be certified.
    async fn key_use(&self, key: &SubjectKey) -> Result<Option<KeyUse>, StoreError>;
    /// One certificate.
    async fn certificate(&self, id: &str) -> Result<Option<CertificateRow>, StoreError>;
    /// The one certificate whose number begins so ([`StoreError::Ambiguous`] if several do).
    async fn certificate_by_prefix(
        &self,
        prefix: &CertificatePrefix,
    ) -> Result<Option<CertificateRow>, StoreError>;
    /// Certificates, newest first.
    async fn certificates(
        &self,
        filter: CertificateFilter,
    ) -> Result<Vec<CertificateRow>, StoreError>;
}

/// Every decision, with its reasons.
#[async_trait]
pub trait Audit: Send + Sync {
    /// Writes a decision down. Returns when it is durable.
    async fn record_decision(&self, decision: Decision) -> Result<(), StoreError>;
    /// Decisions, oldest first.
    async fn decisions(&self, filter: DecisionFilter) -> Result<Vec<(i64, Decision)>, StoreError>;
    /// The number of the last decision; 0 if there is none.
    async fn last_decision(&self) -> Result<i64, StoreError>;
}

/// All that the CA remembers.
pub trait Store: Records + Accounts + Orders + Certificates + Revocations + Audit {}

impl<T: Records + Accounts + Orders + Certificates + Revocations + Audit> Store for T {}
