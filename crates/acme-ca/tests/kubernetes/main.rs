//! kubernetes-01: tokens of a cluster, whose keys are on a real HTTPS server.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod issuer;
mod keys;
mod token;
