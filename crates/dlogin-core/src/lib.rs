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

mod account;
mod acme;
pub mod bundle;
mod ca_error;
mod certificate;
mod clock;
pub mod config;
mod disk_key;
mod error;
mod exclusive;
mod exit;
pub mod expiry;
pub mod files;
mod granted;
mod held;
mod http;
mod issued;
pub mod kubernetes;
pub mod login;
mod name;
pub mod need;
pub mod paths;
pub mod pin;
mod profile;
pub mod programs;
pub mod remind;
pub mod setup;
mod site;
pub mod status;
mod text;
pub mod trust;
pub mod yubikeys;

pub use ca_error::CaError;
pub use certificate::CertificateError;
pub use config::Config;
pub use disk_key::DiskKeyError;
pub use error::Error;
pub use exit::Exit;
pub use held::{Certificate, CertificateName, KeyPlace, Kind};
pub use paths::Paths;
pub use profile::{NotAProfileName, ProfileName};
pub use site::{NotASiteName, SiteName};

// Their types are in the functions above.
pub use {piv_attest, piv_token};
