//! ACME over HTTP (RFC 8555): one file for each family of resources, one place where errors
//! become problem documents (`problem`), and nothing decided here that could be decided without
//! HTTP.

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};

use crate::ca::Ca;
use crate::kubernetes::Clusters;
use crate::nonce::Nonces;
use crate::serve::places::Places;
use crate::serve::{Peer, ServeError};
use crate::validators::Validators;
use account_keys::AccountKeys;
use under_way::UnderWay;
use validating::Validations;

mod account;
mod account_keys;
mod answer;
mod authorization;
mod certificate;
mod challenge;
mod directory;
mod finalize;
mod help;
mod key_change;
mod limits;
mod lists;
mod nonce;
mod order;
pub(crate) mod paths;
mod post;
pub(crate) mod problem;
mod renewal;
mod revoke;
mod under_way;
pub(crate) mod validating;

pub use limits::Limits;
pub(crate) use limits::{network, site};

/// What tells the time: seconds since 1970.
pub type Clock = Arc<Tells>;
/// Tells the time: seconds since 1970.
pub type Tells = dyn Fn() -> i64 + Send + Sync;

/// The system's clock.
#[must_use]
pub fn system_clock() -> Clock {
    Arc::new(|| {
        std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .ok()
            .and_then(|since| i64::try_from(since.as_secs()).ok())
            .unwrap_or(0)
    })
}

/// Everything that a request needs.
pub struct Web {
    pub(crate) ca: Arc<Ca>,
    pub(crate) nonces: Nonces,
    pub(crate) limits: Limits,
    pub(crate) accounts: limits::Meter,
    pub(crate) orders: limits::Meter,
    failures: limits::Meter,
    failed_validations: limits::Meter,
    /// None where no profile is for names.
    pub(crate) validators: Option<Validators>,
    pub(crate) clusters: Clusters,
    pub(crate) validations: Validations,
    account_keys: AccountKeys,
    pub(crate) bodies: Places,
    pub(crate) under_way: UnderWay,
    pub(crate) clock: Clock,
}

impl Web {
    /// The web side of a CA.
    ///
    /// # Errors
    /// The system's random number generator failed, or validations cannot be set up.
    pub fn new(ca: Arc<Ca>, limits: Limits, clock: Clock) -> Result<Self, ServeError> {
        let config = ca.config();
        let lifetime = u64::try_from(config.lifetimes.nonce.0).unwrap_or(0);
        // A site without servers need not have a resolver.
        let validators = config
            .validates_names()
            .then(|| Validators::new(&config.validation))
            .transpose()?;
        let clusters = Clusters::new(&config.url, &config.kubernetes)?;
        Ok(Self {
            ca,
            nonces: Nonces::new(lifetime)?,
            limits,
            accounts: limits::Meter::new(3600),
            orders: limits::Meter::new(60),
            failures: limits::Meter::new(60),
            failed_validations: limits::Meter::new(3600),
            validators,
            clusters,
            validations: Validations::new(&limits),
            account_keys: AccountKeys::default(),
            bodies: Places::new(limits.bodies_per_address, limits.bodies),
            under_way: UnderWay::default(),
            clock,
        })
    }

    /// Seconds since 1970.
    pub(crate) fn now(&self) -> i64 {
        (self.clock)()
    }

    /// Refuses an address that was refused too often already. Each refusal is written down, and
    /// nobody may fill the disk.
    pub(crate) fn may_fail(&self, peer: Option<Peer>, now: i64) -> Result<(), problem::Error> {
        let Some(peer) = peer else { return Ok(()) };
        self.failures
            .check(peer.0.ip(), self.limits.failures, now)
            .map_err(|retry_after| problem::Error::TooMany {
                what: "too many refusals for this address",
                retry_after,
            })
    }

    /// Counts a new order or authorization.
    pub(crate) fn count_order(&self, peer: Option<Peer>, now: i64) -> Result<(), problem::Error> {
        let Some(peer) = peer else { return Ok(()) };
        self.orders
            .count(peer.0.ip(), self.limits.orders, now)
            .map_err(|retry_after| problem::Error::TooMany {
                what: "too many new orders from this address",
                retry_after,
            })
    }

    /// Refuses an account whose validations failed too often already.
    pub(crate) fn may_fail_validation(
        &self,
        account: &str,
        now: i64,
    ) -> Result<(), problem::Error> {
        let account = limits::Counted::Account(account);
        self.failed_validations
            .check(account, self.limits.failed_validations, now)
            .map_err(|retry_after| problem::Error::TooMany {
                what: "too many validations of this account failed",
                retry_after,
            })
    }

    /// Counts a validation that failed.
    pub(crate) fn failed_validation(&self, account: &str, now: i64) {
        let account = limits::Counted::Account(account);
        let most = self.limits.failed_validations;
        let _ = self.failed_validations.count(account, most, now);
    }

    /// Whether a valid authorization serves later orders.
    pub(crate) fn reuses_authorizations(&self) -> bool {
        self.ca.config().lifetimes.authorization.0 > 0
    }

    /// Whether newAuthz makes authorizations: some profile must be for names, and orders must
    /// take them over.
    pub(crate) fn offers_authorizations(&self) -> bool {
        self.reuses_authorizations() && self.ca.config().validates_names()
    }

    /// Counts a refusal.
    pub(crate) fn failed(&self, peer: Option<Peer>, now: i64) {
        if let Some(peer) = peer {
            let _ = self.failures.count(peer.0.ip(), self.limits.failures, now);
        }
    }
}

impl std::fmt::Debug for Web {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Web")
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

/// All resources.
pub fn router(web: Arc<Web>) -> Router {
    let nothing = || async { problem::Error::NotFound };
    let method = |method: http::Method| async { problem::Error::Method { method } };
    let id = |path: &str| format!("{path}{{id}}");
    Router::new()
        .route(paths::DIRECTORY, get(directory::get))
        .route(paths::ROOT, get(directory::root))
        .route(paths::LIMITS, get(help::limits))
        .route(&format!("{}{{file}}", paths::CRL), get(lists::crl))
        .route(paths::KRL, get(lists::krl))
        .route(paths::NEW_NONCE, get(nonce::new))
        .route(paths::NEW_ACCOUNT, post(account::new))
        .route(paths::NEW_ORDER, post(order::new))
        .route(paths::NEW_AUTHORIZATION, post(authorization::new))
        .route(&id(paths::ACCOUNT), post(account::post))
        .route(
            &format!("{}/orders", id(paths::ACCOUNT)),
            post(account::orders),
        )
        .route(&id(paths::ORDER), post(order::get))
        .route(
            &format!("{}/finalize", id(paths::ORDER)),
            post(finalize::post),
        )
        .route(&id(paths::AUTHORIZATION), post(authorization::post))
        .route(&id(paths::CHALLENGE), post(challenge::post))
        .route(&id(paths::CERTIFICATE), post(certificate::get))
        .route(
            &format!("{}/alternate", id(paths::CERTIFICATE)),
            post(certificate::alternate),
        )
        .route(paths::REVOKE_CERTIFICATE, post(revoke::post))
        .route(paths::KEY_CHANGE, post(key_change::post))
        .route(&format!("{}/{{id}}", paths::RENEWAL), get(renewal::get))
        .fallback(nothing)
        .method_not_allowed_fallback(method)
        .layer(axum::middleware::from_fn_with_state(
            Arc::clone(&web),
            answer::around,
        ))
        .with_state(web)
}

/// What is served over plain HTTP: CRLs.
pub(crate) fn plain_router(web: Arc<Web>) -> Router {
    Router::new()
        .route(&format!("{}{{file}}", paths::CRL), get(lists::crl))
        .fallback(|| async { problem::Error::NotFound })
        .method_not_allowed_fallback(|method| async { problem::Error::Method { method } })
        .layer(axum::middleware::from_fn(answer::around_plain))
        .with_state(web)
}

/// Bytes from the system's random number generator.
pub(crate) fn random<const N: usize>() -> Result<[u8; N], problem::Error> {
    let mut bytes = [0; N];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| problem::Error::Internal {
        what: "the system's random number generator failed".into(),
    })?;
    Ok(bytes)
}

/// The id of a new resource: 128 random bits, base64url.
pub(crate) fn random_id() -> Result<String, problem::Error> {
    Ok(acme_wire::base64url::encode(&random::<16>()?))
}

/// The id of something that is worked on for a while and then forgotten: the time, so that what is
/// worked on at one time lies together in the database, and 96 random bits; hex.
pub(crate) fn timed_id(now: i64) -> Result<String, problem::Error> {
    let seconds = u64::try_from(now).unwrap_or(0);
    Ok(format!("{seconds:010x}{}", hex::encode(random::<12>()?)))
}
