//! Answers of pods: judged at once.

use acme_wire::base64url;
use acme_wire::problem::Problem;
use serde::Deserialize;

use crate::audit::{Decision, Outcome as Audited};
use crate::kubernetes::{KubernetesError, Pod};
use crate::names::ServerName;
use crate::orders::Outcome;
use crate::store::Orders;
use crate::store::orders::{Authorization, Challenge, Swap, Verdict};
use crate::web::Web;
use crate::web::post::Caller;
use crate::web::problem::{self, Error};

#[derive(Deserialize)]
struct Answer {
    token: String,
}

/// Judges and decides; the authorization as it is then. If the cluster's keys cannot be had,
/// nothing is decided.
pub(super) async fn answer(
    web: &Web,
    caller: &Caller,
    authorization: &Authorization,
    challenge: &Challenge,
    payload: &[u8],
) -> Result<Authorization, Error> {
    let account = &caller.account;
    let now = web.now();
    web.may_fail(caller.peer, now)?;
    web.may_fail_validation(&account.id, now)?;
    let name = crate::names::name_of(authorization)?;
    let key_authorization = format!(
        "{}.{}",
        challenge.token,
        base64url::encode(&account.thumbprint)
    );
    let decision = |audited| {
        Decision::new(
            audited,
            "challenge.answer",
            format!("account {}", account.id),
            format!("authorization {}", authorization.id),
            now,
        )
        .fact("challenge", &challenge.kind)
        .fact("name", &name)
    };
    let (outcome, problem, decision) =
        match judge(web, &name, payload, &key_authorization, now).await {
            Ok(pod) => {
                let decision = decision(Audited::Done)
                    .fact("cluster", pod.cluster())
                    .fact("namespace", pod.namespace())
                    .fact("serviceaccount", pod.service_account())
                    .fact("pod", pod.pod().unwrap_or("-"));
                (Outcome::Valid, None, decision)
            }
            Err(error) if error.is_judgement() => {
                web.failed(caller.peer, now);
                web.failed_validation(&account.id, now);
                let problem = Problem::new(error.problem_type(), error.to_string());
                let decision = decision(Audited::Refused).because(&error);
                (Outcome::Invalid, Some(problem::to_json(&problem)), decision)
            }
            Err(error) => {
                // Each of these may have had the keys fetched in vain.
                web.failed(caller.peer, now);
                return Err(Error::Cluster(error));
            }
        };
    let logged = decision.clone();
    let verdict = Verdict {
        outcome,
        problem,
        evidence: None,
        // A pod proves itself for each order: its token is of now.
        reusable: 0,
        order_lifetime: web.ca.config().lifetimes.order.0,
        decision,
    };
    Ok(
        match web.ca.store().decide(&challenge.id, verdict, now).await? {
            Swap::Done(authorization) => {
                logged.log();
                authorization
            }
            // Another answer was faster, or this one came too late; it was never given.
            Swap::Late(authorization) => authorization,
        },
    )
}

async fn judge(
    web: &Web,
    name: &ServerName,
    payload: &[u8],
    key_authorization: &str,
    now: i64,
) -> Result<Pod, KubernetesError> {
    let answer: Answer = serde_json::from_slice(payload).map_err(|_| KubernetesError::Response)?;
    let pod = web
        .clusters
        .verify(&answer.token, key_authorization, now)
        .await?;
    pod.check_name(&name.to_string())?;
    Ok(pod)
}
