//! The PIN of the PIV application.

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// A PIN of 6 to 8 bytes, wiped from memory when dropped and never shown.
///
/// A `Pin` does not spend the last try of a card: the token counts the tries
/// that are left before it sends one, and stops at one with
/// [`Error::LastPinTry`](crate::Error::LastPinTry). A caller who asked the
/// person says so with [`Pin::even_the_last_try`].
#[derive(Clone)]
pub struct Pin {
    bytes: Zeroizing<Vec<u8>>,
    last_try: bool,
}

/// Why some text cannot be a PIN. No card is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PinFormat {
    /// Shorter than 6 or longer than 8 bytes.
    #[error("a PIN has 6 to 8 characters, not {0}")]
    Length(usize),
    /// It has characters that are not printable ASCII. Other programs would
    /// encode them in their own way, and the PIN would fail there.
    #[error("a PIN has only printable ASCII characters")]
    Characters,
}

impl Pin {
    /// The PIN that every YubiKey leaves the factory with.
    pub const FACTORY: &'static str = "123456";

    /// Takes the text as it was typed, without its line end.
    ///
    /// # Errors
    /// [`PinFormat`] when no YubiKey could have this PIN.
    pub fn new(text: &str) -> Result<Self, PinFormat> {
        let bytes = text.as_bytes();
        if !(6..=8).contains(&bytes.len()) {
            return Err(PinFormat::Length(bytes.len()));
        }
        if !bytes.iter().all(|b| (0x20..0x7f).contains(b)) {
            return Err(PinFormat::Characters);
        }
        Ok(Self {
            bytes: Zeroizing::new(bytes.to_vec()),
            last_try: false,
        })
    }

    /// The same PIN, allowed to spend the last try of the card. Only for a
    /// person who was told that a mistake now blocks the PIN.
    #[must_use]
    pub fn even_the_last_try(mut self) -> Self {
        self.last_try = true;
        self
    }

    /// Whether this is the PIN that every YubiKey leaves the factory with.
    #[must_use]
    pub fn is_factory(&self) -> bool {
        self.bytes.as_slice() == Self::FACTORY.as_bytes()
    }

    /// As it was typed, for who has to recognise it when it is typed again.
    #[must_use]
    pub fn text(&self) -> Zeroizing<String> {
        // Printable ASCII, as `new` has it.
        Zeroizing::new(self.bytes.iter().map(|byte| char::from(*byte)).collect())
    }

    pub(crate) fn may_spend_last_try(&self) -> bool {
        self.last_try
    }

    /// The 8 bytes that VERIFY takes: the PIN, filled up with 0xFF
    /// (NIST SP 800-73-4, part 2, 2.4.3).
    pub(crate) fn padded(&self) -> Zeroizing<[u8; 8]> {
        let mut padded = Zeroizing::new([0xff; 8]);
        for (to, from) in padded.iter_mut().zip(self.bytes.iter()) {
            *to = *from;
        }
        padded
    }
}

/// Compared in constant time.
impl PartialEq for Pin {
    fn eq(&self, other: &Self) -> bool {
        self.padded().ct_eq(other.padded().as_slice()).into()
    }
}

impl Eq for Pin {}

impl std::fmt::Debug for Pin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Pin(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pin_is_padded_to_eight_bytes() {
        assert_eq!(*Pin::new("654321").unwrap().padded(), *b"654321\xff\xff");
        assert_eq!(*Pin::new("87654321").unwrap().padded(), *b"87654321");
    }

    #[test]
    fn what_no_card_can_have_is_refused_before_a_card_is_asked() {
        assert_eq!(Pin::new("12345").unwrap_err(), PinFormat::Length(5));
        assert_eq!(Pin::new("123456789").unwrap_err(), PinFormat::Length(9));
        assert_eq!(Pin::new("12345\n").unwrap_err(), PinFormat::Characters);
        assert_eq!(Pin::new("пин123").unwrap_err(), PinFormat::Length(9));
    }

    #[test]
    fn a_pin_is_never_shown() {
        assert_eq!(format!("{:?}", Pin::new("654321").unwrap()), "Pin(..)");
    }
}
