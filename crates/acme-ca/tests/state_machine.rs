//! Everything that an order can come to (RFC 8555 §7.1.6): each event on each state that is
//! reached, until there are no new ones. Each status alone, with each of its events, is tested
//! beside it (`src/orders`).
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::missing_assert_message
)]
#![allow(dead_code)]

#[path = "support/order_model.rs"]
mod order_model;

use std::collections::{BTreeSet, HashSet};

use acme_ca::orders::OrderStatus as O;
use order_model::Order;

/// Every state that is reached, and every step between them.
fn walk(begin: Order) -> (HashSet<Order>, HashSet<(Order, Order)>) {
    let mut states = HashSet::from([begin.clone()]);
    let mut steps = HashSet::new();
    let mut ahead = vec![begin];
    while let Some(order) = ahead.pop() {
        order.check();
        for event in 0..9 {
            // Two authorizations at most, with three challenges.
            for place in [0x00, 0x01, 0x10, 0x11, 0x20, 0x21] {
                let Some(next) = order.after(event, place) else {
                    continue;
                };
                order.check_step(&next);
                if states.insert(next.clone()) {
                    ahead.push(next.clone());
                }
                steps.insert((order.clone(), next));
            }
        }
    }
    (states, steps)
}

fn seen<T: Ord>(things: impl IntoIterator<Item = T>) -> BTreeSet<T> {
    things.into_iter().collect()
}

#[test]
fn whatever_happens_to_an_order_is_drawn_in_the_rfc() {
    for challenges in [&[1][..], &[3], &[1, 1], &[2, 2]] {
        let (states, steps) = walk(Order::new(challenges));
        // All of it is reached, so that nothing passes because it never came up.
        let authorizations = || states.iter().flat_map(|order| &order.authorizations);
        let statuses = seen(authorizations().map(|each| each.status.as_str()));
        assert_eq!(statuses.len(), 6, "{statuses:?}");
        let statuses = authorizations().flat_map(|each| &each.challenges);
        let statuses = seen(statuses.map(|status| status.as_str()));
        assert_eq!(statuses.len(), 4, "{statuses:?}");
        let moves = steps
            .iter()
            .map(|(before, after)| (before.status.as_str(), after.status.as_str()))
            .filter(|(before, after)| before != after);
        let drawn = [
            ("pending", "invalid"),
            ("pending", "ready"),
            ("processing", "invalid"),
            ("processing", "valid"),
            ("ready", "invalid"),
            ("ready", "processing"),
        ];
        assert_eq!(seen(moves), seen(drawn), "{challenges:?}");
    }
}

#[test]
fn an_order_that_ended_stays_what_it_is_and_every_other_can_still_end() {
    let (states, steps) = walk(Order::new(&[2, 1]));
    for (before, after) in &steps {
        if matches!(before.status, O::Valid | O::Invalid) {
            assert_eq!(before.status, after.status, "{before:?}");
        }
    }
    for order in states {
        let ends = matches!(order.status, O::Valid | O::Invalid);
        // Refusing is the one way out that is always open.
        assert_eq!(order.after(8, 0).is_none(), ends, "{order:?}");
    }
}
