//! An order with its authorizations and challenges: written once, read as a whole.

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{Created, Handle, Order, Part, authorization, replaced};
use crate::orders::{OrderEvent, OrderStatus, Status};
use crate::store::StoreError;

pub(super) fn add(
    c: &Connection,
    mut order: Order,
    predecessor: Option<&str>,
    limit: u32,
    reuse: bool,
) -> Result<Created, StoreError> {
    let (open, first): (u32, Option<i64>) = c
        .prepare_cached(
            "SELECT count(*), min(expires) FROM orders
             WHERE account = ?1 AND open = 1 AND expires > ?2",
        )?
        .query_row(params![order.account, order.created], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })?;
    if open >= limit {
        return Ok(Created::TooMany {
            until: first.unwrap_or(order.created),
        });
    }
    if let Some(predecessor) = predecessor
        && let Some(by) = replaced::claim(c, predecessor, &order)?
    {
        return Ok(Created::AlreadyReplaced { by });
    }
    let taken = if reuse {
        take(c, &mut order)?
    } else {
        Vec::new()
    };
    c.prepare_cached(
        "INSERT INTO orders (id, account, profile, status, open, created, expires, not_after, takes,
           replaces)
         VALUES (?1, ?2, ?3, ?4, 1, ?5, ?6, ?7, ?8, ?9)",
    )?
    .execute(params![
        order.id,
        order.account,
        order.profile,
        order.status.as_str(),
        order.created,
        order.expires,
        order.not_after,
        number(taken.len()),
        order.replaces,
    ])?;
    for (place, authorization) in order.authorizations.iter().enumerate() {
        if taken.contains(&place) {
            let from = Part::parse(&authorization.id).ok_or(StoreError::Corrupt {
                column: "authorizations.order_id",
            })?;
            c.prepare_cached(
                "INSERT INTO taken (order_id, number, from_order, from_number)
                 VALUES (?1, ?2, ?3, ?4)",
            )?
            .execute(params![
                order.id,
                number(place),
                from.order,
                number(from.authorization)
            ])?;
        } else {
            let part = Part {
                order: &order.id,
                authorization: place,
                challenge: None,
            };
            authorization::insert(c, &order.account, part, authorization, 0)?;
        }
    }
    Ok(Created::Stored(Box::new(order)))
}

/// Puts valid authorizations of the account where the order would need new ones, and returns
/// their places.
fn take(c: &Connection, order: &mut Order) -> Result<Vec<usize>, StoreError> {
    let mut taken = Vec::new();
    for (place, authorization) in order.authorizations.iter_mut().enumerate() {
        let found = authorization::reusable(c, &order.account, authorization, order.created)?;
        if let Some(found) = found {
            *authorization = found;
            taken.push(place);
        }
    }
    if taken.len() == order.authorizations.len() {
        order.status = order
            .status
            .after(OrderEvent::AuthorizationsValid)
            .unwrap_or(order.status);
    }
    Ok(taken)
}

const ORDER: &str = "id, account, profile, status, created, expires, not_after, csr, problem,
    certificate, takes, replaces";

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

/// Found among those of its account: only a restart asks, and only about orders in processing.
pub(super) fn certificate(c: &Connection, order: &Order) -> Result<Option<String>, StoreError> {
    Ok(c.prepare_cached(
        "SELECT id FROM certificates WHERE account = ?1 AND order_id = ?2 AND status = 'issued'",
    )?
    .query_row([&order.account, &order.id], |row| row.get(0))
    .optional()?)
}

struct RawOrder {
    order: Order,
    status: Result<OrderStatus, StoreError>,
    takes: i64,
}

fn read_order(row: &Row<'_>) -> rusqlite::Result<RawOrder> {
    Ok(RawOrder {
        order: Order {
            id: row.get(0)?,
            account: row.get(1)?,
            profile: row.get(2)?,
            // Set in `complete`, which can say what is wrong with the word.
            status: OrderStatus::Invalid,
            created: row.get(4)?,
            expires: row.get(5)?,
            not_after: row.get(6)?,
            csr: row.get(7)?,
            problem: row.get(8)?,
            certificate: row.get(9)?,
            replaces: row.get(11)?,
            authorizations: Vec::new(),
        },
        status: parse(row, 3, "orders.status"),
        takes: row.get(10)?,
    })
}

fn complete(c: &Connection, raw: RawOrder) -> Result<Order, StoreError> {
    let mut order = raw.order;
    order.status = raw.status?;
    let mut statement = c.prepare_cached(&format!(
        "SELECT {} FROM authorizations a LEFT JOIN challenges c
           ON c.order_id = a.order_id AND c.authorization = a.number
         WHERE a.order_id = ?1 ORDER BY a.number, c.number",
        authorization::COLUMNS
    ))?;
    let mut rows = statement.query([&order.id])?;
    while let Some(row) = rows.next()? {
        authorization::read_into(&mut order.authorizations, row)?;
    }
    if raw.takes > 0 {
        taken_into(c, &mut order)?;
    }
    Ok(order)
}

/// Adds the authorizations that an order took over, each at its place.
fn taken_into(c: &Connection, order: &mut Order) -> Result<(), StoreError> {
    let mut statement = c.prepare_cached(
        "SELECT number, from_order, from_number FROM taken WHERE order_id = ?1 ORDER BY number",
    )?;
    let mut rows = statement.query([&order.id])?;
    while let Some(row) = rows.next()? {
        let place = position(row.get(0)?)?;
        let part = Part {
            order: row.get_ref(1)?.as_str().unwrap_or_default(),
            authorization: position(row.get(2)?)?,
            challenge: None,
        };
        if let Some((_, found)) = authorization::find(c, part)? {
            let place = place.min(order.authorizations.len());
            order.authorizations.insert(place, found);
        }
    }
    Ok(())
}

/// A number as SQLite has it.
pub(super) fn number(position: usize) -> i64 {
    i64::try_from(position).unwrap_or(i64::MAX)
}

pub(super) fn position(number: i64) -> Result<usize, StoreError> {
    usize::try_from(number).map_err(|_| StoreError::Corrupt {
        column: "authorizations.number",
    })
}

/// A status: one of a few words.
pub(super) fn parse<T: std::str::FromStr>(
    row: &Row<'_>,
    index: usize,
    column: &'static str,
) -> Result<T, StoreError> {
    let word = row.get_ref(index)?.as_str().unwrap_or_default();
    word.parse().map_err(|_| StoreError::Corrupt { column })
}
