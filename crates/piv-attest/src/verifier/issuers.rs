//! Devices' certificates whose issuers were verified, so that each is verified once.

use super::trust::{Anchor, Validity};
use crate::attestation::Device;
use alloc::{sync::Arc, vec::Vec};

/// A device's certificate, signed by a trusted authority. Times are not judged yet: they are at
/// every verification.
#[derive(Debug)]
pub(super) struct Issuer {
    pub(super) subject: Vec<u8>,
    pub(super) validity: Validity,
    pub(super) anchor: Arc<Anchor>,
    pub(super) device: Arc<Device>,
}

#[cfg(not(feature = "std"))]
pub(super) use none::Issuers;
#[cfg(all(test, feature = "std"))]
pub(super) use shared::CAPACITY;
#[cfg(feature = "std")]
pub(super) use shared::Issuers;

#[cfg(feature = "std")]
mod shared {
    use super::Issuer;
    use alloc::{boxed::Box, sync::Arc};
    use std::{
        collections::HashMap,
        sync::{PoisonError, RwLock},
    };

    /// Only certificates that a trusted authority signed get in, at most this many, each of at
    /// most 4,096 bytes: with what is kept of them, less than 4 MB.
    pub(in crate::verifier) const CAPACITY: usize = 512;

    /// Remembers issuers by their exact bytes.
    #[derive(Debug, Default)]
    pub(in crate::verifier) struct Issuers(RwLock<HashMap<Box<[u8]>, Arc<Issuer>>>);

    impl Issuers {
        pub(in crate::verifier) fn get(&self, der: &[u8]) -> Option<Arc<Issuer>> {
            self.0
                .read()
                .unwrap_or_else(PoisonError::into_inner)
                .get(der)
                .cloned()
        }

        pub(in crate::verifier) fn remember(&self, der: &[u8], issuer: &Arc<Issuer>) {
            let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
            if known.len() >= CAPACITY {
                // Any one makes room: all cost the same to verify again.
                let victim = known.keys().next().cloned();
                victim.and_then(|key| known.remove(&key));
            }
            known.insert(der.into(), Arc::clone(issuer));
        }

        #[cfg(test)]
        pub(in crate::verifier) fn len(&self) -> usize {
            self.0.read().unwrap_or_else(PoisonError::into_inner).len()
        }
    }
}

#[cfg(not(feature = "std"))]
mod none {
    use super::Issuer;
    use alloc::sync::Arc;

    /// Without std there is nothing to share between threads with, so nothing is remembered.
    #[derive(Debug, Default)]
    pub(in crate::verifier) struct Issuers(());

    impl Issuers {
        #[allow(clippy::unused_self, reason = "the same calls as with std")]
        pub(in crate::verifier) const fn get(&self, _der: &[u8]) -> Option<Arc<Issuer>> {
            None
        }

        #[allow(clippy::unused_self, reason = "the same calls as with std")]
        pub(in crate::verifier) const fn remember(&self, _der: &[u8], _issuer: &Arc<Issuer>) {}
    }
}
