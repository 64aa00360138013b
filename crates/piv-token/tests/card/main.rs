//! A token on the real stack: our code, libpcsclite, pcscd, and an emulated
//! card behind a reader driver.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod finding;
mod manage;
mod pin;
mod protect;
mod rig;
mod secrets;
mod sharing;
mod signing;
mod touch;
mod unplugging;
