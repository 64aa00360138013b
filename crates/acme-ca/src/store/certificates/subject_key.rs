//! What else a key to be certified is used for: it must be nothing, unless it is attested.

use rusqlite::Connection;

use crate::store::StoreError;

/// A public key, as the records know keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SubjectKey {
    /// As accounts have theirs: RFC 7638, SHA-256.
    pub thumbprint: [u8; 32],
    /// As certificates have theirs: SHA-256 of the SubjectPublicKeyInfo.
    pub spki_sha256: [u8; 32],
}

/// Why a key cannot be certified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyUse {
    /// An ACME account signs with it.
    Account,
    /// A person logs in with it.
    Person,
    /// A certificate of it was revoked because others may know it.
    Compromised,
}

impl KeyUse {
    /// What the key is, for a person.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Account => "the key of an ACME account",
            Self::Person => "a person's key",
            Self::Compromised => "known to others, as a revocation says",
        }
    }
}

pub(super) fn key_use(c: &Connection, key: &SubjectKey) -> Result<Option<KeyUse>, StoreError> {
    let (account, person, compromised): (bool, bool, bool) = c
        .prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM accounts WHERE thumbprint = ?1),
                    EXISTS (SELECT 1 FROM keys WHERE spki_sha256 = ?2),
                    EXISTS (SELECT 1 FROM compromised_keys WHERE spki_sha256 = ?2)",
        )?
        .query_row([key.thumbprint, key.spki_sha256], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })?;
    let uses = [
        (account, KeyUse::Account),
        (person, KeyUse::Person),
        (compromised, KeyUse::Compromised),
    ];
    Ok(uses.into_iter().find_map(|(is, what)| is.then_some(what)))
}
