//! Answers that are wrong in themselves: message and signature. No record is consulted.

use acme_wire::order::{Challenge, ChallengeStatus, Identifier};
use acme_yubikey::{Ask, Detail, Entry, Message};

use crate::card::{Card, SlotKey};
use crate::client::{Client, Placed};
use crate::der::SoftKey;
use crate::world::{SERIAL, World, answer, disk_answer, entry, message, payload, refused};

const MALFORMED: &str = "malformed";
const INCORRECT: &str = "incorrectResponse";

/// A CA, alice's key, her client and an order for `tls`.
pub async fn placed() -> (World, Card, SlotKey, Client, Placed) {
    let world = World::new().await;
    let (card, key, _) = world.alice().await;
    let client = world.client().await;
    let placed = client.place_serial("tls", SERIAL).await;
    (world, card, key, client, placed)
}

/// The payload for a message of any form, rightly signed.
fn signed(card: &mut Card, key: &SlotKey, message: &[u8]) -> Vec<u8> {
    let signature = card.sign(key.slot, message);
    payload(&key.chain, message, &signature, None)
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_magic() {
    let (world, mut card, key, client, placed) = placed().await;
    let mut bytes = message(&client, &[&placed], &key).as_bytes().to_vec();
    bytes[0] ^= 0x20;
    let payload = signed(&mut card, &key, &bytes);
    refused(&world, &client, &placed, &payload, INCORRECT, "magic").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_length() {
    let (world, mut card, key, client, placed) = placed().await;
    let bytes = message(&client, &[&placed], &key).as_bytes().to_vec();
    for wrong in [
        &bytes[..bytes.len() - 1],
        &[&bytes[..], &[0]].concat(),
        &bytes[..32],
    ] {
        let placed = client.place_serial("tls", SERIAL).await;
        let payload = signed(&mut card, &key, wrong);
        refused(&world, &client, &placed, &payload, INCORRECT, "message has").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn non_canonical_base64url() {
    let (world, mut card, key, client, placed) = placed().await;
    let right = String::from_utf8(answer(&mut card, &key, &client, &[&placed])).unwrap();
    // 128 bytes end in a character of which four bits count, and ECDSA's signature in DER has
    // no fixed length: pad and break the message.
    let answer: serde_json::Value = serde_json::from_str(&right).unwrap();
    let good = answer["message"].as_str().unwrap();
    let mut bits = good.to_owned();
    bits.replace_range(good.len() - 1.., "_");
    for wrong in [format!("{good}="), format!("{good}\n"), bits] {
        let placed = client.place_serial("tls", SERIAL).await;
        let mut changed = answer.clone();
        changed["message"] = wrong.into();
        let payload = serde_json::to_vec(&changed).unwrap();
        let reason = "not canonical base64url";
        refused(&world, &client, &placed, &payload, MALFORMED, reason).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_answer_at_all() {
    let (world, _, _, client, _) = placed().await;
    for wrong in ["{}", "[]", "null", "\"x\"", "{\"attestation\":[]}"] {
        let placed = client.place_serial("tls", SERIAL).await;
        refused(&world, &client, &placed, wrong.as_bytes(), MALFORMED, "").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn foreign_thumbprint() {
    let (world, mut card, key, client, placed) = placed().await;
    let entries = vec![entry(&placed, key.spki_sha256())];
    let foreign = Message::new(entries, [7; 32]).unwrap();
    let payload = signed(&mut card, &key, foreign.as_bytes());
    let reason = "signed for another ACME account";
    refused(&world, &client, &placed, &payload, INCORRECT, reason).await;
}

/// Answers with a detail for something else than the order asks for.
async fn other_ask(change: impl FnOnce(Ask<'_>) -> Detail) {
    let (world, mut card, key, client, _) = placed().await;
    let until = Some(world.now() + 3600);
    let identifier = Identifier::permanent(SERIAL.to_string());
    let placed = client.place("tls", identifier, until).await;
    let right = entry(&placed, key.spki_sha256());
    let detail = change(Ask {
        order_url: &placed.url,
        profile: "tls",
        not_after: placed.not_after(),
        spki_sha256: key.spki_sha256(),
    });
    assert_ne!(detail, right.detail);
    let other = Message::new(vec![Entry { detail, ..right }], client.thumbprint()).unwrap();
    let payload = signed(&mut card, &key, other.as_bytes());
    let reason = "not what this order asks for";
    refused(&world, &client, &placed, &payload, INCORRECT, reason).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn other_profile() {
    other_ask(|ask| {
        Ask {
            profile: "ssh",
            ..ask
        }
        .detail()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn other_not_after() {
    other_ask(|ask| {
        Ask {
            not_after: ask.not_after - 1,
            ..ask
        }
        .detail()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn not_after_left_out() {
    other_ask(|ask| {
        Ask {
            not_after: 0,
            ..ask
        }
        .detail()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn other_order() {
    other_ask(|ask| {
        let order_url = &format!("{}x", ask.order_url);
        Ask { order_url, ..ask }.detail()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn other_key_signed_for() {
    other_ask(|ask| {
        Ask {
            spki_sha256: [3; 32],
            ..ask
        }
        .detail()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mixed_types() {
    let (world, mut card, key, client, placed) = placed().await;
    let other = client.place_serial("tls-disk", SERIAL).await;
    let mut bytes = Vec::new();
    for placed in [&placed, &other] {
        let entry = entry(placed, key.spki_sha256());
        bytes.extend(entry.value.to_bytes());
        bytes.extend(entry.detail.0);
    }
    bytes.extend(client.thumbprint());
    let payload = signed(&mut card, &key, &bytes);
    let reason = "another type than the first";
    refused(&world, &client, &placed, &payload, INCORRECT, reason).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_of_the_other_type() {
    let (world, mut card, key, client, placed) = placed().await;
    let disk = SoftKey::generate();
    let other = client.place_serial("tls-disk", SERIAL).await;
    let payload = disk_answer(&mut card, &key, &client, &other, &disk.spki());
    let reason = "the challenge is yubikey-01, but the message is for yubikey-02";
    refused(&world, &client, &placed, &payload, INCORRECT, reason).await;
}

/// So many entries, the first of them right.
fn entries(client: &Client, placed: &Placed, key: &SlotKey, count: u8) -> Vec<u8> {
    let first = entry(placed, key.spki_sha256());
    let mut bytes = [&first.value.to_bytes()[..], &first.detail.0].concat();
    for i in 1..count {
        let value = acme_yubikey::ChallengeValue::new(first.value.kind(), [i; 48]);
        bytes.extend(value.to_bytes());
        bytes.extend([i; 32]);
    }
    bytes.extend(client.thumbprint());
    bytes
}

#[tokio::test(flavor = "multi_thread")]
async fn seventeen_entries() {
    let (world, mut card, key, client, placed) = placed().await;
    let payload = signed(&mut card, &key, &entries(&client, &placed, &key, 17));
    refused(&world, &client, &placed, &payload, INCORRECT, "17 entries").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sixteen_entries_are_not_too_many() {
    let (_world, mut card, key, client, placed) = placed().await;
    let payload = signed(&mut card, &key, &entries(&client, &placed, &key, 16));
    let answered = client.answer(&placed, &payload).await;
    assert_eq!(answered.status, ChallengeStatus::Valid, "{answered:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn signature_by_another_key() {
    let (world, _, key, client, placed) = placed().await;
    let message = message(&client, &[&placed], &key);
    let signature = SoftKey::generate().sign(message.as_bytes());
    let payload = payload(&key.chain, message.as_bytes(), &signature, None);
    let reason = "signature does not verify under the attested key";
    refused(&world, &client, &placed, &payload, INCORRECT, reason).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn signature_over_something_else() {
    let (world, mut card, key, client, placed) = placed().await;
    let message = message(&client, &[&placed], &key);
    let signature = card.sign(key.slot, &message.as_bytes()[1..]);
    let payload = payload(&key.chain, message.as_bytes(), &signature, None);
    let reason = "signature does not verify under the attested key";
    refused(&world, &client, &placed, &payload, INCORRECT, reason).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_possession_nothing_is_told_of_records() {
    let world = World::new().await;
    let (_, enrolled, id) = world.alice().await;
    let since = world.now();
    let revoked = acme_ca::records::KeyState::Revoked { since };
    world.set_state(id, revoked).await;
    let stranger = Card::new(&world.root, 20_000_009).login();
    let client = world.client().await;
    let mut told = Vec::new();
    for key in [enrolled, stranger] {
        let placed = client.place_serial("tls", SERIAL).await;
        let message = message(&client, &[&placed], &key);
        let signature = SoftKey::generate().sign(message.as_bytes());
        let payload = payload(&key.chain, message.as_bytes(), &signature, None);
        let decision = refused(&world, &client, &placed, &payload, INCORRECT, "signature").await;
        let unproven = acme_ca::audit::Outcome::Refused;
        assert_eq!(decision.outcome, unproven, "no alarm without possession");
        told.push(
            client
                .get(&placed.challenge.url)
                .await
                .json::<Challenge>()
                .error,
        );
    }
    assert_eq!(told[0], told[1]);
}
