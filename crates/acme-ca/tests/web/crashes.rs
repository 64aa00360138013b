//! What a restart finds, and makes of it.

use acme_ca::audit::Outcome;
use acme_ca::records::KeyState;
use acme_ca::store::{CertificateStatus, Orders};
use acme_wire::order::OrderStatus;

use crate::client::{Client, Placed};
use crate::lifecycle::{id, ready, until};
use crate::world::{SERIAL, World, answer};

/// Puts an order back to where a crash during issuance leaves it.
fn crash_in_processing(world: &World, placed: &Placed) {
    world.sql(&format!(
        "UPDATE orders SET status = 'processing', open = 1, certificate = NULL, csr = x''
         WHERE id = '{}'",
        id(placed)
    ));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_intent_without_certificate_is_revoked_and_its_order_goes_on() {
    let mut world = World::new().await;
    let (mut card, key, _) = world.alice().await;
    let client = world.client().await;
    let placed = ready(&world, &mut card, &key, &client).await;
    client.collect(&placed, None).await;
    world.stop().await;
    // As if it had stopped after signing: the intent is recorded, the certificate is not.
    crash_in_processing(&world, &placed);
    world.sql(&format!(
        "UPDATE certificates SET status = 'intended', body = NULL, issued = NULL WHERE order_id = '{}'",
        id(&placed)
    ));
    let lost = world.issued().await[0].clone();
    world.restart(|settings| settings).await;

    let client = client.over(world.http());
    let order = client.order(&placed).await;
    assert_eq!(order.status, OrderStatus::Valid);
    client.get(&order.certificate.unwrap()).await.ok();
    let all = world.issued().await;
    assert_eq!(all.len(), 2);
    let find = |status| all.iter().find(|row| row.status == status).unwrap();
    assert_eq!(find(CertificateStatus::Revoked).serial, lost.serial);
    assert_ne!(find(CertificateStatus::Issued).serial, lost.serial);
    assert_eq!(world.audit("certificate.revoke").await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_on_record_ends_its_order_after_a_crash() {
    let mut world = World::new().await;
    let (mut card, key, _) = world.alice().await;
    let client = world.client().await;
    let placed = ready(&world, &mut card, &key, &client).await;
    client.collect(&placed, None).await;
    world.stop().await;
    crash_in_processing(&world, &placed);
    world.restart(|settings| settings).await;
    let client = client.over(world.http());
    assert_eq!(client.order(&placed).await.status, OrderStatus::Valid);
    assert_eq!(world.issued().await.len(), 1, "and no second one is made");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_of_a_key_that_was_revoked_meanwhile_does_not_go_on() {
    let mut world = World::new().await;
    let (mut card, key, record) = world.alice().await;
    let client = world.client().await;
    let placed = ready(&world, &mut card, &key, &client).await;
    world.stop().await;
    crash_in_processing(&world, &placed);
    world
        .set_state(record, KeyState::Revoked { since: 1 })
        .await;
    world.restart(|settings| settings).await;
    let client = client.over(world.http());
    assert_eq!(client.order(&placed).await.status, OrderStatus::Invalid);
    assert!(world.issued().await.is_empty());
    assert!(world.ca.store().processing().await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_expired_in_processing_is_not_issued_after_a_restart() {
    let mut world = World::new().await;
    let (mut card, key, _) = world.alice().await;
    let client = world.client().await;
    let placed = ready(&world, &mut card, &key, &client).await;
    world.stop().await;
    crash_in_processing(&world, &placed);
    // The crash was on Friday, the restart is on Monday.
    world.advance(3 * 24 * 60 * 60);
    world.restart(|settings| settings).await;
    assert!(world.issued().await.is_empty());
    assert!(world.ca.store().processing().await.unwrap().is_empty());
    let audit = world.audit("order.finalize").await;
    assert_eq!((audit.len(), audit[0].outcome), (1, Outcome::Alarm));
    assert!(audit[0].reasons[0].contains("expired"), "{audit:?}");
}

/// What a full disk does to the end of an order: nothing of it can be written.
const FULL: &str = "
    CREATE TRIGGER full_decisions BEFORE INSERT ON decisions
      BEGIN SELECT RAISE(ABORT, 'database or disk is full'); END;
    CREATE TRIGGER full_certificates BEFORE INSERT ON certificates
      BEGIN SELECT RAISE(ABORT, 'database or disk is full'); END;";
const SPACE: &str = "
    BEGIN IMMEDIATE;
    DROP TRIGGER full_decisions;
    DROP TRIGGER full_certificates;
    COMMIT;";

#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_a_full_disk_left_in_processing_goes_on_when_there_is_space() {
    let world = World::new().await;
    let (mut card, key, _) = world.alice().await;
    let client = world.client().await;
    let placed = ready(&world, &mut card, &key, &client).await;
    world.trigger(FULL);
    let failed = client.finalize(&placed, None).await;
    failed.refused(500, "serverInternal");
    assert_eq!(client.order(&placed).await.status, OrderStatus::Processing);
    world.trigger(SPACE);
    until(async || client.order(&placed).await.status == OrderStatus::Valid).await;
    assert_eq!(world.issued().await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_a_full_disk_outlasted_ends_without_a_certificate() {
    let world = World::new().await;
    let (mut card, key, _) = world.alice().await;
    let client = world.client().await;
    let placed = ready(&world, &mut card, &key, &client).await;
    world.trigger(FULL);
    client.finalize(&placed, None).await;
    let other = client.place_serial("tls", SERIAL).await;
    world.advance(world.ca.config().lifetimes.order.0);
    // Once the other order is swept, no attempt from before is under way any more.
    until(async || world.stored_status(&other) == "invalid").await;
    world.trigger(SPACE);
    until(async || client.order(&placed).await.status == OrderStatus::Invalid).await;
    assert!(world.issued().await.is_empty());
    assert_eq!(world.audit("order.finalize").await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn pending_orders_survive_a_restart() {
    let mut world = World::new().await;
    let (mut card, key, _) = world.alice().await;
    let client = world.client().await;
    let placed = client.place_serial("tls", SERIAL).await;
    world.restart(|settings| settings).await;
    let client = Client {
        http: world.http(),
        ..client
    };
    // The nonces of the earlier process are not: the error brings a new one.
    let payload = answer(&mut card, &key, &client, &[&placed]);
    let first = client.post(&placed.challenge.url, &payload).await;
    first.refused(400, "badNonce");
    client.answer(&placed, &payload).await;
    client.collect(&placed, None).await;
}
