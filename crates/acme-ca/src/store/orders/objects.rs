//! What is stored of the protocol, and what may come of a change.

use crate::audit::Decision;
use crate::orders::{
    AccountStatus, AuthorizationEvent, AuthorizationStatus, ChallengeStatus, OrderEvent,
    OrderStatus, Outcome, Status,
};

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
