//! What the crate does with real certificates and from outside.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]
#![allow(unreachable_pub, reason = "one program in several files")]

mod corpus;
mod formats;
mod genuine;
mod no_std;
mod openssl;
mod properties;
