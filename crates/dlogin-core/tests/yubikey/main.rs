//! Setup of a key and the enrolment bundle, on pcscd and an emulated card.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod bundle;
mod change_pin;
mod person;
mod prepare;
mod pulled;
mod setup;
