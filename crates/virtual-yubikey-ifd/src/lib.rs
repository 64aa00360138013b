//! The pcscd reader driver ("IFD handler") of the virtual YubiKey.
//!
//! pcscd loads the shared library of this crate and sees one reader with one
//! slot for each entry in its configuration:
//!
//! ```text
//! FRIENDLYNAME "Yubico YubiKey OTP+FIDO+CCID"
//! DEVICENAME   unix:/run/somewhere/card-0.sock
//! LIBPATH      /…/libvirtual_yubikey_ifd.so
//! ```
//!
//! The card itself lives in another process and listens on that socket; see
//! [`protocol`] for what is said on it. The driver learns of unplugging and
//! replugging as it happens and needs no polling.
//!
//! What it does not do: hold keys, understand APDUs, open network ports.
//!
//! `unsafe` is in [`handler`] and nowhere else: it is the C interface that
//! pcscd prescribes (`ifdhandler.h`, IFD handler 3.0).

pub mod handler;
pub mod protocol;
mod reader;
