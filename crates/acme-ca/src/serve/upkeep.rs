//! What the server does by itself: finishing what a crash left, ending what is past its time,
//! renewing its own certificate, making revocation lists before they are asked for.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::MissedTickBehavior;

use super::ServeError;
use super::tls::Current;
use crate::config::ProvenBy;
use crate::finalization;
use crate::orders::OrderStatus;
use crate::revocation::lists::ListName;
use crate::store::orders::{Ending, Handle, Order};
use crate::store::{CertificateRow, Orders};
use crate::web::Web;

/// How long an order that ended is remembered, in seconds.
const REMEMBER: i64 = 24 * 60 * 60;
/// How long an account without any certificate is remembered, in seconds.
const REMEMBER_ACCOUNT: i64 = 7 * 24 * 60 * 60;
/// How often such accounts are looked for, in seconds.
const LOOK_FOR_ACCOUNTS: i64 = 24 * 60 * 60;
/// Orders of one sweep's transaction.
const SWEEP: u32 = 500;

/// Finishes what a crash left: the serials of `abandoned` intents are revoked already, their
/// orders go on with new ones. Those that want the DNS wait until the server runs.
pub(super) async fn recover(web: &Web, abandoned: &[CertificateRow]) -> Result<(), ServeError> {
    for certificate in abandoned {
        tracing::warn!(
            id = certificate.id,
            serial = certificate.serial,
            order = certificate.order_id,
            "revoked a certificate that a crash may have let out"
        );
    }
    finish(web, Wants::Nobody).await
}

/// Which orders are finished: the DNS takes its time, and nothing else waits for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wants {
    /// Those that the CA can judge by itself.
    Nobody,
    /// Those whose names the DNS is asked about (CAA).
    Dns,
}

impl Wants {
    fn of(web: &Web, order: &Order) -> Self {
        let profile = web.ca.config().profile(&order.profile);
        match profile.map(|profile| &profile.proven_by) {
            Some(ProvenBy::Names(rules)) if !rules.caa.is_empty() => Self::Dns,
            _ => Self::Nobody,
        }
    }
}

/// Goes on with orders in processing that nobody works on: a crash left them, or a store that
/// failed. One whose time is over gets no certificate any more.
async fn finish(web: &Web, wants: Wants) -> Result<(), ServeError> {
    let store = web.ca.store();
    for found in store.processing().await? {
        if Wants::of(web, &found) != wants {
            continue;
        }
        let id = found.id;
        let Some(_in_hand) = web.under_way.claim(&id).await else {
            continue;
        };
        // Only now is it ours: it may have ended since it was found.
        let order = store.order(&found.account, Handle::Order(&id)).await?;
        let Some(order) = order.filter(|order| order.status == OrderStatus::Processing) else {
            continue;
        };
        let now = web.now();
        if let Some(certificate) = store.certificate_of_order(&order).await? {
            let ending = Ending::Issued { certificate };
            store.end(&id, OrderStatus::Processing, ending).await?;
            tracing::info!(order = id, "an order has its certificate after all");
            continue;
        }
        let went_on = if order.expires <= now {
            finalization::expire(&web.ca, &order, now).await
        } else {
            finalization::resume(&web.ca, order, &*web.clock)
                .await
                .map(|_| ())
        };
        match went_on {
            Ok(()) => tracing::info!(order = id, "an order that was left in processing ended"),
            Err(error) => tracing::error!(order = id, %error, "an order could not go on"),
        }
    }
    Ok(())
}

/// Runs until it is dropped.
pub(super) async fn run(web: Arc<Web>, current: Arc<Current>, every: Duration) {
    let ask = async {
        if !web.ca.config().caa_identities().is_empty() {
            ask(&web, every).await;
        }
    };
    tokio::join!(ask, keep(&web, &current, every));
}

/// Finishes what the DNS is asked about.
async fn ask(web: &Web, every: Duration) {
    let mut tick = tokio::time::interval(every);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        if let Err(error) = finish(web, Wants::Dns).await {
            tracing::error!(%error, "orders in processing could not be looked at");
        }
    }
}

async fn keep(web: &Web, current: &Current, every: Duration) {
    let mut tick = tokio::time::interval(every);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut looked_for_accounts = i64::MIN;
    loop {
        tick.tick().await;
        if let Err(error) = finish(web, Wants::Nobody).await {
            tracing::error!(%error, "orders in processing could not be looked at");
        }
        if let Err(error) = sweep(web).await {
            tracing::error!(%error, "expired orders could not be swept");
        }
        let now = web.now();
        if now.saturating_sub(looked_for_accounts) >= LOOK_FOR_ACCOUNTS {
            looked_for_accounts = now;
            match web.ca.store().forget_accounts(now - REMEMBER_ACCOUNT).await {
                Ok(forgotten) => tracing::debug!(forgotten, "forgot accounts"),
                Err(error) => tracing::error!(%error, "accounts could not be forgotten"),
            }
        }
        for name in ListName::ALL {
            if let Err(error) = web.ca.lists().current(name, web.now()).await {
                tracing::error!(list = name.as_str(), %error, "a revocation list could not be made");
            }
        }
        match current.renew_if_due(&web.ca, web.now()).await {
            Ok(true) => tracing::info!("the server certificate was renewed"),
            Ok(false) => {}
            // The old one still has a third of its life; the next tick tries again.
            Err(error) => tracing::error!(%error, "the server certificate could not be renewed"),
        }
    }
}

async fn sweep(web: &Web) -> Result<(), ServeError> {
    loop {
        let now = web.now();
        let swept = web.ca.store().sweep(now, now - REMEMBER, SWEEP).await?;
        if swept.expired > 0 || swept.forgotten > 0 {
            tracing::debug!(
                expired = swept.expired,
                forgotten = swept.forgotten,
                "swept orders"
            );
        }
        if !swept.more {
            return Ok(());
        }
    }
}
