//! Compare-and-set of challenges and authorizations, and what it means for orders.

use rusqlite::{Connection, OptionalExtension, params};

use super::change::{missing, set_authorization, set_status};
use super::tree::{number, parse};
use super::{Authorization, Challenge, Part, Swap, Verdict, authorization};
use crate::audit::Decision;
use crate::orders::{
    Answered, AuthorizationEvent, AuthorizationStatus, ChallengeEvent, ChallengeStatus, OrderEvent,
    OrderStatus, Outcome, Status,
};
use crate::store::{StoreError, audit};

/// An authorization, and the place of the challenge that an id names.
fn existing(
    c: &Connection,
    part: Part<'_>,
    id: &str,
) -> Result<(Authorization, usize), StoreError> {
    let (_, authorization) = authorization::find(c, part)?.ok_or_else(|| missing(id))?;
    let place = part.challenge.unwrap_or_default();
    if part.challenge.is_some() && place >= authorization.challenges.len() {
        return Err(missing(id));
    }
    Ok((authorization, place))
}

/// What of an order matters for its authorizations.
struct Waiting {
    status: OrderStatus,
    expires: i64,
}

impl Waiting {
    fn status_at(&self, now: i64) -> OrderStatus {
        if self.expires > now {
            return self.status;
        }
        self.status.after(OrderEvent::Expire).unwrap_or(self.status)
    }
}

fn order_of(c: &Connection, id: &str) -> Result<Option<Waiting>, StoreError> {
    c.prepare_cached("SELECT status, expires FROM orders WHERE id = ?1")?
        .query_row([id], |row| {
            Ok((parse(row, 0, "orders.status"), row.get::<_, i64>(1)?))
        })
        .optional()?
        .map(|(status, expires)| {
            Ok(Waiting {
                status: status?,
                expires,
            })
        })
        .transpose()
}

pub(super) fn respond(
    c: &Connection,
    id: &str,
    at: i64,
) -> Result<Swap<Authorization>, StoreError> {
    let part = Part::parse(id).ok_or_else(|| missing(id))?;
    let (mut authorization, place) = existing(c, part, id)?;
    // An order that is over needs no answers any more.
    let over =
        order_of(c, part.order)?.is_some_and(|order| order.status_at(at) == OrderStatus::Invalid);
    let status = authorization.status_at(at);
    let others = authorization
        .challenges
        .iter()
        .enumerate()
        .filter(|(other, _)| *other != place)
        .map(|(_, other)| other.status)
        .collect::<Vec<_>>();
    let Some(challenge) = authorization.challenges.get_mut(place) else {
        return Err(missing(id));
    };
    match crate::orders::respond(challenge.status, status, others) {
        Ok(status) if !over => challenge.status = status,
        _ => return Ok(Swap::Late(authorization)),
    }
    write(c, part, challenge, None)?;
    Ok(Swap::Done(authorization))
}

pub(super) fn note(c: &Connection, id: &str, problem: &str) -> Result<(), StoreError> {
    let part = Part::parse(id).ok_or_else(|| missing(id))?;
    let (mut authorization, place) = existing(c, part, id)?;
    if let Some(challenge) = authorization.challenges.get_mut(place)
        && let Ok(status) = challenge.status.after(ChallengeEvent::Retry)
    {
        challenge.status = status;
        challenge.problem = Some(problem.to_owned());
        write(c, part, challenge, None)?;
    }
    Ok(())
}

pub(super) fn decide(
    c: &Connection,
    id: &str,
    verdict: Verdict,
    at: i64,
) -> Result<Swap<Authorization>, StoreError> {
    let part = Part::parse(id).ok_or_else(|| missing(id))?;
    let (mut authorization, place) = existing(c, part, id)?;
    let order = order_of(c, part.order)?;
    let Some(challenge) = authorization.challenges.get(place) else {
        return Err(missing(id));
    };
    let before = Answered {
        challenge: challenge.status,
        authorization: authorization.status_at(at),
        order: order.as_ref().map(|order| order.status_at(at)),
    };
    let others_valid = verdict.outcome == Outcome::Valid
        && c.prepare_cached(
            "SELECT NOT EXISTS (SELECT 1 FROM authorizations
               WHERE order_id = ?1 AND number <> ?2 AND status <> 'valid')",
        )?
        .query_row(params![part.order, number(part.authorization)], |row| {
            row.get(0)
        })?;
    let Ok(after) = crate::orders::settle(before, others_valid, verdict.outcome) else {
        return Ok(Swap::Late(authorization));
    };
    if after.authorization == AuthorizationStatus::Valid {
        // It lasts as long as the order that it is for, and as one that may take it over.
        let own = order.as_ref().map_or(at, |order| order.expires);
        let reusable = match verdict.reusable {
            0 if order.is_some() => 0,
            // Without an order it is forgotten once nobody can take it over (`sweep`).
            seconds => at.saturating_add(seconds),
        };
        authorization.expires = own.max(match reusable {
            0 => own,
            until => until.saturating_add(verdict.order_lifetime),
        });
        c.prepare_cached(
            "UPDATE authorizations SET status = ?3, expires = ?4, reusable = ?5
             WHERE order_id = ?1 AND number = ?2",
        )?
        .execute(params![
            part.order,
            number(part.authorization),
            after.authorization.as_str(),
            authorization.expires,
            reusable,
        ])?;
    } else {
        set_authorization(c, part, after.authorization, authorization.expires)?;
    }
    authorization.status = after.authorization;
    if let Some(challenge) = authorization.challenges.get_mut(place) {
        challenge.status = after.challenge;
        challenge.decided = Some(at);
        challenge.problem.clone_from(&verdict.problem);
        write(c, part, challenge, verdict.evidence)?;
    }
    if let (Some(before), Some(after)) = (before.order, after.order)
        && before != after
    {
        let problem = (after == OrderStatus::Invalid)
            .then_some(verdict.problem)
            .flatten();
        set_status(c, part.order, after, problem.as_deref())?;
    }
    audit::insert(c, &verdict.decision)?;
    Ok(Swap::Done(authorization))
}

pub(super) fn deactivate(
    c: &Connection,
    id: &str,
    at: i64,
    decision: &Decision,
) -> Result<Swap<Authorization>, StoreError> {
    let part = Part::parse(id).ok_or_else(|| missing(id))?;
    let (mut authorization, _) = existing(c, part, id)?;
    let Ok(status) = authorization
        .status_at(at)
        .after(AuthorizationEvent::Deactivate)
    else {
        return Ok(Swap::Late(authorization));
    };
    authorization.status = status;
    set_authorization(c, part, status, authorization.expires)?;
    // Whoever validates one of its challenges comes too late.
    let problem = serde_json::to_string(&acme_wire::problem::Problem::new(
        acme_wire::problem::ProblemType::Unauthorized,
        "the authorization was deactivated",
    ))
    .ok();
    for (place, challenge) in authorization.challenges.iter_mut().enumerate() {
        if challenge.status == ChallengeStatus::Processing
            && let Ok(status) = challenge.status.after(ChallengeEvent::Fail)
        {
            challenge.status = status;
            challenge.decided = Some(at);
            challenge.problem.clone_from(&problem);
            let part = Part {
                challenge: Some(place),
                ..part
            };
            write(c, part, challenge, None)?;
        }
    }
    lose(c, part)?;
    audit::insert(c, decision)?;
    Ok(Swap::Done(authorization))
}

/// Every order that has an authorization and still needs it becomes invalid.
fn lose(c: &Connection, part: Part<'_>) -> Result<(), StoreError> {
    let mut orders = c
        .prepare_cached("SELECT order_id FROM taken WHERE from_order = ?1 AND from_number = ?2")?
        .query_map(params![part.order, number(part.authorization)], |row| {
            row.get(0)
        })?
        .collect::<Result<Vec<String>, _>>()?;
    orders.push(part.order.to_owned());
    for id in &orders {
        // An order past `ready` no longer needs its authorizations.
        if let Some(order) = order_of(c, id)?
            && let Ok(lost) = order.status.after(OrderEvent::AuthorizationLost)
        {
            set_status(c, id, lost, None)?;
        }
    }
    Ok(())
}

fn write(
    c: &Connection,
    part: Part<'_>,
    challenge: &Challenge,
    evidence: Option<Vec<u8>>,
) -> Result<(), StoreError> {
    c.prepare_cached(
        "UPDATE challenges SET status = ?4, decided = ?5, problem = ?6, evidence = ?7
         WHERE order_id = ?1 AND authorization = ?2 AND number = ?3",
    )?
    .execute(params![
        part.order,
        number(part.authorization),
        part.challenge.map(number),
        challenge.status.as_str(),
        challenge.decided,
        challenge.problem,
        evidence,
    ])?;
    Ok(())
}
