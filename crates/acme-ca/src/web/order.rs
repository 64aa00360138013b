//! Orders (RFC 8555 §7.4): made and read.

use std::sync::Arc;

use acme_wire::Timestamp;
use acme_wire::order::{Identifier, NewOrder, Order as OrderObject};
use axum::extract::{Path, State};
use axum::response::Response;
use http::{StatusCode, header};

use super::post::Post;
use super::problem::Error;
use super::{Web, answer, paths};
use crate::audit::{self, Decision, Outcome};
use crate::orders::OrderStatus;
use crate::store::Orders;
use crate::store::orders::{Account, Authorization, Created, Handle, Order};
use draft::Drafted;

pub(super) mod draft;

/// POST to newOrder. Says nothing about any record: whether a key is enrolled is told to
/// nobody who has not proven to have it.
pub(crate) async fn new(State(web): State<Arc<Web>>, post: Post) -> Result<Response, Error> {
    let (caller, jws) = post.by_agreed_account(&web).await?;
    let now = web.now();
    web.count_order(caller.peer, now)?;
    web.may_fail(caller.peer, now)?;
    let made = match jws.json::<NewOrder>() {
        Ok(request) => make(&web, &caller.account, &request, now).await,
        Err(error) => Err(error.into()),
    };
    match made {
        Ok(order) => Ok(show(&web, &order, now, StatusCode::CREATED)),
        Err(error @ (Error::Store(_) | Error::Internal { .. } | Error::TooMany { .. })) => {
            Err(error)
        }
        Err(error) => {
            web.failed(caller.peer, now);
            let account = format!("account {}", caller.account.id);
            let refused = Decision::new(Outcome::Refused, "order.new", &account, &account, now)
                .because_all(error.reasons());
            audit::record(web.ca.store(), refused).await?;
            Err(error)
        }
    }
}

async fn make(web: &Web, account: &Account, request: &NewOrder, now: i64) -> Result<Order, Error> {
    let drafted = draft::order(web, account, request, now).await?;
    let Drafted {
        order,
        predecessor,
        reuse,
    } = drafted;
    let limit = web.limits.open_orders;
    match web
        .ca
        .store()
        .add_order(order, predecessor, limit, reuse)
        .await?
    {
        Created::Stored(order) => Ok(*order),
        Created::TooMany { until } => Err(Error::TooMany {
            what: "this account has too many open orders",
            retry_after: until.saturating_sub(now),
        }),
        Created::AlreadyReplaced { by } => Err(Error::AlreadyReplaced {
            order: paths::order(&web.ca.config().url, &by),
        }),
    }
}

/// POST-as-GET of an order.
pub(crate) async fn get(
    State(web): State<Arc<Web>>,
    Path(id): Path<String>,
    post: Post,
) -> Result<Response, Error> {
    let caller = post.post_as_get(&web).await?;
    let order = web
        .ca
        .store()
        .order(&caller.account.id, Handle::Order(&id))
        .await?
        .ok_or(Error::NotFound)?;
    Ok(show(&web, &order, web.now(), StatusCode::OK))
}

/// An order as its client sees it.
pub(crate) fn show(web: &Web, order: &Order, now: i64, status: StatusCode) -> Response {
    let url = &web.ca.config().url;
    let object = OrderObject {
        status: order.status_at(now),
        expires: Timestamp::from_epoch(order.expires),
        identifiers: order.authorizations.iter().map(ordered).collect(),
        profile: Some(order.profile.clone()),
        not_before: None,
        not_after: order.not_after.and_then(Timestamp::from_epoch),
        error: order
            .problem
            .as_deref()
            .and_then(|problem| serde_json::from_str(problem).ok()),
        authorizations: order
            .authorizations
            .iter()
            .map(|authorization| paths::authorization(url, &authorization.id))
            .collect(),
        finalize: paths::finalize(url, &order.id),
        certificate: order
            .certificate
            .as_deref()
            .map(|id| paths::certificate(url, id)),
        replaces: order.replaces.clone(),
    };
    let response = answer::json(status, &object);
    let response = answer::with_header(response, header::LOCATION, &paths::order(url, &order.id));
    if object.status == OrderStatus::Processing {
        answer::with_header(response, header::RETRY_AFTER, "1")
    } else {
        response
    }
}

/// The identifier that an order has an authorization for.
fn ordered(authorization: &Authorization) -> Identifier {
    let mut identifier = identifier(authorization);
    if authorization.wildcard {
        identifier.value.insert_str(0, "*.");
    }
    identifier
}

/// The identifier of an authorization: of a wildcard, what stands behind `*.`.
pub(crate) fn identifier(authorization: &Authorization) -> Identifier {
    Identifier {
        kind: authorization.kind.clone().into(),
        value: authorization.value.clone(),
    }
}
