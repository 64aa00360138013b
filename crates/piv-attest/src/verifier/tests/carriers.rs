//! Requests and statements that carry an attestation: one rule at a time.

use super::NOW;
use crate::{
    Backend, Error, KeyAlgorithm, MAX_CSR, Malformed, Place, Rule, RustCrypto, Verifier,
    test_pki::{CsrSpec, Key, LEAF_KEY, Pki, extension_request, seq, step, tlv, yubico},
};
use alloc::{string::ToString, vec};

fn with<B: Backend, T>(
    pki: &Pki,
    verify: impl FnOnce(&Verifier<B>) -> Result<T, Error>,
) -> Result<T, (Place, Rule)> {
    let verifier = Verifier::<B>::builder_with()
        .root(&pki.root.der())
        .expect("a root")
        .build();
    verify(&verifier).map_err(|error| (error.at(), error.rule().clone()))
}

/// What all backends make of a request.
fn verify_csr(csr: &[u8]) -> Result<(), (Place, Rule)> {
    let pki = Pki::new();
    let result = with::<RustCrypto, _>(&pki, |v| v.verify_csr(csr, NOW));
    #[cfg(feature = "aws-lc-rs")]
    assert_eq!(
        result,
        with::<crate::AwsLcRs, _>(&pki, |v| v.verify_csr(csr, NOW))
    );
    result.map(|_| ())
}

fn after(change: impl FnOnce(&mut CsrSpec)) -> Result<(), (Place, Rule)> {
    let mut csr = CsrSpec::of(&Pki::new());
    change(&mut csr);
    verify_csr(&csr.der())
}

#[track_caller]
fn problem(result: Result<(), (Place, Rule)>) -> Malformed {
    match result {
        Err((Place::Csr, Rule::Malformed { problem, .. })) => problem,
        other => panic!("{other:?}"),
    }
}

#[test]
fn requests_verify_with_the_leaf_under_either_identifier() {
    assert_eq!(after(|_| ()), Ok(()));
    let pki = Pki::new();
    let csr = CsrSpec::of(&pki).der();
    let verified = with::<RustCrypto, _>(&pki, |v| v.verify_csr(&csr, NOW)).expect("verifies");
    let (leaf, device) = (pki.leaf.der(), pki.device.der());
    let attestation =
        with::<RustCrypto, _>(&pki, |v| v.verify(&leaf, &[&device], NOW)).expect("verifies");
    assert_eq!(
        (&*verified, verified.clone().into_attestation()),
        (&attestation, attestation.clone())
    );
    let object = step(&pki, LEAF_KEY, b"x");
    let verified =
        with::<RustCrypto, _>(&pki, |v| v.verify_step(&object, b"x", NOW)).expect("verifies");
    assert_eq!(
        (&*verified, verified.clone().into_attestation()),
        (&attestation, attestation.clone())
    );
    assert_eq!(
        after(|csr| csr.extensions[0] = yubico(1, &Pki::new().leaf.der())),
        Ok(())
    );
    assert_eq!(after(|csr| csr.extensions.reverse()), Ok(()));
    // What else is asked for is not looked at here.
    let critical = crate::test_pki::extension(&[0x2a, 3], true, &[1, 2, 3]);
    assert_eq!(after(|csr| csr.extensions.push(critical)), Ok(()));
    let challenge_password = seq(&[
        &[6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 7],
        &tlv(0x31, &tlv(0x0c, b"x")),
    ]);
    assert_eq!(after(|csr| csr.attributes.push(challenge_password)), Ok(()));
}

#[test]
fn the_request_must_be_for_the_attested_key_and_signed_by_it() {
    let at = |rule| Err((Place::Csr, rule));
    assert_eq!(after(|csr| csr.signer = Key::P256(9)), at(Rule::Signature));
    let other = Key::P256(9);
    let differs = after(|csr| {
        csr.spki = other.spki();
        csr.signer = other;
    });
    assert_eq!(differs, at(Rule::KeyDiffers));
    let algorithm = after(|csr| csr.algorithm = Key::Ed25519(1).algorithm());
    assert_eq!(
        algorithm,
        at(Rule::AlgorithmMismatch {
            key: KeyAlgorithm::P256
        })
    );
}

#[test]
fn a_request_carries_one_attestation() {
    let at = |rule| Err((Place::Csr, rule));
    assert_eq!(
        after(|csr| drop(csr.extensions.remove(0))),
        at(Rule::NoAttestation)
    );
    assert_eq!(after(|csr| csr.extensions.clear()), at(Rule::NoAttestation));
    let leaf = Pki::new().leaf.der();
    // Twice under one identifier is too often; the same under both is one attestation.
    let twice = after(|csr| csr.extensions.push(yubico(11, &leaf)));
    assert_eq!(twice, at(Rule::TwoAttestations));
    assert_eq!(after(|csr| csr.extensions.push(yubico(1, &leaf))), Ok(()));
    let mut other = Pki::new();
    other.leaf.subject = crate::test_pki::name("YubiKey PIV Attestation 9c");
    for (number, at_index) in [(1, 0), (11, 0)] {
        let differs = after(|csr| {
            csr.extensions[at_index] = yubico(12 - number, &leaf);
            csr.extensions.push(yubico(number, &other.leaf.der()));
        });
        assert_eq!(differs, at(Rule::TwoAttestations));
    }
    let device = after(|csr| csr.extensions.push(csr.extensions[1].clone()));
    assert_eq!(device, at(Rule::TwoAttestations));
    let alone = after(|csr| drop(csr.extensions.remove(1)));
    let issuer = "Yubico PIV Attestation".to_string();
    assert_eq!(alone, Err((Place::Leaf, Rule::IssuerMissing { issuer })));
    let twice = after(|csr| csr.attributes.push(extension_request(&seq(&[]))));
    assert_eq!(problem(twice), Malformed::Fields);
    let two_values = extension_request(&[0x30, 0, 0x30, 0]);
    let mut csr = CsrSpec::of(&Pki::new());
    csr.attributes = vec![two_values];
    csr.extensions.clear();
    assert_eq!(problem(verify_csr(&csr.der())), Malformed::Fields);
}

#[test]
fn requests_are_strict_der() {
    assert_eq!(
        problem(after(|csr| csr.version = vec![2, 1, 1])),
        Malformed::Fields
    );
    assert_eq!(problem(after(|csr| csr.unused = 1)), Malformed::UnusedBits);
    let good = CsrSpec::of(&Pki::new()).der();
    let trailing = [&good[..], &[0]].concat();
    assert_eq!(problem(verify_csr(&trailing)), Malformed::Trailing);
    for keep in 0..good.len() {
        assert_eq!(
            problem(verify_csr(&good[..keep])),
            Malformed::Truncated,
            "{keep}"
        );
    }
    let long = vec![0; MAX_CSR + 1];
    let (max, found) = (MAX_CSR, MAX_CSR + 1);
    assert_eq!(
        verify_csr(&long),
        Err((Place::Csr, Rule::TooLong { max, found }))
    );
}

#[test]
fn no_request_with_a_flipped_bit_verifies() {
    let pki = Pki::new();
    let good = CsrSpec::of(&pki).der();
    let verifier = Verifier::builder()
        .root(&pki.root.der())
        .expect("a root")
        .build();
    for bit in (0..good.len() * 8).step_by(3) {
        let mut changed = good.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        assert!(verifier.verify_csr(&changed, NOW).is_err(), "bit {bit}");
    }
}

#[test]
fn statements_verify_for_every_kind_of_key_that_signs() {
    for signer in [LEAF_KEY, Key::P384(3), Key::Ed25519(3)] {
        let mut pki = Pki::new();
        pki.leaf.spki = signer.spki();
        let object = step(&pki, signer, b"token.thumbprint");
        let verify = |authorization: &[u8]| {
            let ours = with::<RustCrypto, _>(&pki, |v| v.verify_step(&object, authorization, NOW));
            #[cfg(feature = "aws-lc-rs")]
            assert_eq!(
                ours,
                with::<crate::AwsLcRs, _>(&pki, |v| v.verify_step(&object, authorization, NOW))
            );
            ours.map(|_| ())
        };
        assert_eq!(verify(b"token.thumbprint"), Ok(()));
        assert_eq!(
            verify(b"token.thumbprinu"),
            Err((Place::Statement, Rule::Possession))
        );
    }
    // A key that signs nothing has no algorithm that goes with it.
    let mut pki = Pki::new();
    pki.leaf.spki = crate::test_pki::raw_spki(0x6e, &[9; 32]);
    let object = step(&pki, LEAF_KEY, b"");
    let result = with::<RustCrypto, _>(&pki, |v| v.verify_step(&object, b"", NOW));
    let rule = Rule::CoseAlgorithm {
        alg: -7,
        key: KeyAlgorithm::X25519,
    };
    assert_eq!(result.map(|_| ()), Err((Place::Statement, rule)));
}

#[test]
fn no_statement_with_a_flipped_bit_verifies() {
    let pki = Pki::new();
    let good = step(&pki, LEAF_KEY, b"token.thumbprint");
    let verifier = Verifier::builder()
        .root(&pki.root.der())
        .expect("a root")
        .build();
    assert!(
        verifier
            .verify_step(&good, b"token.thumbprint", NOW)
            .is_ok()
    );
    for bit in (0..good.len() * 8).step_by(3) {
        let mut changed = good.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        assert!(
            verifier
                .verify_step(&changed, b"token.thumbprint", NOW)
                .is_err(),
            "bit {bit}"
        );
    }
}

/// The seeds of the fuzz targets are made here. With `WRITE_FUZZ_SEEDS` set they are written; else
/// they must be what is there.
#[cfg(feature = "std")]
#[test]
fn fuzz_seeds_are_made_of_test_data() {
    use alloc::{string::String, vec::Vec};
    use std::{env, fs, path::Path};
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/seeds");
    if !folder.is_dir() {
        // The crate on its own, as published, has no fuzz targets.
        return;
    }
    let pki = Pki::new();
    let samples = [
        (
            "5.2.4",
            include_bytes!("../../../samples/yubikey-5.2.4-slot-93.pem").to_vec(),
        ),
        (
            "5.7.4",
            include_bytes!("../../../samples/yubikey-5.7.4-slot-82.pem").to_vec(),
        ),
    ];
    let prefixed = |certificates: &[Vec<u8>]| -> Vec<u8> {
        certificates
            .iter()
            .flat_map(|c| [&(c.len() as u16).to_be_bytes()[..], c].concat())
            .collect()
    };
    let mut bare = Pki::of_firmware(4, 3, 5);
    bare.leaf.extensions.truncate(3);
    bare.leaf.extensions.remove(1);
    let declared = [pki.leaf.der(), pki.device.der()];
    let mut seeds: Vec<(&str, String, Vec<u8>)> = vec![
        ("attest_leaf", "root.der".into(), pki.root.der()),
        ("attest_leaf", "device.der".into(), pki.device.der()),
        ("attest_leaf", "leaf.der".into(), pki.leaf.der()),
        ("attest_leaf", "bare.der".into(), bare.leaf.der()),
        ("attest_leaf", "spki.der".into(), Key::P384(3).spki()),
        ("attest_chain", "declared".into(), prefixed(&declared)),
        (
            "attest_chain",
            "bare".into(),
            prefixed(&[bare.leaf.der(), bare.device.der()]),
        ),
        ("attest_csr", "declared.der".into(), CsrSpec::of(&pki).der()),
        (
            "attest_step",
            "p256.cbor".into(),
            step(&pki, LEAF_KEY, b"token.thumbprint"),
        ),
        ("attest_verify", "unchanged".into(), vec![0]),
        (
            "attest_verify",
            "changed".into(),
            vec![1, 0, 1, 0, 1, 0x81, 2, 0, 0, 0xc0, 0, 9, 9],
        ),
    ];
    for (name, pem) in samples {
        let certificates = crate::certificates_from_pem(&pem).expect("a sample");
        seeds.push((
            "attest_leaf",
            alloc::format!("{name}.der"),
            certificates[0].clone(),
        ));
        seeds.push(("attest_chain", name.into(), prefixed(&certificates)));
        seeds.push(("attest_pem", alloc::format!("{name}.pem"), pem));
    }
    for (target, name, bytes) in seeds {
        let file = folder.join(target).join(name);
        if env::var_os("WRITE_FUZZ_SEEDS").is_some() {
            fs::create_dir_all(folder.join(target)).expect("a folder");
            fs::write(&file, &bytes).expect("written");
        }
        assert_eq!(fs::read(&file).ok(), Some(bytes), "{}", file.display());
    }
}
