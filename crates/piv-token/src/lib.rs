//! A YubiKey as a signer: PIV over PC/SC.
//!
//! ```no_run
//! use piv_attest::Slot;
//! use piv_token::{Pin, ToSign, Token, TouchNeed};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let mut yubikey = piv_token::open(None)?;
//! let key = yubikey.attest(Slot::AUTHENTICATION)?;
//! println!("{} key, PIN {}, touch {}", key.algorithm(), key.pin_policy(), key.touch_policy());
//!
//! let pin = Pin::new("654321")?;
//! let mut prompt = |_: TouchNeed| eprintln!("Touch your YubiKey");
//! let signature = yubikey.sign(key.slot(), Some(&pin), ToSign::Message(b"hello"), &mut prompt)?;
//! # Ok(())
//! # }
//! ```
//!
//! What it takes care of:
//! - PIN and signature share one transaction that ends with a reset of the
//!   card, so that no other process can sign on our PIN.
//! - The YubiKey is named by its serial number and looked at again before a
//!   PIN is sent. Between calls nothing is held open.
//! - The last try of a PIN is not spent unless the caller says so.
//! - A touch is announced when the attested policy of the key asks for one,
//!   and not otherwise.
//! - Waiting for another program has an end.
//! - Secrets are wiped and never logged; of a command, its name and length are.
//!
//! What it does not do: it verifies no attestation (`piv_attest` does), asks
//! nobody for a PIN, decrypts nothing, imports no keys.

mod algorithm;
mod apdu;
mod applet;
mod error;
mod leaf;
mod manage;
mod management;
mod pin;
mod puk;
mod reader;
#[cfg(feature = "rustls")]
pub mod rustls;
mod session;
mod signing;
mod tlv;
mod token;
mod yubikey;

pub use algorithm::can_make;
pub use error::Error;
pub use manage::{
    Generate, ManageToken, Management, ManagementKey, ManagementKeyFormat, ManagementStatus,
    SlotContents, SlotKey,
};
pub use pin::{Pin, PinFormat};
pub use puk::Puk;
pub use reader::{list, open, open_all, open_with_patience};
pub use token::{Attestation, PinStatus, ToSign, Token, TokenInfo, TouchNeed, TouchPrompt};
pub use yubikey::YubiKey;
