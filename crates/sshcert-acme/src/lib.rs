//! SSH certificates through ACME: what a profile of kind `ssh-user` issues.
//!
//! The order runs as for every certificate (RFC 8555, `yubikey-01`). What comes from the
//! certificate URL is one OpenSSH user certificate line under [`MEDIA_TYPE`]. This crate builds
//! that line, given a signer, and reads it. The specification is `docs/protocol.md` of the project.
//!
//! **CA**: everything in the certificate comes from the CA's own records and profile.
//! ```
//! use std::num::NonZeroU64;
//! use sshcert_acme::{CriticalOptions, Extensions, KeyId, Principals, SshPublicKey, UserCertificate, Validity};
//!
//! # fn issue(subject_spki: &[u8], ca_spki: &[u8], now: u64, serial: NonZeroU64, nonce: [u8; 32], sign: fn(&[u8]) -> Vec<u8>)
//! # -> Result<String, Box<dyn std::error::Error>> {
//! let tbs = UserCertificate {
//!     serial,
//!     key_id: KeyId::new("alice key 9681620 order 7f3a")?,
//!     principals: Principals::new(["alice"])?,
//!     validity: Validity::new(now - 300, now + 16 * 3600)?,
//!     critical_options: CriticalOptions::none(),
//!     extensions: Extensions::flags(["permit-pty"])?,
//! }
//! .to_be_signed(
//!     &SshPublicKey::from_spki_der(subject_spki)?,
//!     &SshPublicKey::from_spki_der(ca_spki)?,
//!     nonce,
//! )?;
//! let line = tbs.clone().assemble(&sign(tbs.as_bytes()))?;
//! # Ok(line) }
//! ```
//! **Client**: [`ReceivedCertificate::read`] and [`check`](ReceivedCertificate::check).
//!
//! [`Krl`] is the list of what a CA revoked, as sshd reads it.
//!
//! What it does not do: no I/O, no clock, no randomness, no signing and no verifying of
//! signatures, no host certificates.

mod certificate;
mod error;
mod fields;
mod key;
mod krl;
mod line;
mod received;
mod wire;

pub use certificate::{ToBeSigned, UserCertificate};
pub use error::{FieldError, KeyError, ReadError};
pub use fields::{CriticalOptions, Extensions, KeyId, MAX_PRINCIPALS, Principals, Validity};
pub use key::{KeyKind, SshPublicKey};
pub use krl::Krl;
pub use received::{CheckError, ReceivedCertificate};

/// The media type under which a CA serves an OpenSSH certificate line.
pub const MEDIA_TYPE: &str = "application/vnd.dlogin.ssh-certificate";
