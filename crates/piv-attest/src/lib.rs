#![doc = include_str!("../README.md")]
#![cfg_attr(not(feature = "std"), no_std)]
#![forbid(unsafe_code)]

extern crate alloc;

mod anchors;
mod attestation;
mod backend;
mod cbor;
mod certificate;
mod csr;
mod der;
mod error;
mod facts;
mod key;
mod pem;
pub mod policy;
mod record;
mod step;
#[cfg(test)]
mod test_pki;
mod time;
mod verifier;

pub use anchors::yubico_authorities;
pub use attestation::{Root, RootFamily, VerifiedAttestation};
#[cfg(feature = "aws-lc-rs")]
pub use backend::AwsLcRs;
pub use backend::{Backend, InvalidSignature, RustCrypto, SignatureAlgorithm};
pub use csr::{MAX_CSR, VerifiedCsr};
pub use error::{Error, Malformed, Place, Rule};
pub use facts::{Body, Firmware, FormFactor, ParseFactError, PinPolicy, Serial, Slot, TouchPolicy};
pub use key::{KeyAlgorithm, PublicKey};
pub use pem::{MAX_PEM, certificates_from_pem};
pub use policy::{AcceptedAttestation, Policy, Refusal};
pub use record::{Difference, Record};
pub use step::{MAX_STATEMENT, VerifiedStatement};
pub use time::UnixTime;
pub use verifier::{Verifier, VerifierBuilder, claimed_key};
