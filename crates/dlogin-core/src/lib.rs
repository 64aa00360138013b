//! What `dlogin` does, as a library: trust a CA, prepare a YubiKey, fetch
//! certificates with one touch, show them, remove them.
//!
//! The program `dlogin` parses arguments, calls one function here, and prints
//! what comes back. Each function takes the [`Paths`] that it may use and says
//! in its result, or in one [`Error`], what happened; [`Error::exit`] is the
//! program's exit code for it.
//!
//! What this crate does not do: it holds no certificate after it expired, it
//! trusts no root but the one that was pinned by [`trust`], and it never
//! decides what a key may have: the CA does.

pub mod bundle;
pub mod config;
mod error;
mod exit;
pub mod files;
pub mod paths;
pub mod pin;
pub mod setup;

pub use config::Config;
pub use error::Error;
pub use exit::Exit;
pub use paths::Paths;
