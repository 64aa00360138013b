//! Accounts, orders, authorizations and challenges in the store.
//!
//! An order is read as a tree with its authorizations and their challenges, whichever of their
//! ids a URL named. Statuses change by compare-and-set inside one transaction, and only to what
//! the state machine in [`crate::orders`] says.

use async_trait::async_trait;

use super::StoreError;
use crate::audit::Decision;
use crate::orders::OrderStatus;

mod account;
mod authorization;
mod challenge;
mod change;
mod objects;
mod part;
mod replaced;
mod sqlite;
mod sweep;
mod tree;

pub(super) use account::by_key as account_by_key;
pub(super) use change::{begin, certificate_issued, is_processed};
pub use objects::{
    Account, Authorization, Challenge, Created, Ending, Handle, Order, PreAuthorized, Swap, Verdict,
};
pub(crate) use part::Part;
pub use sweep::Swept;

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
    /// The certificate that was issued for an order, if one was.
    async fn certificate_of_order(&self, order: &Order) -> Result<Option<String>, StoreError>;
    /// Ends what is past its time, and forgets orders that ended before `forget_before`. Works
    /// on at most `limit` orders, so that one sweep never holds up the others for long.
    async fn sweep(&self, now: i64, forget_before: i64, limit: u32) -> Result<Swept, StoreError>;
    /// Forgets accounts made before `before` that have no order and never had a certificate, and
    /// tells how many. It reads every certificate's row: for once a day.
    async fn forget_accounts(&self, before: i64) -> Result<usize, StoreError>;
}
