//! The embedded authorities are the ones that were pinned, and each leads to its root.

use super::super::{check_signature, trust::Anchor};
use crate::{
    Place, RootFamily, Rule, RustCrypto, Verifier,
    anchors::{
        ATTESTATION_ROOT, DEVICE_ISSUERS, Embedded, INTERMEDIATE_A, INTERMEDIATE_B, PIV_A1, PIV_B1,
        PIV_B2, PIV_ROOT, U2F_ROOT, yubico_authorities, yubico_root,
    },
    certificate::Certificate,
};
use alloc::collections::BTreeSet;
use sha2::{Digest, Sha256};

const ALL: [Embedded; 8] = [
    PIV_ROOT,
    U2F_ROOT,
    ATTESTATION_ROOT,
    INTERMEDIATE_A,
    INTERMEDIATE_B,
    PIV_A1,
    PIV_B1,
    PIV_B2,
];

fn parse(embedded: &Embedded) -> Certificate<'static> {
    Certificate::parse(embedded.der, Place::Root).expect("embedded")
}

#[test]
fn every_embedded_authority_has_the_fingerprint_that_was_pinned() {
    for embedded in ALL {
        let found: [u8; 32] = Sha256::digest(embedded.der).into();
        assert_eq!(found, embedded.sha256);
    }
    assert_eq!(ALL.map(|embedded| embedded.der), yubico_authorities());
    assert_eq!(
        ALL.map(|e| e.sha256)
            .into_iter()
            .collect::<BTreeSet<_>>()
            .len(),
        8
    );
}

#[test]
fn every_embedded_authority_was_signed_by_the_one_above_it() {
    for (below, above) in [
        (PIV_ROOT, PIV_ROOT),
        (U2F_ROOT, U2F_ROOT),
        (ATTESTATION_ROOT, ATTESTATION_ROOT),
        (INTERMEDIATE_A, ATTESTATION_ROOT),
        (INTERMEDIATE_B, ATTESTATION_ROOT),
        (PIV_A1, INTERMEDIATE_A),
        (PIV_B1, INTERMEDIATE_B),
        (PIV_B2, INTERMEDIATE_B),
    ] {
        let (below, above) = (parse(&below), parse(&above));
        assert_eq!(below.issuer.raw, above.subject.raw);
        check_signature::<RustCrypto>(&below, &above.spki.to_key()).expect("signed");
        assert!(above.not_before <= below.not_before && below.not_after <= above.not_after);
    }
}

#[test]
fn the_verifier_trusts_the_five_that_issue_devices_with_piv() {
    let verifier = Verifier::yubico();
    let names = |name: &Anchor| (name.root.name.clone(), name.root.family, name.root.sha256);
    assert_eq!(verifier.anchors.len(), DEVICE_ISSUERS.len());
    for (anchor, issuer) in verifier.anchors.iter().zip(DEVICE_ISSUERS) {
        let root = yubico_root(issuer.family).expect("one of Yubico's");
        assert_eq!(names(anchor), (root.name, root.family, root.sha256));
        assert_eq!(anchor.subject, parse(&issuer.authority).subject.raw);
    }
    for (family, root) in [
        (RootFamily::YubicoPiv, PIV_ROOT),
        (RootFamily::YubicoU2f, U2F_ROOT),
        (RootFamily::YubicoAttestation, ATTESTATION_ROOT),
    ] {
        let named = yubico_root(family).expect("one of Yubico's");
        assert_eq!(Some(named.name()), parse(&root).subject.sole_common_name());
        assert_eq!(named.sha256(), root.sha256);
    }
    assert_eq!(yubico_root(RootFamily::Named), None);
}

#[test]
fn an_authority_of_yubicos_keeps_its_rules_whoever_names_it() {
    let named = Verifier::builder()
        .root(PIV_A1.der)
        .expect("an authority")
        .build();
    assert_eq!(named.anchors[0].root.family, RootFamily::YubicoAttestation);
    assert_eq!(named.anchors[0].root.name(), "Yubico Attestation Root 1");
    let twice = Verifier::builder()
        .yubico()
        .root(PIV_B2.der)
        .expect("an authority")
        .build();
    assert_eq!(
        twice.anchors.len(),
        DEVICE_ISSUERS.len(),
        "named twice is trusted once"
    );
    // The root of the newer family issues no devices itself, but may be named like any other.
    let other = Verifier::builder()
        .root(ATTESTATION_ROOT.der)
        .expect("an authority")
        .build();
    assert_eq!(other.anchors[0].root.family, RootFamily::Named);
}

#[test]
fn a_root_whose_own_signature_is_wrong_cannot_be_named() {
    let mut changed = U2F_ROOT.der.to_vec();
    // One byte of its serial number, as once shipped by a library.
    let at = changed
        .windows(4)
        .position(|w| w == [0x1b, 0x40, 0x53, 0xf7])
        .expect("its serial");
    changed[at + 3] = 0xf6;
    let error = Verifier::builder().root(&changed).expect_err("changed");
    // It is not the pinned one any more, so the path length of 0 counts before the signature.
    assert_eq!(
        (error.at(), error.rule()),
        (Place::Root, &Rule::PathLength { limit: 0 })
    );
    let mut changed = PIV_ROOT.der.to_vec();
    let at = changed
        .windows(3)
        .position(|w| w == [0x04, 0x06, 0x47])
        .expect("its serial");
    changed[at + 2] = 0x46;
    let error = Verifier::builder().root(&changed).expect_err("changed");
    assert_eq!((error.at(), error.rule()), (Place::Root, &Rule::Signature));
}
