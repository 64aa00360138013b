//! What is issued, judged by OpenSSL and OpenSSH; what is on record.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

#[path = "../support/device.rs"]
mod device;
#[path = "../support/orders.rs"]
mod orders;
#[path = "../support/site.rs"]
mod site;

mod folder;
mod ssh;
mod tls;

/// What alice's key is granted.
const GRANTS: &[&str] = &["tls=alice.example,laptop.alice.example", "ssh=alice,deploy"];
