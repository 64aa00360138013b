//! Compare-and-set of orders: the changes that only one caller can make.

use rusqlite::{Connection, OptionalExtension, params};

use super::tree::{self, number};
use super::{Ending, Handle, Order, Part, Swap};
use crate::orders::{AuthorizationStatus, OrderEvent, OrderStatus, Status};
use crate::store::{StoreError, audit, certificates};

pub(in crate::store) fn begin(
    c: &Connection,
    id: &str,
    csr: &[u8],
    at: i64,
) -> Result<Swap, StoreError> {
    let mut order = existing(c, Handle::Order(id))?;
    let Ok(status) = order.status_at(at).after(OrderEvent::Finalize) else {
        return Ok(Swap::Late(order));
    };
    order.csr = Some(csr.to_vec());
    set_order(c, &mut order, status)?;
    Ok(Swap::Done(order))
}

pub(super) fn end(
    c: &Connection,
    id: &str,
    from: OrderStatus,
    ending: &Ending,
) -> Result<Swap, StoreError> {
    let mut order = existing(c, Handle::Order(id))?;
    if order.status != from {
        return Ok(Swap::Late(order));
    }
    let event = match ending {
        Ending::Issued { .. } => OrderEvent::Issue,
        Ending::Refused { .. } => OrderEvent::Refuse,
    };
    let Ok(status) = order.status.after(event) else {
        return Ok(Swap::Late(order));
    };
    match ending {
        Ending::Issued { certificate } => order.certificate = Some(certificate.clone()),
        Ending::Refused { problem, decision } => {
            order.problem = Some(problem.clone());
            certificates::revoke_open(c, Some(id), decision.at, "its order ended without it")?;
            audit::insert(c, decision)?;
        }
    }
    // The CSR has done its work; the certificate's record has what counts.
    order.csr = None;
    set_order(c, &mut order, status)?;
    Ok(Swap::Done(order))
}

/// An intent is recorded only for an order that is being processed.
pub(in crate::store) fn is_processed(c: &Connection, id: &str) -> Result<(), StoreError> {
    let status: Option<String> = c
        .prepare_cached("SELECT status FROM orders WHERE id = ?1")?
        .query_row([id], |row| row.get(0))
        .optional()?;
    match status {
        Some(status) if status != OrderStatus::Processing.as_str() => Err(ended(id)),
        _ => Ok(()),
    }
}

fn ended(id: &str) -> StoreError {
    StoreError::Conflict {
        what: format!("order {id} ended meanwhile"),
    }
}

/// Ends the order of a certificate that was just recorded, if it has one.
pub(in crate::store) fn certificate_issued(
    c: &Connection,
    certificate: &str,
) -> Result<(), StoreError> {
    let order: Option<String> = c
        .prepare_cached(
            "SELECT o.id FROM certificates c JOIN orders o ON o.id = c.order_id WHERE c.id = ?1",
        )?
        .query_row([certificate], |row| row.get(0))
        .optional()?;
    if let Some(order) = order {
        let certificate = certificate.to_owned();
        let ending = Ending::Issued { certificate };
        // A certificate that its order no longer wants is not let out.
        if let Swap::Late(_) = end(c, &order, OrderStatus::Processing, &ending)? {
            return Err(ended(&order));
        }
    }
    Ok(())
}

/// Writes an order's status and what changes with it.
pub(super) fn set_order(
    c: &Connection,
    order: &mut Order,
    status: OrderStatus,
) -> Result<(), StoreError> {
    order.status = status;
    c.prepare_cached(&update(status, ", csr = ?4, certificate = ?5"))?
        .execute(params![
            order.id,
            status.as_str(),
            order.problem,
            order.csr,
            order.certificate,
        ])?;
    Ok(())
}

/// Writes an order's status, and why.
pub(super) fn set_status(
    c: &Connection,
    id: &str,
    status: OrderStatus,
    problem: Option<&str>,
) -> Result<(), StoreError> {
    c.prepare_cached(&update(status, ""))?
        .execute(params![id, status.as_str(), problem])?;
    Ok(())
}

/// Status, problem and more of an order. Whether it is open is written only when it ends: indexes
/// hang on it.
fn update(status: OrderStatus, more: &str) -> String {
    let end = match status {
        OrderStatus::Pending | OrderStatus::Ready | OrderStatus::Processing => "",
        OrderStatus::Valid | OrderStatus::Invalid => ", open = 0",
    };
    format!("UPDATE orders SET status = ?2, problem = ?3{more}{end} WHERE id = ?1")
}

pub(super) fn set_authorization(
    c: &Connection,
    part: Part<'_>,
    status: AuthorizationStatus,
    expires: i64,
) -> Result<(), StoreError> {
    c.prepare_cached(
        "UPDATE authorizations SET status = ?3, expires = ?4 WHERE order_id = ?1 AND number = ?2",
    )?
    .execute(params![
        part.order,
        number(part.authorization),
        status.as_str(),
        expires
    ])?;
    Ok(())
}

fn existing(c: &Connection, handle: Handle<'_>) -> Result<Order, StoreError> {
    tree::find(c, handle)?.ok_or_else(|| match handle {
        Handle::Order(id) | Handle::Authorization(id) | Handle::Challenge(id) => missing(id),
    })
}

pub(super) fn missing(id: &str) -> StoreError {
    StoreError::Missing {
        what: format!("order of {id}"),
    }
}
