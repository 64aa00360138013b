//! Attestation objects of the format `step`. One that verifies for one key authorization verifies
//! for no other.
#![no_main]

use libfuzzer_sys::fuzz_target;
use piv_attest::{UnixTime, Verifier};
use std::sync::LazyLock;

static VERIFIER: LazyLock<Verifier> = LazyLock::new(|| {
    let root = include_bytes!("../seeds/attest_leaf/root.der");
    Verifier::builder()
        .yubico()
        .root(root)
        .expect("the root of the seeds")
        .build()
});

fuzz_target!(|object: &[u8]| {
    let now = UnixTime::from_secs(1_764_000_000);
    let _ = VERIFIER.verify_step(object, b"token.thumbprint", now);
    assert!(VERIFIER.verify_step(object, b"another", now).is_err());
});
