//! The page that answers to `rateLimited` link to (RFC 8555 §6.6), unless the settings name
//! another.

use std::sync::Arc;

use axum::extract::State;

use super::{Web, paths};

/// Where limits are explained.
pub(crate) fn url(web: &Web) -> String {
    let config = web.ca.config();
    match &config.limits_page {
        Some(url) => url.clone(),
        None => config.url.join(paths::LIMITS),
    }
}

/// GET of the page: text.
pub(crate) async fn limits(State(web): State<Arc<Web>>) -> String {
    let limits = &web.limits;
    format!(
        "What one client may do here. Answers beyond it have the type rateLimited, and say in \
         Retry-After when to come back.\n\n\
         Of one account:\n\
         \x20 {} open orders at a time\n\
         \x20 {} identifiers in one order\n\
         \x20 {} failed validations in an hour\n\
         \x20 {} validations that run or wait\n\n\
         Of one address (one of IPv4, a /64 of IPv6):\n\
         \x20 {} new accounts in an hour\n\
         \x20 {} new orders in a minute\n\
         \x20 {} refusals in a minute: wrong answers, and requests that cannot be done\n\
         \x20 {} requests at a time\n\
         \x20 {} validations that run or wait\n\n\
         Of one request:\n\
         \x20 {} bytes\n\n\
         Of all clients together:\n\
         \x20 {} validations at a time, and {} that wait\n",
        limits.open_orders,
        limits.identifiers,
        limits.failed_validations,
        limits.validations_per_account,
        limits.accounts,
        limits.orders,
        limits.failures,
        limits.bodies_per_address,
        limits.validations_per_address,
        acme_wire::jws::MAX_LEN,
        limits.validations,
        limits.validations_waiting,
    )
}
