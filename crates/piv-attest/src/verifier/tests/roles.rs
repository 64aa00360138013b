//! Who may issue, who may be issued, and what must agree.

use super::{NOW, after, verify, verify_as};
use crate::{
    Firmware, KeyAlgorithm, Place, RootFamily, Rule, UnixTime, Verifier,
    test_pki::{
        CA, CA_PATH_0, CA_PATH_1, Key, LEAF_KEY, Pki, Spec, basic_constraints, extension,
        generalized, key_usage, name, name_as, raw_spki, rsa_spki, seq, tlv, utc, yubico,
    },
};
use alloc::{string::ToString, vec, vec::Vec};

const LEAF: Place = Place::Leaf;
const DEVICE: Place = Place::Intermediate(0);

fn missing(extension: &'static str) -> Rule {
    Rule::MissingExtension { extension }
}

#[test]
fn the_leaf_must_attest_a_key() {
    let subject = |text: &str| {
        let name = name(text);
        after(|pki| pki.leaf.subject = name)
    };
    for other in [
        "YubiKey PIV Attestation",
        "Yubico PIV Attestation 9a",
        "YubiKey PIV Attestation9a",
        "yubikey PIV Attestation 9a",
        "x",
    ] {
        assert_eq!(
            subject(other),
            Err((LEAF, Rule::NotAnAttestation)),
            "{other}"
        );
    }
    for slot in ["f9", "9b", "9A", "81", "96", "09a", "", "9a "] {
        let text = alloc::format!("YubiKey PIV Attestation {slot}");
        assert_eq!(subject(&text), Err((LEAF, Rule::UnknownSlot)), "{slot}");
    }
    for slot in ["9c", "9d", "9e", "82", "95"] {
        assert_eq!(
            subject(&alloc::format!("YubiKey PIV Attestation {slot}")),
            Ok(())
        );
    }
    // A PrintableString says the same; a second attribute does not.
    let printable = name_as(0x13, "YubiKey PIV Attestation 9a");
    assert_eq!(after(|pki| pki.leaf.subject = printable), Ok(()));
    let organisation = tlv(0x31, &seq(&[&[6, 3, 0x55, 4, 10], &tlv(0x0c, b"Yubico")]));
    let two = |pki: &mut Pki| {
        let common = pki.leaf.subject.get(2..).unwrap_or_default().to_vec();
        pki.leaf.subject = seq(&[&organisation, &common]);
    };
    assert_eq!(after(two), Err((LEAF, Rule::NotAnAttestation)));
}

#[test]
fn the_leaf_must_state_firmware_and_policies_and_may_leave_out_the_rest() {
    let without = |index: usize| after(|pki| drop(pki.leaf.extensions.remove(index)));
    assert_eq!(without(0), Err((LEAF, missing("firmware"))));
    assert_eq!(without(2), Err((LEAF, missing("PIN and touch policy"))));
    assert_eq!(
        after(|pki| pki.leaf.extensions.clear()),
        Err((LEAF, missing("firmware")))
    );
    let mut pki = Pki::new();
    pki.leaf.extensions.remove(3);
    pki.leaf.extensions.remove(1);
    let found = verify(&pki).expect("verifies");
    assert_eq!((found.serial(), found.form_factor()), (None, None));
}

#[test]
fn the_leaf_may_not_be_an_authority() {
    let with = |extension: Vec<u8>| after(|pki| pki.leaf.extensions.push(extension));
    let authority = Err((LEAF, Rule::LeafIsAuthority));
    assert_eq!(with(basic_constraints(CA)), authority);
    assert_eq!(with(basic_constraints(CA_PATH_0)), authority);
    assert_eq!(with(key_usage(&[1, 0x06])), authority);
    assert_eq!(with(basic_constraints(&[])), Ok(()));
    assert_eq!(with(key_usage(&[7, 0x80])), Ok(()));
}

#[test]
fn the_issuer_of_the_leaf_must_be_a_device() {
    let both_named = |text: &str| {
        let name = name(text);
        after(|pki| {
            pki.device.subject.clone_from(&name);
            pki.leaf.issuer = name;
        })
    };
    assert_eq!(both_named("YubiKey PIV Attestation"), Ok(()));
    for other in [
        "Yubikey PIV Attestation",
        "Yubico PIV Attestation A 1",
        "Yubico PIV",
    ] {
        assert_eq!(
            both_named(other),
            Err((DEVICE, Rule::NotADevice)),
            "{other}"
        );
    }
    let attested = Err((DEVICE, Rule::AttestedKeyAsIssuer));
    assert_eq!(both_named("YubiKey PIV Attestation 9c"), attested);
    assert_eq!(both_named("YubiKey PIV Attestation f9"), attested);
    assert_eq!(
        after(|pki| pki.device.extensions.push(yubico(8, &[2, 2]))),
        attested
    );
}

#[test]
fn a_slot_key_cannot_attest_another() {
    // The leaf as the issuer of a further leaf, genuine up to there.
    let pki = Pki::new();
    let mut forged: Spec = pki.leaf.clone();
    forged.issuer.clone_from(&pki.leaf.subject);
    forged.signer = LEAF_KEY;
    let verifier = Verifier::builder()
        .root(&pki.root.der())
        .expect("a root")
        .build();
    let (leaf, device) = (pki.leaf.der(), pki.device.der());
    let error = verifier
        .verify(&forged.der(), &[&leaf, &device], NOW)
        .expect_err("forged");
    assert_eq!(
        (error.at(), error.rule()),
        (Place::Intermediate(0), &Rule::AttestedKeyAsIssuer)
    );
}

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
fn names_of_issuers_must_match_byte_for_byte() {
    let missing = |issuer: &str| Rule::IssuerMissing {
        issuer: issuer.to_string(),
    };
    let other = after(|pki| pki.leaf.issuer = name("YubiKey PIV Attestation"));
    assert_eq!(other, Err((LEAF, missing("YubiKey PIV Attestation"))));
    let retyped = after(|pki| pki.leaf.issuer = name_as(0x13, "Yubico PIV Attestation"));
    assert_eq!(retyped, Err((LEAF, missing("Yubico PIV Attestation"))));
    let untrusted = Rule::UntrustedIssuer {
        issuer: "Test PIV Root CB".to_string(),
    };
    let other = after(|pki| pki.device.issuer = name("Test PIV Root CB"));
    assert_eq!(other, Err((DEVICE, untrusted)));
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
fn the_device_must_be_an_authority() {
    let not = Err((DEVICE, Rule::NotAnAuthority));
    let with =
        |contents: &[u8]| after(|pki| pki.device.extensions[1] = basic_constraints(contents));
    assert_eq!(with(&[]), not);
    assert_eq!(with(CA), Ok(()));
    assert_eq!(with(CA_PATH_1), Ok(()));
    assert_eq!(after(|pki| drop(pki.device.extensions.remove(1))), not);
    let usage = |bits: &[u8]| after(|pki| pki.device.extensions.push(key_usage(bits)));
    assert_eq!(usage(&[7, 0x80]), Err((DEVICE, Rule::KeyUsage)));
    assert_eq!(usage(&[2, 0x04]), Ok(()));
}

#[test]
fn deviation_f9_without_basic_constraints_is_for_the_devices_known_to_need_it() {
    let bare = |firmware: (u8, u8, u8), family| {
        let mut pki = Pki::of_firmware(firmware.0, firmware.1, firmware.2);
        pki.device.extensions.remove(1);
        verify_as(&pki, family)
            .map(|_| ())
            .map_err(|error| error.rule().clone())
    };
    use RootFamily::{Named, YubicoPiv, YubicoU2f};
    for known in [(4, 3, 1), (4, 3, 3), (4, 3, 7), (4, 4, 5), (5, 2, 4)] {
        assert_eq!(bare(known, YubicoPiv), Ok(()), "{known:?}");
        // A root that the caller names has no such history.
        assert_eq!(bare(known, Named), Err(Rule::NotAnAuthority), "{known:?}");
    }
    assert_eq!(bare((4, 3, 7), YubicoU2f), Ok(()));
    for other in [
        (4, 2, 9),
        (4, 4, 4),
        (4, 5, 0),
        (5, 2, 3),
        (5, 2, 6),
        (5, 3, 0),
        (5, 4, 3),
    ] {
        assert_eq!(
            bare(other, YubicoPiv),
            Err(Rule::NotAnAuthority),
            "{other:?}"
        );
    }
    // And an f9 that says that it is none is none, whatever its firmware.
    let mut pki = Pki::of_firmware(4, 3, 5);
    pki.device.extensions[1] = basic_constraints(&[]);
    let error = verify_as(&pki, YubicoPiv).expect_err("cA is false");
    assert_eq!((error.at(), error.rule()), (DEVICE, &Rule::NotAnAuthority));
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
fn deviation_patch_level_differs_stops_at_the_minor_version() {
    let pair = |leaf: &[u8; 3], device: &[u8; 3]| {
        after(|pki| {
            pki.leaf.extensions[0] = yubico(3, leaf);
            pki.device.extensions[0] = yubico(3, device);
        })
    };
    assert_eq!(pair(&[4, 3, 5], &[4, 3, 4]), Ok(()));
    assert_eq!(pair(&[5, 4, 2], &[5, 4, 3]), Ok(()));
    for (leaf, device) in [
        ([5, 4, 3], [5, 2, 3]),
        ([4, 4, 3], [5, 4, 3]),
        ([5, 7, 1], [5, 4, 1]),
    ] {
        let [a, b, c] = leaf;
        let [x, y, z] = device;
        let rule = Rule::FirmwareDiffers {
            leaf: Firmware::new(a, b, c),
            device: Firmware::new(x, y, z),
        };
        assert_eq!(pair(&leaf, &device), Err((LEAF, rule)));
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
fn devices_of_yubico_state_their_firmware_and_others_need_not() {
    let silent = |family| {
        let mut pki = Pki::new();
        pki.device.extensions.remove(0);
        verify_as(&pki, family).map_err(|error| (error.at(), error.rule().clone()))
    };
    let found = silent(RootFamily::Named).expect("verifies");
    assert_eq!(found.device_firmware(), None);
    let refused = Err((DEVICE, missing("firmware")));
    assert_eq!(silent(RootFamily::YubicoPiv), refused);
}

#[test]
fn certification_is_read_from_the_device_alone() {
    let mut pki = Pki::new();
    pki.leaf.extensions.push(yubico(10, &[2, 1, 7]));
    pki.leaf.extensions.push(yubico(11, &[2, 1, 7]));
    let found = verify(&pki).expect("verifies");
    assert_eq!((found.fips(), found.cspn()), (false, false));
    pki.device.extensions.push(yubico(10, &[2, 1, 3]));
    let found = verify(&pki).expect("verifies");
    assert_eq!((found.fips(), found.cspn()), (true, false));
    pki.device.extensions[2] = yubico(11, &[2, 1, 1]);
    let found = verify(&pki).expect("verifies");
    assert_eq!((found.fips(), found.cspn()), (false, true));
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
