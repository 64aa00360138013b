//! Accounts in the store: what they agreed to, their keys, and whose they are.

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::orders::{Account, account_by_key};
use super::{SqliteStore, StoreError};
use crate::audit::Decision;
use crate::records::UserName;

/// A key that binds one account to a person (RFC 8555 §7.3.4). Times are seconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct ExternalKey {
    /// Its name, the `kid`.
    pub id: String,
    /// Whose it is.
    pub user: String,
    /// When it was made.
    pub created: i64,
    /// Until when it can be used.
    pub expires: i64,
    /// The account that used it.
    pub account: Option<String>,
    /// When it was used.
    pub used: Option<i64>,
    /// When it was revoked.
    pub revoked: Option<i64>,
}

/// What became of a new key for an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Changed {
    /// The account has it now.
    Done,
    /// Another account has that key.
    Taken {
        /// Which.
        account: String,
    },
    /// The account has another key by now, or is no longer valid.
    Late,
}

/// What accounts agreed to, their keys, and whose they are.
#[async_trait]
pub trait Accounts: Send + Sync {
    /// Writes down that an account agreed to the terms at this URL.
    async fn agree(&self, account: &str, terms: &str, decision: Decision)
    -> Result<(), StoreError>;
    /// Gives a valid account whose key is still the `old` one another key (RFC 8555 §7.3.5),
    /// unless an account has that.
    async fn change_key(
        &self,
        account: &str,
        old: [u8; 32],
        thumbprint: [u8; 32],
        jwk: String,
        decision: Decision,
    ) -> Result<Changed, StoreError>;
    /// Makes a key for a person who is not disabled.
    async fn add_external_key(
        &self,
        id: &str,
        user: &UserName,
        mac: Vec<u8>,
        expires: i64,
        decision: Decision,
    ) -> Result<ExternalKey, StoreError>;
    /// The person and the MAC key of that name, if it can be used at `now`.
    async fn external_mac(
        &self,
        id: &str,
        now: i64,
    ) -> Result<Option<(String, Vec<u8>)>, StoreError>;
    /// All such keys, or those of one person, oldest first.
    async fn external_keys(&self, user: Option<&UserName>) -> Result<Vec<ExternalKey>, StoreError>;
    /// Revokes a key that was not used.
    async fn revoke_external_key(
        &self,
        id: &str,
        decision: Decision,
    ) -> Result<ExternalKey, StoreError>;
}

fn external(row: &Row<'_>) -> rusqlite::Result<ExternalKey> {
    Ok(ExternalKey {
        id: row.get("id")?,
        user: row.get("user")?,
        created: row.get("created")?,
        expires: row.get("expires")?,
        account: row.get("account")?,
        used: row.get("used")?,
        revoked: row.get("revoked")?,
    })
}

fn find_external(connection: &Connection, id: &str) -> Result<ExternalKey, StoreError> {
    connection
        .prepare_cached("SELECT * FROM external_keys WHERE id = ?1")?
        .query_row([id], external)
        .optional()?
        .ok_or_else(|| StoreError::Missing {
            what: format!("external account key {id}"),
        })
}

/// Binds a new account in the transaction that makes it. The key is used up: its MAC is erased.
pub(super) fn bind(
    connection: &Connection,
    account: &Account,
    external: &str,
    at: i64,
) -> Result<(), StoreError> {
    let used = connection
        .prepare_cached(
            "UPDATE external_keys SET mac = NULL, account = ?2, used = ?3
             WHERE id = ?1 AND mac IS NOT NULL AND used IS NULL AND revoked IS NULL
               AND expires > ?3",
        )?
        .execute(params![external, account.id, at])?;
    if used != 1 {
        return Err(StoreError::Conflict {
            what: "the external account key was used, revoked or expired meanwhile".into(),
        });
    }
    Ok(())
}

#[async_trait]
impl Accounts for SqliteStore {
    async fn agree(
        &self,
        account: &str,
        terms: &str,
        decision: Decision,
    ) -> Result<(), StoreError> {
        let (account, terms) = (account.to_owned(), terms.to_owned());
        self.write_decided(decision, move |connection| {
            connection
                .prepare_cached("UPDATE accounts SET terms = 1, agreed = ?2 WHERE id = ?1")?
                .execute([account, terms])?;
            Ok(())
        })
        .await
    }

    async fn change_key(
        &self,
        account: &str,
        old: [u8; 32],
        thumbprint: [u8; 32],
        jwk: String,
        decision: Decision,
    ) -> Result<Changed, StoreError> {
        let account = account.to_owned();
        let logged = decision.clone();
        let changed = self
            .write(move |connection| {
                if let Some(other) = account_by_key(connection, &thumbprint)? {
                    return Ok(Changed::Taken { account: other.id });
                }
                let changed = connection
                    .prepare_cached(
                        "UPDATE accounts SET thumbprint = ?2, jwk = ?3
                         WHERE id = ?1 AND thumbprint = ?4 AND status = 'valid'",
                    )?
                    .execute(params![account, thumbprint, jwk, old])?;
                if changed != 1 {
                    return Ok(Changed::Late);
                }
                super::audit::insert(connection, &decision)?;
                Ok(Changed::Done)
            })
            .await?;
        if changed == Changed::Done {
            logged.log();
        }
        Ok(changed)
    }

    async fn add_external_key(
        &self,
        id: &str,
        user: &UserName,
        mac: Vec<u8>,
        expires: i64,
        decision: Decision,
    ) -> Result<ExternalKey, StoreError> {
        let (id, user, at) = (id.to_owned(), user.clone(), decision.at);
        self.write_asked(decision, move |connection| {
            let disabled: Option<Option<i64>> = connection
                .prepare_cached("SELECT disabled FROM users WHERE name = ?1")?
                .query_row([user.as_str()], |row| row.get(0))
                .optional()?;
            match disabled {
                None => {
                    return Err(StoreError::Missing {
                        what: format!("user {user}"),
                    });
                }
                Some(Some(_)) => {
                    return Err(StoreError::Conflict {
                        what: format!("user {user} is disabled"),
                    });
                }
                Some(None) => {}
            }
            connection
                .prepare_cached(
                    "INSERT INTO external_keys (id, user, mac, created, expires)
                     VALUES (?1, ?2, ?3, ?4, ?5)",
                )?
                .execute(params![id, user.as_str(), mac, at, expires])?;
            find_external(connection, &id)
        })
        .await
    }

    async fn external_mac(
        &self,
        id: &str,
        now: i64,
    ) -> Result<Option<(String, Vec<u8>)>, StoreError> {
        self.read(|connection| {
            Ok(connection
                .prepare_cached(
                    "SELECT user, mac FROM external_keys
                     WHERE id = ?1 AND mac IS NOT NULL AND used IS NULL AND revoked IS NULL
                       AND expires > ?2",
                )?
                .query_row(params![id, now], |row| Ok((row.get(0)?, row.get(1)?)))
                .optional()?)
        })
    }

    async fn external_keys(&self, user: Option<&UserName>) -> Result<Vec<ExternalKey>, StoreError> {
        let user = user.map(UserName::as_str);
        self.read(|connection| {
            Ok(connection
                .prepare_cached(
                    "SELECT * FROM external_keys WHERE ?1 IS NULL OR user = ?1
                     ORDER BY created, id",
                )?
                .query_map([user], external)?
                .collect::<Result<_, _>>()?)
        })
    }

    async fn revoke_external_key(
        &self,
        id: &str,
        decision: Decision,
    ) -> Result<ExternalKey, StoreError> {
        let (id, at) = (id.to_owned(), decision.at);
        self.write_asked(decision, move |connection| {
            let found = find_external(connection, &id)?;
            if found.used.is_some() {
                return Err(StoreError::Conflict {
                    what: format!("external account key {id} was used: disable its user instead"),
                });
            }
            connection
                .prepare_cached(
                    "UPDATE external_keys SET mac = NULL, revoked = coalesce(revoked, ?2)
                     WHERE id = ?1",
                )?
                .execute(params![id, at])?;
            find_external(connection, &id)
        })
        .await
    }
}
