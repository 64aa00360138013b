//! Answers to the challenges of YubiKeys, right and refused.

use acme_ca::audit::{Decision, Outcome};
use acme_wire::order::{ChallengeStatus, OrderStatus};
use acme_yubikey::{Ask, ChallengeValue, Entry, Message};
use serde_json::json;

use super::World;
use crate::card::{Card, SlotKey};
use crate::client::{Client, Placed};

/// The entry of one order, for the key to be certified.
pub fn entry(placed: &Placed, spki_sha256: [u8; 32]) -> Entry {
    let kind = placed.challenge.kind.parse().unwrap();
    let ask = Ask {
        order_url: &placed.url,
        profile: placed.order.profile.as_deref().unwrap(),
        not_after: placed.not_after(),
        spki_sha256,
    };
    Entry {
        value: ChallengeValue::from_token(kind, placed.token()).unwrap(),
        detail: ask.detail(),
    }
}

/// The message that answers all of these orders, for `yubikey-01`.
pub fn message(client: &Client, orders: &[&Placed], key: &SlotKey) -> Message {
    let entries = orders
        .iter()
        .map(|placed| entry(placed, key.spki_sha256()))
        .collect();
    Message::new(entries, client.thumbprint()).unwrap()
}

/// The payload of an answer, whatever it holds.
pub fn payload(
    chain: &[Vec<u8>],
    message: &[u8],
    signature: &[u8],
    public_key: Option<&[u8]>,
) -> Vec<u8> {
    let encode = acme_wire::base64url::encode;
    let mut answer = json!({
        "attestation": chain.iter().map(|der| encode(der)).collect::<Vec<_>>(),
        "message": encode(message),
        "signature": encode(signature),
    });
    if let Some(key) = public_key {
        answer["publicKey"] = encode(key).into();
    }
    serde_json::to_vec(&answer).unwrap()
}

/// The right answer to a `yubikey-01` challenge.
pub fn answer(card: &mut Card, key: &SlotKey, client: &Client, orders: &[&Placed]) -> Vec<u8> {
    let message = message(client, orders, key);
    let signature = card.sign(key.slot, message.as_bytes());
    payload(&key.chain, message.as_bytes(), &signature, None)
}

/// The right answer to a `yubikey-02` challenge, for a key on disk.
pub fn disk_answer(
    card: &mut Card,
    key: &SlotKey,
    client: &Client,
    placed: &Placed,
    spki: &[u8],
) -> Vec<u8> {
    use sha2::Digest;
    let entry = entry(placed, sha2::Sha256::digest(spki).into());
    let message = Message::new(vec![entry], client.thumbprint()).unwrap();
    let signature = card.sign(key.slot, message.as_bytes());
    payload(&key.chain, message.as_bytes(), &signature, Some(spki))
}

/// An answer that is wrong: one clear problem, nothing issued, the challenge spent, and the
/// audit has the reason.
pub async fn refused(
    world: &World,
    client: &Client,
    placed: &Placed,
    payload: &[u8],
    kind: &str,
    reason: &str,
) -> Decision {
    let before = world.issued().await.len();
    let answered = client.answer(placed, payload).await;
    assert_eq!(answered.status, ChallengeStatus::Invalid, "{answered:?}");
    let problem = answered.error.clone().unwrap();
    assert_eq!(problem.kind.name(), kind, "{problem}");
    let detail = problem.detail.clone().unwrap();
    assert!(
        detail.contains(reason),
        "{detail:?} says nothing of {reason:?}"
    );

    // Spent: whatever comes now reads what was decided.
    assert_eq!(client.answer(placed, payload).await, answered);
    let order = client.order(placed).await;
    assert_eq!(order.status, OrderStatus::Invalid);
    assert_eq!(order.error, Some(problem));
    let finalize = client.finalize(placed, None).await;
    finalize.refused(403, "orderNotReady");

    assert_eq!(world.issued().await.len(), before, "nothing is issued");
    let id = placed.url.rsplit('/').next().unwrap();
    let mut decisions = world.audit("challenge.answer").await;
    decisions.retain(|decision| decision.subject == format!("order {id}"));
    assert_eq!(decisions.len(), 1, "{decisions:?}");
    let decision = decisions.remove(0);
    assert_ne!(decision.outcome, Outcome::Done);
    assert!(
        decision.reasons.iter().any(|r| r.contains(reason)),
        "{decision:?} says nothing of {reason:?}"
    );
    decision
}
