//! Other people's ACME clients get, renew and revoke certificates for servers.
//! What each of them does here is the matrix of `docs/clients.md`, and a client
//! whose row says something else fails.
//!
//! Every validation is a real one: the CA connects to the client, or to the
//! server that serves its files, or asks the name server that its hook writes
//! to. openssl judges what came of it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod acme_tiny;
mod certbot;
mod dehydrated;
mod instant_acme;
mod judge;
mod lego;
mod matrix;
mod place;
mod uacme;
