//! Work that goes on when the request that began it is gone, and whose order (or authorization) it
//! is.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedRwLockReadGuard, RwLock};

/// The orders that somebody works on in this process.
#[derive(Debug, Clone, Default)]
pub(crate) struct UnderWay {
    any: Arc<RwLock<()>>,
    orders: Arc<Mutex<HashSet<String>>>,
}

/// One order is worked on, by one alone, until this is dropped.
#[derive(Debug)]
pub(crate) struct InHand {
    orders: Arc<Mutex<HashSet<String>>>,
    order: String,
    _any: OwnedRwLockReadGuard<()>,
}

impl UnderWay {
    /// Takes an order that nobody works on.
    pub(crate) async fn claim(&self, order: &str) -> Option<InHand> {
        let any = Arc::clone(&self.any).read_owned().await;
        let mut orders = self.orders.lock().unwrap_or_else(PoisonError::into_inner);
        orders.insert(order.to_owned()).then(|| InHand {
            orders: Arc::clone(&self.orders),
            order: order.to_owned(),
            _any: any,
        })
    }

    /// Waits until nothing is under way.
    pub(crate) async fn wait(&self) {
        drop(self.any.write().await);
    }
}

impl Drop for InHand {
    fn drop(&mut self) {
        let mut orders = self.orders.lock().unwrap_or_else(PoisonError::into_inner);
        orders.remove(&self.order);
    }
}
