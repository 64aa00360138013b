//! The account and request vectors of `docs/protocol.md`, read from the document and recomputed.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

#[path = "../../acme-yubikey/tests/support/document.rs"]
#[allow(dead_code)]
mod document;

use acme_wire::{
    Jwk, base64url,
    jws::{KeyId, UnverifiedJws, signing_input},
    order::NewOrder,
};
use document::Vector;
use p256::ecdsa::{Signature, SigningKey, signature::Signer};

/// The account key, its lines recomputed both ways.
fn account() -> (SigningKey, Jwk) {
    let vector = Vector::read("account");
    let key = SigningKey::from_slice(&vector.hex("private_key")).unwrap();
    let jwk = Jwk::p256(key.verifying_key().to_sec1_point(false).as_bytes()).unwrap();
    vector.check_text("jwk", &jwk.to_json());
    vector.check_hex("thumbprint", &jwk.thumbprint());
    let printed: Jwk = serde_json::from_str(&vector.text("jwk")).unwrap();
    assert_eq!(printed.thumbprint(), vector.bytes("thumbprint"));
    (key, jwk)
}

#[test]
fn an_account_key_and_its_thumbprint() {
    account();
}

#[test]
fn a_new_order() {
    let ((key, jwk), vector) = (account(), Vector::read("new-order"));
    let (url, nonce, kid) = (vector.text("url"), vector.text("nonce"), vector.text("kid"));
    let payload = vector.text("payload");
    let (protected, encoded) =
        signing_input(&jwk, &url, &nonce, KeyId::Account(&kid), payload.as_bytes());
    let header = base64url::decode(&protected).unwrap();
    vector.check_text("protected", &String::from_utf8(header).unwrap());
    let signature: Signature = key.sign(format!("{protected}.{encoded}").as_bytes());
    let signature = base64url::encode(&signature.to_bytes());
    let body =
        format!(r#"{{"protected":"{protected}","payload":"{encoded}","signature":"{signature}"}}"#);
    vector.check_text("body", &body);

    // The server's side, from the printed bytes alone.
    let jws = UnverifiedJws::parse(vector.text("body").as_bytes()).unwrap();
    assert_eq!((jws.url(), jws.nonce()), (&url[..], &nonce[..]));
    let order: NewOrder = jws.verify_with(&jwk).unwrap().json().unwrap();
    assert_eq!(order.not_after.unwrap().epoch_seconds(), 1_900_057_600);
    assert_eq!(serde_json::to_string(&order).unwrap(), payload);
}
