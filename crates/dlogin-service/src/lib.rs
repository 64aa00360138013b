//! What the parts of dlogin on one machine say to each other: who holds which
//! certificate, and "sign this with its key".
//!
//! The agent answers on a Unix socket; a PKCS#11 module, a proxy or any other
//! program of the same person asks. This crate is the language and the asking
//! half, without threads, async or cryptography, so that it can be linked into
//! a browser.
//!
//! ```no_run
//! use dlogin_service::{Client, Input, Sign};
//! use std::time::Duration;
//!
//! # fn main() -> Result<(), dlogin_service::Error> {
//! let mut agent = Client::from_env()?;
//! for identity in agent.list()? {
//!     let asking = Sign {
//!         key: identity.key,
//!         algorithm: identity.algorithm,
//!         input: Input::Digest(vec![0; 32]),
//!         purpose: "TLS".to_owned(),
//!         peer: Some("intranet.example.net".to_owned()),
//!         patience: Duration::from_secs(25),
//!     };
//!     let signature = agent.sign(&asking)?;
//! }
//! # Ok(())
//! # }
//! ```
//!
//! On the wire: frames of a length (four bytes, big-endian) and that many bytes
//! of JSON, at most [`MAX_FRAME`]. One request, one answer, as often as wanted.
//! Every request names the version of the language, [`VERSION`].
//!
//! What it does not do: it keeps nothing, asks nobody for a PIN, and checks no
//! signature.

mod bytes;
mod client;
mod frame;
mod message;
mod peer;
mod place;

pub use client::{Client, Error};
pub use frame::{FrameError, MAX_FRAME, read_frame, write_frame};
pub use message::{
    Algorithm, Answer, Covers, Identity, Input, KeyId, KeyPlace, MAX_INPUT, MAX_PATIENCE, MAX_TEXT,
    Malformed, Refusal, Request, Sign, VERSION,
};
pub use peer::{Peer, PeerError};
pub use place::socket;
