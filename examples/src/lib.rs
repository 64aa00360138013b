//! Programs that show how to use the libraries of this workspace, runnable as they stand with
//! `cargo run --example NAME` from the root:
//!
//! - `verify_attestation`: verify the attestation of a key, and print what it says.
//! - `attested_web_handler`: a web handler that only keys in a YubiKey get past.
//! - `mtls_client`: fetch a page that wants a client certificate, with the key in the YubiKey.
