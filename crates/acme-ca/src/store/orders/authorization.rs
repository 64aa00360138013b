//! Authorizations as rows: alone, or as the parts of an order.

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::tree::{number, parse, position};
use super::{Authorization, Challenge, Part, PreAuthorized};
use crate::store::StoreError;

/// What [`read_into`] reads, of `authorizations a` joined with `challenges c`.
pub(super) const COLUMNS: &str =
    "a.order_id, a.number, a.kind, a.value, a.wildcard, a.status, a.expires,
        c.number, c.kind, c.token, c.status, c.decided, c.problem";

const JOIN: &str = "FROM authorizations a LEFT JOIN challenges c
      ON c.order_id = a.order_id AND c.authorization = a.number";

/// Adds what one row says: a new authorization, or one more challenge of the last.
pub(super) fn read_into(list: &mut Vec<Authorization>, row: &Row<'_>) -> Result<(), StoreError> {
    let part = Part {
        order: row.get_ref(0)?.as_str().unwrap_or_default(),
        authorization: position(row.get(1)?)?,
        challenge: None,
    };
    let id = part.id();
    if list.last().is_none_or(|last| last.id != id) {
        list.push(Authorization {
            id,
            kind: row.get(2)?,
            value: row.get(3)?,
            wildcard: row.get(4)?,
            status: parse(row, 5, "authorizations.status")?,
            expires: row.get(6)?,
            challenges: Vec::new(),
        });
    }
    let challenge = row.get::<_, Option<i64>>(7)?.map(position).transpose()?;
    if let (Some(authorization), Some(_)) = (list.last_mut(), challenge) {
        authorization.challenges.push(Challenge {
            id: Part { challenge, ..part }.id(),
            kind: row.get(8)?,
            token: row.get(9)?,
            status: parse(row, 10, "challenges.status")?,
            decided: row.get(11)?,
            problem: row.get(12)?,
        });
    }
    Ok(())
}

/// One authorization with the account that it belongs to.
pub(super) fn find(
    c: &Connection,
    part: Part<'_>,
) -> Result<Option<(String, Authorization)>, StoreError> {
    let mut statement = c.prepare_cached(&format!(
        "SELECT {COLUMNS}, a.account {JOIN} WHERE a.order_id = ?1 AND a.number = ?2 ORDER BY c.number"
    ))?;
    let mut rows = statement.query(params![part.order, number(part.authorization)])?;
    let mut list = Vec::new();
    let mut account = None;
    while let Some(row) = rows.next()? {
        read_into(&mut list, row)?;
        if account.is_none() {
            account = Some(row.get(13)?);
        }
    }
    Ok(account.zip(list.pop()))
}

pub(super) fn insert(
    c: &Connection,
    account: &str,
    part: Part<'_>,
    authorization: &Authorization,
    reusable: i64,
) -> Result<(), StoreError> {
    c.prepare_cached(
        "INSERT INTO authorizations
           (order_id, number, account, kind, value, wildcard, status, expires, reusable)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    )?
    .execute(params![
        part.order,
        number(part.authorization),
        account,
        authorization.kind,
        authorization.value,
        authorization.wildcard,
        authorization.status.as_str(),
        authorization.expires,
        reusable,
    ])?;
    for (place, challenge) in authorization.challenges.iter().enumerate() {
        c.prepare_cached(
            "INSERT INTO challenges (order_id, authorization, number, kind, token, status)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute(params![
            part.order,
            number(part.authorization),
            number(place),
            challenge.kind,
            challenge.token,
            challenge.status.as_str(),
        ])?;
    }
    Ok(())
}

/// Stores an authorization without an order, unless the account has a valid one, or `limit` that
/// wait.
pub(super) fn add(
    c: &Connection,
    account: &str,
    new: &Authorization,
    now: i64,
    limit: u32,
) -> Result<PreAuthorized, StoreError> {
    if let Some(existing) = reusable(c, account, new, now)? {
        return Ok(PreAuthorized::Stored(existing));
    }
    let (waiting, first): (u32, Option<i64>) = c
        .prepare_cached(
            "SELECT count(*), min(reusable) FROM authorizations
             WHERE account = ?1 AND reusable > 0 AND reusable > ?2 AND status = 'pending'",
        )?
        .query_row(params![account, now], |row| Ok((row.get(0)?, row.get(1)?)))?;
    if waiting >= limit {
        return Ok(PreAuthorized::TooMany {
            until: first.unwrap_or(now),
        });
    }
    let part = Part::parse(&new.id).ok_or(StoreError::Corrupt {
        column: "authorizations.order_id",
    })?;
    insert(c, account, part, new, new.expires)?;
    Ok(PreAuthorized::Stored(new.clone()))
}

/// A valid authorization of the account that may stand for this one: the same identifier, shown
/// by a challenge that this one offers too.
pub(super) fn reusable(
    c: &Connection,
    account: &str,
    wanted: &Authorization,
    now: i64,
) -> Result<Option<Authorization>, StoreError> {
    let found: Option<(String, i64, String)> = c
        .prepare_cached(
            "SELECT a.order_id, a.number, c.kind FROM authorizations a JOIN challenges c
               ON c.order_id = a.order_id AND c.authorization = a.number AND c.status = 'valid'
             WHERE a.account = ?1 AND a.value = ?2 AND a.reusable > 0
               AND a.kind = ?3 AND a.wildcard = ?4 AND a.status = 'valid' AND a.reusable > ?5
             ORDER BY a.reusable DESC LIMIT 1",
        )?
        .query_row(
            params![account, wanted.value, wanted.kind, wanted.wildcard, now],
            |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
        )
        .optional()?;
    let Some((order, number, kind)) = found else {
        return Ok(None);
    };
    if !wanted.challenges.iter().any(|offered| offered.kind == kind) {
        return Ok(None);
    }
    let part = Part {
        order: &order,
        authorization: position(number)?,
        challenge: None,
    };
    Ok(find(c, part)?.map(|(_, authorization)| authorization))
}

/// Every challenge that is being validated, with its authorization and account.
pub(super) fn validating(c: &Connection) -> Result<Vec<(String, Authorization)>, StoreError> {
    let mut statement = c.prepare_cached(
        "SELECT DISTINCT order_id, authorization FROM challenges WHERE status = 'processing'",
    )?;
    let parts = statement
        .query_map([], |row| {
            Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?))
        })?
        .collect::<Result<Vec<_>, _>>()?;
    let mut found = Vec::new();
    for (order, number) in &parts {
        let part = Part {
            order,
            authorization: position(*number)?,
            challenge: None,
        };
        found.extend(find(c, part)?);
    }
    Ok(found)
}
