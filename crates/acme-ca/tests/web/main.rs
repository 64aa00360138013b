//! The server as its clients see it: a CA in this process, real TLS and HTTP, keys in virtual
//! YubiKeys.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    unreachable_pub
)]

#[path = "../support/dns.rs"]
mod dns_server;
#[allow(dead_code)]
#[path = "../validators/server.rs"]
mod http_server;
#[allow(dead_code)]
#[path = "../validators/tls_server.rs"]
mod tls_server;

mod card;
mod client;
mod csr;
mod der;
mod world;

mod accounts;
mod answers;
mod compromised;
mod connections;
mod crashes;
mod csrs;
mod decisions;
mod depth;
mod device_attest;
mod errors;
mod external;
mod freshness;
mod happy;
mod jws;
mod key_change;
mod keys;
mod kubernetes;
mod lifecycle;
mod lists;
mod orders;
mod protocol;
mod races;
mod renewal;
mod replaces;
mod revoke;
mod servers;
mod withdrawn;
