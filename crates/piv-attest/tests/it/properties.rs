//! Laws: nothing panics, no changed bit verifies, and what was read is what the bytes say.

use crate::{corpus, genuine::NOW};
#[cfg(feature = "aws-lc-rs")]
use piv_attest::AwsLcRs as Fast;
#[cfg(not(feature = "aws-lc-rs"))]
use piv_attest::RustCrypto as Fast;
use piv_attest::{
    PublicKey, RustCrypto, UnixTime, VerifiedAttestation, Verifier, certificates_from_pem,
    claimed_key,
};
use proptest::{collection::vec, prelude::*};
use std::sync::LazyLock;
use x509_cert::{
    Certificate,
    der::{Decode, Encode},
};

/// Every genuine leaf and the certificate of its device.
static CHAINS: LazyLock<Vec<(Vec<u8>, Vec<u8>)>> = LazyLock::new(|| {
    let chain = |entry: corpus::Entry| (entry.der(), entry.root_and_device().1.der());
    corpus::entries("leaves/").into_iter().map(chain).collect()
});

fn fast() -> Verifier<Fast> {
    Verifier::builder_with().yubico().build()
}

/// All bits of all genuine leaves, the device's certificate remembered.
#[test]
fn no_leaf_with_a_flipped_bit_verifies() {
    let verifier = fast();
    for (leaf, device) in CHAINS.iter() {
        assert!(verifier.verify(leaf, &[device], NOW).is_ok());
        let mut changed = leaf.clone();
        for bit in 0..leaf.len() * 8 {
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(
                verifier.verify(&changed, &[device], NOW).is_err(),
                "bit {bit}"
            );
            changed[bit / 8] ^= 1 << (bit % 8);
        }
    }
}

/// All bits of one device's certificate of each hierarchy, which is never remembered when changed.
#[test]
fn no_device_with_a_flipped_bit_verifies() {
    let verifier = fast();
    let mut issuers = std::collections::BTreeSet::new();
    for (leaf, device) in CHAINS.iter() {
        let root = verifier
            .verify(leaf, &[device], NOW)
            .unwrap()
            .root()
            .name()
            .to_owned();
        if !issuers.insert(root) {
            continue;
        }
        let mut changed = device.clone();
        for bit in 0..device.len() * 8 {
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(
                verifier.verify(leaf, &[&changed], NOW).is_err(),
                "bit {bit}"
            );
            changed[bit / 8] ^= 1 << (bit % 8);
        }
    }
    assert_eq!(issuers.len(), 3, "one of each root");
}

/// The contents of the extension under Yubico's arc for PIV with this number, by another parser.
fn extension(certificate: &Certificate, number: u32) -> Option<Vec<u8>> {
    let oid = format!("1.3.6.1.4.1.41482.3.{number}");
    let list = certificate.tbs_certificate().extensions()?;
    let found = list
        .iter()
        .find(|extension| extension.extn_id.to_string() == oid)?;
    Some(found.extn_value.as_bytes().to_vec())
}

fn facts_encode_to_the_bytes(leaf: &[u8], found: &VerifiedAttestation) {
    let parsed = Certificate::from_der(leaf).unwrap();
    let tbs = parsed.tbs_certificate();
    let firmware = found.firmware();
    let firmware = vec![firmware.major, firmware.minor, firmware.patch];
    assert_eq!(extension(&parsed, 3), Some(firmware));
    let serial = found.serial().map(|serial| serial.get().to_der().unwrap());
    assert_eq!(extension(&parsed, 7), serial);
    let policies = vec![found.pin_policy().as_byte(), found.touch_policy().as_byte()];
    assert_eq!(extension(&parsed, 8), Some(policies));
    assert_eq!(
        extension(&parsed, 9),
        found.form_factor().map(|form| vec![form.as_byte()])
    );
    let spki = tbs.subject_public_key_info().to_der().unwrap();
    assert_eq!(found.public_key().spki_der(), spki);
    assert_eq!(
        PublicKey::from_spki_der(&spki).as_ref(),
        Ok(found.public_key())
    );
    assert_eq!(claimed_key(leaf).as_ref(), Ok(found.public_key()));
    let subject = format!("CN=YubiKey PIV Attestation {}", found.slot());
    assert_eq!(tbs.subject().to_string(), subject);
}

#[test]
fn facts_encode_to_the_bytes_they_were_read_from() {
    let verifier = Verifier::<RustCrypto>::yubico();
    for (leaf, device) in CHAINS.iter() {
        let found = verifier.verify(leaf, &[device], NOW).unwrap();
        facts_encode_to_the_bytes(leaf, &found);
    }
}

/// A genuine chain with some bytes changed, taken out or put in.
fn changed_chain() -> impl Strategy<Value = (usize, Vec<u8>, Vec<u8>)> {
    let edits = vec((any::<prop::sample::Index>(), any::<u8>(), 0..4u8), 1..6);
    (0..CHAINS.len(), edits, any::<bool>()).prop_map(|(chain, edits, in_leaf)| {
        let (mut leaf, mut device) = CHAINS[chain].clone();
        let target = if in_leaf { &mut leaf } else { &mut device };
        for (at, byte, kind) in edits {
            if target.is_empty() {
                break;
            }
            let at = at.index(target.len());
            match kind {
                0 => drop(target.remove(at)),
                1 => target.insert(at, byte),
                2 => target.truncate(at),
                _ => target[at] = byte,
            }
        }
        (chain, leaf, device)
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_changed_chain_never_verifies_and_never_panics((chain, leaf, device) in changed_chain()) {
        let unchanged = CHAINS[chain].0 == leaf && CHAINS[chain].1 == device;
        prop_assert_eq!(fast().verify(&leaf, &[&device], NOW).is_ok(), unchanged);
        let _ = claimed_key(&leaf);
    }

    #[test]
    fn nothing_that_anyone_can_send_makes_a_parser_panic(bytes in vec(any::<u8>(), 0..2_000)) {
        let verifier = Verifier::yubico();
        prop_assert!(verifier.verify(&bytes, &[&bytes], NOW).is_err());
        prop_assert!(verifier.verify_pem(&bytes, NOW).is_err());
        prop_assert!(verifier.verify_csr(&bytes, NOW).is_err());
        prop_assert!(verifier.verify_step(&bytes, b"", NOW).is_err());
        prop_assert!(certificates_from_pem(&bytes).is_err());
        prop_assert!(Verifier::builder().root(&bytes).is_err());
        prop_assert!(PublicKey::from_spki_der(&bytes).is_err());
    }

    #[test]
    fn the_time_decides_and_never_panics(chain in 0..20usize, now in any::<i64>()) {
        let (leaf, device) = &CHAINS[chain % CHAINS.len()];
        let parsed = Certificate::from_der(leaf).unwrap();
        let validity = parsed.tbs_certificate().validity();
        let seconds = |time: &x509_cert::time::Time| time.to_unix_duration().as_secs() as i64;
        let inside = (seconds(&validity.not_before)..=seconds(&validity.not_after)).contains(&now);
        let found = fast().verify(leaf, &[device], UnixTime::from_secs(now));
        prop_assert_eq!(found.is_ok(), inside);
        if let Err(error) = found {
            let _ = error.to_string();
        }
    }
}
