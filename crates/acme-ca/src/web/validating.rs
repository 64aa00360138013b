//! Control of names is validated in the background: what waits is bounded, so is what runs at a
//! time, and what one account or network has of both. Whoever answered a challenge waits a little
//! for the verdict; only what takes longer is written down as `processing`, and is found again when
//! the server stopped before it was decided.

use std::slice::Iter;
use std::sync::Arc;
use std::time::Duration;

use acme_wire::problem::{Problem, ProblemType};
use tokio::sync::oneshot;

use super::under_way::InHand;
use super::{Web, problem};
use crate::audit::{Decision, Outcome as Audited};
use crate::names::ServerName;
use crate::orders::{ChallengeStatus, Outcome, is_decided};
use crate::serve::Peer;
use crate::serve::places::Place;
use crate::store::StoreError;
use crate::store::orders::{Authorization, Orders, Swap, Verdict};
use crate::validators::{Method, Target};

mod queue;

pub(crate) use queue::Validations;

/// How long to wait before each further attempt of one validation (RFC 8555 §8.2).
const PAUSES: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(4)];
/// How long to wait before what was found is written down again, after the store failed.
const STORE_PAUSE: Duration = Duration::from_secs(1);

/// How long an answer waits for the verdict: what is near is validated within it, and the client
/// need not ask again.
const PATIENCE: Duration = Duration::from_millis(250);

/// One challenge that was answered.
pub(crate) struct Job {
    account: String,
    peer: Option<Peer>,
    authorization: String,
    /// When the authorization is over, in seconds since 1970.
    expires: i64,
    name: ServerName,
    challenge: String,
    method: Method,
    target: Target,
    /// The pauses before the attempts that are left.
    pauses: Iter<'static, Duration>,
    /// Its place among those that run or wait; none if an earlier run left it.
    place: Option<Place>,
    waiting: Option<Waiting>,
}

/// The request that waits for a verdict. Until it is told, the store has the challenge as pending.
struct Waiting {
    tell: oneshot::Sender<Authorization>,
    /// No second request has the same authorization validated.
    _claimed: InHand,
}

impl Job {
    /// The validation of a challenge of an authorization.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`], when its identifier or id makes no sense.
    pub(crate) fn new(
        account: String,
        thumbprint: [u8; 32],
        peer: Option<Peer>,
        authorization: &Authorization,
        challenge: &str,
        method: Method,
    ) -> Result<Self, StoreError> {
        let name = crate::names::name_of(authorization)?;
        let found = authorization
            .challenge(challenge)
            .ok_or(StoreError::Corrupt {
                column: "challenges.number",
            })?;
        Ok(Self {
            account,
            peer,
            authorization: authorization.id.clone(),
            expires: authorization.expires,
            challenge: challenge.to_owned(),
            method,
            target: Target {
                subject: name.subject(),
                token: found.token.clone(),
                thumbprint,
            },
            name,
            pauses: PAUSES.iter(),
            place: None,
            waiting: None,
        })
    }
}

/// Begins a validation, and waits a little for what comes of it; none if it takes longer. The
/// validation goes on without whoever waits.
pub(crate) async fn validate(
    web: &Arc<Web>,
    mut job: Job,
    place: Place,
    claimed: InHand,
) -> Option<Authorization> {
    let (tell, told) = oneshot::channel();
    job.place = Some(place);
    job.waiting = Some(Waiting {
        tell,
        _claimed: claimed,
    });
    queue::start(web, job);
    tokio::time::timeout(PATIENCE, told).await.ok()?.ok()
}

/// Goes on with what an earlier run left.
pub(crate) async fn go_on(web: Arc<Web>) {
    match left_over(&web).await {
        Ok(left) => left.into_iter().for_each(|job| queue::start(&web, job)),
        Err(error) => {
            tracing::error!(%error, "validations that were left could not be looked for");
        }
    }
}

/// Challenges that were in processing when the server stopped.
async fn left_over(web: &Web) -> Result<Vec<Job>, StoreError> {
    let store = web.ca.store();
    let mut jobs = Vec::new();
    for (account, authorization) in store.validating().await? {
        let Some(account) = store.account(&account).await? else {
            continue;
        };
        for challenge in &authorization.challenges {
            if challenge.status == ChallengeStatus::Processing
                && let Ok(method) = challenge.kind.parse()
            {
                jobs.push(Job::new(
                    account.id.clone(),
                    account.thumbprint,
                    None,
                    &authorization,
                    &challenge.id,
                    method,
                )?);
            }
        }
    }
    if !jobs.is_empty() {
        tracing::info!(validations = jobs.len(), "going on with validations");
    }
    Ok(jobs)
}

/// One attempt. A place to run is held while it looks, and not while it waits for the next one.
async fn attempt(web: Arc<Web>, mut job: Job) {
    let running = queue::Running::taken(&web);
    let found = look(&web, &job).await;
    let again = match &found {
        Err(failure) if failure.may_pass => job.pauses.next(),
        _ => None,
    };
    if found.is_err() && again.is_none() {
        let now = web.now();
        web.failed(job.peer, now);
        web.failed_validation(&job.account, now);
    }
    drop(running);
    match (found.err(), again) {
        (Some(failure), Some(pause)) => {
            if let Err(error) = try_again(&web, &mut job, &failure.problem).await {
                tracing::error!(%error, "a validation could not be noted");
            }
            tokio::time::sleep(*pause).await;
            queue::start(&web, job);
        }
        (failed, _) => conclude(&web, job, failed.map(|failure| failure.problem)).await,
    }
}

/// Why an attempt failed, and whether another may not.
struct Failure {
    problem: Problem,
    may_pass: bool,
}

async fn look(web: &Web, job: &Job) -> Result<(), Failure> {
    let for_good = |kind, detail: &str| Failure {
        problem: Problem::new(kind, detail),
        may_pass: false,
    };
    let Some(validators) = &web.validators else {
        // The settings were changed since it was asked for.
        let detail = "this CA validates no names any more";
        return Err(for_good(ProblemType::Unauthorized, detail));
    };
    // Others of its account failed while this one waited.
    if web.may_fail_validation(&job.account, web.now()).is_err() {
        let detail = "too many validations of this account failed";
        return Err(for_good(ProblemType::RateLimited, detail));
    }
    let looked = validators.validate(job.method, &job.target).await;
    looked.map_err(|error| Failure {
        problem: Problem::new(error.problem_type(), error.to_string()),
        may_pass: error.may_pass(),
    })
}

/// Decides the challenge, and tells whoever waits for it.
async fn conclude(web: &Web, mut job: Job, failed: Option<Problem>) {
    let waiting = job.waiting.take();
    // A disk that is full now may have space before the authorization is over.
    let decided = loop {
        match decide(web, &job, failed.clone()).await {
            Ok(decided) => break decided,
            Err(error) => {
                tracing::error!(%error, challenge = job.challenge, "a validation could not be decided");
            }
        }
        if job.expires <= web.now() {
            // The challenge stays as it is; one in processing is found again at the next start.
            return;
        }
        tokio::time::sleep(STORE_PAUSE).await;
    };
    if let Some(waiting) = waiting {
        // Nobody listens if it took long, or the client went away.
        let _ = waiting.tell.send(decided);
    }
}

/// Notes why a validation takes longer, and tells whoever waits for it.
async fn try_again(web: &Web, job: &mut Job, problem: &Problem) -> Result<(), StoreError> {
    let store = web.ca.store();
    if let Some(waiting) = job.waiting.take() {
        let (Swap::Done(now) | Swap::Late(now)) = store.respond(&job.challenge, web.now()).await?;
        let _ = waiting.tell.send(now);
    }
    let problem = problem::to_json(problem);
    store.note(&job.challenge, problem).await
}

/// Decides the challenge; its authorization as it is then.
async fn decide(
    web: &Web,
    job: &Job,
    failed: Option<Problem>,
) -> Result<Authorization, StoreError> {
    let now = web.now();
    let verdict = verdict(web, job, failed, now);
    let logged = verdict.decision.clone();
    let late = match web.ca.store().decide(&job.challenge, verdict, now).await? {
        Swap::Done(authorization) => {
            logged.log();
            return Ok(authorization);
        }
        Swap::Late(authorization) => authorization,
    };
    let open = late
        .challenge(&job.challenge)
        .is_some_and(|challenge| !is_decided(challenge.status));
    if !open {
        return Ok(late);
    }
    // Right, and too late: its authorization or order is over.
    let status = late.status_at(now);
    let problem = Problem::new(
        ProblemType::Unauthorized,
        format!(
            "the validation came too late: the authorization is {status}, or its order is over"
        ),
    );
    let verdict = self::verdict(web, job, Some(problem), now);
    let logged = verdict.decision.clone();
    let swap = web.ca.store().decide(&job.challenge, verdict, now).await?;
    Ok(match swap {
        Swap::Done(authorization) => {
            logged.log();
            authorization
        }
        Swap::Late(authorization) => authorization,
    })
}

fn verdict(web: &Web, job: &Job, failed: Option<Problem>, now: i64) -> Verdict {
    let lifetimes = &web.ca.config().lifetimes;
    let audited = match failed {
        None => Audited::Done,
        Some(_) => Audited::Refused,
    };
    let decision = Decision::new(
        audited,
        "challenge.answer",
        format!("account {}", job.account),
        format!("authorization {}", job.authorization),
        now,
    )
    .fact("challenge", job.method)
    .fact("name", &job.name);
    Verdict {
        outcome: match failed {
            None => Outcome::Valid,
            Some(_) => Outcome::Invalid,
        },
        decision: match &failed {
            None => decision,
            Some(problem) => decision.because(problem),
        },
        problem: failed.as_ref().map(problem::to_json),
        evidence: None,
        reusable: lifetimes.authorization.0,
        order_lifetime: lifetimes.order.0,
    }
}
