//! The certificates of `dlogin` for Rust programs that speak TLS with rustls.
//!
//! ```no_run
//! use std::sync::Arc;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let identity = dlogin_tls::Identity::from_env()?.for_peer("intranet.example.net");
//! let roots = rustls::RootCertStore::empty();
//! let config = rustls::ClientConfig::builder()
//!     .with_root_certificates(roots)
//!     .with_client_cert_resolver(Arc::new(identity));
//! # Ok(())
//! # }
//! ```
//!
//! - The certificate is read afresh at each handshake: a renewed one is used at
//!   the next connection, an expired one is not shown.
//! - A key in the YubiKey signs through `dlogin agent`, which asks for the PIN,
//!   announces the touch, and is given the whole of what is signed. The program
//!   handles no PIN. A key on disk signs in the program, without an agent.
//! - A handshake waits in the thread that drives it, at most [`PATIENCE`] and
//!   five seconds more. In an async program, drive it on a blocking thread.
//!
//! Sessions that rustls resumes take no touch. Whoever wants one for each
//! connection disables `ClientConfig::resumption`.
//!
//! What it does not do: it fetches no certificates and verifies no server. RSA
//! keys in the YubiKey sign for TLS 1.2 alone.

mod agent_key;
mod certificate;
mod identity;

pub use agent_key::{AgentKey, PATIENCE};
pub use identity::{Error, Identity};
