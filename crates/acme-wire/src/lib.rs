//! What both sides of ACME (RFC 8555) share: [`Jwk`] and its thumbprint,
//! [`jws`] read and written as ACME restricts it, the objects of the protocol
//! with serde, and problem documents. No I/O and no clock.
//!
//! ```
//! use acme_wire::{AccountKey, jws::{KeyId, UnverifiedJws}};
//!
//! let key = AccountKey::generate().unwrap();
//! let body = key.sign("https://ca.example/new-acct", "bm9uY2U", KeyId::Embedded, b"{}").unwrap();
//!
//! let jws = UnverifiedJws::parse(body.as_bytes()).unwrap();
//! assert_eq!(jws.url(), "https://ca.example/new-acct");
//! let jws = jws.verify_embedded().unwrap();
//! assert_eq!(jws.payload(), b"{}");
//! ```
//!
//! It does not fetch, store or decide anything: whether the nonce is fresh,
//! the URL is the one that was called and the account exists is for the server
//! to say, with what the [`jws`] accessors give it.

pub mod account;
mod account_key;
pub mod base64url;
pub mod directory;
mod excerpt;
pub mod json;
pub mod jwk;
pub mod jws;
pub mod order;
pub mod problem;
pub mod renewal;
pub mod revocation;
pub mod timestamp;

pub use account_key::{AccountKey, AccountKeyError};
pub use directory::Directory;
pub use excerpt::{QUOTED, excerpt};
pub use jwk::Jwk;
pub use problem::{Problem, ProblemType};
pub use timestamp::Timestamp;
