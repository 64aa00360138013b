//! Authorizations: made ahead of an order (RFC 8555 §7.4.1), read and deactivated (§7.5).

use std::sync::Arc;

use acme_wire::Timestamp;
use acme_wire::order::{Authorization as AuthorizationObject, AuthorizationUpdate, Identifier};
use axum::extract::{Path, State};
use axum::response::Response;
use http::{StatusCode, header};

use super::post::Post;
use super::problem::Error;
use super::{Web, answer, challenge, order, paths};
use crate::audit::{self, Decision, Outcome};
use crate::orders::{AuthorizationStatus, ChallengeStatus};
use crate::store::Orders;
use crate::store::orders::{Authorization, PreAuthorized, Swap};

/// The payload of newAuthz. `profile` is an extension: it says whose challenges and rules count,
/// as in newOrder.
#[derive(serde::Deserialize)]
struct NewAuthorization {
    identifier: Identifier,
    profile: Option<String>,
}

/// POST to newAuthz: for one name of a server, if authorizations can serve later orders.
pub(crate) async fn new(State(web): State<Arc<Web>>, post: Post) -> Result<Response, Error> {
    let (caller, jws) = post.by_agreed_account(&web).await?;
    if !web.offers_authorizations() {
        return Err(Error::NewAuthorization);
    }
    let now = web.now();
    web.count_order(caller.peer, now)?;
    web.may_fail(caller.peer, now)?;
    let account = &caller.account;
    let drafted = match jws.json::<NewAuthorization>() {
        Ok(request) => {
            let profile = request.profile.as_deref();
            order::draft::authorization(&web, account, profile, &request.identifier, now).await
        }
        Err(error) => Err(error.into()),
    };
    let drafted = match drafted {
        Ok(drafted) => drafted,
        Err(error) => {
            web.failed(caller.peer, now);
            let actor = format!("account {}", account.id);
            let refused = Decision::new(Outcome::Refused, "authorization.new", &actor, &actor, now)
                .because_all(error.reasons());
            audit::record(web.ca.store(), refused).await?;
            return Err(error);
        }
    };
    let most = web.limits.open_orders;
    let made = web
        .ca
        .store()
        .add_authorization(&account.id, drafted, now, most);
    match made.await? {
        PreAuthorized::Stored(made) => {
            let url = paths::authorization(&web.ca.config().url, &made.id);
            let response = show(&web, &made, StatusCode::CREATED);
            Ok(answer::with_header(response, header::LOCATION, &url))
        }
        PreAuthorized::TooMany { until } => Err(Error::TooMany {
            what: "this account has too many authorizations that wait",
            retry_after: until.saturating_sub(now),
        }),
    }
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
        .authorization(account, &id)
        .await?
        .filter(|found| found.id == id)
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
            format!("authorization {id}"),
            now,
        );
        let logged = decision.clone();
        let swap = web.ca.store().deactivate_authorization(&id, now, decision);
        found = match swap.await? {
            Swap::Done(found) => {
                // It costs the database as much as a refusal.
                web.failed(caller.peer, now);
                logged.log();
                found
            }
            Swap::Late(found) => found,
        };
    }
    Ok(show(&web, &found, StatusCode::OK))
}

fn show(web: &Web, authorization: &Authorization, status: StatusCode) -> Response {
    let object = AuthorizationObject {
        identifier: order::identifier(authorization),
        status: authorization.status_at(web.now()),
        expires: Timestamp::from_epoch(authorization.expires),
        challenges: authorization
            .challenges
            .iter()
            .map(|one| challenge::object(web, one))
            .collect(),
        wildcard: authorization.wildcard,
    };
    let response = answer::json(status, &object);
    let validating =
        |one: &crate::store::orders::Challenge| one.status == ChallengeStatus::Processing;
    if authorization.challenges.iter().any(validating) {
        answer::with_header(response, header::RETRY_AFTER, "1")
    } else {
        response
    }
}
