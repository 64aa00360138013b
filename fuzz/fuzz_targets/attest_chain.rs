//! Chains, each certificate after its length in two bytes, leaf first: under Yubico's roots and
//! under the root of the seeds, whose key nobody else has. A verifier that remembers issuers and
//! one that does not agree.
#![no_main]

use libfuzzer_sys::fuzz_target;
use piv_attest::{Policy, Record, UnixTime, Verifier};
use std::sync::LazyLock;

const ROOT: &[u8] = include_bytes!("../seeds/attest_leaf/root.der");

fn fresh() -> Verifier {
    Verifier::builder()
        .yubico()
        .root(ROOT)
        .expect("the root of the seeds")
        .build()
}

static WARM: LazyLock<Verifier> = LazyLock::new(fresh);

fuzz_target!(|input: &[u8]| {
    let mut certificates = Vec::new();
    let mut rest = input;
    while let [high, low, tail @ ..] = rest {
        let length = usize::from(u16::from_be_bytes([*high, *low])).min(tail.len());
        let (certificate, after) = tail.split_at(length);
        certificates.push(certificate);
        rest = after;
    }
    let Some((leaf, others)) = certificates.split_first() else {
        return;
    };
    let now = UnixTime::from_secs(1_764_000_000);
    let warm = WARM.verify(leaf, others, now);
    if warm.is_ok() {
        assert_eq!(warm, fresh().verify(leaf, others, now));
    }
    let Ok(attestation) = warm else { return };
    assert_eq!(Record::of(&attestation).compare(&attestation), []);
    let _ = Policy::strict().judge(attestation);
});
