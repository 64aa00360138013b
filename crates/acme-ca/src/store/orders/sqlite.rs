//! SQLite: each change is one transaction of the writer, each question one read.

use async_trait::async_trait;

use super::{
    Account, Authorization, Created, Ending, Handle, Order, Orders, Part, PreAuthorized, Swap,
    Swept, Verdict, account, authorization, begin, challenge, change, sweep, tree,
};
use crate::audit::Decision;
use crate::orders::OrderStatus;
use crate::store::{SqliteStore, StoreError};

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

    async fn certificate_of_order(&self, order: &Order) -> Result<Option<String>, StoreError> {
        self.read(|c| tree::certificate(c, order))
    }

    async fn sweep(&self, now: i64, forget_before: i64, limit: u32) -> Result<Swept, StoreError> {
        self.write(move |c| sweep::sweep(c, now, forget_before, limit))
            .await
    }

    async fn forget_accounts(&self, before: i64) -> Result<usize, StoreError> {
        self.write(move |c| sweep::forget_accounts(c, before)).await
    }
}
