//! Answers for names: taken into processing, and validated by [`crate::web::validating`].

use std::sync::Arc;

use crate::serve::Peer;
use crate::store::Orders;
use crate::store::orders::{Account, Authorization, Swap};
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
    // A client that goes away must not leave a challenge in processing that nobody validates.
    let taken = {
        let (web, id) = (Arc::clone(web), id.to_owned());
        let (account, peer) = (caller.account.clone(), caller.peer);
        tokio::spawn(async move { take(&web, &account, peer, &id, method, now).await })
    };
    taken.await.map_err(|error| Error::Internal {
        what: format!("an answer was not taken: {error}"),
    })?
}

async fn take(
    web: &Web,
    account: &Account,
    peer: Option<Peer>,
    id: &str,
    method: Method,
    now: i64,
) -> Result<Authorization, Error> {
    let place = web.validations.reserve().ok_or(Error::TooMany {
        what: "too many validations wait",
        retry_after: 5,
    })?;
    Ok(match web.ca.store().respond(id, now).await? {
        Swap::Done(authorization) => {
            place.begin(Job::new(
                account.id.clone(),
                account.thumbprint,
                peer,
                &authorization,
                id,
                method,
            )?);
            authorization
        }
        Swap::Late(authorization) => authorization,
    })
}
