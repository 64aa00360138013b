//! Changing what is on the card: keys, certificates and the PIN.

use crate::{Attestation, Error, Pin, Puk, Token, TouchPrompt};
use piv_attest::{KeyAlgorithm, PinPolicy, PublicKey, Slot, TouchPolicy};
use zeroize::Zeroizing;

/// A [`Token`] on which keys can be made.
pub trait ManageToken: Token {
    /// What is in a slot. Needs no PIN.
    ///
    /// # Errors
    /// When the card cannot be reached.
    fn inspect(&mut self, slot: Slot) -> Result<SlotContents, Error>;

    /// What is known of management key and PUK. Needs no PIN.
    ///
    /// # Errors
    /// When the card cannot be reached.
    fn management_status(&mut self) -> Result<ManagementStatus, Error>;

    /// Makes a key in a slot, attests it, and puts the attestation into the
    /// slot as its certificate, in one transaction that ends with a reset.
    ///
    /// # Errors
    /// [`Error::SlotTaken`], [`Error::WrongManagementKey`],
    /// [`Error::Firmware`], [`Error::Roca`], the errors of a PIN, or when the
    /// card cannot be reached.
    fn generate(
        &mut self,
        request: &Generate,
        prompt: &mut dyn TouchPrompt,
    ) -> Result<Attestation, Error>;

    /// Puts the attestation of the key in a slot into the slot as its
    /// certificate: [`ManageToken::generate`] was cut short before it came to
    /// that.
    ///
    /// # Errors
    /// [`Error::NoKey`], [`Error::WrongManagementKey`], the errors of a PIN, or
    /// when the card cannot be reached.
    fn certify(
        &mut self,
        slot: Slot,
        management: &Management,
        prompt: &mut dyn TouchPrompt,
    ) -> Result<(), Error>;

    /// Asks the card whether this is its PIN, and closes it again. A wrong one
    /// costs a try, as ever.
    ///
    /// # Errors
    /// The errors of a PIN, or when the card cannot be reached.
    fn check_pin(&mut self, pin: &Pin) -> Result<(), Error>;

    /// Changes the PIN.
    ///
    /// # Errors
    /// The errors of a PIN, [`Error::NewPinRefused`], or when the card cannot
    /// be reached.
    fn change_pin(&mut self, old: &Pin, new: &Pin) -> Result<(), Error>;

    /// Changes the PUK. A wrong one costs one of its tries.
    ///
    /// # Errors
    /// [`Error::WrongPuk`], [`Error::PukBlocked`], [`Error::NewPinRefused`],
    /// or when the card cannot be reached.
    fn change_puk(&mut self, old: &Puk, new: &Puk) -> Result<(), Error>;

    /// Spends all tries of the PUK, whatever it is: nobody can set a new PIN
    /// with it any more.
    ///
    /// # Errors
    /// When the card cannot be reached.
    fn block_puk(&mut self) -> Result<(), Error>;

    /// Replaces the management key by a random one of the same algorithm, which
    /// is kept on the card under the PIN, as ykman does it. Wherever that is
    /// cut short, either the old key still opens the card, or the new one is
    /// on it and [`ManageToken::finish_protection`] finds it.
    ///
    /// # Errors
    /// [`Error::WrongManagementKey`], [`Error::PrintedTaken`], the errors of a
    /// PIN, or when the card cannot be reached.
    fn protect_management_key(
        &mut self,
        old: &Management,
        pin: &Pin,
        prompt: &mut dyn TouchPrompt,
    ) -> Result<(), Error>;

    /// Whether the management key is on the card under this PIN although the
    /// card does not say so: a change was cut short. It says so from then on.
    ///
    /// # Errors
    /// The errors of a PIN, or when the card cannot be reached.
    fn finish_protection(&mut self, pin: &Pin) -> Result<bool, Error>;
}

/// A key to be made.
#[derive(Clone, Debug)]
pub struct Generate {
    /// Where.
    pub slot: Slot,
    /// What kind.
    pub algorithm: KeyAlgorithm,
    /// When it wants the PIN.
    pub pin_policy: PinPolicy,
    /// When it wants a touch.
    pub touch_policy: TouchPolicy,
    /// How to open the card for changes.
    pub management: Management,
    /// Whether a key or certificate in the slot may be lost.
    pub overwrite: bool,
}

/// How to open the card for changes.
#[derive(Clone, Debug)]
pub enum Management {
    /// By the key that every YubiKey leaves the factory with.
    Factory,
    /// By this key.
    Key(ManagementKey),
    /// By the key that is kept on the card under this PIN, as ykman does it.
    Protected(Pin),
}

/// A management key of 16, 24 or 32 bytes, wiped when dropped and never shown.
#[derive(Clone)]
pub struct ManagementKey(pub(crate) Zeroizing<Vec<u8>>);

/// The text is not a management key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a management key is 32, 48 or 64 hexadecimal digits")]
pub struct ManagementKeyFormat;

impl ManagementKey {
    /// Reads hexadecimal digits, as ykman prints them.
    ///
    /// # Errors
    /// [`ManagementKeyFormat`] for anything else.
    pub fn from_hex(text: &str) -> Result<Self, ManagementKeyFormat> {
        if !matches!(text.len(), 32 | 48 | 64) {
            return Err(ManagementKeyFormat);
        }
        let mut key = Zeroizing::new(Vec::with_capacity(32));
        let mut digits = text.chars().map(|c| c.to_digit(16));
        while let Some(high) = digits.next() {
            let (Some(high), Some(Some(low))) = (high, digits.next()) else {
                return Err(ManagementKeyFormat);
            };
            key.push(u8::try_from(high << 4 | low).map_err(|_| ManagementKeyFormat)?);
        }
        Ok(Self(key))
    }
}

impl std::fmt::Debug for ManagementKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ManagementKey(..)")
    }
}

/// What is known of the management key, and of the PUK, which can set a new PIN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ManagementStatus {
    /// Whether it is the one that every YubiKey leaves the factory with.
    pub factory: bool,
    /// Whether the card keeps it under its PIN, as ykman does it.
    pub protected: bool,
    /// Whether it is made from the PIN, as old versions of ykman did it: a new
    /// PIN would lose it.
    pub derived: bool,
    /// Whether the PUK is the one that every YubiKey leaves the factory with, and
    /// is not blocked. Firmware before 5.3 does not tell.
    pub factory_puk: Option<bool>,
}

/// What is in a slot.
#[derive(Clone, Debug)]
pub struct SlotContents {
    /// The slot.
    pub slot: Slot,
    /// The key, as far as the card tells. Firmware before 5.3 tells only of
    /// keys that it made itself.
    pub key: Option<SlotKey>,
    /// The certificate, DER.
    pub certificate: Option<Vec<u8>>,
}

impl SlotContents {
    /// Whether there is nothing to lose.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.key.is_none() && self.certificate.is_none()
    }
}

/// The key in a slot.
#[derive(Clone, Debug)]
pub struct SlotKey {
    /// Whether it was made on the YubiKey.
    pub generated: bool,
    /// The public key, where the card attests it.
    pub public_key: Option<PublicKey>,
    /// When it wants the PIN.
    pub pin_policy: Option<PinPolicy>,
    /// When it wants a touch.
    pub touch_policy: Option<TouchPolicy>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_management_key_is_read_from_hex_and_never_shown() {
        let key = ManagementKey::from_hex(&"0102030405060708".repeat(3)).unwrap();
        assert_eq!(key.0.len(), 24);
        assert_eq!(key.0.get(..3), Some(&[1, 2, 3][..]));
        assert_eq!(format!("{key:?}"), "ManagementKey(..)");
    }

    #[test]
    fn other_text_is_no_management_key() {
        for text in [
            "",
            "01",
            &"0g".repeat(24),
            &"é".repeat(24),
            &"01".repeat(25),
        ] {
            assert!(ManagementKey::from_hex(text).is_err(), "{text}");
        }
    }
}
