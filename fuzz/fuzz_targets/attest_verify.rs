//! A chain that verifies, changed: four bytes say where, one by what. It verifies if it came out
//! the same, and only then.
#![no_main]

use libfuzzer_sys::fuzz_target;
use piv_attest::{UnixTime, Verifier, certificates_from_pem};
use std::sync::LazyLock;

const SAMPLES: [&[u8]; 2] = [
    include_bytes!("../../crates/piv-attest/samples/yubikey-5.2.4-slot-93.pem"),
    include_bytes!("../../crates/piv-attest/samples/yubikey-5.7.4-slot-82.pem"),
];

static CHAINS: LazyLock<Vec<Vec<Vec<u8>>>> = LazyLock::new(|| {
    let read = |pem: &[u8]| certificates_from_pem(pem).expect("a sample");
    SAMPLES.into_iter().map(read).collect()
});
static YUBICO: LazyLock<Verifier> = LazyLock::new(Verifier::yubico);

fuzz_target!(|edits: &[u8]| {
    let Some((first, edits)) = edits.split_first() else {
        return;
    };
    let original = &CHAINS[usize::from(first & 1)];
    let mut chain = original.clone();
    for edit in edits.chunks_exact(4).take(64) {
        let [which, high, low, byte] = edit else {
            continue;
        };
        let certificate = &mut chain[usize::from(which & 1)];
        let at = usize::from(u16::from_be_bytes([*high, *low]));
        match which >> 6 {
            0 if at < certificate.len() => certificate[at] ^= byte,
            1 if at < certificate.len() => drop(certificate.remove(at)),
            2 if at <= certificate.len() => certificate.insert(at, *byte),
            3 => certificate.truncate(at),
            _ => {}
        }
    }
    let now = UnixTime::from_secs(1_764_000_000);
    let verified = YUBICO.verify(&chain[0], &[&chain[1]], now);
    assert_eq!(verified.is_ok(), chain == *original);
});
