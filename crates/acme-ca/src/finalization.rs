//! From a ready order to its certificate (RFC 8555 §7.4): judged again, taken once, issued.

use acme_wire::problem::{Problem, ProblemType};

use crate::audit::{self, Decision, Outcome};
use crate::ca::Ca;
use crate::config::{Applicant, ProvenBy};
use crate::entitlement::Entitlement;
use crate::issuance::{CsrError, IssueError, Issuer, OrderFacts, Permit, Proof, RequestError};
use crate::names::{NamesAuthorized, NamesError};
use crate::orders::OrderStatus;
use crate::store::orders::{Account, Ending, Order, Orders, Swap};
use crate::store::{Certificates, StoreError};
use crate::validation::{Evidence, EvidenceError, Judge, ValidationError};
use crate::validators::ValidatorError;
use crate::web::{Tells, paths, problem};

/// Why an order was not finalized.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FinalizeError {
    /// It is not ready, or another request was faster.
    #[error("the order is {0}")]
    NotReady(OrderStatus),
    /// The CSR; the order stays ready.
    #[error(transparent)]
    Csr(#[from] CsrError),
    /// The DNS does not say whether this CA may issue; the order stays ready.
    #[error("CAA: {0}")]
    NoCaa(ValidatorError),
    /// The order is invalid now, and has this problem.
    #[error("{0}")]
    Refused(Box<Problem>),
    /// Nothing could be decided.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Something stored makes no sense.
    #[error("{0}")]
    Damaged(ValidationError),
}

/// Finalizes a ready order of an account. `csr` is empty if none was sent.
pub(crate) async fn finalize(
    ca: &Ca,
    account: &Account,
    order: Order,
    csr: Vec<u8>,
    clock: &Tells,
) -> Result<Order, FinalizeError> {
    let now = clock();
    let status = order.status_at(now);
    if status != OrderStatus::Ready {
        return not_ready(ca, &order, now).await;
    }
    let proof = match proof(ca, account, &order, &csr, OrderStatus::Ready, clock).await {
        Err(error @ (FinalizeError::Csr(_) | FinalizeError::NoCaa(_))) => {
            audit::record(ca.store(), refused(&order, clock()).because(&error)).await?;
            return Err(error);
        }
        other => other?,
    };
    // The DNS may have taken its time.
    let now = clock();
    let is_entitled = matches!(proof, Proof::Entitled(_));
    let facts = facts(ca, &order, Some(csr.clone()), now);
    // Once it is taken, the order is this call's alone.
    let (taken, permit) = match ca.issuer().draft(proof, &facts) {
        Ok(draft) => {
            let (taken, permit) = draft.begin(ca.store(), csr).await?;
            (taken, permit.map_err(IssueError::from))
        }
        Err(error) => {
            let taken = ca.store().begin(&order.id, csr, now).await?;
            (taken, Err(error))
        }
    };
    match taken {
        Swap::Done(order) => issue(ca, order, is_entitled, permit, now).await,
        Swap::Late(order) => not_ready(ca, &order, now).await,
    }
}

fn facts(ca: &Ca, order: &Order, csr: Option<Vec<u8>>, now: i64) -> OrderFacts {
    OrderFacts {
        id: order.id.clone(),
        url: paths::order(&ca.config().url, &order.id),
        account: order.account.clone(),
        not_after: order.not_after,
        csr,
        now,
    }
}

/// Whether the order's account may have its certificate, and the CSR is one for it.
async fn proof(
    ca: &Ca,
    account: &Account,
    order: &Order,
    csr: &[u8],
    from: OrderStatus,
    clock: &Tells,
) -> Result<Proof, FinalizeError> {
    let profile = ca.config().profile(&order.profile);
    match profile.map(|profile| &profile.proven_by) {
        Some(ProvenBy::Names(_)) => {
            let authorized = authorized(ca, account, order, from, clock).await?;
            Ok(ca.issuer().server_request(authorized, csr).await?.into())
        }
        Some(ProvenBy::Yubikey(_)) => {
            let entitlement = entitled(ca, order, from, clock()).await?;
            Issuer::check_csr(Some(csr), &entitlement)?;
            Ok(entitlement.into())
        }
        None => {
            let error = NamesError::NoProfile {
                profile: order.profile.clone(),
            };
            let problem = Problem::new(ProblemType::InvalidProfile, error.to_string());
            let decision = refused(order, clock()).because(&error);
            end(ca, order, from, problem, decision).await
        }
    }
}

/// Judges an order for names again; a refusal ends the order, if it is still in `from`.
async fn authorized(
    ca: &Ca,
    account: &Account,
    order: &Order,
    from: OrderStatus,
    clock: &Tells,
) -> Result<NamesAuthorized, FinalizeError> {
    let applicant = Applicant::of(account);
    let (store, config) = (ca.store(), ca.config());
    match NamesAuthorized::judge(store, config, ca.caa(), order, applicant, clock).await {
        Ok(authorized) => Ok(authorized),
        Err(NamesError::Store(error)) => Err(error.into()),
        Err(NamesError::NoCaa(error)) => Err(FinalizeError::NoCaa(error)),
        Err(NamesError::Caa(names)) => {
            let reasons = names.iter().map(|(name, why)| format!("{name}: {why}"));
            let decision = refused(order, clock()).because_all(reasons);
            end(ca, order, from, problem::of_caa(&names), decision).await
        }
        Err(NamesError::Forbidden(names)) => {
            let reasons = names
                .iter()
                .map(|one| format!("{}: {}", one.name, one.reason));
            let decision = refused(order, clock()).because_all(reasons);
            let problem = problem::of_forbidden(&order.profile, &names);
            end(ca, order, from, problem, decision).await
        }
        Err(error @ NamesError::NoProfile { .. }) => {
            let problem = Problem::new(ProblemType::InvalidProfile, error.to_string());
            let decision = refused(order, clock()).because(&error);
            end(ca, order, from, problem, decision).await
        }
    }
}

async fn not_ready<T>(ca: &Ca, order: &Order, now: i64) -> Result<T, FinalizeError> {
    let error = FinalizeError::NotReady(order.status_at(now));
    audit::record(ca.store(), refused(order, now).because(&error)).await?;
    Err(error)
}

/// Goes on with an order that was left in processing, by a crash or by a store that failed.
pub(crate) async fn resume(ca: &Ca, order: Order, clock: &Tells) -> Result<Order, FinalizeError> {
    let abandoned = ca.store().revoke_abandoned(Some(&order.id), clock());
    abandoned.await?;
    let Some(account) = ca.store().account(&order.account).await? else {
        return Err(StoreError::Missing {
            what: format!("account {}", order.account),
        }
        .into());
    };
    let csr = order.csr.clone().unwrap_or_default();
    let proof = proof(ca, &account, &order, &csr, OrderStatus::Processing, clock).await;
    let now = clock();
    match proof {
        Ok(proof) => {
            let is_entitled = matches!(proof, Proof::Entitled(_));
            let facts = facts(ca, &order, Some(csr), now);
            let permit = match ca.issuer().draft(proof, &facts) {
                Ok(draft) => draft.intend(ca.store()).await.map_err(IssueError::from),
                Err(error) => Err(error),
            };
            issue(ca, order, is_entitled, permit, now).await
        }
        // It was good when it was sent: what it asks for cannot be given any more.
        Err(FinalizeError::Csr(error)) => {
            let problem = Problem::new(ProblemType::BadCsr, error.to_string());
            let decision = refused(&order, now).because(&error);
            end(ca, &order, OrderStatus::Processing, problem, decision).await
        }
        Err(other) => Err(other),
    }
}

/// Ends an order whose time was over before it was issued: what was touched for it is long ago.
pub(crate) async fn expire(ca: &Ca, order: &Order, now: i64) -> Result<(), FinalizeError> {
    let mut decision = refused(order, now).because("the order expired before it was issued");
    decision.outcome = Outcome::Alarm;
    let problem = Problem::new(
        ProblemType::ServerInternal,
        "the CA could not issue the certificate before the order expired; make a new order",
    );
    match end(ca, order, OrderStatus::Processing, problem, decision).await {
        Err(FinalizeError::Refused(_)) => Ok(()),
        other => other,
    }
}

/// Judges the order's evidence again; a refusal ends the order, if it is still in `from`.
async fn entitled(
    ca: &Ca,
    order: &Order,
    from: OrderStatus,
    now: i64,
) -> Result<Entitlement, FinalizeError> {
    let judge = Judge {
        verifier: ca.verifier(),
        config: ca.config(),
        records: ca.store(),
        now,
    };
    // A yubikey order has exactly one authorization, and that has exactly one challenge.
    let (authorization, challenge) = order
        .authorizations
        .first()
        .and_then(|a| a.challenges.first().map(|c| (a, c)))
        .ok_or(FinalizeError::Damaged(EvidenceError::Absent.into()))?;
    let evidence = ca
        .store()
        .evidence(&challenge.id)
        .await?
        .ok_or(EvidenceError::Absent)
        .and_then(|bytes| Evidence::from_bytes(&bytes))
        .map_err(|error| FinalizeError::Damaged(error.into()))?;
    match judge
        .again(order, authorization, challenge, &evidence)
        .await
    {
        Ok(entitlement) => Ok(entitlement),
        Err(ValidationError::Wrong(wrong)) => {
            let mut decision = refused(order, now).because_all(wrong.reasons());
            if wrong.is_alarm() {
                decision.outcome = Outcome::Alarm;
            }
            end(ca, order, from, problem::of_wrong(&wrong), decision).await
        }
        Err(ValidationError::Store(error)) => Err(error.into()),
        Err(other) => Err(FinalizeError::Damaged(other)),
    }
}

/// Signs for an order in processing, or ends it.
async fn issue(
    ca: &Ca,
    mut order: Order,
    is_entitled: bool,
    permit: Result<Permit<'_>, IssueError>,
    now: i64,
) -> Result<Order, FinalizeError> {
    let issued = match permit {
        Ok(permit) => permit.sign(ca.store()).await,
        Err(error) => Err(error),
    };
    match issued {
        // Recording the certificate has ended its order in the same moment.
        Ok(issued) => {
            order.status = OrderStatus::Valid;
            order.csr = None;
            order.certificate = Some(issued.id);
            Ok(order)
        }
        // Nothing is decided: the order goes on when the store works again (`serve::upkeep`).
        Err(IssueError::Store(error)) if !is_decided(&error) => Err(error.into()),
        Err(error) => {
            // Key or person lost the right since they were judged: the judgement tells how.
            if is_entitled && matches!(error, IssueError::Store(StoreError::Withdrawn { .. })) {
                entitled(ca, &order, OrderStatus::Processing, now).await?;
            }
            let outcome = match error {
                IssueError::Csr(_)
                | IssueError::Validity(_)
                | IssueError::Store(StoreError::Withdrawn { .. } | StoreError::ReusedKey { .. }) => {
                    Outcome::Refused
                }
                // Anything else is the CA's own fault.
                _ => Outcome::Alarm,
            };
            let mut decision = refused(&order, now).because(&error);
            decision.outcome = outcome;
            let problem = problem::of_issuing(&error);
            end(ca, &order, OrderStatus::Processing, problem, decision).await
        }
    }
}

/// Whether the store refused, and did not merely fail.
fn is_decided(error: &StoreError) -> bool {
    matches!(
        error,
        StoreError::Withdrawn { .. } | StoreError::ReusedKey { .. } | StoreError::Conflict { .. }
    )
}

/// Ends an order without a certificate, and writes down why, in one write: an order that could
/// not be ended is found again (`serve::upkeep`).
async fn end<T>(
    ca: &Ca,
    order: &Order,
    from: OrderStatus,
    problem: Problem,
    decision: Decision,
) -> Result<T, FinalizeError> {
    let ending = Ending::Refused {
        problem: problem::to_json(&problem),
        decision: decision.clone(),
    };
    match ca.store().end(&order.id, from, ending).await? {
        Swap::Done(_) => {
            decision.log();
            Err(FinalizeError::Refused(Box::new(problem)))
        }
        // It is somebody else's by now; this request was refused all the same.
        Swap::Late(order) => {
            let at = decision.at;
            audit::record(ca.store(), decision).await?;
            Err(FinalizeError::NotReady(order.status_at(at)))
        }
    }
}

/// The decision that an order is not finalized.
pub(crate) fn refused(order: &Order, now: i64) -> Decision {
    Decision::new(
        Outcome::Refused,
        "order.finalize",
        format!("account {}", order.account),
        format!("order {}", order.id),
        now,
    )
    .fact("profile", &order.profile)
}

impl From<RequestError> for FinalizeError {
    fn from(error: RequestError) -> Self {
        match error {
            RequestError::Csr(error) => Self::Csr(error),
            RequestError::Store(error) => Self::Store(error),
        }
    }
}

impl From<FinalizeError> for problem::Error {
    fn from(error: FinalizeError) -> Self {
        match error {
            FinalizeError::NotReady(status) => Self::NotReady { status },
            FinalizeError::Csr(error) => Self::Csr(error),
            FinalizeError::NoCaa(error) => {
                let detail = format!("CAA: {error}; the order is still ready");
                Self::Refused(Box::new(Problem::new(error.problem_type(), detail)))
            }
            FinalizeError::Refused(problem) if problem.kind == ProblemType::ServerInternal => {
                Self::Internal {
                    what: problem.to_string(),
                }
            }
            FinalizeError::Refused(problem) => Self::Refused(problem),
            FinalizeError::Store(error) => Self::Store(error),
            FinalizeError::Damaged(error) => Self::Internal {
                what: error.to_string(),
            },
        }
    }
}
