//! Places for what happens at the same time: so many for each network, each site and each account,
//! so many in all.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use crate::web::{network, site};

/// A site of IPv6 has so many times the places of one of its networks.
const SITE: usize = 2;

/// Places, some of which are taken.
#[derive(Debug, Clone)]
pub(crate) struct Places {
    account: usize,
    network: usize,
    all: usize,
    taken: Arc<Mutex<Taken>>,
}

#[derive(Debug, Default)]
struct Taken {
    all: usize,
    shares: HashMap<Whose, usize>,
}

/// Who shares places.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Whose {
    Account(String),
    Network(IpAddr),
    Site(IpAddr),
}

/// One place, taken until this is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    taken: Arc<Mutex<Taken>>,
    whose: [Option<Whose>; 3],
}

impl Places {
    /// `network` for each network, twice as many for a site of IPv6, `all` together.
    pub(crate) fn new(network: usize, all: usize) -> Self {
        Self {
            account: all,
            network,
            all,
            taken: Arc::default(),
        }
    }

    /// The same, and `account` for each account.
    pub(crate) fn with_accounts(account: usize, network: usize, all: usize) -> Self {
        Self {
            account,
            ..Self::new(network, all)
        }
    }

    /// Takes a place, if there is one for this address.
    pub(crate) fn enter(&self, address: IpAddr) -> Option<Place> {
        self.take([
            Some((Whose::Network(network(address)), self.network)),
            self.of_site(address),
            None,
        ])
    }

    /// Takes a place, if there is one for this account at this address.
    pub(crate) fn enter_as(&self, account: &str, address: Option<IpAddr>) -> Option<Place> {
        self.take([
            address.map(|address| (Whose::Network(network(address)), self.network)),
            address.and_then(|address| self.of_site(address)),
            Some((Whose::Account(account.to_owned()), self.account)),
        ])
    }

    fn of_site(&self, address: IpAddr) -> Option<(Whose, usize)> {
        Some((
            Whose::Site(site(address)?),
            self.network.saturating_mul(SITE),
        ))
    }

    fn take(&self, whose: [Option<(Whose, usize)>; 3]) -> Option<Place> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let has_room =
            |(whose, most): &(Whose, usize)| taken.shares.get(whose).copied().unwrap_or(0) < *most;
        if taken.all >= self.all || !whose.iter().flatten().all(has_room) {
            return None;
        }
        taken.all += 1;
        let whose = whose.map(|one| one.map(|(whose, _)| whose));
        for one in whose.iter().flatten() {
            *taken.shares.entry(one.clone()).or_default() += 1;
        }
        Some(Place {
            taken: Arc::clone(&self.taken),
            whose,
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.all -= 1;
        for one in self.whose.iter().flatten() {
            if let Some(count) = taken.shares.get_mut(one) {
                *count -= 1;
                if *count == 0 {
                    taken.shares.remove(one);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn v6(net: u16, low: u16) -> IpAddr {
        format!("2001:db8:0:{net:x}::{low:x}").parse().unwrap()
    }

    #[test]
    fn the_addresses_of_one_ipv6_network_share_its_places() {
        let places = Places::new(2, 100);
        let first = places.enter(v6(1, 1)).unwrap();
        let _second = places.enter(v6(1, 2)).unwrap();
        assert!(places.enter(v6(1, 3)).is_none());
        assert!(places.enter(v6(2, 1)).is_some());
        drop(first);
        assert!(places.enter(v6(1, 3)).is_some());
    }

    #[test]
    fn the_networks_of_one_ipv6_site_have_the_places_of_two() {
        let places = Places::new(2, 100);
        let mut taken: Vec<_> = (0..4)
            .map(|net| places.enter(v6(net, 1)).unwrap())
            .collect();
        assert!(places.enter(v6(4, 1)).is_none());
        assert!(places.enter("2001:db8:1::1".parse().unwrap()).is_some());
        assert!(places.enter([192, 0, 2, 1].into()).is_some());
        taken.pop();
        assert!(places.enter(v6(4, 1)).is_some());
    }

    #[test]
    fn an_account_has_so_many_places_wherever_it_is() {
        let places = Places::with_accounts(2, 3, 100);
        let at = |last: u8| Some(IpAddr::from([192, 0, 2, last]));
        let _taken = [
            places.enter_as("a", at(1)).unwrap(),
            places.enter_as("a", at(2)).unwrap(),
        ];
        assert!(places.enter_as("a", at(3)).is_none());
        assert!(places.enter_as("a", None).is_none());
        let _others = ["b", "c"].map(|account| places.enter_as(account, at(1)).unwrap());
        assert!(
            places.enter_as("d", at(1)).is_none(),
            "the network has three"
        );
        assert!(places.enter_as("d", at(2)).is_some());
    }

    #[test]
    fn networks_together_have_so_many_places_and_leave_nothing_behind() {
        let places = Places::new(2, 3);
        let taken: Vec<_> = (0..4_u8)
            .map(|last| places.enter([192, 0, 2, last].into()))
            .collect();
        let given: Vec<_> = taken.iter().map(Option::is_some).collect();
        assert_eq!(given, [true, true, true, false]);
        drop(taken);
        assert!(places.taken.lock().unwrap().shares.is_empty());
        assert_eq!(places.taken.lock().unwrap().all, 0);
    }
}
