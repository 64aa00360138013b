//! Authorizations (RFC 8555 §7.5): read and deactivated. There is no pre-authorization (§7.4.1).

use std::sync::Arc;

use acme_wire::Timestamp;
use acme_wire::order::{Authorization as AuthorizationObject, AuthorizationUpdate};
use axum::extract::{Path, State};
use axum::response::Response;
use http::StatusCode;

use super::post::Post;
use super::problem::Error;
use super::{Web, answer, challenge, order};
use crate::audit::{Decision, Outcome};
use crate::orders::AuthorizationStatus;
use crate::store::Orders;
use crate::store::orders::{Authorization, Handle, Swap};

/// POST to newAuthz: refused, whoever asks.
pub(crate) async fn new(State(web): State<Arc<Web>>, post: Post) -> Result<Response, Error> {
    post.by_account(&web).await?;
    Err(Error::NewAuthorization)
}

/// POST to an authorization: empty to read it (§7.5), or its end (§7.5.2).
pub(crate) async fn post(
    State(web): State<Arc<Web>>,
    Path(id): Path<String>,
    post: Post,
) -> Result<Response, Error> {
    let (caller, jws) = post.by_account(&web).await?;
    let account = &caller.account.id;
    let mut found = web
        .ca
        .store()
        .order(account, Handle::Authorization(&id))
        .await?
        .ok_or(Error::NotFound)?;
    if !jws.is_post_as_get() {
        let update: AuthorizationUpdate = jws.json()?;
        if update.status != AuthorizationStatus::Deactivated {
            return Err(Error::StatusChange);
        }
        let now = web.now();
        web.may_fail(caller.peer, now)?;
        let decision = Decision::new(
            Outcome::Done,
            "authorization.deactivate",
            format!("account {account}"),
            format!("order {}", found.id),
            now,
        );
        let logged = decision.clone();
        let swap = web.ca.store().deactivate_authorization(&id, now, decision);
        found = match swap.await? {
            Swap::Done(order) => {
                // It costs the database as much as a refusal.
                web.failed(caller.peer, now);
                logged.log();
                order
            }
            Swap::Late(order) => order,
        };
    }
    let authorization = found.authorization(&id).ok_or(Error::NotFound)?;
    Ok(show(&web, authorization))
}

fn show(web: &Web, authorization: &Authorization) -> Response {
    let status = authorization.status_at(web.now());
    let object = AuthorizationObject {
        identifier: order::identifier(authorization),
        status,
        expires: Timestamp::from_epoch(authorization.expires),
        challenges: authorization
            .challenges
            .iter()
            .map(|one| challenge::object(web, one))
            .collect(),
        wildcard: false,
    };
    answer::json(StatusCode::OK, &object)
}
