//! Compare-and-set: the changes that only one caller can make.

use rusqlite::{Connection, OptionalExtension, params};

use super::{Ending, Handle, Order, Swap, Verdict, tree};
use crate::audit::Decision;
use crate::orders::{
    Answered, AuthorizationEvent, AuthorizationStatus, OrderEvent, OrderStatus, Status, settle,
};
use crate::store::{StoreError, audit};

pub(super) fn decide(
    c: &Connection,
    challenge_id: &str,
    verdict: &Verdict,
    at: i64,
) -> Result<Swap, StoreError> {
    let order = existing(c, Handle::Challenge(challenge_id))?;
    let Some((authorization, challenge)) = order.challenge(challenge_id) else {
        return Err(missing(challenge_id));
    };
    let before = Answered {
        challenge: challenge.status,
        authorization: authorization.status_at(at),
        order: order.status_at(at),
    };
    let others_valid = order
        .authorizations
        .iter()
        .filter(|other| other.id != authorization.id)
        .all(|other| other.status == AuthorizationStatus::Valid);
    let Ok(after) = settle(before, others_valid, verdict.outcome) else {
        return Ok(Swap::Late(order));
    };
    c.prepare_cached(
        "UPDATE challenges SET status = ?2, decided = ?3, problem = ?4, evidence = ?5 WHERE id = ?1",
    )?
    .execute(params![
        challenge_id,
        after.challenge.as_str(),
        at,
        verdict.problem,
        verdict.evidence,
    ])?;
    // A valid authorization lasts as long as the order that it is for.
    c.prepare_cached("UPDATE authorizations SET status = ?2, expires = ?3 WHERE id = ?1")?
        .execute(params![
            authorization.id,
            after.authorization.as_str(),
            order.expires
        ])?;
    set_order(c, &order.id, after.order)?;
    if after.order == OrderStatus::Invalid {
        set_problem(c, &order.id, verdict.problem.as_deref())?;
    }
    audit::insert(c, &verdict.decision)?;
    existing(c, Handle::Order(&order.id)).map(Swap::Done)
}

pub(super) fn deactivate_authorization(
    c: &Connection,
    id: &str,
    at: i64,
    decision: &Decision,
) -> Result<Swap, StoreError> {
    let order = existing(c, Handle::Authorization(id))?;
    let Some(authorization) = order.authorization(id) else {
        return Err(missing(id));
    };
    let status = authorization
        .status_at(at)
        .after(AuthorizationEvent::Deactivate);
    let Ok(status) = status else {
        return Ok(Swap::Late(order));
    };
    set_authorization(c, id, status)?;
    // An order past `ready` no longer needs its authorizations.
    if let Ok(lost) = order.status.after(OrderEvent::AuthorizationLost) {
        set_order(c, &order.id, lost)?;
    }
    audit::insert(c, decision)?;
    existing(c, Handle::Order(&order.id)).map(Swap::Done)
}

pub(super) fn begin(c: &Connection, id: &str, csr: &[u8], at: i64) -> Result<Swap, StoreError> {
    let order = existing(c, Handle::Order(id))?;
    let Ok(status) = order.status_at(at).after(OrderEvent::Finalize) else {
        return Ok(Swap::Late(order));
    };
    c.prepare_cached("UPDATE orders SET status = ?2, csr = ?3 WHERE id = ?1")?
        .execute(params![id, status.as_str(), csr])?;
    existing(c, Handle::Order(id)).map(Swap::Done)
}

pub(super) fn end(c: &Connection, id: &str, ending: &Ending) -> Result<Swap, StoreError> {
    let order = existing(c, Handle::Order(id))?;
    let (event, certificate, problem) = match ending {
        Ending::Issued { certificate } => (OrderEvent::Issue, Some(certificate), None),
        Ending::Refused { problem } => (OrderEvent::Refuse, None, Some(problem)),
    };
    let Ok(status) = order.status.after(event) else {
        return Ok(Swap::Late(order));
    };
    // The CSR and the evidence have done their work; the certificate's record has what counts.
    c.prepare_cached(
        "UPDATE orders SET status = ?2, certificate = ?3, problem = ?4, csr = NULL WHERE id = ?1",
    )?
    .execute(params![id, status.as_str(), certificate, problem])?;
    existing(c, Handle::Order(id)).map(Swap::Done)
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
        end(c, &order, &Ending::Issued { certificate })?;
    }
    Ok(())
}

pub(super) fn set_order(c: &Connection, id: &str, status: OrderStatus) -> Result<(), StoreError> {
    c.prepare_cached("UPDATE orders SET status = ?2 WHERE id = ?1")?
        .execute(params![id, status.as_str()])?;
    Ok(())
}

pub(super) fn set_authorization(
    c: &Connection,
    id: &str,
    status: AuthorizationStatus,
) -> Result<(), StoreError> {
    c.prepare_cached("UPDATE authorizations SET status = ?2 WHERE id = ?1")?
        .execute(params![id, status.as_str()])?;
    Ok(())
}

fn set_problem(c: &Connection, id: &str, problem: Option<&str>) -> Result<(), StoreError> {
    c.prepare_cached("UPDATE orders SET problem = ?2 WHERE id = ?1")?
        .execute(params![id, problem])?;
    Ok(())
}

fn existing(c: &Connection, handle: Handle<'_>) -> Result<Order, StoreError> {
    tree::find(c, handle)?.ok_or_else(|| match handle {
        Handle::Order(id) | Handle::Authorization(id) | Handle::Challenge(id) => missing(id),
    })
}

fn missing(id: &str) -> StoreError {
    StoreError::Missing {
        what: format!("order of {id}"),
    }
}
