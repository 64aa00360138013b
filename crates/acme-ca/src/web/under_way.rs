//! Work that goes on when the request that began it is gone, and whose order (or authorization) it
//! is.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedRwLockReadGuard, RwLock};

/// The orders that somebody works on in this process.
#[derive(Debug, Clone, Default)]
pub(crate) struct UnderWay {
    any: Arc<RwLock<()>>,
    orders: Arc<Mutex<HashMap<String, usize>>>,
}

/// One order is worked on until this is dropped.
#[derive(Debug)]
pub(crate) struct InHand {
    orders: Arc<Mutex<HashMap<String, usize>>>,
    order: String,
    _any: OwnedRwLockReadGuard<()>,
}

impl UnderWay {
    /// Somebody works on an order; others may do so too.
    pub(crate) async fn enter(&self, order: &str) -> InHand {
        let any = Arc::clone(&self.any).read_owned().await;
        let mut orders = self.orders.lock().unwrap_or_else(PoisonError::into_inner);
        *orders.entry(order.to_owned()).or_default() += 1;
        self.in_hand(order, any)
    }

    /// Takes an order that nobody works on.
    pub(crate) async fn claim(&self, order: &str) -> Option<InHand> {
        let any = Arc::clone(&self.any).read_owned().await;
        let mut orders = self.orders.lock().unwrap_or_else(PoisonError::into_inner);
        if orders.contains_key(order) {
            return None;
        }
        orders.insert(order.to_owned(), 1);
        Some(self.in_hand(order, any))
    }

    fn in_hand(&self, order: &str, any: OwnedRwLockReadGuard<()>) -> InHand {
        InHand {
            orders: Arc::clone(&self.orders),
            order: order.to_owned(),
            _any: any,
        }
    }

    /// Waits until nothing is under way.
    pub(crate) async fn wait(&self) {
        drop(self.any.write().await);
    }
}

impl Drop for InHand {
    fn drop(&mut self) {
        let mut orders = self.orders.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = orders.get_mut(&self.order) {
            *count -= 1;
            if *count == 0 {
                orders.remove(&self.order);
            }
        }
    }
}
