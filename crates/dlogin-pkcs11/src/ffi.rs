//! The C interface (OASIS PKCS#11 3.0 and 2.40). Names, types and numbers are
//! theirs.
//!
//! Everything unsafe of the module is in this folder:
//! - `memory` reads and writes through the pointers that a program passes. It
//!   turns away null and nonsense lengths; that a pointer which is not null
//!   points at as much memory as its length says is the program's part of the
//!   contract, and nothing can check it.
//! - `process` holds the one global.
//!
//! No panic crosses into C: every function runs inside `call::answer`.
#![allow(
    unsafe_code,
    non_snake_case,
    reason = "the interface and its names are prescribed by PKCS#11"
)]

mod call;
mod general;
mod interfaces;
mod memory;
mod objects;
mod process;
mod random;
mod sessions;
mod sign;
mod slots;
mod unsupported;

pub use interfaces::{C_GetFunctionList, C_GetInterface, C_GetInterfaceList};
