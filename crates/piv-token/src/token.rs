//! What a YubiKey is to the rest of the program: something that attests its
//! keys and signs with them, after a PIN and a touch.

use crate::{Error, Pin};
use piv_attest::{Firmware, KeyAlgorithm, PinPolicy, PublicKey, Serial, Slot, TouchPolicy};

/// A YubiKey that was opened, or something that stands for one.
///
/// Nothing stays open on the card between two calls: each takes the card,
/// does its work and gives it back, so that other programs can use it.
pub trait Token: Send {
    /// Which YubiKey this is.
    fn info(&self) -> &TokenInfo;

    /// What the card says of its PIN. Costs no try.
    ///
    /// # Errors
    /// When the card cannot be reached.
    fn pin_status(&mut self) -> Result<PinStatus, Error>;

    /// Has the card attest the key in `slot`; needs neither PIN nor touch.
    ///
    /// # Errors
    /// [`Error::NoKey`], [`Error::Imported`], [`Error::NoDeviceCertificate`],
    /// or when the card cannot be reached.
    fn attest(&mut self, slot: Slot) -> Result<Attestation, Error>;

    /// Signs with the key in `slot`.
    ///
    /// PIN and signature are one transaction that ends with a reset of the
    /// card, so no other process can sign on this PIN. `prompt` hears of a
    /// touch exactly when the attested policy of the key asks for one.
    ///
    /// The signature is DER for ECDSA, PKCS#1 v1.5 for RSA, 64 bytes for
    /// Ed25519.
    ///
    /// # Errors
    /// [`Error::WrongPin`], [`Error::LastPinTry`], [`Error::PinBlocked`],
    /// [`Error::PinRequired`], [`Error::NotTouched`], [`Error::Unplugged`],
    /// [`Error::Busy`], [`Error::Algorithm`], and those of
    /// [`attest`](Token::attest).
    fn sign(
        &mut self,
        slot: Slot,
        pin: Option<&Pin>,
        what: ToSign<'_>,
        prompt: &mut dyn TouchPrompt,
    ) -> Result<Vec<u8>, Error>;
}

/// Which YubiKey a [`Token`] is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenInfo {
    /// The name of the PC/SC reader that the YubiKey is.
    pub reader: String,
    /// The serial number; some keys do not tell theirs.
    pub serial: Option<Serial>,
    /// The firmware.
    pub firmware: Firmware,
}

/// What the card says of its PIN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PinStatus {
    /// Tries left, 0 when blocked. `None` when the card does not tell, because
    /// some program has the PIN open on it right now.
    pub tries_left: Option<u8>,
    /// Whether it is the PIN that it left the factory with. Firmware before
    /// 5.3 does not tell.
    pub factory: Option<bool>,
}

/// What to sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ToSign<'a> {
    /// A message, hashed here as the key's algorithm has it: SHA-256 for P-256
    /// and RSA, SHA-384 for P-384; Ed25519 takes it as it is.
    Message(&'a [u8]),
    /// A message, hashed with SHA-512, for RSA keys alone: what SSH prefers.
    MessageSha512(&'a [u8]),
    /// A digest as long as the curve's field, for ECDSA keys alone. Whoever
    /// asks for this asks the person to trust what cannot be shown.
    Digest(&'a [u8]),
}

/// How sure it is that a touch is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TouchNeed {
    /// The policy is `always`: nothing is signed without a touch.
    Certain,
    /// The policy is `cached`: none is needed within 15 s of the last one.
    Possible,
}

/// Hears that the YubiKey waits for a touch.
pub trait TouchPrompt {
    /// The YubiKey is about to wait for a touch (about 15 s).
    fn touch_needed(&mut self, need: TouchNeed);

    /// The waiting is over: the YubiKey was touched (`true`), or not in time,
    /// or pulled out.
    fn touch_over(&mut self, touched: bool) {
        let _ = touched;
    }
}

impl<F: FnMut(TouchNeed)> TouchPrompt for F {
    fn touch_needed(&mut self, need: TouchNeed) {
        self(need);
    }
}

/// What the card says of a key: the attestation and what can be read from it.
///
/// This is the card's word, for those who have the card in their hands. Nobody
/// else should believe it before `piv_attest::Verifier` has checked the chain.
#[derive(Clone, Debug)]
pub struct Attestation {
    pub(crate) slot: Slot,
    pub(crate) leaf: Vec<u8>,
    pub(crate) device: Vec<u8>,
    pub(crate) public_key: PublicKey,
    pub(crate) pin_policy: PinPolicy,
    pub(crate) touch_policy: TouchPolicy,
}

impl Attestation {
    /// The slot that was attested.
    #[must_use]
    pub fn slot(&self) -> Slot {
        self.slot
    }

    /// The attestation certificate of the key, DER.
    #[must_use]
    pub fn leaf(&self) -> &[u8] {
        &self.leaf
    }

    /// The certificate of the attesting key (slot f9), DER.
    #[must_use]
    pub fn device_certificate(&self) -> &[u8] {
        &self.device
    }

    /// Leaf and f9, in the order in which they are sent.
    #[must_use]
    pub fn chain(&self) -> Vec<Vec<u8>> {
        vec![self.leaf.clone(), self.device.clone()]
    }

    /// The public key.
    #[must_use]
    pub fn public_key(&self) -> &PublicKey {
        &self.public_key
    }

    /// The algorithm of the key.
    #[must_use]
    pub fn algorithm(&self) -> KeyAlgorithm {
        self.public_key.algorithm()
    }

    /// When the card wants the PIN.
    #[must_use]
    pub fn pin_policy(&self) -> PinPolicy {
        self.pin_policy
    }

    /// When the card wants a touch.
    #[must_use]
    pub fn touch_policy(&self) -> TouchPolicy {
        self.touch_policy
    }

    /// Whether a signature with this key takes the PIN.
    #[must_use]
    pub fn needs_pin(&self) -> bool {
        self.pin_policy != PinPolicy::Never
    }

    /// Whether a signature with this key takes a touch.
    #[must_use]
    pub fn needs_touch(&self) -> Option<TouchNeed> {
        match self.touch_policy {
            TouchPolicy::Always => Some(TouchNeed::Certain),
            TouchPolicy::Cached => Some(TouchNeed::Possible),
            _ => None,
        }
    }
}
