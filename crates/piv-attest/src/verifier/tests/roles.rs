//! Which certificate may play which part.

use super::{NOW, after, verify, verify_as};
use crate::{
    Firmware, Place, RootFamily, Rule, Verifier,
    test_pki::{
        CA, CA_PATH_0, CA_PATH_1, LEAF_KEY, Pki, Spec, basic_constraints, key_usage, name, name_as,
        seq, tlv, yubico,
    },
};
use alloc::{string::ToString, vec::Vec};

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
