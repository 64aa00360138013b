//! What a verifier trusts.

use super::{Verifier, issuers::Issuers, trust::Anchor};
use crate::{Backend, Error, RustCrypto, anchors};
use alloc::{sync::Arc, vec::Vec};
use core::marker::PhantomData;

/// Enough for every chain there is; those of devices have one to four beside the leaf.
const MAX_INTERMEDIATES: usize = 16;

/// Says what a [`Verifier`] trusts: nobody, until it is told whom.
#[derive(Debug)]
pub struct VerifierBuilder<B: Backend = RustCrypto> {
    pub(super) anchors: Vec<Arc<Anchor>>,
    max_intermediates: usize,
    backend: PhantomData<fn() -> B>,
}

impl<B: Backend> VerifierBuilder<B> {
    pub(super) fn new() -> Self {
        Self {
            anchors: Vec::new(),
            max_intermediates: MAX_INTERMEDIATES,
            backend: PhantomData,
        }
    }

    /// Trusts the devices that Yubico made: those under Yubico PIV Root CA Serial 263751, Yubico
    /// U2F Root CA Serial 457200631, and the PIV authorities of Yubico Attestation Root 1, all of
    /// which this crate contains.
    #[must_use]
    pub fn yubico(mut self) -> Self {
        for issuer in anchors::DEVICE_ISSUERS {
            // These are read without error: a test says so.
            if let Ok(anchor) = Anchor::named::<B>(issuer.authority.der) {
                self.add(anchor);
            }
        }
        self
    }

    /// Trusts the devices whose certificates this authority, a DER certificate, issued itself: an
    /// emulator's root, one of your own under which you replaced f9, or one of Yubico's that is
    /// newer than this crate. It must be a certificate authority by RFC 5280 that may have a
    /// device's certificate below it; if it is self-issued, its signature must be its own.
    ///
    /// # Errors
    /// At [`Place::Root`](crate::Place::Root), the rule that it breaks.
    pub fn root(mut self, der: &[u8]) -> Result<Self, Error> {
        let anchor = Anchor::named::<B>(der)?;
        self.add(anchor);
        Ok(self)
    }

    /// How many certificates may come with a leaf: 16 unless set, and never more than 256. Each
    /// costs at most one signature check, if it has the name of the leaf's issuer and is not
    /// remembered, two.
    #[must_use]
    pub fn max_intermediates(mut self, max: usize) -> Self {
        self.max_intermediates = max.min(256);
        self
    }

    /// The verifier.
    #[must_use]
    pub fn build(self) -> Verifier<B> {
        Verifier {
            anchors: self.anchors,
            issuers: Issuers::default(),
            max_intermediates: self.max_intermediates,
            backend: PhantomData,
        }
    }

    fn add(&mut self, anchor: Anchor) {
        if !self.anchors.iter().any(|known| known.is_same(&anchor)) {
            self.anchors.push(Arc::new(anchor));
        }
    }
}
