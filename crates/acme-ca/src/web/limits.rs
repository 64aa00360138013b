//! How much one client may have and do. The memory is fixed: addresses share a table of
//! counters, placed by a keyed hash, so that nobody can choose whom they share one with.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// What one client may have and do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Open orders of one account at a time.
    pub open_orders: u32,
    /// New accounts from one address in an hour.
    pub accounts: u32,
    /// New orders from one address in a minute.
    pub orders: u32,
    /// Refusals for one address in a minute, each of which is written down: wrong answers,
    /// orders that cannot be, authorizations given up.
    pub failures: u32,
    /// Identifiers of one order.
    pub identifiers: usize,
    /// Validations of one account that fail in an hour.
    pub failed_validations: u32,
    /// Validations that run at a time.
    pub validations: usize,
    /// Validations that wait for their turn.
    pub validations_waiting: usize,
    /// Validations of one account that run or wait.
    pub validations_per_account: usize,
    /// Validations asked for from one address that run or wait.
    pub validations_per_address: usize,
    /// Bodies of requests from one address that are being read at a time.
    pub bodies_per_address: usize,
    /// Bodies that are being read at a time, which bounds the memory that strangers can take.
    pub bodies: usize,
    /// How long the body of a request may take.
    pub body: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            open_orders: 100,
            accounts: 200,
            orders: 1_200,
            failures: 120,
            identifiers: 100,
            failed_validations: 120,
            validations: 64,
            validations_waiting: 4096,
            validations_per_account: 256,
            validations_per_address: 512,
            bodies_per_address: 128,
            bodies: 1024,
            body: Duration::from_secs(10),
        }
    }
}

/// Whose events are counted.
#[derive(Debug, Clone, Copy, Hash)]
pub(crate) enum Counted<'a> {
    /// Those of one network.
    Network(IpAddr),
    /// Those of one account.
    Account(&'a str),
}

impl From<IpAddr> for Counted<'_> {
    fn from(address: IpAddr) -> Self {
        Self::Network(network(address))
    }
}

/// Counts events of addresses or accounts in windows of time.
#[derive(Debug)]
pub(crate) struct Meter {
    window: i64,
    hasher: RandomState,
    counters: Mutex<Vec<Counter>>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Counter {
    window: i64,
    count: u32,
}

const COUNTERS: usize = 1 << 14;

impl Meter {
    /// A meter whose windows are so many seconds long.
    pub(crate) fn new(window: i64) -> Self {
        Self {
            window: window.max(1),
            hasher: RandomState::new(),
            counters: Mutex::new(vec![Counter::default(); COUNTERS]),
        }
    }

    /// Counts one event.
    ///
    /// # Errors
    /// There were `limit` already: how many seconds until the window ends.
    pub(crate) fn count<'a>(
        &self,
        whose: impl Into<Counted<'a>>,
        limit: u32,
        now: i64,
    ) -> Result<(), i64> {
        self.with(whose.into(), now, |count| {
            if *count >= limit {
                return false;
            }
            *count += 1;
            true
        })
    }

    /// Whether one more event would be within the limit.
    ///
    /// # Errors
    /// There were `limit` already: how many seconds until the window ends.
    pub(crate) fn check<'a>(
        &self,
        whose: impl Into<Counted<'a>>,
        limit: u32,
        now: i64,
    ) -> Result<(), i64> {
        self.with(whose.into(), now, |count| *count < limit)
    }

    fn with(
        &self,
        whose: Counted<'_>,
        now: i64,
        allow: impl FnOnce(&mut u32) -> bool,
    ) -> Result<(), i64> {
        let window = now.div_euclid(self.window);
        let place = self.hasher.hash_one(whose);
        let place = usize::try_from(place % COUNTERS as u64).unwrap_or(0);
        let mut counters = self.counters.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(counter) = counters.get_mut(place) else {
            return Ok(());
        };
        if counter.window != window {
            *counter = Counter { window, count: 0 };
        }
        if allow(&mut counter.count) {
            Ok(())
        } else {
            Err(self.window - now.rem_euclid(self.window))
        }
    }
}

/// A customer's network counts as one: a /64 of IPv6 (RFC 6177), an address of IPv4.
pub(crate) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6((u128::from(v6) & !u128::from(u64::MAX)).into()),
        v4 @ IpAddr::V4(_) => v4,
    }
}

/// What a customer of IPv6 has at most: a /48, of 65536 networks (RFC 6177). Of IPv4 none.
pub(crate) fn site(address: IpAddr) -> Option<IpAddr> {
    match address.to_canonical() {
        IpAddr::V6(v6) => Some(IpAddr::V6((u128::from(v6) >> 80 << 80).into())),
        IpAddr::V4(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    #[test]
    fn a_window_holds_so_many_and_the_next_one_again() {
        let meter = Meter::new(60);
        for _ in 0..3 {
            assert_eq!(meter.count(HERE, 3, 600), Ok(()));
        }
        assert_eq!(meter.count(HERE, 3, 610), Err(50));
        assert_eq!(meter.count(HERE, 3, 660), Ok(()));
    }

    #[test]
    fn a_network_of_ipv6_counts_as_one() {
        let meter = Meter::new(60);
        let [one, other] = ["2001:db8::1", "2001:db8::ffff"].map(|ip| ip.parse::<IpAddr>());
        assert_eq!(meter.count(one.unwrap(), 1, 0), Ok(()));
        assert!(meter.count(other.unwrap(), 1, 0).is_err());
    }

    #[test]
    fn any_number_of_addresses_takes_the_same_memory() {
        let meter = Meter::new(60);
        for i in 0..100_000_u32 {
            let _ = meter.count(IpAddr::V4(i.into()), 1, 0);
        }
        assert_eq!(meter.counters.lock().unwrap().len(), COUNTERS);
    }
}
