//! A PKCS#11 module, `libdlogin_pkcs11.so`: the certificates that `dlogin`
//! fetched, with their private keys, for every program that speaks PKCS#11
//! (browsers, curl, GnuTLS, OpenSSL, Java).
//!
//! A program loads the library and asks for one of three symbols:
//! [`C_GetFunctionList`](ffi::C_GetFunctionList) (PKCS#11 2.40),
//! [`C_GetInterface`](ffi::C_GetInterface) and
//! [`C_GetInterfaceList`](ffi::C_GetInterfaceList) (3.0).
//!
//! ```sh
//! pkcs11-tool --module libdlogin_pkcs11.so --list-objects
//! ```
//!
//! It shows one token, `dlogin`:
//! - For each valid certificate in the folder of `dlogin`: the certificate, its
//!   public and its private key, which share their `CKA_ID` (SHA-256 of the
//!   SubjectPublicKeyInfo); and the intermediates. Every search reads the files
//!   afresh, so a renewed certificate is there at once, an expired one gone.
//! - A key in the YubiKey signs through `dlogin agent`, which asks for PIN and
//!   touch. The module itself never sees a PIN, and nothing but a signature
//!   reaches for the agent.
//! - A key on disk (yubikey-02) signs here, and is wiped after.
//! - Who asks waits at most 25 s, less than browsers wait for a handshake.
//!
//! What it does not do: no login (browsers hang on it), nothing is written to
//! the token, no decryption, no keys but P-256 and P-384 (the agent signs
//! whole messages only with others, which TLS libraries do not offer).
//!
//! `unsafe` is in [`ffi`] and nowhere else. The one piece of global state is
//! there too: a C interface has no argument that could carry it.
//!
//! With `DLOGIN_PKCS11_LOG=1` in the environment the reason of each failed
//! signature is printed on stderr; PKCS#11 itself has numbers only.

mod certificate;
mod curve;
mod error;
pub mod ffi;
mod module;
mod object;
mod session;
mod signer;
mod store;
mod table;
