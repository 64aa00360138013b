//! The commands of `ca`, run as the operator runs them: what they print, what they refuse, and
//! how they end.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

#[path = "../../../../crates/acme-ca/tests/support/device.rs"]
mod device;
#[path = "../support/operator.rs"]
mod operator;

mod bundles;
mod init;
mod log;
mod people;
mod published;
mod refused;
