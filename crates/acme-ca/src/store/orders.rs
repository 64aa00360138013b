//! Accounts, orders, authorizations and challenges in the store.
//!
//! An order is read as a tree with its authorizations and their challenges, whichever of their
//! ids a URL named. Statuses change by compare-and-set inside one transaction, and only to what
//! the state machine in [`crate::orders`] says.

use async_trait::async_trait;

use super::{SqliteStore, StoreError};
use crate::audit::Decision;
use crate::orders::{
    AccountStatus, AuthorizationEvent, AuthorizationStatus, ChallengeStatus, OrderEvent,
    OrderStatus, Outcome, Status,
};

mod account;
mod authorization;
mod challenge;
mod change;
mod part;
mod replaced;
mod sweep;
mod tree;

pub(super) use account::{by_id as account_by_id, by_key as account_by_key};
pub(super) use change::{begin, certificate_issued, is_processed};
pub(crate) use part::Part;
pub use sweep::Swept;

/// An ACME account (RFC 8555 §7.1.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// As in its URL.
    pub id: String,
    /// RFC 7638, SHA-256, of its key.
    pub thumbprint: [u8; 32],
    /// Its key, JSON.
    pub jwk: String,
    /// Its status.
    pub status: AccountStatus,
    /// URLs.
    pub contact: Vec<String>,
    /// Whether the client agreed to the terms of service.
    pub terms: bool,
    /// Where the terms are that it agreed to.
    pub agreed: Option<String>,
    /// The person that it is bound to (RFC 8555 §7.3.4).
    pub user: Option<String>,
    /// The external account key that bound it.
    pub external: Option<String>,
    /// Whether that person is disabled.
    pub disabled: bool,
    /// Seconds since 1970.
    pub created: i64,
}

/// An order (RFC 8555 §7.1.3) with all that hangs on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// As in its URL.
    pub id: String,
    /// The account that made it.
    pub account: String,
    /// The profile asked for.
    pub profile: String,
    /// Its status in the store; [`Order::status_at`] tells what it is by now.
    pub status: OrderStatus,
    /// Seconds since 1970.
    pub created: i64,
    /// When it ends unless it was finalized, in seconds since 1970.
    pub expires: i64,
    /// The end of validity that the client asked for.
    pub not_after: Option<i64>,
    /// What finalize brought; an empty one means that there was none.
    pub csr: Option<Vec<u8>>,
    /// A problem document, JSON.
    pub problem: Option<String>,
    /// The id of its certificate.
    pub certificate: Option<String>,
    /// The certificate that it replaces, as the client named it (RFC 9773 §5).
    pub replaces: Option<String>,
    /// Its authorizations; never none.
    pub authorizations: Vec<Authorization>,
}

/// An authorization (RFC 8555 §7.1.4). It is made with an order or alone, and while it is valid
/// later orders may take it over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authorization {
    /// As in its URL.
    pub id: String,
    /// The type of its identifier.
    pub kind: String,
    /// The value of its identifier, of a wildcard without its `*.`.
    pub value: String,
    /// Whether it is for the wildcard of its value.
    pub wildcard: bool,
    /// Its status in the store; [`Authorization::status_at`] tells what it is by now.
    pub status: AuthorizationStatus,
    /// When it ends, in seconds since 1970: while it is pending, with its challenges.
    pub expires: i64,
    /// Its challenges.
    pub challenges: Vec<Challenge>,
}

/// A challenge (RFC 8555 §7.1.5).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Challenge {
    /// As in its URL.
    pub id: String,
    /// Its type.
    pub kind: String,
    /// Its token.
    pub token: String,
    /// Its status.
    pub status: ChallengeStatus,
    /// When it was decided, in seconds since 1970.
    pub decided: Option<i64>,
    /// Why it is invalid: a problem document, JSON.
    pub problem: Option<String>,
}

/// Which order is meant: by its own id, or by that of one of its parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Handle<'a> {
    /// The order itself.
    Order(&'a str),
    /// The order of this authorization.
    Authorization(&'a str),
    /// The order of this challenge.
    Challenge(&'a str),
}

/// How an answer to a challenge was judged, ready to be written.
#[derive(Debug, Clone)]
pub struct Verdict {
    /// Right or wrong.
    pub outcome: Outcome,
    /// A problem document, JSON, for a wrong one.
    pub problem: Option<String>,
    /// What proved it, for a right one.
    pub evidence: Option<Vec<u8>>,
    /// For how many seconds further orders may take over what becomes valid; 0 if none may.
    pub reusable: i64,
    /// How long an order that takes it over can last, in seconds.
    pub order_lifetime: i64,
    /// What the audit writes down if this verdict counts.
    pub decision: Decision,
}

/// What came of a compare-and-set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Swap<T = Order> {
    /// This call changed it; as it is now.
    Done(T),
    /// It was changed before, or its time is over; as it was found.
    Late(T),
}

/// What became of a new order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Created {
    /// It is there, with the authorizations that it has.
    Stored(Box<Order>),
    /// The account has as many open orders as it may have.
    TooMany {
        /// When the first of them ends, in seconds since 1970.
        until: i64,
    },
    /// Another order replaces its predecessor.
    AlreadyReplaced {
        /// That order's id.
        by: String,
    },
}

/// What became of an authorization without an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PreAuthorized {
    /// It is there, or was before.
    Stored(Authorization),
    /// The account has as many that wait as it may have.
    TooMany {
        /// When the first of them ends, in seconds since 1970.
        until: i64,
    },
}

/// How an order ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// With a certificate.
    Issued {
        /// Its id.
        certificate: String,
    },
    /// Without.
    Refused {
        /// A problem document, JSON.
        problem: String,
        /// What the audit writes down if this ends the order.
        decision: Decision,
    },
}

impl Order {
    /// The status by now: an order that waits past its end, or for an authorization that
    /// expired, is invalid, also before the sweep has written it down.
    #[must_use]
    pub fn status_at(&self, now: i64) -> OrderStatus {
        let lost = self
            .authorizations
            .iter()
            .any(|a| a.status_at(now) == AuthorizationStatus::Expired);
        if self.expires > now && !lost {
            return self.status;
        }
        self.status.after(OrderEvent::Expire).unwrap_or(self.status)
    }

    /// One of its challenges, with its authorization.
    #[must_use]
    pub fn challenge(&self, id: &str) -> Option<(&Authorization, &Challenge)> {
        self.authorizations.iter().find_map(|a| {
            let challenge = a.challenges.iter().find(|c| c.id == id)?;
            Some((a, challenge))
        })
    }
}

impl Authorization {
    /// One of its challenges.
    #[must_use]
    pub fn challenge(&self, id: &str) -> Option<&Challenge> {
        self.challenges.iter().find(|challenge| challenge.id == id)
    }

    /// The status by now.
    #[must_use]
    pub fn status_at(&self, now: i64) -> AuthorizationStatus {
        if self.expires > now {
            return self.status;
        }
        self.status
            .after(AuthorizationEvent::Expire)
            .unwrap_or(self.status)
    }
}

/// What the CA remembers of the protocol.
#[async_trait]
pub trait Orders: Send + Sync {
    /// Stores an account with the decision, unless its key has one already: then that one is
    /// returned, with `false`.
    async fn add_account(
        &self,
        account: Account,
        decision: Decision,
    ) -> Result<(Account, bool), StoreError>;
    /// One account.
    async fn account(&self, id: &str) -> Result<Option<Account>, StoreError>;
    /// The account of a key.
    async fn account_by_key(&self, thumbprint: &[u8; 32]) -> Result<Option<Account>, StoreError>;
    /// Replaces the contacts.
    async fn set_contact(&self, id: &str, contact: Vec<String>) -> Result<Account, StoreError>;
    /// Deactivates an account; its pending and ready orders become invalid.
    async fn deactivate_account(&self, id: &str, decision: Decision)
    -> Result<Account, StoreError>;

    /// Stores a new order, unless its account has `limit` open ones at its time of creation. With
    /// `reuse` it takes over valid authorizations of the account where it would need new ones.
    /// It replaces the certificate `predecessor`, by id, unless another order does that is not
    /// invalid (RFC 9773 §5).
    async fn add_order(
        &self,
        order: Order,
        predecessor: Option<String>,
        limit: u32,
        reuse: bool,
    ) -> Result<Created, StoreError>;
    /// Stores an authorization without an order (RFC 8555 §7.4.1), unless the account has a valid
    /// one for the same, or `limit` that wait.
    async fn add_authorization(
        &self,
        account: &str,
        authorization: Authorization,
        now: i64,
        limit: u32,
    ) -> Result<PreAuthorized, StoreError>;
    /// One authorization of one account, by its own id or that of one of its challenges.
    async fn authorization(
        &self,
        account: &str,
        id: &str,
    ) -> Result<Option<Authorization>, StoreError>;
    /// One order of one account. Another account's is not there.
    async fn order(&self, account: &str, handle: Handle<'_>) -> Result<Option<Order>, StoreError>;
    /// The ids of an account's orders that are not invalid, after `after`, at most `limit`.
    async fn order_ids(
        &self,
        account: &str,
        after: &str,
        limit: u32,
    ) -> Result<Vec<String>, StoreError>;
    /// Deactivates an authorization, and with it every order that waits with it.
    async fn deactivate_authorization(
        &self,
        id: &str,
        at: i64,
        decision: Decision,
    ) -> Result<Swap<Authorization>, StoreError>;
    /// Takes a pending challenge into processing, once.
    async fn respond(&self, challenge: &str, at: i64) -> Result<Swap<Authorization>, StoreError>;
    /// Notes why a challenge in processing is tried again: a problem document, JSON.
    async fn note(&self, challenge: &str, problem: String) -> Result<(), StoreError>;
    /// Authorizations with a challenge in processing, and their accounts.
    async fn validating(&self) -> Result<Vec<(String, Authorization)>, StoreError>;
    /// Decides a challenge, once.
    async fn decide(
        &self,
        challenge: &str,
        verdict: Verdict,
        at: i64,
    ) -> Result<Swap<Authorization>, StoreError>;
    /// What proved a challenge.
    async fn evidence(&self, challenge: &str) -> Result<Option<Vec<u8>>, StoreError>;
    /// Takes a ready order into processing, once, with the CSR that came (or an empty one).
    async fn begin(&self, order: &str, csr: Vec<u8>, at: i64) -> Result<Swap, StoreError>;
    /// Ends an order that is still in the status `from`; any other stays as it is, so that
    /// nobody ends an order that somebody else works on. One that ends without a certificate
    /// takes its open intents with it.
    async fn end(&self, order: &str, from: OrderStatus, ending: Ending)
    -> Result<Swap, StoreError>;
    /// Orders left in processing, as a crash leaves them.
    async fn processing(&self) -> Result<Vec<Order>, StoreError>;
    /// The certificate that an order made at `created` has, if it was issued.
    async fn certificate_of_order(
        &self,
        order: &str,
        created: i64,
    ) -> Result<Option<String>, StoreError>;
    /// Ends what is past its time, and forgets orders that ended before `forget_before`. Works
    /// on at most `limit` orders, so that one sweep never holds up the others for long.
    async fn sweep(&self, now: i64, forget_before: i64, limit: u32) -> Result<Swept, StoreError>;
    /// Forgets accounts made before `before` that have no order and never had a certificate, and
    /// tells how many. It reads every certificate's row: for once a day.
    async fn forget_accounts(&self, before: i64) -> Result<usize, StoreError>;
}

#[async_trait]
impl Orders for SqliteStore {
    async fn add_account(
        &self,
        new: Account,
        decision: Decision,
    ) -> Result<(Account, bool), StoreError> {
        self.write(move |c| account::add(c, new, &decision)).await
    }

    async fn account(&self, id: &str) -> Result<Option<Account>, StoreError> {
        self.read(|c| account::by_id(c, id))
    }

    async fn account_by_key(&self, thumbprint: &[u8; 32]) -> Result<Option<Account>, StoreError> {
        self.read(|c| account::by_key(c, thumbprint))
    }

    async fn set_contact(&self, id: &str, contact: Vec<String>) -> Result<Account, StoreError> {
        let id = id.to_owned();
        self.write(move |c| account::set_contact(c, &id, &contact))
            .await
    }

    async fn deactivate_account(
        &self,
        id: &str,
        decision: Decision,
    ) -> Result<Account, StoreError> {
        let id = id.to_owned();
        self.write(move |c| account::deactivate(c, &id, &decision))
            .await
    }

    async fn add_order(
        &self,
        order: Order,
        predecessor: Option<String>,
        limit: u32,
        reuse: bool,
    ) -> Result<Created, StoreError> {
        self.write(move |c| tree::add(c, order, predecessor.as_deref(), limit, reuse))
            .await
    }

    async fn add_authorization(
        &self,
        account: &str,
        authorization: Authorization,
        now: i64,
        limit: u32,
    ) -> Result<PreAuthorized, StoreError> {
        let account = account.to_owned();
        self.write(move |c| authorization::add(c, &account, &authorization, now, limit))
            .await
    }

    async fn authorization(
        &self,
        account: &str,
        id: &str,
    ) -> Result<Option<Authorization>, StoreError> {
        let Some(part) = Part::parse(id) else {
            return Ok(None);
        };
        let found = self.read(|c| authorization::find(c, part))?;
        Ok(found
            .filter(|(owner, _)| owner == account)
            .map(|(_, authorization)| authorization))
    }

    async fn order(&self, account: &str, handle: Handle<'_>) -> Result<Option<Order>, StoreError> {
        let found = self.read(|c| tree::find(c, handle))?;
        Ok(found.filter(|order| order.account == account))
    }

    async fn order_ids(
        &self,
        account: &str,
        after: &str,
        limit: u32,
    ) -> Result<Vec<String>, StoreError> {
        self.read(|c| tree::ids(c, account, after, limit))
    }

    async fn deactivate_authorization(
        &self,
        id: &str,
        at: i64,
        decision: Decision,
    ) -> Result<Swap<Authorization>, StoreError> {
        let id = id.to_owned();
        self.write(move |c| challenge::deactivate(c, &id, at, &decision))
            .await
    }

    async fn respond(&self, challenge: &str, at: i64) -> Result<Swap<Authorization>, StoreError> {
        let id = challenge.to_owned();
        self.write(move |c| challenge::respond(c, &id, at)).await
    }

    async fn note(&self, challenge: &str, problem: String) -> Result<(), StoreError> {
        let id = challenge.to_owned();
        self.write(move |c| challenge::note(c, &id, &problem)).await
    }

    async fn validating(&self) -> Result<Vec<(String, Authorization)>, StoreError> {
        self.read(authorization::validating)
    }

    async fn decide(
        &self,
        challenge: &str,
        verdict: Verdict,
        at: i64,
    ) -> Result<Swap<Authorization>, StoreError> {
        let id = challenge.to_owned();
        self.write(move |c| challenge::decide(c, &id, verdict, at))
            .await
    }

    async fn evidence(&self, challenge: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.read(|c| tree::evidence(c, challenge))
    }

    async fn begin(&self, order: &str, csr: Vec<u8>, at: i64) -> Result<Swap, StoreError> {
        let id = order.to_owned();
        self.write(move |c| begin(c, &id, &csr, at)).await
    }

    async fn end(
        &self,
        order: &str,
        from: OrderStatus,
        ending: Ending,
    ) -> Result<Swap, StoreError> {
        let id = order.to_owned();
        self.write(move |c| change::end(c, &id, from, &ending))
            .await
    }

    async fn processing(&self) -> Result<Vec<Order>, StoreError> {
        self.read(tree::processing)
    }

    async fn certificate_of_order(
        &self,
        order: &str,
        created: i64,
    ) -> Result<Option<String>, StoreError> {
        self.read(|c| tree::certificate(c, order, created))
    }

    async fn sweep(&self, now: i64, forget_before: i64, limit: u32) -> Result<Swept, StoreError> {
        self.write(move |c| sweep::sweep(c, now, forget_before, limit))
            .await
    }

    async fn forget_accounts(&self, before: i64) -> Result<usize, StoreError> {
        self.write(move |c| sweep::forget_accounts(c, before)).await
    }
}
