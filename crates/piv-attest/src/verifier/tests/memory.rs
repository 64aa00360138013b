//! What a verifier remembers, and that this changes nothing but the cost.

use super::NOW;
use crate::{
    Backend, InvalidSignature, Place, PublicKey, Rule, RustCrypto, SignatureAlgorithm, UnixTime,
    Verifier,
    test_pki::{Key, Pki, utc},
};
use core::sync::atomic::{AtomicUsize, Ordering};

/// Counts signature checks; each test that looks at the count has a type of its own.
struct Counting<const TEST: usize>;

static CHECKS: [AtomicUsize; 2] = [const { AtomicUsize::new(0) }; 2];

impl<const TEST: usize> Backend for Counting<TEST> {
    fn verify(
        algorithm: SignatureAlgorithm,
        key: &PublicKey,
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), InvalidSignature> {
        CHECKS[TEST].fetch_add(1, Ordering::SeqCst);
        RustCrypto::verify(algorithm, key, message, signature)
    }
}

fn checks<const TEST: usize>(run: impl FnOnce()) -> usize {
    let before = CHECKS[TEST].load(Ordering::SeqCst);
    run();
    CHECKS[TEST].load(Ordering::SeqCst) - before
}

#[test]
fn a_chain_costs_two_checks_cold_and_one_warm() {
    let pki = Pki::new();
    let (root, device, leaf) = (pki.root.der(), pki.device.der(), pki.leaf.der());
    let verifier = Verifier::<Counting<0>>::builder_with()
        .root(&root)
        .expect("a root")
        .build();
    let verify = || drop(verifier.verify(&leaf, &[&device], NOW).expect("verifies"));
    assert_eq!(checks::<0>(verify), 2);
    assert_eq!(checks::<0>(verify), 1);
    // Another key of the same device, and the same certificate amid others.
    let mut other = pki.leaf.clone();
    other.spki = Key::P384(3).spki();
    let other = other.der();
    let more = || {
        drop(
            verifier
                .verify(&other, &[&root, &device], NOW)
                .expect("verifies"),
        )
    };
    assert_eq!(checks::<0>(more), 1);
}

#[test]
fn nothing_is_checked_that_form_or_roles_refuse() {
    let pki = Pki::new();
    let root = pki.root.der();
    let verifier = Verifier::<Counting<1>>::builder_with()
        .root(&root)
        .expect("a root")
        .build();
    let mut leaf = pki.leaf.clone();
    leaf.subject = crate::test_pki::name("x");
    let (leaf, device) = (leaf.der(), pki.device.der());
    let refused = || {
        drop(
            verifier
                .verify(&leaf, &[&device], NOW)
                .expect_err("refused"),
        )
    };
    assert_eq!(checks::<1>(refused), 0);
}

#[test]
fn times_are_judged_afresh_for_what_is_remembered() {
    let mut pki = Pki::new();
    pki.device.not_after = utc("300101000000Z");
    let verifier = Verifier::builder()
        .root(&pki.root.der())
        .expect("a root")
        .build();
    let (leaf, device) = (pki.leaf.der(), pki.device.der());
    assert!(verifier.verify(&leaf, &[&device], NOW).is_ok());
    assert_eq!(verifier.issuers.len(), 1);
    let late = UnixTime::from_secs(1_900_000_000);
    let error = verifier
        .verify(&leaf, &[&device], late)
        .expect_err("expired");
    assert_eq!(error.at(), Place::Intermediate(0));
    assert!(matches!(error.rule(), Rule::Expired { .. }));
    // And one that was seen when it was not valid yet is good when it is.
    let verifier = Verifier::builder()
        .root(&pki.root.der())
        .expect("a root")
        .build();
    assert!(verifier.verify(&leaf, &[&device], late).is_err());
    assert!(verifier.verify(&leaf, &[&device], NOW).is_ok());
}

#[test]
fn only_what_a_trusted_authority_signed_is_remembered() {
    let pki = Pki::new();
    let verifier = Verifier::builder()
        .root(&pki.root.der())
        .expect("a root")
        .build();
    let mut forged = pki.device.clone();
    forged.signer = Key::P256(9);
    assert!(
        verifier
            .verify(&pki.leaf.der(), &[&forged.der()], NOW)
            .is_err()
    );
    assert_eq!(verifier.issuers.len(), 0);
}

#[test]
fn memory_is_bounded() {
    use super::super::issuers::{CAPACITY, Issuer, Issuers};
    use alloc::sync::Arc;
    let pki = Pki::new();
    let verifier = Verifier::builder()
        .root(&pki.root.der())
        .expect("a root")
        .build();
    let device = pki.device.der();
    verifier
        .verify(&pki.leaf.der(), &[&device], NOW)
        .expect("verifies");
    let issuer: Arc<Issuer> = verifier.issuers.get(&device).expect("remembered");
    let issuers = Issuers::default();
    for number in 0usize..CAPACITY + 10 {
        issuers.remember(&number.to_be_bytes(), &issuer);
        assert!(
            issuers.get(&number.to_be_bytes()).is_some(),
            "the newest is there"
        );
    }
    assert_eq!(issuers.len(), CAPACITY);
}

#[test]
fn one_verifier_serves_many_threads() {
    let pki = Pki::new();
    let verifier = Verifier::builder()
        .root(&pki.root.der())
        .expect("a root")
        .build();
    let (leaf, device) = (pki.leaf.der(), pki.device.der());
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| verifier.verify(&leaf, &[&device], NOW).expect("verifies"));
        }
    });
    assert_eq!(verifier.issuers.len(), 1);
}
