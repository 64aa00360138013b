//! Whole journeys, with the programs that people run: `dlogin`, `ca`, sshd,
//! ssh, curl, openssl, other people's ACME clients. Only the YubiKey is emulated.
//!
//! Everything here starts what it needs on its own sockets, ports and folders
//! and stops it on drop, so journeys run side by side. It sees the binaries and
//! the virtual YubiKey; it never calls the libraries that it judges.

pub mod agent;
pub mod browser;
pub mod ca;
pub mod failure;
pub mod http01;
pub mod intranet;
pub mod laptop;
pub mod mtls;
pub mod nginx;
pub mod openssl;
pub mod pebble;
pub mod postgres;
pub mod process;
pub mod programs;
pub mod proxy;
pub mod site;
pub mod sshd;
pub mod terminal;
pub mod zone;

pub use failure::{Failure, Result};
