//! An order, its authorizations and challenges, and whatever happens to them in whatever order:
//! what RFC 8555 §7.1.6 does not draw is never reached. `crates/acme-ca/tests/state_machine.rs`
//! walks everything that a small order can reach; this goes further with larger ones.
#![no_main]

#[path = "../../crates/acme-ca/tests/support/order_model.rs"]
mod order_model;

use libfuzzer_sys::fuzz_target;
use order_model::Order;

fuzz_target!(|events: &[u8]| {
    let Some((shape, events)) = events.split_first() else {
        return;
    };
    let mut order = Order::of_shape(*shape);
    for event in events.chunks_exact(2) {
        if let Some(next) = order.after(event[0], event[1]) {
            order.check_step(&next);
            next.check();
            order = next;
        }
    }
});
