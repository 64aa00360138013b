//! The CA of dlogin as a library: an ACME server (RFC 8555). People prove themselves with a
//! YubiKey, and get TLS client certificates and OpenSSH user certificates; servers prove that
//! they control their names, and get TLS server certificates.
//!
//! The one call that most people want is [`Ca::open`], on a folder that [`setup::init`] made;
//! the server and every command of the program `ca` work on what it returns.
//!
//! How trust flows: a response to a challenge becomes an answered challenge
//! (`acme_yubikey`, which holds the verified attestation), [`entitlement::judge`] turns that and
//! the records into an [`entitlement::Entitlement`]. An order for names whose authorizations are
//! all valid becomes a [`names::NamesAuthorized`], and with its CSR an
//! [`issuance::ServerRequest`]. Only one of these two can be given to
//! [`issuance::Issuer::issue`]. No step can be skipped, because the next asks for its result.
//!
//! What it does not do: it never talks to a smart card.

pub mod audit;
pub mod ca;
pub mod config;
pub mod enrolment;
pub mod entitlement;
mod factors;
mod finalization;
pub mod issuance;
pub mod kubernetes;
pub mod names;
pub mod nonce;
pub mod orders;
pub mod pki;
pub mod records;
pub mod revocation;
pub mod serve;
pub mod setup;
pub mod signer;
pub mod store;
pub mod validation;
pub mod validators;
pub mod web;

pub use ca::Ca;

/// A time in seconds since 1970 as RFC 3339 has it, in UTC.
#[must_use]
pub fn time_text(seconds: i64) -> String {
    piv_attest::UnixTime::from_secs(seconds).to_string()
}

/// Who checks signatures: aws-lc-rs, several times faster than the portable backend.
pub type Backend = piv_attest::AwsLcRs;
