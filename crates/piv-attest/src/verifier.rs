//! From bytes to proof.

mod builder;
mod issuers;
mod roles;
#[cfg(test)]
mod tests;
mod trust;

pub use builder::VerifierBuilder;

use crate::{
    Backend, Error, PublicKey, RustCrypto, UnixTime, VerifiedAttestation,
    attestation::Device,
    certificate::Certificate,
    error::{Place, Rule},
};
use alloc::{sync::Arc, vec::Vec};
use core::marker::PhantomData;
use issuers::{Issuer, Issuers};
use roles::AttestedFacts;
use trust::{Anchor, Validity};

/// Verifies attestations against the roots that it was built with.
///
/// Build it once and share it between threads: it remembers which devices' certificates it has
/// verified (with the feature `std`), so that the next key under the same one costs one signature
/// check. `B` checks the signatures; what is accepted does not depend on it.
#[derive(Debug)]
pub struct Verifier<B: Backend = RustCrypto> {
    anchors: Vec<Arc<Anchor>>,
    issuers: Issuers,
    max_intermediates: usize,
    backend: PhantomData<fn() -> B>,
}

impl Verifier {
    /// Trusts Yubico's devices, and checks signatures with [`RustCrypto`].
    #[must_use]
    pub fn yubico() -> Self {
        Self::builder().yubico().build()
    }

    /// A verifier with [`RustCrypto`] that trusts nobody until it is told whom.
    #[must_use]
    pub fn builder() -> VerifierBuilder {
        Self::builder_with()
    }
}

impl<B: Backend> Verifier<B> {
    /// A verifier with the backend of your choice that trusts nobody until it is told whom:
    /// `Verifier::<AwsLcRs>::builder_with().yubico().build()`.
    #[must_use]
    pub fn builder_with() -> VerifierBuilder<B> {
        VerifierBuilder::new()
    }

    /// Verifies the attestation certificate of a key. `intermediates` holds the certificate of
    /// the device (slot f9) and may hold others, in any order; Yubico's own are not needed. All
    /// are DER, and `now` is the time at which all must be valid.
    ///
    /// What is checked, in this order:
    /// 1. The form of every certificate given: strict DER of an X.509 version 3 certificate.
    /// 2. The leaf attests a key in a slot, states firmware and policies, and is no authority.
    /// 3. The device's certificate is the leaf's issuer, is the certificate of a device, and was
    ///    issued and signed by an authority that this verifier trusts.
    /// 4. Firmware of leaf and device agree with each other and with the root.
    /// 5. Leaf, device and authority are valid at `now`.
    /// 6. The device signed the leaf.
    ///
    /// It does not say whether the key is good enough for you: that is for
    /// [`Policy::judge`](crate::Policy::judge). Nor does it prove that whoever sent it has the
    /// key: let the key sign a challenge.
    ///
    /// # Errors
    /// The first rule that is broken, and by which certificate.
    pub fn verify(
        &self,
        leaf: &[u8],
        intermediates: &[&[u8]],
        now: UnixTime,
    ) -> Result<VerifiedAttestation, Error> {
        if intermediates.len() > self.max_intermediates {
            let (max, found) = (self.max_intermediates, intermediates.len());
            return Err(Error::new(Place::Chain, Rule::TooMany { max, found }));
        }
        let leaf = Certificate::parse(leaf, Place::Leaf)?;
        let facts = roles::attested(&leaf).map_err(|rule| Error::new(Place::Leaf, rule))?;

        // Deviation `no-key-identifiers`: the name alone finds the issuer. Several may have it:
        // f9 certificates do not differ in it.
        let mut outcome: Option<Result<VerifiedAttestation, Error>> = None;
        for (index, der) in intermediates.iter().copied().enumerate() {
            let at = Place::Intermediate(index);
            if let Some(issuer) = self.issuers.get(der) {
                if issuer.subject == leaf.issuer.raw && !matches!(outcome, Some(Ok(_))) {
                    outcome = merge(outcome, self.verify_leaf(&leaf, facts, &issuer, at, now));
                }
                continue;
            }
            let certificate = Certificate::parse(der, at)?;
            if certificate.subject.raw == leaf.issuer.raw && !matches!(outcome, Some(Ok(_))) {
                let result = self
                    .verify_issuer(&certificate, der)
                    .map_err(|rule| Error::new(at, rule))
                    .and_then(|issuer| self.verify_leaf(&leaf, facts, &issuer, at, now));
                outcome = merge(outcome, result);
            }
        }
        outcome.unwrap_or_else(|| {
            let issuer = leaf.issuer.printable();
            Err(Error::new(Place::Leaf, Rule::IssuerMissing { issuer }))
        })
    }

    /// The device's certificate: its part, its issuer, and the issuer's signature.
    fn verify_issuer(&self, device: &Certificate<'_>, der: &[u8]) -> Result<Arc<Issuer>, Rule> {
        let mut failure = None;
        let named = self
            .anchors
            .iter()
            .filter(|anchor| anchor.subject == device.issuer.raw);
        for anchor in named {
            let family = anchor.root.family;
            let checked =
                roles::device(device, family).and_then(|()| match device.extensions.firmware {
                    Some(firmware) if !roles::belongs_under(firmware, family) => {
                        let root = anchor.root.name.clone();
                        Err(Rule::FirmwareUnderRoot { firmware, root })
                    }
                    _ => check_signature::<B>(device, &anchor.key),
                });
            if let Err(rule) = checked {
                failure.get_or_insert(rule);
                continue;
            }
            let key = device.spki.to_key();
            let issuer = Arc::new(Issuer {
                subject: device.subject.raw.to_vec(),
                validity: Validity::of(device),
                anchor: Arc::clone(anchor),
                device: Arc::new(Device {
                    key_sha256: key.spki_sha256(),
                    key,
                    firmware: device.extensions.firmware,
                    fips: device.extensions.fips,
                    cspn: device.extensions.cspn,
                    root: Arc::clone(&anchor.root),
                }),
            });
            self.issuers.remember(der, &issuer);
            return Ok(issuer);
        }
        Err(failure.unwrap_or_else(|| {
            // Its part comes first: a CA or a slot's key in the place of a device is told so.
            let part = roles::device(device, crate::RootFamily::YubicoPiv);
            let issuer = device.issuer.printable();
            match part {
                Err(rule @ (Rule::AttestedKeyAsIssuer | Rule::NotADevice)) => rule,
                _ => Rule::UntrustedIssuer { issuer },
            }
        }))
    }

    /// The leaf under a device whose certificate was verified.
    fn verify_leaf(
        &self,
        leaf: &Certificate<'_>,
        facts: AttestedFacts,
        issuer: &Issuer,
        at: Place,
        now: UnixTime,
    ) -> Result<VerifiedAttestation, Error> {
        let device = &issuer.device;
        let root = &device.root;
        let of_leaf = |rule| Error::new(Place::Leaf, rule);
        if let Some(firmware) = device.firmware
            && !roles::same_line(facts.firmware, firmware)
        {
            return Err(of_leaf(Rule::FirmwareDiffers {
                leaf: facts.firmware,
                device: firmware,
            }));
        }
        if !roles::belongs_under(facts.firmware, root.family) {
            let (firmware, root) = (facts.firmware, root.name.clone());
            return Err(of_leaf(Rule::FirmwareUnderRoot { firmware, root }));
        }
        Validity::of(leaf).check(now, Place::Leaf)?;
        issuer.validity.check(now, at)?;
        issuer.anchor.validity.check(now, Place::Root)?;
        check_signature::<B>(leaf, &device.key).map_err(of_leaf)?;
        Ok(VerifiedAttestation {
            slot: facts.slot,
            serial: facts.serial,
            firmware: facts.firmware,
            pin_policy: facts.pin_policy,
            touch_policy: facts.touch_policy,
            form_factor: facts.form_factor,
            public_key: leaf.spki.to_key(),
            device: Arc::clone(device),
            verified_at: now,
        })
    }
}

/// The first failure is kept until something succeeds.
fn merge<T>(
    earlier: Option<Result<T, Error>>,
    later: Result<T, Error>,
) -> Option<Result<T, Error>> {
    match (earlier, later) {
        (Some(Err(first)), Err(_)) => Some(Err(first)),
        (_, later) => Some(later),
    }
}

/// Whether this key signed this certificate: over the bytes that came, never a re-encoding.
fn check_signature<B: Backend>(certificate: &Certificate<'_>, key: &PublicKey) -> Result<(), Rule> {
    let algorithm =
        certificate
            .signature_kind
            .by(key.algorithm())
            .ok_or(Rule::AlgorithmMismatch {
                key: key.algorithm(),
            })?;
    key.verify::<B>(algorithm, certificate.tbs, certificate.signature)
        .map_err(|_| Rule::Signature)
}

/// The key that a certificate claims to attest, with nothing verified: for finding its record, or
/// for checking that the key signed a challenge before anything else is looked at. Decide nothing
/// by it: anyone can write such a certificate.
///
/// # Errors
/// At [`Place::Leaf`]: not a well-formed certificate that attests a key.
pub fn claimed_key(leaf: &[u8]) -> Result<PublicKey, Error> {
    let leaf = Certificate::parse(leaf, Place::Leaf)?;
    roles::attested(&leaf).map_err(|rule| Error::new(Place::Leaf, rule))?;
    Ok(leaf.spki.to_key())
}
