//! From bytes to proof.

use crate::{
    Backend, Error, PublicKey, RustCrypto, UnixTime, VerifiedAttestation,
    error::{Place, Rule},
};
use core::marker::PhantomData;

/// Verifies attestations. Build it once and share it between threads.
#[derive(Debug)]
pub struct Verifier<B: Backend = RustCrypto> {
    backend: PhantomData<fn() -> B>,
}

/// Says what a [`Verifier`] trusts.
#[derive(Debug)]
pub struct VerifierBuilder<B: Backend = RustCrypto> {
    backend: PhantomData<fn() -> B>,
}

impl Verifier {
    /// Trusts Yubico's roots, and checks signatures with [`RustCrypto`].
    #[must_use]
    pub fn yubico() -> Self {
        Self::builder().yubico().build()
    }

    /// A verifier with [`RustCrypto`] that trusts nobody yet.
    #[must_use]
    pub fn builder() -> VerifierBuilder {
        Self::builder_with()
    }
}

impl<B: Backend> Verifier<B> {
    /// A verifier with this backend that trusts nobody yet:
    /// `Verifier::<AwsLcRs>::builder_with().yubico().build()`.
    #[must_use]
    pub fn builder_with() -> VerifierBuilder<B> {
        VerifierBuilder {
            backend: PhantomData,
        }
    }

    /// Verifies the DER certificate of a key, with the device's certificate among `intermediates`.
    ///
    /// # Errors
    /// The first rule that is broken, and where.
    pub fn verify(
        &self,
        leaf: &[u8],
        intermediates: &[&[u8]],
        now: UnixTime,
    ) -> Result<VerifiedAttestation, Error> {
        let _ = (leaf, intermediates, now);
        Err(Error::new(Place::Leaf, Rule::Empty))
    }
}

impl<B: Backend> VerifierBuilder<B> {
    /// Trusts Yubico's roots.
    #[must_use]
    pub fn yubico(self) -> Self {
        self
    }

    /// Trusts the devices that this DER CA certificate issued.
    ///
    /// # Errors
    /// At [`Place::Root`]: a certificate that cannot be a CA.
    pub fn root(self, der: &[u8]) -> Result<Self, Error> {
        let _ = der;
        Ok(self)
    }

    /// The verifier.
    #[must_use]
    pub fn build(self) -> Verifier<B> {
        Verifier {
            backend: PhantomData,
        }
    }
}

/// The key that a certificate claims to attest, with nothing verified: for finding the record or
/// checking a signature before the attestation is judged, never for deciding anything.
///
/// # Errors
/// At [`Place::Leaf`]: not a well-formed attestation.
pub fn claimed_key(leaf: &[u8]) -> Result<PublicKey, Error> {
    let _ = leaf;
    Err(Error::new(Place::Leaf, Rule::Empty))
}
