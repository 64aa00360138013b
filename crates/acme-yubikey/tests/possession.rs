//! The server's half: every way in which a response does not prove what it should.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

#[path = "support/pki.rs"]
#[allow(dead_code)]
mod pki;

use acme_yubikey::{
    AnsweredChallenge, Ask, AttestationError, ChallengeType, ChallengeValue, Entry, Expected,
    Message, MessageError, PossessionError, Response,
};
use piv_attest::{PublicKey, RustCrypto, UnixTime, Verifier};
use pki::{Key, Pki};
use proptest::prelude::*;
use rstest::rstest;

const NOW: UnixTime = UnixTime::from_secs(1_900_000_000);
const THUMBPRINT: [u8; 32] = [0x77; 32];
const ORDER: &str = "https://ca.example/order/1";

/// Everything that an answer is made of, so that each test can change one part.
struct Answer {
    kind: ChallengeType,
    order_url: String,
    profile: String,
    not_after: u64,
    thumbprint: [u8; 32],
    key: Key,
    disk_key: Key,
    chain: Vec<Vec<u8>>,
    signer: Option<Key>,
    public_key: Option<Vec<u8>>,
    others: Vec<Entry>,
}

impl Answer {
    fn new(kind: ChallengeType) -> Self {
        Self::by(kind, Key::p256(0x21))
    }

    fn by(kind: ChallengeType, key: Key) -> Self {
        let disk_key = Key::p256(0x22);
        Self {
            kind,
            order_url: ORDER.to_owned(),
            profile: "tls".to_owned(),
            not_after: 1_900_057_600,
            thumbprint: THUMBPRINT,
            chain: Pki::new().attest(&key.spki),
            signer: None,
            public_key: (kind == ChallengeType::Yubikey02).then(|| disk_key.spki.clone()),
            others: Vec::new(),
            key,
            disk_key,
        }
    }

    fn entry(&self) -> Entry {
        let certified = match self.kind {
            ChallengeType::Yubikey01 => &self.key.spki,
            ChallengeType::Yubikey02 => &self.disk_key.spki,
        };
        let ask = Ask {
            order_url: &self.order_url,
            profile: &self.profile,
            not_after: self.not_after,
            spki_sha256: PublicKey::from_spki_der(certified).unwrap().spki_sha256(),
        };
        Entry {
            value: value(self.kind),
            detail: ask.detail(),
        }
    }

    fn message(&self) -> Message {
        let mut entries = self.others.clone();
        entries.push(self.entry());
        Message::new(entries, self.thumbprint).unwrap()
    }

    fn response(&self) -> Response {
        let message = self.message();
        let signature = self
            .signer
            .as_ref()
            .unwrap_or(&self.key)
            .sign(message.as_bytes());
        Response::new(
            self.chain.clone(),
            &message,
            signature,
            self.public_key.clone(),
        )
        .unwrap()
    }

    /// What the server makes of it: through JSON, as it would come.
    fn judge(&self) -> Result<AnsweredChallenge, String> {
        judge(self.response(), self.kind)
    }

    fn refusal(&self) -> PossessionError {
        prove(self.response(), self.kind).unwrap_err()
    }
}

fn value(kind: ChallengeType) -> ChallengeValue {
    ChallengeValue::new(kind, [0xc4; 48])
}

fn prove(
    response: Response,
    kind: ChallengeType,
) -> Result<acme_yubikey::PossessionProof, PossessionError> {
    let expected = Expected {
        value: &value(kind),
        order_url: ORDER,
        profile: "tls",
        not_after: 1_900_057_600,
        thumbprint: THUMBPRINT,
    };
    Response::from_json(&response.to_json())
        .unwrap()
        .prove_possession::<RustCrypto>(&expected)
}

fn judge(response: Response, kind: ChallengeType) -> Result<AnsweredChallenge, String> {
    let verifier = Verifier::builder().root(&Pki::new().root).unwrap().build();
    prove(response, kind)
        .map_err(|error| error.to_string())?
        .verify_attestation(&verifier, NOW)
        .map_err(|error| error.to_string())
}

fn other(kind: ChallengeType, byte: u8) -> Entry {
    let ask = Ask {
        order_url: "https://ca.example/order/2",
        profile: "ssh",
        not_after: 0,
        spki_sha256: [byte; 32],
    };
    Entry {
        value: ChallengeValue::new(kind, [byte; 48]),
        detail: ask.detail(),
    }
}

#[test]
fn yubikey_01_certifies_the_attested_key() {
    let answer = Answer::new(ChallengeType::Yubikey01);
    let answered = answer.judge().unwrap();
    assert_eq!(answered.kind(), ChallengeType::Yubikey01);
    assert_eq!(answered.certified_key().spki_der(), answer.key.spki);
    assert_eq!(
        answered.attestation().public_key().spki_der(),
        answer.key.spki
    );
    assert_eq!(answered.chain(), answer.chain);
    assert_eq!(
        answered.attestation().serial().unwrap().to_string(),
        "9681620"
    );
}

#[test]
fn yubikey_02_certifies_the_key_that_was_sent() {
    let answer = Answer::new(ChallengeType::Yubikey02);
    let answered = answer.judge().unwrap();
    assert_eq!(answered.certified_key().spki_der(), answer.disk_key.spki);
    let (kind, attestation, certified, chain) = answered.into_parts();
    assert_eq!(kind, ChallengeType::Yubikey02);
    assert_eq!(attestation.public_key().spki_der(), answer.key.spki);
    assert_eq!(certified.spki_der(), answer.disk_key.spki);
    assert_eq!(chain, answer.chain);
}

#[rstest]
#[case::p384(Key::p384())]
#[case::ed25519(Key::ed25519())]
#[case::rsa2048(Key::rsa2048())]
fn every_kind_of_key_can_answer(#[case] key: Key) {
    Answer::by(ChallengeType::Yubikey01, key).judge().unwrap();
}

#[test]
fn one_message_answers_each_of_its_orders() {
    let mut answer = Answer::new(ChallengeType::Yubikey01);
    answer.others = (1..16).map(|byte| other(answer.kind, byte)).collect();
    answer.judge().unwrap();
}

#[test]
fn a_message_without_this_challenge_is_refused() {
    let answer = Answer::new(ChallengeType::Yubikey01);
    let message = Message::new(vec![other(answer.kind, 1)], THUMBPRINT).unwrap();
    let signature = answer.key.sign(message.as_bytes());
    let response = Response::new(answer.chain.clone(), &message, signature, None).unwrap();
    assert_eq!(
        prove(response, answer.kind).unwrap_err(),
        PossessionError::OtherChallenge
    );
}

#[test]
fn a_message_of_the_other_type_is_refused() {
    let response = Answer::new(ChallengeType::Yubikey02).response();
    let error = PossessionError::OtherType {
        expected: ChallengeType::Yubikey01,
        found: ChallengeType::Yubikey02,
    };
    assert_eq!(
        prove(response, ChallengeType::Yubikey01).unwrap_err(),
        error
    );
}

#[test]
fn another_order_profile_or_not_after_is_refused() {
    let changes: [fn(&mut Answer); 4] = [
        |answer| answer.order_url = "https://ca.example/order/2".to_owned(),
        |answer| answer.profile = "tls-disk".to_owned(),
        |answer| answer.not_after += 1,
        |answer| answer.not_after = 0,
    ];
    for kind in ChallengeType::ALL {
        for change in changes {
            let mut answer = Answer::new(kind);
            change(&mut answer);
            assert_eq!(answer.refusal(), PossessionError::OtherAsk);
        }
    }
}

#[test]
fn another_key_than_the_signed_for_is_refused() {
    // A hostile CA or proxy that swaps its own key in.
    let mut answer = Answer::new(ChallengeType::Yubikey02);
    answer.public_key = Some(Key::p256(0x66).spki);
    assert_eq!(answer.refusal(), PossessionError::OtherAsk);
    // Somebody else's attestation beside an answer that is otherwise good.
    let mut answer = Answer::new(ChallengeType::Yubikey01);
    answer.chain = Pki::new().attest(&Key::p256(0x66).spki);
    assert_eq!(answer.refusal(), PossessionError::OtherAsk);
}

#[test]
fn a_foreign_thumbprint_is_refused() {
    let mut answer = Answer::new(ChallengeType::Yubikey01);
    answer.thumbprint = [0x78; 32];
    assert_eq!(answer.refusal(), PossessionError::OtherAccount);
}

#[test]
fn a_signature_by_another_key_is_refused() {
    for kind in ChallengeType::ALL {
        let mut answer = Answer::new(kind);
        answer.signer = Some(Key::p256(0x66));
        assert_eq!(answer.refusal(), PossessionError::Signature);
    }
    // The key to be certified cannot vouch for itself.
    let mut answer = Answer::new(ChallengeType::Yubikey02);
    answer.signer = Some(Key::p256(0x22));
    assert_eq!(answer.refusal(), PossessionError::Signature);
    // Nor can a key of another kind sign.
    let mut answer = Answer::new(ChallengeType::Yubikey01);
    answer.signer = Some(Key::ed25519());
    assert_eq!(answer.refusal(), PossessionError::Signature);
}

#[test]
fn public_key_belongs_to_yubikey_02_only() {
    let mut answer = Answer::new(ChallengeType::Yubikey01);
    answer.public_key = Some(answer.key.spki.clone());
    assert_eq!(answer.refusal(), PossessionError::PublicKeyUnexpected);
    let mut answer = Answer::new(ChallengeType::Yubikey02);
    answer.public_key = None;
    assert_eq!(answer.refusal(), PossessionError::PublicKeyMissing);
    let mut answer = Answer::new(ChallengeType::Yubikey02);
    answer.public_key = Some(vec![0x30, 0x00]);
    assert!(matches!(answer.refusal(), PossessionError::PublicKey(_)));
}

#[test]
fn yubikey_02_does_not_certify_the_key_that_signs() {
    let mut answer = Answer::new(ChallengeType::Yubikey02);
    answer.disk_key = Key::p256(0x21);
    answer.public_key = Some(answer.key.spki.clone());
    assert_eq!(answer.refusal(), PossessionError::ProofKeyCertified);
}

#[test]
fn a_leaf_that_attests_nothing_is_refused() {
    let mut answer = Answer::new(ChallengeType::Yubikey01);
    answer.chain = vec![answer.chain[1].clone()];
    assert!(
        matches!(answer.refusal(), PossessionError::AttestedKey(_)),
        "f9 as a leaf"
    );
    answer.chain = vec![b"not a certificate".to_vec()];
    assert!(matches!(answer.refusal(), PossessionError::AttestedKey(_)));
}

#[test]
fn a_malformed_message_is_refused_before_anything_else() {
    let mut answer = Answer::new(ChallengeType::Yubikey01);
    // Everything else is wrong too; the message is what is told.
    answer.thumbprint = [0; 32];
    answer.chain = vec![vec![0]];
    let mut json: serde_json::Value = serde_json::from_slice(&answer.response().to_json()).unwrap();
    json["message"] = "AAAA".into();
    let response = Response::from_json(json.to_string().as_bytes()).unwrap();
    let error = PossessionError::Message(MessageError::Length { len: 3 });
    assert_eq!(prove(response, answer.kind).unwrap_err(), error);
}

#[test]
fn checks_come_in_the_order_of_the_specification() {
    // Each step breaks one more thing, later first, so that the earlier is what is told.
    let mut answer = Answer::new(ChallengeType::Yubikey01);
    answer.signer = Some(Key::p256(0x66));
    assert_eq!(answer.refusal(), PossessionError::Signature);
    answer.thumbprint = [0; 32];
    assert_eq!(answer.refusal(), PossessionError::OtherAccount);
    answer.profile = "ssh".to_owned();
    assert_eq!(answer.refusal(), PossessionError::OtherAsk);
    let message = Message::new(vec![other(answer.kind, 1)], [0; 32]).unwrap();
    let response = Response::new(vec![vec![0]], &message, vec![1], Some(vec![1])).unwrap();
    assert_eq!(
        prove(response, answer.kind).unwrap_err(),
        PossessionError::OtherChallenge
    );
}

#[test]
fn possession_without_a_trusted_attestation_answers_nothing() {
    // A key on disk with an attestation under a root of its owner's own.
    let forged = Pki::with_keys(Key::p256(0x31), Key::p256(0x32));
    let mut answer = Answer::new(ChallengeType::Yubikey01);
    answer.chain = forged.attest(&answer.key.spki);
    let proof = prove(answer.response(), answer.kind).unwrap();
    let verifier = Verifier::builder().root(&Pki::new().root).unwrap().build();
    let error = proof.verify_attestation(&verifier, NOW).unwrap_err();
    assert!(matches!(error, AttestationError::Attestation(_)), "{error}");
}

#[test]
fn an_attestation_without_its_device_answers_nothing() {
    let mut answer = Answer::new(ChallengeType::Yubikey01);
    answer.chain.truncate(1);
    assert!(answer.judge().is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_flipped_bit_answers_the_challenge(
        part in 0..3_usize,
        index in any::<prop::sample::Index>(),
        bit in 0..8_u8,
    ) {
        let mut answer = Answer::new(ChallengeType::Yubikey02);
        answer.others = vec![other(answer.kind, 1)];
        let mut json: serde_json::Value =
            serde_json::from_slice(&answer.response().to_json()).unwrap();
        let name = ["message", "signature", "publicKey"][part];
        let mut bytes = unbase64(json[name].as_str().unwrap());
        let at = index.index(bytes.len());
        bytes[at] ^= 1 << bit;
        json[name] = base64(&bytes).into();
        let judged = Response::from_json(json.to_string().as_bytes())
            .map_err(|error| error.to_string())
            .and_then(|response| judge(response, ChallengeType::Yubikey02));
        prop_assert!(judged.is_err());
    }
}

fn base64(bytes: &[u8]) -> String {
    use base64ct::{Base64UrlUnpadded, Encoding};
    Base64UrlUnpadded::encode_string(bytes)
}

fn unbase64(text: &str) -> Vec<u8> {
    use base64ct::{Base64UrlUnpadded, Encoding};
    Base64UrlUnpadded::decode_vec(text).unwrap()
}
