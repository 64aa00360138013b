//! One rule at a time: a chain in which everything is as it belongs but one thing.

mod anchors;
mod carriers;
mod extensions;
mod form;
mod keys;
#[cfg(feature = "std")]
mod memory;
mod names;
mod roles;
mod trust;

use super::{Verifier, VerifierBuilder, trust::Anchor};
use crate::{
    Backend, Error, Malformed, Place, RootFamily, Rule, RustCrypto, UnixTime, VerifiedAttestation,
    test_pki::Pki,
};
use alloc::{string::ToString, sync::Arc, vec::Vec};

/// 2025-11-24.
const NOW: UnixTime = UnixTime::from_secs(1_764_000_000);

impl<B: Backend> VerifierBuilder<B> {
    /// Trusts an authority as if it were one of Yubico's.
    fn root_of(mut self, der: &[u8], family: RootFamily) -> Result<Self, Error> {
        let anchor = Anchor::of_family::<B>(der, [7; 32], family)?;
        self.anchors.push(Arc::new(anchor));
        Ok(self)
    }
}

fn verify_with<B: Backend>(pki: &Pki, family: RootFamily) -> Result<VerifiedAttestation, Error> {
    let root = pki.root.der();
    let verifier = Verifier::<B>::builder_with()
        .root_of(&root, family)?
        .build();
    verifier.verify(&pki.leaf.der(), &[&pki.device.der()], NOW)
}

/// Verifies with every backend, which must agree.
fn verify_as(pki: &Pki, family: RootFamily) -> Result<VerifiedAttestation, Error> {
    let result = verify_with::<RustCrypto>(pki, family);
    #[cfg(feature = "aws-lc-rs")]
    assert_eq!(result, verify_with::<crate::AwsLcRs>(pki, family));
    result
}

fn verify(pki: &Pki) -> Result<VerifiedAttestation, Error> {
    verify_as(pki, RootFamily::Named)
}

/// What a change makes of a chain that would verify.
fn after(change: impl FnOnce(&mut Pki)) -> Result<(), (Place, Rule)> {
    let mut pki = Pki::new();
    change(&mut pki);
    verify(&pki)
        .map(|_| ())
        .map_err(|error| (error.at(), error.rule().clone()))
}

/// What a change to the bytes makes of a leaf that would verify.
fn after_bytes(change: impl FnOnce(&mut Vec<u8>)) -> Result<(), (Place, Rule)> {
    let pki = Pki::new();
    let verifier = Verifier::builder()
        .root(&pki.root.der())
        .expect("a root")
        .build();
    let mut leaf = pki.leaf.der();
    change(&mut leaf);
    verifier
        .verify(&leaf, &[&pki.device.der()], NOW)
        .map(|_| ())
        .map_err(|error| (error.at(), error.rule().clone()))
}

/// The problem of a change to the leaf that makes it malformed.
#[track_caller]
fn problem(result: Result<(), (Place, Rule)>) -> Malformed {
    match result {
        Err((Place::Leaf, Rule::Malformed { problem, .. })) => problem,
        other => panic!("{other:?}"),
    }
}

/// The rule that a change to the leaf breaks.
#[track_caller]
fn rule(result: Result<(), (Place, Rule)>) -> Rule {
    match result {
        Err((Place::Leaf, rule)) => rule,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_declared_pki_verifies_unchanged_with_every_kind_of_issuer() {
    use crate::test_pki::Key;
    let keys = [Key::P256(7), Key::P384(7), Key::Ed25519(7)];
    for root in keys {
        for device in keys {
            let found = verify(&Pki::with_keys(root, device)).expect("verifies");
            assert_eq!(found.firmware().to_string(), "5.4.3");
            assert_eq!(found.serial().map(|s| s.get()), Some(15_732_500));
            assert_eq!(found.root().name(), "Test PIV Root CA");
            assert_eq!(found.root().family(), RootFamily::Named);
            assert_eq!(found.device_key().spki_der(), device.spki());
            assert_eq!(found.device_key_sha256(), found.device_key().spki_sha256());
            assert_eq!(found.device_firmware(), Some(found.firmware()));
            assert_eq!(found.verified_at(), NOW);
            let shown = alloc::format!("{found:?}");
            for fact in [
                "Slot(9a)",
                "15732500",
                "P-256",
                "Test PIV Root CA",
                "2025-11-24T16:00:00Z",
            ] {
                assert!(shown.contains(fact), "{fact} in {shown}");
            }
        }
    }
}
