//! Answers for names: validated by [`crate::web::validating`], and taken into processing if that
//! takes a while.

use std::sync::Arc;

use crate::orders::{self, ChallengeStatus};
use crate::store::Orders;
use crate::store::orders::{Authorization, Swap};
use crate::validators::Method;
use crate::web::Web;
use crate::web::post::Caller;
use crate::web::problem::Error;
use crate::web::validating::{self, Job};

/// Has a challenge validated, if there is room for it; the authorization as it is after a little
/// while.
pub(super) async fn respond(
    web: &Arc<Web>,
    caller: &Caller,
    authorization: &Authorization,
    id: &str,
    method: Method,
) -> Result<Authorization, Error> {
    let now = web.now();
    web.may_fail(caller.peer, now)?;
    web.may_fail_validation(&caller.account.id, now)?;
    let others = authorization.challenges.iter().filter(|one| one.id != id);
    let legal = orders::respond(
        ChallengeStatus::Pending,
        authorization.status_at(now),
        others.map(|one| one.status),
    );
    // One answer at a time: to give it twice, or another beside it, changes nothing.
    let claimed = web.validations.claim(&authorization.id).await;
    let (Ok(_), Some(claimed)) = (legal, claimed) else {
        return Ok(authorization.clone());
    };
    let account = &caller.account;
    let place = web.validations.enter(&account.id, caller.peer);
    let place = place.ok_or(Error::TooMany {
        what: "too many validations wait",
        retry_after: 5,
    })?;
    let job = Job::new(
        account.id.clone(),
        account.thumbprint,
        caller.peer,
        authorization,
        id,
        method,
    )?;
    if let Some(decided) = validating::validate(web, job, place, claimed).await {
        return Ok(decided);
    }
    let (Swap::Done(now) | Swap::Late(now)) = web.ca.store().respond(id, web.now()).await?;
    Ok(now)
}
