//! Every refusal is a decision, and is on record with its reason.

use acme_ca::audit::Outcome;
use serde_json::json;

use crate::client::Client;
use crate::lifecycle::ready;
use crate::world::{SERIAL, World};

/// The only decision of this action is a refusal for this reason.
async fn on_record(world: &World, action: &str, reason: &str) {
    let refused: Vec<_> = world
        .audit(action)
        .await
        .into_iter()
        .filter(|decision| decision.outcome == Outcome::Refused)
        .collect();
    assert_eq!(refused.len(), 1, "{refused:?}");
    assert!(refused[0].reasons[0].contains(reason), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn accounts_and_refused_contacts_are_on_record() {
    let world = World::new().await;
    let client = world.client().await;
    let made = world.audit("account.new").await;
    assert_eq!((made.len(), made[0].outcome), (1, Outcome::Done));
    let update = json!({ "contact": ["tel:+1"] }).to_string();
    let answer = client.post(&client.kid, update.as_bytes()).await;
    answer.refused(400, "unsupportedContact");
    on_record(&world, "account.update", "mailto").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_cannot_be_read_is_on_record() {
    let world = World::new().await;
    let client = world.client().await;
    let order = json!({
        "profile": "tls",
        "identifiers": [{ "type": "permanent-identifier", "value": SERIAL.to_string() }],
        "notAfter": "tomorrow",
    })
    .to_string();
    let url = client.directory.new_order.clone();
    client
        .post(&url, order.as_bytes())
        .await
        .refused(400, "malformed");
    on_record(&world, "order.new", "").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_finalize_that_comes_too_early_is_on_record() {
    let world = World::new().await;
    let client = world.client().await;
    let placed = client.place_serial("tls", SERIAL).await;
    let answer = client.finalize(&placed, None).await;
    answer.refused(403, "orderNotReady");
    on_record(&world, "order.finalize", "pending").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_csr_that_is_no_base64url_is_on_record_and_leaves_the_order_ready() {
    let world = World::new().await;
    let (mut card, key, _) = world.alice().await;
    let client = world.client().await;
    let placed = ready(&world, &mut card, &key, &client).await;
    let url = placed.order.finalize.clone();
    client
        .post(&url, br#"{"csr":"a+b="}"#)
        .await
        .refused(400, "badCSR");
    on_record(&world, "order.finalize", "base64url").await;
    let status = client.order(&placed).await.status;
    assert_eq!(status, acme_wire::order::OrderStatus::Ready);
    assert!(world.issued().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_keeps_the_beginning_of_what_a_stranger_sent() {
    let world = World::new().await;
    let stranger = Client::without_account(world.http(), &world.base).await;
    let payload = json!({ "contact": "\u{7f}".repeat(50_000) });
    let answer = stranger.new_account(&payload).await;
    let told = answer.refused(400, "malformed");
    let written = world.audit("account.new").await.remove(0).reasons;
    for text in [&told, &written[0]] {
        assert!(text.contains('…') && text.len() < 1000, "{}", text.len());
    }
    assert_eq!(written.len(), 1);
}
