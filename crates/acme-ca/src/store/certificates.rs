//! Certificates in the store: the intent first, then what was signed.

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, params};

use super::orders::Swap;
use super::{Certificates, SqliteStore, StoreError};
use crate::audit::{Decision, Outcome, SERVER};
use crate::records::KeyId;

mod prefix;
mod row;
mod subject_key;

pub use prefix::{BadPrefix, CertificatePrefix};
pub(super) use row::row;
pub use row::{CertificateFilter, CertificateKind, CertificateRow, CertificateStatus, Intent};
pub use subject_key::{KeyUse, SubjectKey};

/// What was judged was read outside of this transaction: whoever revoked the key, disabled its
/// person or ended the order since then comes first.
fn still_entitled(connection: &Connection, intent: &Intent) -> Result<(), StoreError> {
    if let Some(key) = intent.key {
        key_stands(connection, key)?;
    }
    if let Some(account) = &intent.account {
        account_stands(connection, account)?;
    }
    if let Some(key) = &intent.subject_key
        && let Some(used) = subject_key::key_use(connection, key)?
    {
        return Err(StoreError::ReusedKey { used });
    }
    match &intent.order_id {
        Some(order) => super::orders::is_processed(connection, order),
        None => Ok(()),
    }
}

/// The key is active and its person is not disabled.
fn key_stands(connection: &Connection, key: KeyId) -> Result<(), StoreError> {
    let standing: Option<(String, bool)> = connection
        .prepare_cached(
            "SELECT keys.state, users.disabled IS NOT NULL FROM keys
             JOIN users ON users.name = keys.user WHERE keys.id = ?1",
        )?
        .query_row([key.0], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let what = match standing {
        Some((state, false)) if state == "active" => return Ok(()),
        Some((_, true)) => format!("the user of key {key}"),
        _ => format!("key {key}"),
    };
    Err(StoreError::Withdrawn { what })
}

/// The person that the account is bound to, if any, is not disabled.
fn account_stands(connection: &Connection, account: &str) -> Result<(), StoreError> {
    let disabled = connection
        .prepare_cached(
            "SELECT 1 FROM accounts JOIN users ON users.name = accounts.user
             WHERE accounts.id = ?1 AND users.disabled IS NOT NULL",
        )?
        .exists([account])?;
    if disabled {
        let what = format!("the user of account {account}");
        return Err(StoreError::Withdrawn { what });
    }
    Ok(())
}

/// Why an intent is none any more: key or person may have lost the right meanwhile.
fn no_open_intent(connection: &Connection, id: &str) -> StoreError {
    let why = || -> Result<(), StoreError> {
        let (key, account): (Option<i64>, Option<String>) = connection
            .prepare_cached("SELECT key, account FROM certificates WHERE id = ?1")?
            .query_row([id], |row| Ok((row.get(0)?, row.get(1)?)))?;
        if let Some(key) = key {
            key_stands(connection, KeyId(key))?;
        }
        account.map_or(Ok(()), |account| account_stands(connection, &account))
    };
    match why() {
        Err(withdrawn @ StoreError::Withdrawn { .. }) => withdrawn,
        _ => StoreError::Conflict {
            what: format!("certificate {id} is no open intent any more"),
        },
    }
}

/// Revokes the open intents of one order, or all; in the transaction of what makes them vain.
pub(super) fn revoke_open(
    connection: &Connection,
    order: Option<&str>,
    at: i64,
    reason: &str,
) -> Result<(Vec<CertificateRow>, Vec<Decision>), StoreError> {
    let open = connection
        .prepare_cached(
            "SELECT * FROM certificates
             WHERE status = 'intended' AND (?1 IS NULL OR order_id = ?1)",
        )?
        .query_and_then([order], row)?
        .collect::<Result<Vec<_>, _>>()?;
    let mut decisions = Vec::new();
    for intent in &open {
        connection
            .prepare_cached(
                "UPDATE certificates SET status = 'revoked', revoked = ?2, reason = ?3
                 WHERE id = ?1",
            )?
            .execute(params![intent.id, at, reason])?;
        let decision = Decision::new(
            Outcome::Done,
            "certificate.revoke",
            SERVER,
            format!("certificate {}", intent.id),
            at,
        )
        .because(reason)
        .fact("serial", &intent.serial)
        .fact("issuer", &intent.issuer);
        super::audit::insert(connection, &decision)?;
        decisions.push(decision);
    }
    Ok((open, decisions))
}

fn insert(connection: &Connection, intent: &Intent) -> Result<(), StoreError> {
    still_entitled(connection, intent)?;
    let names = serde_json::to_string(&intent.names).map_err(|_| StoreError::Corrupt {
        column: "certificates.names",
    })?;
    connection
        .prepare_cached(
            "INSERT INTO certificates (id, issuer, serial, kind, status, profile, user, key,
               order_id, account, names, not_before, not_after, tbs, intended)
             VALUES (?1, ?2, ?3, ?4, 'intended', ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
        )?
        .execute(params![
            intent.id,
            intent.issuer,
            intent.serial,
            intent.kind.as_str(),
            intent.profile,
            intent.user,
            intent.key.map(|key| key.0),
            intent.order_id,
            intent.account,
            names,
            intent.not_before,
            intent.not_after,
            intent.tbs,
            intent.at,
        ])?;
    Ok(())
}

#[async_trait]
impl Certificates for SqliteStore {
    async fn intend(&self, intent: Intent) -> Result<(), StoreError> {
        self.write(move |connection| insert(connection, &intent))
            .await
    }

    async fn begin_with(
        &self,
        csr: Vec<u8>,
        intent: Intent,
    ) -> Result<(Swap, Result<(), StoreError>), StoreError> {
        self.write(move |connection| {
            let order = intent.order_id.as_deref().unwrap_or_default();
            let swap = super::orders::begin(connection, order, &csr, intent.at)?;
            // One statement writes the intent, all of it or nothing.
            let intended = match &swap {
                Swap::Done(_) => insert(connection, &intent),
                Swap::Late(_) => Ok(()),
            };
            Ok((swap, intended))
        })
        .await
    }

    async fn issued(
        &self,
        id: &str,
        body: Vec<u8>,
        at: i64,
        decision: Decision,
    ) -> Result<(), StoreError> {
        let id = id.to_owned();
        self.write_decided(decision, move |connection| {
            let changed = connection
                .prepare_cached(
                    "UPDATE certificates SET status = 'issued', body = ?2, issued = ?3
                     WHERE id = ?1 AND status = 'intended'",
                )?
                .execute(params![id, body, at])?;
            if changed != 1 {
                return Err(no_open_intent(connection, &id));
            }
            // Its order has it in the same moment: no crash can come between.
            super::orders::certificate_issued(connection, &id)
        })
        .await
    }

    async fn revoke_abandoned(
        &self,
        order: Option<&str>,
        at: i64,
    ) -> Result<Vec<CertificateRow>, StoreError> {
        const REASON: &str =
            "the CA stopped between recording the intent and recording the certificate";
        let order = order.map(str::to_owned);
        let (abandoned, decisions) = self
            .write(move |connection| revoke_open(connection, order.as_deref(), at, REASON))
            .await?;
        decisions.iter().for_each(Decision::log);
        Ok(abandoned)
    }

    async fn key_use(&self, key: &SubjectKey) -> Result<Option<KeyUse>, StoreError> {
        self.read(|connection| subject_key::key_use(connection, key))
    }

    async fn certificate(&self, id: &str) -> Result<Option<CertificateRow>, StoreError> {
        self.read(|connection| {
            connection
                .prepare_cached("SELECT * FROM certificates WHERE id = ?1")?
                .query_row([id], |found| Ok(row(found)))
                .optional()?
                .transpose()
        })
    }

    async fn certificate_by_prefix(
        &self,
        prefix: &CertificatePrefix,
    ) -> Result<Option<CertificateRow>, StoreError> {
        // Ids are hex: below 'g', above every id that begins with the prefix.
        let end = format!("{prefix}g");
        self.read(|connection| {
            let mut found = connection
                .prepare_cached("SELECT * FROM certificates WHERE id >= ?1 AND id < ?2 LIMIT 2")?
                .query_and_then([prefix.as_str(), &end], row)?
                .collect::<Result<Vec<_>, _>>()?;
            let first = found.pop();
            if found.is_empty() {
                return Ok(first);
            }
            Err(StoreError::Ambiguous {
                what: format!("number of a certificate begins with {prefix}"),
            })
        })
    }

    async fn certificates(
        &self,
        filter: CertificateFilter,
    ) -> Result<Vec<CertificateRow>, StoreError> {
        self.read(|connection| {
            connection
                .prepare_cached(
                    "SELECT * FROM certificates
                     WHERE (?1 IS NULL OR user = ?1 OR account IN
                             (SELECT id FROM accounts WHERE accounts.user = ?1))
                       AND (?2 IS NULL OR key = ?2)
                       AND (?3 IS NULL OR (status = 'issued' AND not_after > ?3))
                       AND (?5 IS NULL OR (status = 'revoked' AND not_after > ?5))
                     ORDER BY rowid DESC LIMIT ?4",
                )?
                .query_and_then(
                    params![
                        filter.user,
                        filter.key.map(|key| key.0),
                        filter.live_at,
                        filter.limit.map_or(-1, i64::from),
                        filter.revoked_at,
                    ],
                    row,
                )?
                .collect()
        })
    }
}
