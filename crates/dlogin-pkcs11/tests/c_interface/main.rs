//! The module through its C functions, each test in a process of its own.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]
#![allow(unsafe_code, reason = "calls a C interface, as C programs do")]

#[path = "../common/mod.rs"]
mod common;
mod interfaces;
mod nonsense;
mod objects;
mod refusals;
mod signing;

const HOUR: i64 = 3600;

/// [`common::alone`] for a test of this name in the module that asks.
macro_rules! alone {
    ($test:expr, $prepare:expr) => {{
        let (_, module) = module_path!().split_once("::").unwrap();
        crate::common::alone(&format!("{module}::{}", $test), $prepare)
    }};
}
use alone;
