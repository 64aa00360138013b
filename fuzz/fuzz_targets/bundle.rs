//! An enrolment bundle. What is read is written again the same way, and verifies under no root
//! that nobody trusts.
#![no_main]

use std::sync::LazyLock;

use acme_yubikey::enrolment::{Bundle, Expected};
use libfuzzer_sys::fuzz_target;
use piv_attest::{UnixTime, Verifier};

static YUBICO: LazyLock<Verifier> = LazyLock::new(Verifier::yubico);

fuzz_target!(|text: &[u8]| {
    let Ok(bundle) = Bundle::from_json(text) else {
        return;
    };
    assert_eq!(
        Bundle::from_json(bundle.to_json().as_bytes()).as_ref(),
        Ok(&bundle)
    );
    let expected = Expected {
        root_fingerprint: [0xca; 32],
        user: "alice",
    };
    let now = UnixTime::from_secs(1_900_000_000);
    assert!(bundle.verify(&expected, &YUBICO, now).is_err());
});
