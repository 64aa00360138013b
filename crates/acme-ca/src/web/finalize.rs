//! Finalizing an order (RFC 8555 §7.4).

use std::sync::Arc;

use acme_wire::base64url;
use acme_wire::order::Finalize;
use axum::extract::{Path, State};
use axum::response::Response;
use http::StatusCode;

use super::post::Post;
use super::problem::Error;
use super::{Web, order};
use crate::audit;
use crate::finalization::{finalize, refused};
use crate::orders::OrderStatus;
use crate::store::Orders;
use crate::store::orders::Handle;

/// POST to an order's finalize URL. A `csr` that is absent or empty is our extension for
/// `yubikey-01`, whose key has just been proven.
pub(crate) async fn post(
    State(web): State<Arc<Web>>,
    Path(id): Path<String>,
    post: Post,
) -> Result<Response, Error> {
    let (caller, jws) = post.by_account(&web).await?;
    let found = web
        .ca
        .store()
        .order(&caller.account.id, Handle::Order(&id))
        .await?
        .ok_or(Error::NotFound)?;
    let now = web.now();
    web.may_fail(caller.peer, now)?;
    let csr = jws
        .json::<Finalize>()
        .map_err(Error::from)
        .and_then(|request| {
            base64url::decode(request.csr.as_deref().unwrap_or_default())
                .map_err(|_| Error::CsrEncoding)
        });
    let csr = match csr {
        Ok(csr) => csr,
        Err(error) => {
            web.failed(caller.peer, now);
            let decision = refused(&found, now).because(&error);
            audit::record(web.ca.store(), decision).await?;
            return Err(error);
        }
    };
    // A client that goes away must not leave its order half-made: the work is not this
    // request's, which only waits for it. One request at a time judges an order: another would
    // have the DNS asked as often.
    let Some(busy) = web.under_way.claim(&found.id).await else {
        web.failed(caller.peer, now);
        let error = Error::NotReady {
            status: OrderStatus::Processing,
        };
        let decision = refused(&found, now).because(&error);
        audit::record(web.ca.store(), decision).await?;
        return Err(error);
    };
    let task = {
        let web = Arc::clone(&web);
        let account = caller.account;
        tokio::spawn(async move {
            let finalized = finalize(&web.ca, &account, found, csr, &*web.clock).await;
            drop(busy);
            finalized
        })
    };
    let finalized = task.await.map_err(|error| Error::Internal {
        what: format!("finalizing ended early: {error}"),
    })?;
    if finalized.is_err() {
        web.failed(caller.peer, now);
    }
    let finalized = finalized?;
    Ok(order::show(&web, &finalized, web.now(), StatusCode::OK))
}
