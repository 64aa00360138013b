//! Validation over the network, against real servers on the loopback, honest and hostile.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

#[path = "../support/dns.rs"]
mod dns_server;

mod addresses;
mod dns;
mod http;
#[allow(dead_code)]
mod server;
mod tls_alpn;
mod tls_server;
mod vantages;
mod world;
