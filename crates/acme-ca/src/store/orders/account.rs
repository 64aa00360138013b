//! Rows of accounts.

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::Account;
use crate::audit::Decision;
use crate::orders::account::{from_word, word};
use crate::orders::{AccountEvent, AuthorizationStatus, OrderStatus, Status};
use crate::store::{StoreError, audit};

const COLUMNS: &str =
    "id, thumbprint, jwk, status, contact, terms, created, agreed, user, external,
    (SELECT disabled IS NOT NULL FROM users WHERE users.name = accounts.user)";

pub(super) fn add(
    c: &Connection,
    new: Account,
    decision: &Decision,
) -> Result<(Account, bool), StoreError> {
    if let Some(existing) = by_key(c, &new.thumbprint)? {
        return Ok((existing, false));
    }
    c.prepare_cached(
        "INSERT INTO accounts
           (id, thumbprint, jwk, status, contact, terms, created, agreed, user, external)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
    )?
    .execute(params![
        new.id,
        new.thumbprint,
        new.jwk,
        word(new.status),
        to_json(&new.contact)?,
        new.terms,
        new.created,
        new.agreed,
        new.user,
        new.external,
    ])?;
    if let Some(external) = &new.external {
        crate::store::accounts::bind(c, &new, external, new.created)?;
    }
    audit::insert(c, decision)?;
    Ok((new, true))
}

pub(in crate::store) fn by_id(c: &Connection, id: &str) -> Result<Option<Account>, StoreError> {
    c.prepare_cached(&format!("SELECT {COLUMNS} FROM accounts WHERE id = ?1"))?
        .query_row([id], read)
        .optional()?
        .map(check)
        .transpose()
}

pub(in crate::store) fn by_key(
    c: &Connection,
    thumbprint: &[u8; 32],
) -> Result<Option<Account>, StoreError> {
    c.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM accounts WHERE thumbprint = ?1"
    ))?
    .query_row([thumbprint], read)
    .optional()?
    .map(check)
    .transpose()
}

pub(super) fn set_contact(
    c: &Connection,
    id: &str,
    contact: &[String],
) -> Result<Account, StoreError> {
    c.prepare_cached("UPDATE accounts SET contact = ?2 WHERE id = ?1")?
        .execute(params![id, to_json(contact)?])?;
    existing(c, id)
}

pub(super) fn deactivate(
    c: &Connection,
    id: &str,
    decision: &Decision,
) -> Result<Account, StoreError> {
    let account = existing(c, id)?;
    let status = account
        .status
        .after(AccountEvent::Deactivate)
        .map_err(|illegal| StoreError::Conflict {
            what: illegal.to_string(),
        })?;
    c.prepare_cached("UPDATE accounts SET status = ?2 WHERE id = ?1")?
        .execute(params![id, word(status)])?;
    // An order that is being processed is finished: its certificate may exist already.
    c.prepare_cached(
        "UPDATE authorizations SET status = ?2 WHERE status IN ('pending', 'valid') AND order_id IN
         (SELECT id FROM orders WHERE account = ?1 AND open = 1 AND status IN ('pending', 'ready'))",
    )?
    .execute(params![id, AuthorizationStatus::Deactivated.as_str()])?;
    c.prepare_cached(
        "UPDATE authorizations SET status = ?2
         WHERE account = ?1 AND reusable > 0 AND status IN ('pending', 'valid')",
    )?
    .execute(params![id, AuthorizationStatus::Deactivated.as_str()])?;
    c.prepare_cached(
        "UPDATE orders SET status = ?2, open = 0
         WHERE account = ?1 AND open = 1 AND status IN ('pending', 'ready')",
    )?
    .execute(params![id, OrderStatus::Invalid.as_str()])?;
    audit::insert(c, decision)?;
    existing(c, id)
}

fn existing(c: &Connection, id: &str) -> Result<Account, StoreError> {
    by_id(c, id)?.ok_or_else(|| StoreError::Missing {
        what: format!("account {id}"),
    })
}

struct Raw {
    id: String,
    thumbprint: [u8; 32],
    jwk: String,
    status: String,
    contact: String,
    terms: bool,
    created: i64,
    agreed: Option<String>,
    user: Option<String>,
    external: Option<String>,
    disabled: bool,
}

fn read(row: &Row<'_>) -> rusqlite::Result<Raw> {
    Ok(Raw {
        id: row.get(0)?,
        thumbprint: row.get(1)?,
        jwk: row.get(2)?,
        status: row.get(3)?,
        contact: row.get(4)?,
        terms: row.get(5)?,
        created: row.get(6)?,
        agreed: row.get(7)?,
        user: row.get(8)?,
        external: row.get(9)?,
        disabled: row.get::<_, Option<bool>>(10)?.unwrap_or(false),
    })
}

fn check(raw: Raw) -> Result<Account, StoreError> {
    Ok(Account {
        id: raw.id,
        thumbprint: raw.thumbprint,
        jwk: raw.jwk,
        status: from_word(&raw.status).ok_or(StoreError::Corrupt {
            column: "accounts.status",
        })?,
        contact: serde_json::from_str(&raw.contact).map_err(|_| StoreError::Corrupt {
            column: "accounts.contact",
        })?,
        terms: raw.terms,
        created: raw.created,
        agreed: raw.agreed,
        user: raw.user,
        external: raw.external,
        disabled: raw.disabled,
    })
}

fn to_json(list: &[String]) -> Result<String, StoreError> {
    serde_json::to_string(list).map_err(|_| StoreError::Corrupt {
        column: "accounts.contact",
    })
}
