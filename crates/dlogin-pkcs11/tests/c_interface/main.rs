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

use common::token::Token;
use cryptoki_sys::*;

const HOUR: i64 = 3600;

/// [`common::alone`] for a test of this name in the module that asks.
macro_rules! alone {
    ($test:expr, $prepare:expr) => {{
        let (_, module) = module_path!().split_once("::").unwrap();
        crate::common::alone(&format!("{module}::{}", $test), $prepare)
    }};
}
use alone;

/// The module, a session, and the first private key in it.
fn token_with_key() -> (Token, CK_SESSION_HANDLE, CK_OBJECT_HANDLE) {
    let token = Token::start();
    let session = token.session();
    (token, session, token.class(session, CKO_PRIVATE_KEY)[0])
}
