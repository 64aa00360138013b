//! Every genuine leaf verifies with the manifest's facts, and nothing else does, by both backends.

use crate::corpus::{self, Entry};
#[cfg(feature = "aws-lc-rs")]
use piv_attest::AwsLcRs;
use piv_attest::{Backend, RustCrypto, UnixTime, Verifier};

pub const NOW: UnixTime = UnixTime::from_secs(1_764_000_000);

fn facts_are_those_of_the_manifest<B: Backend>(entry: &Entry) {
    let verifier = Verifier::<B>::builder_with().yubico().build();
    let (root, device) = entry.root_and_device();
    let found = verifier
        .verify(&entry.der(), &[&device.der()], NOW)
        .unwrap_or_else(|error| panic!("{}: {error}", entry.file));
    let or_empty = |text: Option<String>| text.unwrap_or_default();
    let slot = entry
        .file
        .split('-')
        .nth(2)
        .expect("the file's name has the slot");
    assert_eq!(found.root().name(), root, "{}", entry.file);
    assert_eq!(found.slot().to_string(), slot);
    assert_eq!(found.firmware().to_string(), entry.firmware);
    assert_eq!(
        or_empty(found.serial().map(|serial| serial.to_string())),
        entry.serial
    );
    assert_eq!(found.pin_policy().to_string(), entry.pin);
    assert_eq!(found.touch_policy().to_string(), entry.touch);
    assert_eq!(
        or_empty(found.form_factor().map(|form| form.to_string())),
        entry.form_factor
    );
    assert_eq!(found.public_key().algorithm().to_string(), entry.key_type);
    assert_eq!(found.fips(), device.fips_cspn.contains("FIPS"));
    assert_eq!(found.cspn(), device.fips_cspn.contains("CSPN"));
    assert_eq!(
        found.device_firmware().map(|f| f.to_string()),
        Some(device.firmware)
    );
    assert_eq!(found.verified_at(), NOW);
}

fn refused<B: Backend>(entry: &Entry) {
    let verifier = Verifier::<B>::builder_with().yubico().build();
    let everything: Vec<_> = ["intermediates", "roots", "leaves"]
        .into_iter()
        .flat_map(corpus::entries)
        .map(|entry| entry.der())
        .collect();
    let everything: Vec<&[u8]> = everything.iter().map(Vec::as_slice).collect();
    for intermediates in everything.chunks(16).chain([&[][..]]) {
        assert!(
            verifier.verify(&entry.der(), intermediates, NOW).is_err(),
            "{} verified",
            entry.file
        );
    }
}

#[test]
fn genuine_leaves_verify_with_the_facts_of_the_manifest() {
    for entry in corpus::entries("leaves/") {
        facts_are_those_of_the_manifest::<RustCrypto>(&entry);
        #[cfg(feature = "aws-lc-rs")]
        facts_are_those_of_the_manifest::<AwsLcRs>(&entry);
    }
}

#[test]
fn everything_that_is_no_genuine_leaf_is_refused() {
    for folder in ["negatives/", "intermediates/", "roots/"] {
        for entry in corpus::entries(folder) {
            refused::<RustCrypto>(&entry);
            #[cfg(feature = "aws-lc-rs")]
            refused::<AwsLcRs>(&entry);
        }
    }
}

#[test]
fn a_leaf_verifies_with_no_other_device_than_its_own() {
    let verifier = Verifier::yubico();
    let devices: Vec<_> = corpus::entries("intermediates/f9");
    for entry in corpus::entries("leaves/") {
        let (_, own) = entry.root_and_device();
        let leaf = entry.der();
        for other in devices.iter().filter(|other| other.sha256 != own.sha256) {
            let result = verifier.verify(&leaf, &[&other.der()], NOW);
            assert!(result.is_err(), "{} under {}", entry.file, other.file);
        }
        // All of them together, and the own one last, in any number that is allowed.
        let mut others: Vec<_> = devices.iter().map(Entry::der).collect();
        others.rotate_left(devices.iter().position(|d| d.sha256 == own.sha256).unwrap() + 1);
        let others: Vec<&[u8]> = others
            .iter()
            .rev()
            .take(16)
            .rev()
            .map(Vec::as_slice)
            .collect();
        assert!(
            verifier.verify(&leaf, &others, NOW).is_ok(),
            "{}",
            entry.file
        );
    }
}
