//! What happens between the requests: what is taken away, time, and the end.

use std::time::{Duration, Instant};

use acme_ca::audit::Outcome;
use acme_ca::records::KeyState;
use acme_ca::store::Orders;
use acme_wire::order::{ChallengeStatus, OrderStatus};

use crate::card::{Card, SlotKey};
use crate::client::{Client, Placed};
use crate::world::{SERIAL, World, answer};

/// An order for `tls` that is ready.
pub async fn ready(world: &World, card: &mut Card, key: &SlotKey, client: &Client) -> Placed {
    let placed = client.place_serial("tls", SERIAL).await;
    let payload = answer(card, key, client, &[&placed]);
    let answered = client.answer(&placed, &payload).await;
    assert_eq!(answered.status, ChallengeStatus::Valid, "{answered:?}");
    let _ = world;
    placed
}

pub fn id(placed: &Placed) -> &str {
    placed.url.rsplit('/').next().unwrap()
}

/// Waits until `done`, which must come within a minute.
pub async fn until(mut done: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !done().await {
        assert!(
            Instant::now() < deadline,
            "a minute passed, and it never came"
        );
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_retired_or_revoked_before_finalize_gets_nothing() {
    for (state, outcome, reason) in [
        (
            KeyState::Retired { since: 1 },
            Outcome::Refused,
            "retired on",
        ),
        (KeyState::Revoked { since: 1 }, Outcome::Alarm, "revoked on"),
    ] {
        let world = World::new().await;
        let (mut card, key, record) = world.alice().await;
        let client = world.client().await;
        let placed = ready(&world, &mut card, &key, &client).await;
        world.set_state(record, state).await;
        let detail = client
            .finalize(&placed, None)
            .await
            .refused(403, "unauthorized");
        assert!(detail.contains(reason), "{detail}");
        let order = client.order(&placed).await;
        assert_eq!(order.status, OrderStatus::Invalid);
        assert_eq!(order.error.unwrap().detail.unwrap(), detail);
        assert!(world.issued().await.is_empty());
        let audit = world.audit("order.finalize").await;
        assert_eq!((audit.len(), audit[0].outcome), (1, outcome));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_disabled_before_finalize_gets_nothing() {
    let world = World::new().await;
    let (mut card, key, _) = world.alice().await;
    let client = world.client().await;
    let placed = ready(&world, &mut card, &key, &client).await;
    world.disable_user("alice").await;
    client
        .finalize(&placed, None)
        .await
        .refused(403, "unauthorized");
    assert!(world.issued().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_made_stricter_before_finalize_counts() {
    let mut world = World::new().await;
    let (mut card, key, _) = world.alice().await;
    let client = world.client().await;
    let placed = ready(&world, &mut card, &key, &client).await;
    world
        .restart(|settings| settings.replace("preset = \"default\"", "slots = [\"9c\"]"))
        .await;
    let client = client.over(world.http());
    let detail = client
        .finalize(&placed, None)
        .await
        .refused(403, "unauthorized");
    assert!(detail.contains("slot 9a"), "{detail}");
    assert!(world.issued().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_nobody_finalizes_expires_and_is_forgotten() {
    let world = World::new().await;
    let (mut card, key, _) = world.alice().await;
    let client = world.client().await;
    let placed = ready(&world, &mut card, &key, &client).await;
    world.advance(world.ca.config().lifetimes.order.0);
    assert_eq!(client.order(&placed).await.status, OrderStatus::Invalid);
    client
        .finalize(&placed, None)
        .await
        .refused(403, "orderNotReady");
    assert!(world.issued().await.is_empty());
    // One hour at a time, so that no nonce outlives the day.
    world.advance(24 * 60 * 60 + 1);
    until(async || client.get(&placed.url).await.status == 404).await;
    assert!(
        client.get(&client.kid).await.status == 200,
        "the account stays"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_and_accounts_that_came_to_nothing_are_forgotten_early() {
    let world = World::new().await;
    let (mut card, key, _) = world.alice().await;
    let client = world.client().await;
    let issued = ready(&world, &mut card, &key, &client).await;
    client.collect(&issued, None).await;
    let stranger = world.client().await;
    let placed = stranger.place_serial("tls", SERIAL).await;
    let life = world.ca.config().lifetimes.order.0;
    world.advance(life + 10 * 60 + 1);
    until(async || stranger.get(&placed.url).await.status == 404).await;
    assert_eq!(client.get(&issued.url).await.status, 200, "for a day");
    world.advance(7 * 24 * 60 * 60 + 1);
    let store = world.ca.store();
    let account = stranger.kid.rsplit('/').next().unwrap();
    until(async || store.account(account).await.unwrap().is_none()).await;
    let account = client.kid.rsplit('/').next().unwrap();
    until(async || client.get(&issued.url).await.status == 404).await;
    assert!(store.account(account).await.unwrap().is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_issued_is_still_there_when_its_order_is_forgotten() {
    let world = World::new().await;
    let (mut card, key, _) = world.alice().await;
    let client = world.client().await;
    let placed = ready(&world, &mut card, &key, &client).await;
    client.collect(&placed, None).await;
    let certificate = client.order(&placed).await.certificate.unwrap();
    world.advance(2 * 24 * 60 * 60);
    until(async || client.get(&placed.url).await.status == 404).await;
    assert_eq!(client.get(&certificate).await.status, 200);
    assert_eq!(world.issued().await.len(), 1);
}
