//! What time does to orders: they expire, and are forgotten after a while.

use rusqlite::{Connection, params};

use super::change::{set_authorization, set_order};
use super::{Handle, Part, tree};
use crate::orders::{AuthorizationEvent, OrderEvent, Status};
use crate::store::StoreError;

/// How much one sweep did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Swept {
    /// Orders that became invalid because their time was over.
    pub expired: u32,
    /// Orders that were forgotten.
    pub forgotten: u32,
    /// Whether the limit was reached and there may be more to do.
    pub more: bool,
}

/// How long after its end an order that never became ready can still be read, in seconds.
const UNREADY: i64 = 10 * 60;

/// Forgets accounts made before `before` that have no order and never had a certificate.
pub(super) fn forget_accounts(c: &Connection, before: i64) -> Result<usize, StoreError> {
    Ok(c.prepare_cached(
        "DELETE FROM accounts WHERE created < ?1 AND user IS NULL
           AND id NOT IN (SELECT account FROM orders)
           AND id NOT IN (SELECT account FROM certificates WHERE account IS NOT NULL)",
    )?
    .execute([before])?)
}

pub(super) fn sweep(
    c: &Connection,
    now: i64,
    forget_before: i64,
    limit: u32,
) -> Result<Swept, StoreError> {
    let mut swept = Swept::default();
    let old: Vec<String> = c
        .prepare_cached(
            "SELECT id FROM orders
             WHERE open = 0 AND status IN ('valid', 'invalid') AND expires < ?1 LIMIT ?2",
        )?
        .query_map(params![forget_before, limit], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    // What nobody answered rightly is of no use to anybody: strangers can make such orders.
    let unready: Vec<String> = c
        .prepare_cached(
            "SELECT id FROM orders
             WHERE open = 0 AND status = 'invalid' AND expires < ?1 AND NOT EXISTS
               (SELECT 1 FROM challenges WHERE order_id = orders.id AND status = 'valid')
             LIMIT ?2",
        )?
        .query_map(params![now - UNREADY, limit], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    for id in old.iter().chain(&unready) {
        c.prepare_cached("DELETE FROM orders WHERE id = ?1")?
            .execute([id])?;
        // Challenges go with their authorizations. What other orders may have stays.
        c.prepare_cached("DELETE FROM authorizations WHERE order_id = ?1 AND reusable = 0")?
            .execute([id])?;
        swept.forgotten += 1;
    }
    let late: Vec<String> = c
        .prepare_cached(
            "SELECT id FROM orders
             WHERE open = 1 AND expires <= ?1 AND status IN ('pending', 'ready') LIMIT ?2",
        )?
        .query_map(params![now, limit], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    for id in &late {
        let Some(mut order) = tree::find(c, Handle::Order(id))? else {
            continue;
        };
        for authorization in &order.authorizations {
            // What outlives this order is another's, or may become so.
            if let Some(part) = Part::parse(&authorization.id)
                && authorization.expires <= now
                && let Ok(status) = authorization.status.after(AuthorizationEvent::Expire)
            {
                set_authorization(c, part, status, authorization.expires)?;
            }
        }
        if let Ok(status) = order.status.after(OrderEvent::Expire) {
            set_order(c, &mut order, status)?;
            swept.expired += 1;
        }
    }
    let shared = c
        .prepare_cached(
            "DELETE FROM authorizations WHERE (order_id, number) IN
               (SELECT order_id, number FROM authorizations a
                WHERE reusable > 0 AND reusable < ?1
                  AND NOT EXISTS (SELECT 1 FROM orders WHERE id = a.order_id)
                  AND NOT EXISTS (SELECT 1 FROM taken
                                  WHERE from_order = a.order_id AND from_number = a.number)
                LIMIT ?2)",
        )?
        .execute(params![forget_before, limit])?;
    let most = usize::try_from(limit).unwrap_or(usize::MAX);
    swept.more = [old.len(), unready.len(), late.len(), shared]
        .iter()
        .any(|&n| n >= most);
    Ok(swept)
}
