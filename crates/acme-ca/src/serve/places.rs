//! Places for what happens at the same time: so many for each network, so many in all.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use crate::web::network;

/// Places, some of which are taken.
#[derive(Debug, Clone)]
pub(crate) struct Places {
    each: usize,
    all: usize,
    taken: Arc<Mutex<Taken>>,
}

#[derive(Debug, Default)]
struct Taken {
    all: usize,
    networks: HashMap<IpAddr, usize>,
}

/// One place, taken until this is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    taken: Arc<Mutex<Taken>>,
    network: IpAddr,
}

impl Places {
    /// `each` for a network, `all` together.
    pub(crate) fn new(each: usize, all: usize) -> Self {
        Self {
            each,
            all,
            taken: Arc::default(),
        }
    }

    /// Takes a place, if there is one for this address.
    pub(crate) fn enter(&self, address: IpAddr) -> Option<Place> {
        let network = network(address);
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let here = taken.networks.get(&network).copied().unwrap_or(0);
        if here >= self.each || taken.all >= self.all {
            return None;
        }
        taken.networks.insert(network, here + 1);
        taken.all += 1;
        Some(Place {
            taken: Arc::clone(&self.taken),
            network,
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.all -= 1;
        if let Some(here) = taken.networks.get_mut(&self.network) {
            *here -= 1;
            if *here == 0 {
                taken.networks.remove(&self.network);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn v6(low: u16) -> IpAddr {
        format!("2001:db8:0:1::{low:x}").parse().unwrap()
    }

    #[test]
    fn the_addresses_of_one_ipv6_network_share_its_places() {
        let places = Places::new(2, 100);
        let first = places.enter(v6(1)).unwrap();
        let _second = places.enter(v6(2)).unwrap();
        assert!(places.enter(v6(3)).is_none());
        assert!(places.enter("2001:db8:0:2::1".parse().unwrap()).is_some());
        drop(first);
        assert!(places.enter(v6(3)).is_some());
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
        assert!(places.taken.lock().unwrap().networks.is_empty());
        assert_eq!(places.taken.lock().unwrap().all, 0);
    }
}
