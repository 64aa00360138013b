//! An order with its authorizations and challenges: written once, read as a whole.

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{Authorization, Challenge, Created, Handle, Order, Part};
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
    for (first, authorization) in order.authorizations.iter().enumerate() {
        let first = number(first);
        c.prepare_cached(
            "INSERT INTO authorizations (order_id, number, kind, value, status, expires)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute(params![
            order.id,
            first,
            authorization.kind,
            authorization.value,
            authorization.status.as_str(),
            authorization.expires,
        ])?;
        for (second, challenge) in authorization.challenges.iter().enumerate() {
            c.prepare_cached(
                "INSERT INTO challenges (order_id, authorization, number, kind, token, status)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            )?
            .execute(params![
                order.id,
                first,
                number(second),
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

const PARTS: &str = "SELECT a.number, a.kind, a.value, a.status, a.expires,
        c.number, c.kind, c.token, c.status, c.decided, c.problem
    FROM authorizations a LEFT JOIN challenges c
      ON c.order_id = a.order_id AND c.authorization = a.number
    WHERE a.order_id = ?1 ORDER BY a.number, c.number";

pub(super) fn find(c: &Connection, handle: Handle<'_>) -> Result<Option<Order>, StoreError> {
    let id = match handle {
        Handle::Order(id) => id,
        Handle::Authorization(id) | Handle::Challenge(id) => match Part::parse(id) {
            Some(part) => part.order,
            None => return Ok(None),
        },
    };
    c.prepare_cached(&format!("SELECT {ORDER} FROM orders WHERE id = ?1"))?
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
    let Some(part) = Part::parse(challenge) else {
        return Ok(None);
    };
    Ok(c.prepare_cached(
        "SELECT evidence FROM challenges WHERE order_id = ?1 AND authorization = ?2 AND number = ?3",
    )?
    .query_row(
        params![
            part.order,
            number(part.authorization),
            part.challenge.map(number)
        ],
        |row| row.get::<_, Option<Vec<u8>>>(0),
    )
    .optional()?
    .flatten())
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
    let mut statement = c.prepare_cached(PARTS)?;
    let mut rows = statement.query([&order.id])?;
    while let Some(row) = rows.next()? {
        let first = position(row.get(0)?)?;
        if order.authorizations.len() <= first {
            order.authorizations.push(Authorization {
                id: Part {
                    order: &order.id,
                    authorization: first,
                    challenge: None,
                }
                .id(),
                kind: row.get(1)?,
                value: row.get(2)?,
                status: parse(&row.get::<_, String>(3)?, "authorizations.status")?,
                expires: row.get(4)?,
                challenges: Vec::new(),
            });
        }
        let challenge = row.get::<_, Option<i64>>(5)?.map(position).transpose()?;
        if let (Some(authorization), Some(_)) = (order.authorizations.last_mut(), challenge) {
            authorization.challenges.push(Challenge {
                id: Part {
                    order: &order.id,
                    authorization: first,
                    challenge,
                }
                .id(),
                kind: row.get(6)?,
                token: row.get(7)?,
                status: parse(&row.get::<_, String>(8)?, "challenges.status")?,
                decided: row.get(9)?,
                problem: row.get(10)?,
            });
        }
    }
    Ok(order)
}

/// A number as SQLite has it.
pub(super) fn number(position: usize) -> i64 {
    i64::try_from(position).unwrap_or(i64::MAX)
}

fn position(number: i64) -> Result<usize, StoreError> {
    usize::try_from(number).map_err(|_| StoreError::Corrupt {
        column: "authorizations.number",
    })
}

fn parse<T: std::str::FromStr>(word: &str, column: &'static str) -> Result<T, StoreError> {
    word.parse().map_err(|_| StoreError::Corrupt { column })
}
