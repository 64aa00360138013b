//! Challenges (RFC 8555 §7.5.1): read, and answered. The answer is decided while its request
//! waits, so that the response says how.

use std::sync::Arc;

use acme_wire::Timestamp;
use acme_wire::order::Challenge as ChallengeObject;
use axum::extract::{Path, State};
use axum::response::Response;
use http::StatusCode;

use super::post::Post;
use super::problem::{self, Error};
use super::{Web, answer, paths};
use crate::audit::{Decision, Outcome as Audited};
use crate::orders::{Outcome, is_decided};
use crate::store::Orders;
use crate::store::orders::{Challenge, Handle, Order, Swap, Verdict};
use crate::validation::{Asked, Judge, ValidationError};

/// POST to a challenge: empty to read it, anything else is an answer. A challenge that was
/// decided stays so; to repeat an answer is to read it.
pub(crate) async fn post(
    State(web): State<Arc<Web>>,
    Path(id): Path<String>,
    post: Post,
) -> Result<Response, Error> {
    let (caller, jws) = post.by_account(&web).await?;
    let account = &caller.account;
    let order = web
        .ca
        .store()
        .order(&account.id, Handle::Challenge(&id))
        .await?
        .ok_or(Error::NotFound)?;
    let (authorization, challenge) = order.challenge(&id).ok_or(Error::NotFound)?;
    if jws.is_post_as_get() || is_decided(challenge.status) {
        return show(&web, &order, &id);
    }
    let now = web.now();
    web.may_fail(caller.peer, now)?;
    let order_url = paths::order(&web.ca.config().url, &order.id);
    let asked = Asked {
        order: &order,
        authorization,
        challenge,
        order_url: &order_url,
        thumbprint: account.thumbprint,
    };
    let judge = Judge {
        verifier: web.ca.verifier(),
        config: web.ca.config(),
        records: web.ca.store(),
        now,
    };
    let verdict = match judge.answer(asked, jws.payload()).await {
        Ok((entitlement, evidence)) => Verdict {
            outcome: Outcome::Valid,
            problem: None,
            evidence: Some(evidence.to_bytes()),
            decision: decision(Audited::Done, &order, challenge, now)
                .fact("user", entitlement.user())
                .fact("key", entitlement.key()),
        },
        Err(ValidationError::Wrong(wrong)) => {
            web.failed(caller.peer, now);
            let audited = if wrong.is_alarm() {
                Audited::Alarm
            } else {
                Audited::Refused
            };
            Verdict {
                outcome: Outcome::Invalid,
                problem: Some(problem::to_json(&problem::of_wrong(&wrong))),
                evidence: None,
                decision: decision(audited, &order, challenge, now).because_all(wrong.reasons()),
            }
        }
        Err(ValidationError::Store(error)) => return Err(error.into()),
        Err(other) => {
            return Err(Error::Internal {
                what: other.to_string(),
            });
        }
    };
    let logged = verdict.decision.clone();
    let order = match web.ca.store().decide(&id, verdict, now).await? {
        Swap::Done(order) => {
            logged.log();
            order
        }
        // Another answer was faster; this one was never given.
        Swap::Late(order) => order,
    };
    show(&web, &order, &id)
}

fn decision(outcome: Audited, order: &Order, challenge: &Challenge, now: i64) -> Decision {
    Decision::new(
        outcome,
        "challenge.answer",
        format!("account {}", order.account),
        format!("order {}", order.id),
        now,
    )
    .fact("profile", &order.profile)
    .fact("challenge", &challenge.kind)
}

fn show(web: &Web, order: &Order, id: &str) -> Result<Response, Error> {
    let (authorization, challenge) = order.challenge(id).ok_or(Error::NotFound)?;
    let up = paths::authorization(&web.ca.config().url, &authorization.id);
    let response = answer::json(StatusCode::OK, &object(web, challenge));
    Ok(answer::with_link(response, &up, "up"))
}

/// A challenge as its client sees it.
pub(crate) fn object(web: &Web, challenge: &Challenge) -> ChallengeObject {
    ChallengeObject {
        kind: challenge.kind.clone(),
        url: paths::challenge(&web.ca.config().url, &challenge.id),
        status: challenge.status,
        validated: challenge
            .decided
            .filter(|_| challenge.problem.is_none())
            .and_then(Timestamp::from_epoch),
        error: challenge
            .problem
            .as_deref()
            .and_then(|problem| serde_json::from_str(problem).ok()),
        token: Some(challenge.token.clone()),
        more: serde_json::Map::new(),
    }
}
