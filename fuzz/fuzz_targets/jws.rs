//! A request body, as a stranger sends it. What parses is bounded, and verifies under no key
//! that did not sign it.
#![no_main]

use std::sync::LazyLock;

use acme_wire::{
    AccountKey, Jwk,
    jws::{MAX_HEADER_VALUE, UnverifiedJws},
};
use libfuzzer_sys::fuzz_target;

static NOBODY: LazyLock<Jwk> =
    LazyLock::new(|| AccountKey::generate().expect("a key").jwk().clone());

fuzz_target!(|body: &[u8]| {
    let Ok(jws) = UnverifiedJws::parse(body) else {
        return;
    };
    assert!(!jws.nonce().is_empty() && jws.nonce().len() <= MAX_HEADER_VALUE);
    assert!(jws.url().len() <= MAX_HEADER_VALUE);
    assert!(jws.clone().verify_with(&NOBODY).is_err());
    if let Ok(verified) = jws.verify_embedded() {
        let key = verified.key();
        let again: Jwk = serde_json::from_str(&key.to_json()).expect("our own JSON");
        assert_eq!(again.thumbprint(), key.thumbprint());
        let _ = verified.json::<acme_wire::order::NewOrder>();
    }
});
