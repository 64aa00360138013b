//! The payloads that clients sign (RFC 8555 §7.3 to §7.6, RFC 9773 §5), after the signature was
//! verified. What is read is written again the same way.
#![no_main]

use std::fmt::Debug;

use acme_wire::account::{AccountUpdate, NewAccount};
use acme_wire::jws::{Binding, KeyChange, MAX_HEADER_VALUE};
use acme_wire::order::{AuthorizationUpdate, Finalize, NewOrder};
use acme_wire::revocation::RevokeCert;
use libfuzzer_sys::fuzz_target;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Where the seeds were sent to.
const NEW_ACCOUNT: &str = "https://ca.example/acme/new-account";
const KEY_CHANGE: &str = "https://ca.example/acme/key-change";

fn survives<T: DeserializeOwned + Serialize + PartialEq + Debug>(payload: &[u8]) -> Option<T> {
    let read: T = serde_json::from_slice(payload).ok()?;
    let written = serde_json::to_vec(&read).expect("it was read");
    let again: T = serde_json::from_slice(&written).expect("our own JSON");
    assert_eq!(again, read);
    Some(read)
}

fuzz_target!(|payload: &[u8]| {
    if let Some(account) = survives::<NewAccount>(payload)
        && let Some(binding) = &account.external_account_binding
    {
        // The binding is a JWS of its own, by a MAC key that nobody here has.
        if let Ok(read) = Binding::read(binding, NEW_ACCOUNT) {
            assert!(read.kid().len() <= MAX_HEADER_VALUE);
            assert!(Binding::read(binding, KEY_CHANGE).is_err(), "for one URL");
        }
    }
    // A change of keys is a JWS inside of another, by the new key.
    if let Ok(change) = KeyChange::read(payload, KEY_CHANGE) {
        assert!(change.account.len() <= MAX_HEADER_VALUE);
        assert!(KeyChange::read(payload, NEW_ACCOUNT).is_err(), "for one URL");
    }
    survives::<AccountUpdate>(payload);
    survives::<AuthorizationUpdate>(payload);
    if let Some(Finalize { csr: Some(csr) }) = survives(payload)
        && let Ok(der) = acme_wire::base64url::decode(&csr)
    {
        assert_eq!(acme_wire::base64url::encode(&der), csr, "canonical");
    }
    survives::<NewOrder>(payload);
    survives::<RevokeCert>(payload);
});
