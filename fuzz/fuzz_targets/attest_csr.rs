//! Certificate requests that carry an attestation. One that verifies is one of the seeds': nobody
//! else has its key.
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

fuzz_target!(|der: &[u8]| {
    let now = UnixTime::from_secs(1_764_000_000);
    if let Ok(verified) = VERIFIER.verify_csr(der, now) {
        let key = verified.public_key().spki_der();
        assert!(
            der.windows(key.len())
                .filter(|window| *window == key)
                .count()
                >= 2
        );
    }
});
