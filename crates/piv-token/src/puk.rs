//! The PUK, which sets a new PIN once the PIN is blocked.

use zeroize::Zeroizing;

use crate::{Error, Pin, PinFormat};

/// Digits of a PUK that was made here.
const DIGITS: usize = 8;

/// A PUK of 6 to 8 bytes, wiped from memory when dropped. Shown to its owner
/// by [`Puk::reveal`] and by nothing else.
#[derive(Clone, PartialEq, Eq)]
pub struct Puk(Pin);

impl Puk {
    /// The PUK that every YubiKey leaves the factory with.
    pub const FACTORY: &'static str = "12345678";

    /// Takes the text as it was typed, without its line end.
    ///
    /// # Errors
    /// [`PinFormat`] when no YubiKey could have this PUK.
    pub fn new(text: &str) -> Result<Self, PinFormat> {
        Pin::new(text).map(Self)
    }

    /// Eight random digits.
    ///
    /// # Errors
    /// [`Error::System`] where the machine gives no randomness.
    pub fn random() -> Result<Self, Error> {
        let mut text = Zeroizing::new(String::with_capacity(DIGITS));
        let mut byte = Zeroizing::new([0; 1]);
        while text.len() < DIGITS {
            getrandom::fill(byte.as_mut_slice())
                .map_err(|_| Error::System { what: "randomness" })?;
            let [value] = *byte;
            // Above it, some digits would come more often than others.
            if value < 250 {
                text.push(char::from(b'0' + value % 10));
            }
        }
        Self::new(&text).map_err(|_| Error::System { what: "randomness" })
    }

    /// Whether this is the PUK that every YubiKey leaves the factory with.
    #[must_use]
    pub fn is_factory(&self) -> bool {
        self.0.text().as_str() == Self::FACTORY
    }

    /// Whether the PIN is the same: whoever sees one typed would know both.
    #[must_use]
    pub fn is(&self, pin: &Pin) -> bool {
        self.0 == *pin
    }

    /// The text, to be shown to the person whose it is, once.
    #[must_use]
    pub fn reveal(&self) -> Zeroizing<String> {
        self.0.text()
    }

    pub(crate) fn padded(&self) -> Zeroizing<[u8; 8]> {
        self.0.padded()
    }
}

impl std::fmt::Debug for Puk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Puk(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_random_puk_is_eight_digits_and_never_the_same() {
        let (one, two) = (Puk::random().unwrap(), Puk::random().unwrap());
        for puk in [&one, &two] {
            let text = puk.reveal();
            assert_eq!(text.len(), 8, "{}", *text);
            assert!(text.bytes().all(|digit| digit.is_ascii_digit()));
        }
        assert_ne!(one, two);
        assert_eq!(format!("{one:?}"), "Puk(..)");
    }

    #[test]
    fn a_pin_that_is_the_puk_is_noticed() {
        let puk = Puk::new("48213309").unwrap();
        assert!(puk.is(&Pin::new("48213309").unwrap()));
        assert!(!puk.is(&Pin::new("482133").unwrap()));
        assert!(Puk::new(Puk::FACTORY).unwrap().is_factory());
    }
}
