//! An emulated YubiKey: the PIV application with attestation, PIN and touch.
//!
//! In this process, APDUs in and responses out, it is a [`VirtualYubiKey`].
//! For everything that talks to a real key through PC/SC, a [`Launcher`] puts
//! it into a reader of a private pcscd:
//!
//! ```no_run
//! use std::time::Duration;
//! use virtual_yubikey::{Firmware, Launcher, Settings, TouchMode};
//!
//! let rig = Launcher::new()
//!     .key(Settings::new(Firmware::V5_7_4).serial(20_000_001))
//!     .touch(TouchMode::Manual)
//!     .start()?;
//! let mut command = rig.command("ykman").args(["piv", "info"]).spawn()?;
//! command.wait()?;
//! rig.touch().touch_when_asked(Duration::from_secs(10))?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The program `virtual-yubikey` does the same for the command line.
//!
//! A key attests as a real one does, but under a root that its state folder
//! generates ([`Root`]); whoever shall trust it must name that root. Nothing
//! here verifies anything, and nothing of the project's verifiers is used, so
//! that no mistake is made twice in the same way.
//!
//! That programs written for real keys cannot tell the difference is judged by
//! seven of them; `JUDGES.md` beside this crate's manifest says who judged what,
//! and the tests keep it true.
//!
//! What it does not do: OTP, FIDO, OATH, OpenPGP, biometrics, secure messaging,
//! and keeping a secret: the state folder holds private keys in the clear.

mod apdu;
mod card;
mod certificate;
mod control;
mod der;
mod driver;
mod error;
mod key;
mod management;
mod otp;
mod pcscd;
mod piv;
mod reader;
mod rig;
mod root;
mod settings;
mod tlv;
mod touch;
mod vpcd;

pub use card::{ATR, VirtualYubiKey};
pub use control::{Control, KeyStatus};
pub use driver::DRIVER_VARIABLE;
pub use error::{Error, FileError};
pub use pcscd::READER_NAME;
pub use rig::{DIR_VARIABLE, Launcher, Rig, SOCKET_VARIABLE};
pub use root::Root;
pub use settings::{Firmware, FormFactor, InvalidFirmware, ManagementKeyType, Settings};
pub use touch::{Touch, TouchError, TouchMode, TouchStatus};
