//! Keys of accounts, parsed: one account asks many times, and its point need not be shown to lie on
//! its curve each time. The text in the store is what is looked up, so nothing here can be stale.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use acme_wire::Jwk;

use super::problem::Error;
use crate::store::orders::Account;

/// So many are kept; then all are forgotten.
const MOST: usize = 1024;

/// Parsed keys, by their JSON.
#[derive(Debug, Default)]
pub(crate) struct AccountKeys(Mutex<HashMap<String, Jwk>>);

impl AccountKeys {
    /// The key of an account.
    ///
    /// # Errors
    /// [`Error::Internal`], when what is stored is no key.
    pub(super) fn of(&self, account: &Account) -> Result<Jwk, Error> {
        let mut keys = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(key) = keys.get(&account.jwk) {
            return Ok(key.clone());
        }
        let key: Jwk = serde_json::from_str(&account.jwk).map_err(|_| Error::Internal {
            what: format!("the key of account {} cannot be read", account.id),
        })?;
        if keys.len() >= MOST {
            keys.clear();
        }
        keys.insert(account.jwk.clone(), key.clone());
        Ok(key)
    }
}
