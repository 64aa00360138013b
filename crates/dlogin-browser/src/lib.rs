//! Browsers: they learn of the certificates of `dlogin` through its PKCS#11
//! module.
//!
//! [`install`] registers the module with the browsers of one person (NSS
//! databases), [`machine::install`] for everybody (policies, as root);
//! [`status`] tells what is there; [`remove`] takes away what [`install`] did
//! and nothing else. For browsers that cannot load a module, [`import`] puts
//! certificates with keys on disk into their databases, and [`pkcs12`] makes
//! files for the stores of other systems.
//!
//! What holds:
//! - All is looked at before anything is changed: a database that a running
//!   browser has open is an error, and then nothing is changed at all.
//! - What fails half-way is put back.
//! - A second call changes nothing.
//!
//! What it does not do: it trusts no server for anybody, and moves no key out
//! of a YubiKey.

mod error;
mod import;
mod install;
pub mod machine;
mod module;
mod nss;
pub mod pkcs12;
mod places;
mod prefs;
mod record;
mod remove;
mod site;
mod status;

pub use error::Error;
pub use import::{Imported, export, import, keep_up};
pub use install::{Change, Changed, Wanted, install};
pub use module::{FILE_NAME, find as find_module};
pub use places::{Browser, Home, Place, Sandbox, SandboxKind};
pub use remove::remove;
pub use site::{NotASite, Site};
pub use status::{Registered, Status, status};
