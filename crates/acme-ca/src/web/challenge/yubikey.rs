//! Answers of YubiKeys: judged at once.

use crate::audit::{Decision, Outcome as Audited};
use crate::orders::Outcome;
use crate::store::Orders;
use crate::store::orders::{Authorization, Challenge, Handle, Order, Swap, Verdict};
use crate::validation::{Asked, Judge, ValidationError};
use crate::web::post::Caller;
use crate::web::problem::{self, Error};
use crate::web::{Web, paths};

/// Judges and decides; the authorization as it is then.
pub(super) async fn answer(
    web: &Web,
    caller: &Caller,
    id: &str,
    payload: &[u8],
) -> Result<Authorization, Error> {
    let account = &caller.account;
    let order = web
        .ca
        .store()
        .order(&account.id, Handle::Challenge(id))
        .await?
        .ok_or(Error::NotFound)?;
    let (authorization, challenge) = order.challenge(id).ok_or(Error::NotFound)?;
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
    let verdict = match judge.answer(asked, payload).await {
        Ok((entitlement, evidence)) => Verdict {
            outcome: Outcome::Valid,
            problem: None,
            evidence: Some(evidence.to_bytes()),
            reusable: 0,
            order_lifetime: 0,
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
                reusable: 0,
                order_lifetime: 0,
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
    Ok(match web.ca.store().decide(id, verdict, now).await? {
        Swap::Done(authorization) => {
            logged.log();
            authorization
        }
        // Another answer was faster; this one was never given.
        Swap::Late(authorization) => authorization,
    })
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
