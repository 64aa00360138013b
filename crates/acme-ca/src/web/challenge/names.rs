//! Answers for names: taken into processing, and validated by [`crate::web::validating`].

use std::sync::Arc;

use crate::store::Orders;
use crate::store::orders::{Authorization, Swap};
use crate::validators::Method;
use crate::web::Web;
use crate::web::post::Caller;
use crate::web::problem::Error;
use crate::web::validating::Job;

/// Takes a challenge into processing, if there is room for its validation.
pub(super) async fn respond(
    web: &Arc<Web>,
    caller: &Caller,
    id: &str,
    method: Method,
) -> Result<Authorization, Error> {
    let now = web.now();
    web.may_fail(caller.peer, now)?;
    web.may_fail_validation(&caller.account.id, now)?;
    let place = web.validations.reserve().ok_or(Error::TooMany {
        what: "too many validations wait",
        retry_after: 5,
    })?;
    Ok(match web.ca.store().respond(id, now).await? {
        Swap::Done(authorization) => {
            let account = &caller.account;
            place.begin(Job::new(
                account.id.clone(),
                account.thumbprint,
                caller.peer,
                &authorization,
                id,
                method,
            )?);
            authorization
        }
        Swap::Late(authorization) => authorization,
    })
}
