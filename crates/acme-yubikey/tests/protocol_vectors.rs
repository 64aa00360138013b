//! The vectors of `docs/protocol.md`, read from the document and recomputed both ways.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

#[path = "support/document.rs"]
#[allow(dead_code)]
mod document;
#[path = "support/pki.rs"]
#[allow(dead_code)]
mod pki;

use acme_yubikey::{
    Ask, ChallengeType, ChallengeValue, Entry, Expected, Message, Response,
    enrolment::{self, Bundle, EnrolmentMessage},
};
use document::Vector;
use piv_attest::{PublicKey, RustCrypto, UnixTime, Verifier};
use pki::{Key, Pki};

/// What the vectors share: the YubiKey.
struct Device {
    login: Key,
    proof: Key,
    login_chain: Vec<Vec<u8>>,
    proof_chain: Vec<Vec<u8>>,
    verifier: Verifier,
    now: UnixTime,
}

/// Everything in the `device` block, recomputed from its private keys.
fn device() -> Device {
    let vector = Vector::read("device");
    let key = |name: &str| Key::fixed(vector.bytes(name));
    let pki = Pki::with_keys(key("root_key"), key("f9_key"));
    let (login, proof) = (key("login_key"), key("proof_key"));
    let login_chain = pki.attest_in("9a", &login.spki);
    let proof_chain = pki.attest_in("82", &proof.spki);
    vector.check_hex("root", &pki.root);
    vector.check_hex("f9", &pki.f9);
    vector.check_hex("login_spki", &login.spki);
    vector.check_hex("login_attestation", &login_chain[0]);
    vector.check_hex("proof_spki", &proof.spki);
    vector.check_hex("proof_attestation", &proof_chain[0]);
    let verifier = Verifier::builder().root(&pki.root).unwrap().build();
    let now = UnixTime::from_secs(i64::try_from(vector.int("now")).unwrap());
    Device {
        login,
        proof,
        login_chain,
        proof_chain,
        verifier,
        now,
    }
}

fn sha256_of_spki(spki: &[u8]) -> [u8; 32] {
    PublicKey::from_spki_der(spki).unwrap().spki_sha256()
}

/// Recomputes the lines of one order, each with a suffix, and gives its entry.
fn entry(vector: &Vector, kind: ChallengeType, suffix: &str, spki: &[u8]) -> Entry {
    let name = |name: &str| format!("{name}{suffix}");
    let value = ChallengeValue::new(kind, vector.bytes(&name("random")));
    vector.check_hex(&name("value"), &value.to_bytes());
    vector.check_text(&name("token"), &value.to_token());
    assert_eq!(
        ChallengeValue::from_token(kind, &vector.text(&name("token"))),
        Ok(value)
    );
    let spki_sha256 = sha256_of_spki(spki);
    vector.check_hex(&name("spki_sha256"), &spki_sha256);
    let ask = Ask {
        order_url: &vector.text(&name("order_url")),
        profile: &vector.text(&name("profile")),
        not_after: vector.int(&name("not_after")),
        spki_sha256,
    };
    vector.check_hex(&name("detail"), &ask.detail().0);
    Entry {
        value,
        detail: ask.detail(),
    }
}

/// Recomputes message, signature and response, then answers the challenges with what the
/// document prints.
fn answers(
    vector: &Vector,
    device: &Device,
    kind: ChallengeType,
    entries: Vec<Entry>,
    suffixes: &[&str],
) {
    let (key, chain, public_key) = match kind {
        ChallengeType::Yubikey01 => (&device.login, &device.login_chain, None),
        ChallengeType::Yubikey02 => (
            &device.proof,
            &device.proof_chain,
            Some(vector.hex("disk_spki")),
        ),
    };
    let thumbprint = Vector::read_thumbprint();
    let values: Vec<_> = entries.iter().map(|entry| entry.value).collect();
    let message = Message::new(entries, thumbprint).unwrap();
    vector.check_hex("message", message.as_bytes());
    assert_eq!(Message::parse(&vector.hex("message")), Ok(message.clone()));
    let signature = key.sign(message.as_bytes());
    vector.check_hex("signature", &signature);
    let response = Response::new(chain.clone(), &message, signature, public_key).unwrap();
    vector.check_text("response", &String::from_utf8(response.to_json()).unwrap());

    // The server's side, from the printed bytes alone.
    for (value, suffix) in values.iter().zip(suffixes) {
        let answered = Response::from_json(vector.text("response").as_bytes())
            .unwrap()
            .prove_possession::<RustCrypto>(&Expected {
                value,
                order_url: &vector.text(&format!("order_url{suffix}")),
                profile: &vector.text(&format!("profile{suffix}")),
                not_after: vector.int(&format!("not_after{suffix}")),
                thumbprint,
            })
            .unwrap()
            .verify_attestation(&device.verifier, device.now)
            .unwrap();
        assert_eq!(
            answered.certified_key().spki_sha256(),
            vector.bytes(&format!("spki_sha256{suffix}"))
        );
    }
}

impl Vector {
    /// The account's thumbprint, which the vectors of `acme-wire` recompute from its key.
    fn read_thumbprint() -> [u8; 32] {
        let account = Self::read("account");
        for other in ["private_key", "jwk"] {
            account.ignore(other);
        }
        account.bytes("thumbprint")
    }
}

#[test]
fn yubikey_01_for_one_order() {
    let (device, vector) = (device(), Vector::read("yubikey-01"));
    let entry = entry(&vector, ChallengeType::Yubikey01, "", &device.login.spki);
    answers(
        &vector,
        &device,
        ChallengeType::Yubikey01,
        vec![entry],
        &[""],
    );
}

#[test]
fn yubikey_01_for_two_orders_in_one_message() {
    let (device, vector) = (device(), Vector::read("yubikey-01-two-orders"));
    let kind = ChallengeType::Yubikey01;
    let entries = ["_1", "_2"].map(|suffix| entry(&vector, kind, suffix, &device.login.spki));
    answers(&vector, &device, kind, entries.to_vec(), &["_1", "_2"]);
}

#[test]
fn yubikey_02_for_a_key_on_disk() {
    let (device, vector) = (device(), Vector::read("yubikey-02"));
    let disk = Key::fixed(vector.bytes("disk_key"));
    vector.check_hex("disk_spki", &disk.spki);
    let entry = entry(&vector, ChallengeType::Yubikey02, "", &disk.spki);
    answers(
        &vector,
        &device,
        ChallengeType::Yubikey02,
        vec![entry],
        &[""],
    );
}

#[test]
fn an_enrolment_bundle() {
    let (device, vector) = (device(), Vector::read("enrolment"));
    let root_fingerprint = vector.bytes("root_fingerprint");
    let (user, nonce) = (vector.text("user"), vector.hex("nonce"));
    let spki_sha256 = sha256_of_spki(&device.login.spki);
    let message = EnrolmentMessage::new(root_fingerprint, &user, &nonce, spki_sha256).unwrap();
    vector.check_hex("message", message.as_bytes());
    let signature = device.login.sign(message.as_bytes());
    vector.check_hex("signature", &signature);
    let bundle = Bundle::new(
        root_fingerprint,
        &user[..],
        nonce,
        device.login_chain.clone(),
        signature,
    )
    .unwrap();
    // Printed on one line; whitespace between members means nothing.
    let line: String = bundle.to_json().lines().map(str::trim).collect();
    vector.check_text("bundle", &line);
    let read = Bundle::from_json(vector.text("bundle").as_bytes()).unwrap();
    assert_eq!(read, bundle);
    let expected = enrolment::Expected {
        root_fingerprint,
        user: &user,
    };
    read.verify(&expected, &device.verifier, device.now)
        .unwrap();
}

#[test]
fn tokens_that_a_client_must_not_sign() {
    let vector = Vector::read("refused-tokens");
    for name in [
        "empty",
        "short",
        "long",
        "other_magic",
        "enrolment_magic",
        "padded",
        "not_canonical",
        "standard_alphabet",
    ] {
        let token = vector.text(name);
        for kind in ChallengeType::ALL {
            assert!(ChallengeValue::from_token(kind, &token).is_err(), "{name}");
        }
    }
    let other = vector.text("yubikey_02_in_yubikey_01");
    assert!(ChallengeValue::from_token(ChallengeType::Yubikey01, &other).is_err());
    assert!(ChallengeValue::from_token(ChallengeType::Yubikey02, &other).is_ok());
}

#[test]
fn messages_that_a_server_must_not_read() {
    let vector = Vector::read("refused-messages");
    for name in [
        "no_entry",
        "one_byte_short",
        "one_byte_long",
        "mixed_types",
        "challenge_twice",
        "second_magic_wrong",
        "enrolment",
    ] {
        assert!(Message::parse(&vector.hex(name)).is_err(), "{name}");
    }
}
