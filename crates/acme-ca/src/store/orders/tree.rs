//! An order with its authorizations and challenges: written once, read as a whole.

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{Authorization, Challenge, Created, Handle, Order};
use crate::store::StoreError;

pub(super) fn add(c: &Connection, order: &Order, limit: u32) -> Result<Created, StoreError> {
    let (open, first): (u32, Option<i64>) = c
        .prepare_cached(
            "SELECT count(*), min(expires) FROM orders
             WHERE account = ?1 AND status IN ('pending', 'ready', 'processing') AND expires > ?2",
        )?
        .query_row(params![order.account, order.created], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })?;
    if open >= limit {
        return Ok(Created::TooMany {
            until: first.unwrap_or(order.created),
        });
    }
    c.prepare_cached(
        "INSERT INTO orders (id, account, profile, status, created, expires, not_after)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?
    .execute(params![
        order.id,
        order.account,
        order.profile,
        order.status.as_str(),
        order.created,
        order.expires,
        order.not_after,
    ])?;
    for authorization in &order.authorizations {
        c.prepare_cached(
            "INSERT INTO authorizations (id, order_id, kind, value, status, expires)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute(params![
            authorization.id,
            order.id,
            authorization.kind,
            authorization.value,
            authorization.status.as_str(),
            authorization.expires,
        ])?;
        for challenge in &authorization.challenges {
            c.prepare_cached(
                "INSERT INTO challenges (id, authorization, kind, token, status)
                 VALUES (?1, ?2, ?3, ?4, ?5)",
            )?
            .execute(params![
                challenge.id,
                authorization.id,
                challenge.kind,
                challenge.token,
                challenge.status.as_str(),
            ])?;
        }
    }
    Ok(Created::Stored)
}

const ORDER: &str =
    "id, account, profile, status, created, expires, not_after, csr, problem, certificate";

pub(super) fn find(c: &Connection, handle: Handle<'_>) -> Result<Option<Order>, StoreError> {
    let (condition, id) = match handle {
        Handle::Order(id) => ("?1", id),
        Handle::Authorization(id) => ("(SELECT order_id FROM authorizations WHERE id = ?1)", id),
        Handle::Challenge(id) => (
            "(SELECT order_id FROM authorizations WHERE id =
              (SELECT authorization FROM challenges WHERE id = ?1))",
            id,
        ),
    };
    c.prepare_cached(&format!(
        "SELECT {ORDER} FROM orders WHERE id = {condition}"
    ))?
    .query_row([id], read_order)
    .optional()?
    .map(|raw| complete(c, raw))
    .transpose()
}

pub(super) fn processing(c: &Connection) -> Result<Vec<Order>, StoreError> {
    let raw = c
        .prepare_cached(&format!(
            "SELECT {ORDER} FROM orders WHERE status = 'processing'"
        ))?
        .query_map([], read_order)?
        .collect::<Result<Vec<_>, _>>()?;
    raw.into_iter().map(|raw| complete(c, raw)).collect()
}

pub(super) fn ids(
    c: &Connection,
    account: &str,
    after: &str,
    limit: u32,
) -> Result<Vec<String>, StoreError> {
    Ok(c.prepare_cached(
        "SELECT id FROM orders WHERE account = ?1 AND status <> 'invalid' AND id > ?2
         ORDER BY id LIMIT ?3",
    )?
    .query_map(params![account, after, limit], |row| row.get(0))?
    .collect::<Result<_, _>>()?)
}

pub(super) fn evidence(c: &Connection, challenge: &str) -> Result<Option<Vec<u8>>, StoreError> {
    Ok(
        c.prepare_cached("SELECT evidence FROM challenges WHERE id = ?1")?
            .query_row([challenge], |row| row.get::<_, Option<Vec<u8>>>(0))
            .optional()?
            .flatten(),
    )
}

/// Certificates are found by time: only a restart asks, and only about the last orders.
pub(super) fn certificate(
    c: &Connection,
    order: &str,
    created: i64,
) -> Result<Option<String>, StoreError> {
    Ok(c.prepare_cached(
        "SELECT id FROM certificates WHERE intended >= ?2 AND order_id = ?1 AND status = 'issued'",
    )?
    .query_row(params![order, created], |row| row.get(0))
    .optional()?)
}

struct RawOrder {
    order: Order,
    status: String,
}

fn read_order(row: &Row<'_>) -> rusqlite::Result<RawOrder> {
    Ok(RawOrder {
        order: Order {
            id: row.get(0)?,
            account: row.get(1)?,
            profile: row.get(2)?,
            // Set from the word in `complete`, which can say what is wrong with it.
            status: crate::orders::OrderStatus::Invalid,
            created: row.get(4)?,
            expires: row.get(5)?,
            not_after: row.get(6)?,
            csr: row.get(7)?,
            problem: row.get(8)?,
            certificate: row.get(9)?,
            authorizations: Vec::new(),
        },
        status: row.get(3)?,
    })
}

fn complete(c: &Connection, raw: RawOrder) -> Result<Order, StoreError> {
    let mut order = raw.order;
    order.status = parse(&raw.status, "orders.status")?;
    let mut statement = c.prepare_cached(
        "SELECT a.id, a.kind, a.value, a.status, c.id, c.kind, c.token, c.status, c.decided, c.problem, a.expires
         FROM authorizations a LEFT JOIN challenges c ON c.authorization = a.id
         WHERE a.order_id = ?1 ORDER BY a.id, c.id",
    )?;
    let mut rows = statement.query([&order.id])?;
    while let Some(row) = rows.next()? {
        let id: String = row.get(0)?;
        if order.authorizations.last().is_none_or(|last| last.id != id) {
            order.authorizations.push(Authorization {
                id,
                kind: row.get(1)?,
                value: row.get(2)?,
                status: parse(&row.get::<_, String>(3)?, "authorizations.status")?,
                expires: row.get(10)?,
                challenges: Vec::new(),
            });
        }
        let challenge: Option<String> = row.get(4)?;
        if let (Some(authorization), Some(id)) = (order.authorizations.last_mut(), challenge) {
            authorization.challenges.push(Challenge {
                id,
                kind: row.get(5)?,
                token: row.get(6)?,
                status: parse(&row.get::<_, String>(7)?, "challenges.status")?,
                decided: row.get(8)?,
                problem: row.get(9)?,
            });
        }
    }
    Ok(order)
}

fn parse<T: std::str::FromStr>(word: &str, column: &'static str) -> Result<T, StoreError> {
    word.parse().map_err(|_| StoreError::Corrupt { column })
}
