//! A new key for an account (RFC 8555 §7.3.5): the old key signs the request, the new one what is
//! in it.

use std::sync::Arc;

use acme_wire::jws::KeyChange;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header;

use super::post::{Caller, Post};
use super::problem::Error;
use super::{Web, account, answer, paths};
use crate::audit::{self, Decision, Outcome};
use crate::store::Accounts;
use crate::store::accounts::Changed;

/// POST to keyChange.
pub(crate) async fn post(State(web): State<Arc<Web>>, post: Post) -> Result<Response, Error> {
    let (caller, jws) = post.by_account(&web).await?;
    let now = web.now();
    web.may_fail(caller.peer, now)?;
    let actor = format!("account {}", caller.account.id);
    match change(&web, &caller, jws.payload(), &actor, now).await {
        Ok(response) => Ok(response),
        Err(error @ (Error::Store(_) | Error::Internal { .. })) => Err(error),
        Err(error) => {
            web.failed(caller.peer, now);
            let refused = Decision::new(Outcome::Refused, "account.key", &actor, &actor, now);
            audit::record(web.ca.store(), refused.because(&error)).await?;
            if let Error::KeyTaken { account } = &error {
                let url = paths::account(&web.ca.config().url, account);
                let response = error.into_response();
                return Ok(answer::with_header(response, header::LOCATION, &url));
            }
            Err(error)
        }
    }
}

async fn change(
    web: &Web,
    caller: &Caller,
    payload: &[u8],
    actor: &str,
    now: i64,
) -> Result<Response, Error> {
    let url = &web.ca.config().url;
    let request = KeyChange::read(payload, &url.join(paths::KEY_CHANGE))?;
    if request.account != paths::account(url, &caller.account.id) {
        return Err(Error::KeyChange {
            what: "\"account\" is not the account that signed the request",
        });
    }
    if request.old_key.thumbprint() != caller.account.thumbprint {
        return Err(Error::KeyChange {
            what: "\"oldKey\" is not the account's key",
        });
    }
    let thumbprint = request.new_key.thumbprint();
    let decision = Decision::new(Outcome::Done, "account.key", actor, actor, now)
        .fact("new_key", hex::encode(thumbprint));
    let jwk = request.new_key.to_json();
    let store = web.ca.store();
    match store
        .change_key(
            &caller.account.id,
            caller.account.thumbprint,
            thumbprint,
            jwk,
            decision,
        )
        .await?
    {
        Changed::Done => Ok(account::shown(web, &caller.account)),
        Changed::Taken { account } => Err(Error::KeyTaken { account }),
        Changed::Late => Err(Error::KeyLate),
    }
}
