//! Whom the chain ends in, when, and by whose signature.

use super::{NOW, after, verify, verify_as};
use crate::{
    Firmware, KeyAlgorithm, Place, RootFamily, Rule, UnixTime, Verifier,
    test_pki::{
        CA, CA_PATH_0, Key, Pki, Spec, basic_constraints, extension, generalized, key_usage, name,
        raw_spki, rsa_spki, utc, yubico,
    },
};
use alloc::{string::ToString, vec, vec::Vec};

const LEAF: Place = Place::Leaf;
const DEVICE: Place = Place::Intermediate(0);

#[test]
fn the_device_must_be_in_the_chain_and_its_issuer_trusted() {
    let pki = Pki::new();
    let verifier = Verifier::builder()
        .root(&pki.root.der())
        .expect("a root")
        .build();
    let missing = Rule::IssuerMissing {
        issuer: "Yubico PIV Attestation".to_string(),
    };
    let (leaf, root) = (pki.leaf.der(), pki.root.der());
    for chain in [&[][..], &[&root[..]], &[&leaf[..]]] {
        let error = verifier.verify(&leaf, chain, NOW).expect_err("no device");
        assert_eq!((error.at(), error.rule()), (LEAF, &missing));
    }
    let nobody = Verifier::builder().build();
    let error = nobody
        .verify(&leaf, &[&pki.device.der()], NOW)
        .expect_err("nobody trusted");
    let untrusted = Rule::UntrustedIssuer {
        issuer: "Test PIV Root CA".to_string(),
    };
    assert_eq!((error.at(), error.rule()), (DEVICE, &untrusted));
    // The root in the chain does not make it trusted.
    let error = nobody
        .verify(&leaf, &[&pki.device.der(), &root], NOW)
        .expect_err("nobody");
    assert_eq!((error.at(), error.rule()), (DEVICE, &untrusted));
}

#[test]
fn loops_end_and_prove_nothing() {
    // Device and leaf that issued each other, and a device that issued itself.
    let pki = Pki::new();
    let mut device = pki.device.clone();
    device.issuer.clone_from(&device.subject);
    let (root, device, leaf) = (pki.root.der(), device.der(), pki.leaf.der());
    let verifier = Verifier::builder().root(&root).expect("a root").build();
    let chain: Vec<&[u8]> = vec![&device, &leaf, &device, &leaf, &root];
    let error = verifier.verify(&leaf, &chain, NOW).expect_err("a loop");
    let issuer = "Yubico PIV Attestation".to_string();
    assert_eq!(
        (error.at(), error.rule()),
        (DEVICE, &Rule::UntrustedIssuer { issuer })
    );
}

#[test]
fn deviation_u2f_root_path_length_is_for_that_root_alone() {
    let short = |family| {
        let mut pki = Pki::of_firmware(4, 3, 7);
        pki.root.extensions[0] = basic_constraints(CA_PATH_0);
        verify_as(&pki, family)
            .map(|_| ())
            .map_err(|error| (error.at(), error.rule().clone()))
    };
    assert_eq!(short(RootFamily::YubicoU2f), Ok(()));
    let refused = Err((Place::Root, Rule::PathLength { limit: 0 }));
    for family in [
        RootFamily::YubicoPiv,
        RootFamily::YubicoAttestation,
        RootFamily::Named,
    ] {
        assert_eq!(short(family), refused);
    }
}

#[test]
fn root_and_firmware_must_agree() {
    use RootFamily::{Named, YubicoAttestation, YubicoPiv, YubicoU2f};
    let under = |leaf: (u8, u8, u8), device: (u8, u8, u8), family| {
        let mut pki = Pki::of_firmware(leaf.0, leaf.1, leaf.2);
        pki.device.extensions[0] = yubico(3, &[device.0, device.1, device.2]);
        verify_as(&pki, family)
            .map(|_| ())
            .map_err(|error| (error.at(), error.rule().clone()))
    };
    let name_of = |family| crate::anchors::yubico_root(family).map(|root| root.name);
    for (family, inside, outside) in [
        (
            YubicoU2f,
            vec![(4, 3, 7), (4, 9, 9)],
            vec![(5, 0, 0), (5, 7, 4), (3, 9, 9)],
        ),
        (
            YubicoPiv,
            vec![(4, 3, 3), (5, 7, 3)],
            vec![(5, 7, 4), (5, 8, 0), (6, 0, 0)],
        ),
        (
            YubicoAttestation,
            vec![(5, 7, 4), (5, 8, 0), (6, 0, 0)],
            vec![(5, 7, 3), (4, 3, 7)],
        ),
        (
            Named,
            vec![(4, 3, 7), (5, 7, 3), (5, 7, 4), (6, 0, 0)],
            vec![],
        ),
    ] {
        for firmware in inside {
            assert_eq!(
                under(firmware, firmware, family),
                Ok(()),
                "{family:?} {firmware:?}"
            );
        }
        for firmware in outside {
            let Err((at, Rule::FirmwareUnderRoot { root, .. })) = under(firmware, firmware, family)
            else {
                panic!("{family:?} {firmware:?}")
            };
            assert_eq!((at, Some(root)), (DEVICE, name_of(family)));
        }
    }
    // The leaf's own firmware counts too, though its line is the device's.
    assert_eq!(under((5, 7, 4), (5, 7, 4), Named), Ok(()));
    for (leaf, device, family) in [
        ((5, 7, 4), (5, 7, 3), YubicoPiv),
        ((5, 7, 3), (5, 7, 4), YubicoAttestation),
    ] {
        let Err((at, Rule::FirmwareUnderRoot { firmware, .. })) = under(leaf, device, family)
        else {
            panic!("{leaf:?} over {device:?}")
        };
        assert_eq!(
            (at, firmware),
            (LEAF, Firmware::new(leaf.0, leaf.1, leaf.2))
        );
    }
}

#[test]
fn everything_must_be_valid_at_the_time_given() {
    type Part = fn(&mut Pki) -> &mut Spec;
    let times = |at: Part, before: &str, after_: &str| {
        let (before, end) = (utc(before), utc(after_));
        after(|pki| {
            let spec = at(pki);
            spec.not_before = before;
            spec.not_after = end;
        })
    };
    let parts: [(Place, Part); 3] = [
        (LEAF, |pki| &mut pki.leaf),
        (DEVICE, |pki| &mut pki.device),
        (Place::Root, |pki| &mut pki.root),
    ];
    for (place, part) in parts {
        // NOW is 2025-11-24T16:00:00Z. Both ends are included.
        let second = UnixTime::from_secs;
        let (not_before, not_after) = (second(1_764_000_001), second(1_763_999_999));
        assert_eq!(times(part, "251124160000Z", "251124160000Z"), Ok(()));
        let early = Err((
            place,
            Rule::NotYetValid {
                not_before,
                now: NOW,
            },
        ));
        assert_eq!(times(part, "251124160001Z", "301124160000Z"), early);
        let late = Err((
            place,
            Rule::Expired {
                not_after,
                now: NOW,
            },
        ));
        assert_eq!(times(part, "201124160000Z", "251124155959Z"), late);
    }
}

#[test]
fn years_from_before_the_epoch_to_9999_are_times() {
    let mut pki = Pki::new();
    pki.leaf.not_before = utc("500101000000Z");
    pki.leaf.not_after = generalized("99991231235959Z");
    assert!(verify(&pki).is_ok());
    pki.leaf.not_before = generalized("00000101000000Z");
    assert!(verify(&pki).is_ok());
}

#[test]
fn signatures_must_be_those_of_the_issuers_key() {
    let wrong = |at| Err((at, Rule::Signature));
    assert_eq!(after(|pki| pki.leaf.signer = Key::P256(9)), wrong(LEAF));
    assert_eq!(after(|pki| pki.device.signer = Key::P256(9)), wrong(DEVICE));
    assert_eq!(
        after(|pki| pki.root.signer = Key::P256(9)),
        wrong(Place::Root)
    );
    let mismatch = |at, key| Err((at, Rule::AlgorithmMismatch { key }));
    let other = after(|pki| {
        pki.leaf.signer = Key::Ed25519(2);
        pki.leaf.algorithm = Key::Ed25519(2).algorithm();
    });
    assert_eq!(other, mismatch(LEAF, KeyAlgorithm::P256));
}

#[test]
fn weak_or_unfit_keys_issue_nothing() {
    let refused = |at, algorithm| Err((at, Rule::IssuerKey { algorithm }));
    let small = rsa_spki(&[0xc1; 128], &[1, 0, 1]);
    let exchange = raw_spki(0x6e, &[9; 32]);
    for (spki, kind) in [
        (small, KeyAlgorithm::Rsa1024),
        (exchange, KeyAlgorithm::X25519),
    ] {
        assert_eq!(
            after(|pki| pki.device.spki.clone_from(&spki)),
            refused(DEVICE, kind)
        );
        assert_eq!(
            after(|pki| pki.root.spki.clone_from(&spki)),
            refused(Place::Root, kind)
        );
        // As attested keys they are facts, for policy to judge.
        assert_eq!(after(|pki| pki.leaf.spki = spki), Ok(()));
    }
}

#[test]
fn a_root_must_be_fit_to_issue_devices() {
    let with = |change: &dyn Fn(&mut Spec)| {
        after(|pki| change(&mut pki.root)).map_err(|(at, rule)| {
            assert_eq!(at, Place::Root);
            rule
        })
    };
    assert_eq!(
        with(&|root| root.extensions[0] = basic_constraints(&[])),
        Err(Rule::NotAnAuthority)
    );
    assert_eq!(
        with(&|root| drop(root.extensions.remove(0))),
        Err(Rule::NotAnAuthority)
    );
    assert_eq!(
        with(&|root| root.extensions[1] = key_usage(&[7, 0x80])),
        Err(Rule::KeyUsage)
    );
    assert_eq!(with(&|root| drop(root.extensions.remove(1))), Ok(()));
    assert_eq!(
        with(&|root| root.extensions[0] = basic_constraints(CA)),
        Ok(())
    );
    assert_eq!(
        with(&|root| root.extensions.push(yubico(8, &[2, 2]))),
        Err(Rule::AttestedKeyAsIssuer)
    );
    let slot = name("YubiKey PIV Attestation 9a");
    assert_eq!(
        with(&|root| root.subject.clone_from(&slot)),
        Err(Rule::AttestedKeyAsIssuer)
    );
    let policies = extension(&[0x55, 0x1d, 0x20], true, &[0x30, 0]);
    let rule = Rule::UnknownCriticalExtension {
        oid: "2.5.29.32".to_string(),
    };
    assert_eq!(
        with(&|root| root.extensions.push(policies.clone())),
        Err(rule)
    );
    // One that another issued is the caller's to vouch for.
    let other = name("Somebody");
    assert_eq!(
        with(&|root| {
            root.issuer.clone_from(&other);
            root.signer = Key::P256(9);
        }),
        Ok(())
    );
}

#[test]
fn several_certificates_may_have_the_issuers_name() {
    // f9 certificates do not differ in their names, so each is tried; the right one wins.
    let pki = Pki::new();
    let mut other = pki.device.clone();
    other.spki = Key::P256(8).spki();
    let mut foreign = pki.device.clone();
    foreign.issuer = name("Somebody");
    let verifier = Verifier::builder()
        .root(&pki.root.der())
        .expect("a root")
        .build();
    let (own, other, foreign) = (pki.device.der(), other.der(), foreign.der());
    for chain in [
        [&own[..], &other, &foreign],
        [&foreign, &other, &own],
        [&other, &own, &other],
    ] {
        assert!(verifier.verify(&pki.leaf.der(), &chain, NOW).is_ok());
    }
    // Of several failures the first is told.
    let error = verifier
        .verify(&pki.leaf.der(), &[&other, &foreign], NOW)
        .expect_err("neither");
    assert_eq!((error.at(), error.rule()), (LEAF, &Rule::Signature));
    let error = verifier
        .verify(&pki.leaf.der(), &[&foreign, &other], NOW)
        .expect_err("neither");
    assert_eq!(error.at(), DEVICE);
}

#[test]
fn other_branches_of_a_trusted_root_issue_no_devices() {
    // As under Yubico Attestation Root 1: what issues devices with PIV is trusted, the root and its
    // branches for FIDO, OpenPGP and the like are not, though they are one family.
    let piv = Pki::of_firmware(5, 7, 4);
    let mut fido = piv.clone();
    fido.root.subject = name("Yubico FIDO Attestation B 1");
    fido.root.spki = Key::P256(5).spki();
    fido.device.issuer.clone_from(&fido.root.subject);
    fido.device.signer = Key::P256(5);
    let verifier = Verifier::builder()
        .root_of(&piv.root.der(), RootFamily::YubicoAttestation)
        .expect("a root")
        .build();
    let chain = [fido.device.der(), fido.root.der(), piv.root.der()];
    let chain: Vec<&[u8]> = chain.iter().map(Vec::as_slice).collect();
    assert!(
        verifier
            .verify(&piv.leaf.der(), &[&piv.device.der()], NOW)
            .is_ok()
    );
    let error = verifier
        .verify(&fido.leaf.der(), &chain, NOW)
        .expect_err("another branch");
    let issuer = "Yubico FIDO Attestation B 1".to_string();
    assert_eq!(
        (error.at(), error.rule()),
        (DEVICE, &Rule::UntrustedIssuer { issuer })
    );
}
