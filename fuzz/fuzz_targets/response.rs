//! The payload of an answer to a challenge. What is read is written again the same way, and
//! answers no challenge that it does not name.
#![no_main]

use acme_yubikey::{ChallengeType, ChallengeValue, Expected, Message, Response};
use libfuzzer_sys::fuzz_target;
use piv_attest::RustCrypto;

fuzz_target!(|payload: &[u8]| {
    // Also as a message on its own, which is the inner format.
    if let Ok(message) = Message::parse(payload) {
        assert_eq!(message.as_bytes(), payload);
        assert!((1..=16).contains(&message.entries().len()));
    }
    let Ok(response) = Response::from_json(payload) else {
        return;
    };
    assert_eq!(
        Response::from_json(&response.to_json()).as_ref(),
        Ok(&response)
    );
    // The challenge of the vectors in docs/protocol.md, for another account.
    let mut random = [0; 48];
    random
        .iter_mut()
        .zip(0..)
        .for_each(|(byte, number)| *byte = number);
    let proven = response.prove_possession::<RustCrypto>(&Expected {
        value: &ChallengeValue::new(ChallengeType::Yubikey01, random),
        order_url: "https://ca.example/order/1",
        profile: "tls",
        not_after: 1_900_057_600,
        thumbprint: [0; 32],
    });
    assert!(proven.is_err());
});
