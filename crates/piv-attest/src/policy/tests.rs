//! Each rule alone, all of them together, and policies as data.

use super::{Advisory, Fingerprint, FirmwareRange, Policy, Violation, roca};
use crate::{
    Body, Firmware, FormFactor, KeyAlgorithm, PinPolicy, PublicKey, Root, RootFamily, Serial, Slot,
    TouchPolicy, UnixTime, VerifiedAttestation,
    attestation::Device,
    test_pki::{DEVICE_KEY, Key, ec_spki, raw_spki, rsa_spki},
};
use alloc::{string::ToString, sync::Arc, vec, vec::Vec};

mod data;

/// 2^2047 and a little, which is a power of 65537 modulo each of the 38 primes.
fn roca_modulus() -> Vec<u8> {
    let tail = [
        0x03, 0x71, 0xf3, 0xdd, 0xc7, 0x3a, 0x93, 0x55, 0x50, 0x5d, 0x85, 0x60, 0x60, 0xb0, 0x4b,
        0x3b, 0xd0, 0x36, 0xfa, 0xe2, 0x68, 0x3b, 0xb9, 0x06, 0xac, 0x38, 0xb4, 0x61,
    ];
    let mut modulus = vec![0; 256];
    modulus[0] = 0x80;
    modulus[256 - tail.len()..].copy_from_slice(&tail);
    modulus
}

fn key(spki: &[u8]) -> PublicKey {
    PublicKey::from_spki_der(spki).expect("a key")
}

/// What the default policy accepts: a P-256 key in 9a of a 5.7.4, PIN once, touch always.
fn good() -> VerifiedAttestation {
    let device_key = key(&DEVICE_KEY.spki());
    VerifiedAttestation {
        slot: Slot::AUTHENTICATION,
        serial: Some(Serial::new(33_064_031)),
        firmware: Firmware::new(5, 7, 4),
        pin_policy: PinPolicy::Once,
        touch_policy: TouchPolicy::Always,
        form_factor: FormFactor::from_byte(3),
        public_key: key(&Key::P256(3).spki()),
        device: Arc::new(Device {
            key_sha256: device_key.spki_sha256(),
            key: device_key,
            firmware: Some(Firmware::new(5, 7, 4)),
            fips: false,
            cspn: false,
            root: Arc::new(Root {
                name: "Test Root".to_string(),
                sha256: [7; 32],
                family: RootFamily::Named,
            }),
        }),
        verified_at: UnixTime::from_secs(1_764_000_000),
    }
}

fn changed(change: impl FnOnce(&mut VerifiedAttestation)) -> VerifiedAttestation {
    let mut attestation = good();
    change(&mut attestation);
    attestation
}

fn device(attestation: &mut VerifiedAttestation) -> &mut Device {
    Arc::get_mut(&mut attestation.device).expect("not shared yet")
}

/// What a policy has against an attestation.
fn violations(policy: &Policy, attestation: VerifiedAttestation) -> Vec<Violation> {
    policy
        .judge(attestation)
        .map_or_else(|refusal| refusal.violations().to_vec(), |_| Vec::new())
}

fn policy(change: impl FnOnce(&mut Policy)) -> Policy {
    let mut policy = Policy::default();
    change(&mut policy);
    policy
}

#[test]
fn the_default_accepts_a_good_key_without_warning() {
    let accepted = Policy::default().judge(good()).expect("accepted");
    assert_eq!(accepted.warnings(), []);
    assert_eq!(accepted.slot(), Slot::AUTHENTICATION);
    assert_eq!(accepted.into_attestation(), good());
    assert!(Policy::strict().judge(good()).is_ok());
}

#[test]
fn pin_once_and_always_are_accepted_and_biometric_ones_by_choice() {
    for (pin, accepted) in [
        (PinPolicy::Never, false),
        (PinPolicy::Once, true),
        (PinPolicy::Always, true),
        (PinPolicy::MatchOnce, false),
        (PinPolicy::MatchAlways, false),
    ] {
        let expected = if accepted {
            vec![]
        } else {
            vec![Violation::PinPolicy { found: pin }]
        };
        for policy in [Policy::default(), Policy::strict()] {
            assert_eq!(
                violations(&policy, changed(|a| a.pin_policy = pin)),
                expected
            );
        }
    }
    let biometric = policy(|p| p.pin_policies = [PinPolicy::MatchAlways].into());
    assert_eq!(
        violations(
            &biometric,
            changed(|a| a.pin_policy = PinPolicy::MatchAlways)
        ),
        []
    );
    assert_eq!(
        violations(&biometric, good()),
        [Violation::PinPolicy {
            found: PinPolicy::Once
        }]
    );
}

#[test]
fn touch_must_be_always_and_cached_is_not() {
    for found in [TouchPolicy::Never, TouchPolicy::Cached] {
        for policy in [Policy::default(), Policy::strict()] {
            let attestation = changed(|a| a.touch_policy = found);
            assert_eq!(
                violations(&policy, attestation),
                [Violation::TouchPolicy { found }]
            );
        }
    }
}

#[test]
fn slots_form_factors_and_roots_are_limited_if_listed() {
    let slots = policy(|p| p.slots = [Slot::SIGNATURE].into());
    let found = Slot::AUTHENTICATION;
    assert_eq!(violations(&slots, good()), [Violation::Slot { found }]);
    assert_eq!(
        violations(&slots, changed(|a| a.slot = Slot::SIGNATURE)),
        []
    );
    let forms = policy(|p| p.form_factors = [FormFactor::new(Body::UsbANano, false)].into());
    let found = good().form_factor;
    assert_eq!(
        violations(&forms, good()),
        [Violation::FormFactor { found }]
    );
    let absent = changed(|a| a.form_factor = None);
    assert_eq!(
        violations(&forms, absent.clone()),
        [Violation::FormFactor { found: None }]
    );
    assert_eq!(violations(&Policy::default(), absent), []);
    assert_eq!(
        violations(
            &forms,
            changed(|a| a.form_factor = FormFactor::from_byte(2))
        ),
        []
    );
    let roots = policy(|p| p.roots = [Fingerprint::new([8; 32])].into());
    assert_eq!(
        violations(&roots, good()),
        [Violation::Root {
            found: "Test Root".to_string()
        }]
    );
    let roots = policy(|p| p.roots = [Fingerprint::new([7; 32])].into());
    assert_eq!(violations(&roots, good()), []);
}

#[test]
fn firmware_is_limited_by_ranges_and_by_age() {
    let range = |text: &str| text.parse::<FirmwareRange>().expect("a range");
    let ranges = policy(|p| p.firmware = vec![range("-5.4.3"), range("5.7.5-")]);
    let found = Firmware::new(5, 7, 4);
    assert_eq!(violations(&ranges, good()), [Violation::Firmware { found }]);
    for (major, minor, patch) in [(5, 4, 3), (5, 7, 5)] {
        let firmware = Firmware::new(major, minor, patch);
        assert_eq!(violations(&ranges, changed(|a| a.firmware = firmware)), []);
    }
    // Firmware 5.7 came out on 2024-05-21, 552 days before 2025-11-24.
    let age = |max| policy(|p| p.max_firmware_age_days = Some(max));
    assert_eq!(violations(&age(552), good()), []);
    let too_old = Violation::FirmwareAge {
        found,
        days: 552,
        max: 551,
    };
    assert_eq!(violations(&age(551), good()), [too_old]);
    assert_eq!(
        violations(&age(0), changed(|a| a.firmware = Firmware::new(5, 8, 0))),
        []
    );
}

#[test]
fn serial_and_certifications_can_be_demanded() {
    let serial = policy(|p| p.require_serial = true);
    assert_eq!(
        violations(&serial, changed(|a| a.serial = None)),
        [Violation::NoSerial]
    );
    assert_eq!(violations(&serial, good()), []);
    assert_eq!(
        violations(&Policy::default(), changed(|a| a.serial = None)),
        []
    );
    let fips = policy(|p| p.require_fips = true);
    assert_eq!(violations(&fips, good()), [Violation::NotFips]);
    assert_eq!(violations(&fips, changed(|a| device(a).fips = true)), []);
    // The mark on the body is not the certification.
    let marked = changed(|a| a.form_factor = FormFactor::from_byte(0x83));
    assert_eq!(violations(&fips, marked), [Violation::NotFips]);
    let cspn = policy(|p| p.require_cspn = true);
    assert_eq!(violations(&cspn, good()), [Violation::NotCspn]);
    assert_eq!(violations(&cspn, changed(|a| device(a).cspn = true)), []);
}

#[test]
fn kinds_of_key_are_limited_and_rsa_1024_is_refused_by_every_policy() {
    let rsa = |size| key(&rsa_spki(&vec![0xc1; size], &[1, 0, 1]));
    let everything = policy(|p| p.key_types = KeyAlgorithm::ALL.into());
    let cases = [
        (rsa(128), false, false),
        (rsa(256), true, true),
        (rsa(384), true, true),
        (rsa(512), true, true),
        (key(&ec_spki(true, &[4; 65])), true, true),
        (key(&ec_spki(false, &[4; 97])), true, true),
        (key(&raw_spki(0x70, &[1; 32])), true, true),
        (key(&raw_spki(0x6e, &[1; 32])), false, true),
    ];
    for (key, by_default, by_choice) in cases {
        let found = key.algorithm();
        let attestation = changed(|a| a.public_key = key);
        for (policy, accepted) in [
            (Policy::default(), by_default),
            (everything.clone(), by_choice),
        ] {
            let expected = if accepted {
                vec![]
            } else {
                vec![Violation::KeyType { found }]
            };
            assert_eq!(
                violations(&policy, attestation.clone()),
                expected,
                "{found}"
            );
        }
    }
}

#[test]
fn roca_is_refused_by_firmware_and_by_modulus_and_for_the_device_too() {
    let rsa = key(&rsa_spki(&[0xc1; 256], &[1, 0, 1]));
    let on = |firmware: (u8, u8, u8)| {
        changed(|a| {
            a.public_key = rsa.clone();
            a.firmware = Firmware::new(firmware.0, firmware.1, firmware.2);
        })
    };
    for weak in [(4, 2, 6), (4, 2, 7), (4, 3, 0), (4, 3, 4)] {
        let found = Firmware::new(weak.0, weak.1, weak.2);
        assert_eq!(
            violations(&Policy::default(), on(weak)),
            [Violation::RocaFirmware { found }]
        );
    }
    for sound in [(4, 2, 5), (4, 3, 5), (5, 4, 3)] {
        assert_eq!(violations(&Policy::default(), on(sound)), []);
    }
    // Elliptic keys of the same firmware are not concerned.
    let elliptic = changed(|a| a.firmware = Firmware::new(4, 3, 4));
    assert_eq!(violations(&Policy::default(), elliptic), []);
    let weak = key(&rsa_spki(&roca_modulus(), &[1, 0, 1]));
    let attested = changed(|a| a.public_key = weak.clone());
    assert_eq!(
        violations(&Policy::default(), attested),
        [Violation::RocaKey]
    );
    let attesting = changed(|a| device(a).key = weak);
    assert_eq!(
        violations(&Policy::default(), attesting),
        [Violation::RocaDeviceKey]
    );
}

#[test]
fn the_roca_fingerprint_needs_every_prime() {
    assert!(roca::has_fingerprint(&key(&rsa_spki(
        &roca_modulus(),
        &[1, 0, 1]
    ))));
    assert!(!roca::has_fingerprint(&key(&Key::P256(3).spki())));
    // A neighbour differs modulo some prime; by chance few pass.
    let mut passed = 0;
    for step in (2..200u8).step_by(2) {
        let mut modulus = roca_modulus();
        let last = modulus.len() - 1;
        modulus[last] = modulus[last].wrapping_add(step);
        passed += usize::from(roca::has_fingerprint(&key(&rsa_spki(&modulus, &[1, 0, 1]))));
    }
    assert_eq!(passed, 0);
}

#[test]
fn eucleak_warns_by_default_and_refuses_in_strict() {
    let on = |firmware: (u8, u8, u8), body| {
        changed(|a| {
            a.firmware = Firmware::new(firmware.0, firmware.1, firmware.2);
            a.form_factor = Some(FormFactor::new(body, false));
        })
    };
    let reached = |attestation: VerifiedAttestation| {
        let firmware = attestation.firmware();
        let accepted = Policy::default()
            .judge(attestation.clone())
            .expect("accepted");
        let warned = accepted.warnings() == [Advisory::Eucleak];
        let advisory = Advisory::Eucleak;
        let refused = vec![Violation::Advisory { advisory, firmware }];
        let expected = if warned { refused } else { vec![] };
        assert_eq!(violations(&Policy::strict(), attestation), expected);
        warned
    };
    assert!(reached(on((5, 4, 3), Body::UsbAKeychain)));
    assert!(reached(on((5, 6, 255), Body::UsbAKeychain)));
    assert!(!reached(on((5, 7, 0), Body::UsbAKeychain)));
    for bio in [Body::UsbABio, Body::UsbCBio] {
        assert!(reached(on((5, 7, 1), bio)));
        assert!(!reached(on((5, 7, 2), bio)));
    }
    let rsa = changed(|a| {
        a.firmware = Firmware::new(5, 4, 3);
        a.public_key = key(&rsa_spki(&[0xc1; 256], &[1, 0, 1]));
    });
    assert!(!reached(rsa));
    assert!(
        Advisory::Eucleak
            .to_string()
            .starts_with(Advisory::Eucleak.id())
    );
}

#[test]
fn device_keys_can_be_distrusted() {
    let found = Fingerprint::new(good().device_key_sha256());
    let distrust = policy(|p| p.distrusted_device_keys = [found].into());
    assert_eq!(
        violations(&distrust, good()),
        [Violation::DistrustedDeviceKey { found }]
    );
    let other = policy(|p| p.distrusted_device_keys = [Fingerprint::new([0; 32])].into());
    assert_eq!(violations(&other, good()), []);
}

#[test]
fn a_refusal_lists_every_rule_that_failed() {
    let mut everything = Policy::strict();
    everything.slots = [Slot::SIGNATURE].into();
    everything.firmware = vec![FirmwareRange::at_least(Firmware::new(5, 7, 0))];
    everything.max_firmware_age_days = Some(0);
    everything.form_factors = [FormFactor::new(Body::UsbANano, false)].into();
    everything.require_serial = true;
    everything.require_fips = true;
    everything.require_cspn = true;
    everything.roots = [Fingerprint::new([8; 32])].into();
    everything.distrusted_device_keys = [Fingerprint::new(good().device_key_sha256())].into();
    everything.key_types = [KeyAlgorithm::P384].into();
    let attestation = changed(|a| {
        a.serial = None;
        a.form_factor = None;
        a.firmware = Firmware::new(5, 4, 3);
        a.pin_policy = PinPolicy::Never;
        a.touch_policy = TouchPolicy::Cached;
    });
    let refusal = everything.judge(attestation).expect_err("refused");
    assert_eq!(refusal.violations().len(), 13, "{refusal}");
    assert_eq!(refusal.to_string().matches("; ").count(), 12);
    assert!(
        refusal
            .to_string()
            .starts_with("refused by policy: slot 9a is not allowed; ")
    );
    assert!(
        refusal
            .to_string()
            .contains("form factor (not stated) is not allowed")
    );
}
