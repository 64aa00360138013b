//! Accounts (RFC 8555 §7.3), and what their end takes along.

use acme_wire::account::{Account, AccountStatus, NewAccount};
use serde_json::json;

use crate::client::{Answer, Client};
use crate::world::{SERIAL, World, answer};

#[tokio::test(flavor = "multi_thread")]
async fn a_key_has_one_account() {
    let world = World::new().await;
    let mut client = Client::without_account(world.http(), &world.base).await;
    let nobody = json!({"onlyReturnExisting": true});
    client
        .new_account(&nobody)
        .await
        .refused(400, "accountDoesNotExist");
    let request = NewAccount {
        contact: vec!["mailto:alice@example.com".into()],
        terms_of_service_agreed: true,
        ..NewAccount::default()
    };
    let made = client.new_account(&request).await;
    assert_eq!(made.status, 201);
    client.kid = made.header("location").to_owned();
    for again in [json!({}), nobody] {
        let found = client.new_account(&again).await;
        assert_eq!(
            (found.status, found.header("location")),
            (200, client.kid.as_str())
        );
        assert_eq!(found.json::<Account>().contact, request.contact);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn new_account_carries_its_key() {
    let world = World::new().await;
    let client = world.client().await;
    let url = client.directory.new_account.clone();
    client.post(&url, b"{}").await.refused(400, "malformed");
}

#[tokio::test(flavor = "multi_thread")]
async fn contacts_are_checked_and_replaced() {
    let world = World::new().await;
    let client = world.client().await;
    let update = |contact: &str| json!({ "contact": [contact] });
    let answer = client
        .post_json(&client.kid, &update("mailto:a@example.com"))
        .await;
    assert_eq!(
        answer.ok().json::<Account>().contact,
        ["mailto:a@example.com"]
    );
    let answer = client
        .post_json(&client.kid, &update("mailto:a@b.c,d@e.f"))
        .await;
    answer.refused(400, "invalidContact");
    let answer = client.post_json(&client.kid, &update("tel:+358")).await;
    answer.refused(400, "unsupportedContact");
    let account: Account = client.get(&client.kid).await.ok().json();
    assert_eq!(account.contact, ["mailto:a@example.com"]);
}

async fn deactivate(client: &Client) -> Answer {
    let request = json!({"status": "deactivated"});
    client.post_json(&client.kid, &request).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deactivated_account_does_nothing_more() {
    let world = World::new().await;
    let (mut card, key, _) = world.alice().await;
    let client = world.client().await;
    let placed = client.place_serial("tls", SERIAL).await;
    let payload = answer(&mut card, &key, &client, &[&placed]);
    client.answer(&placed, &payload).await;
    let account: Account = deactivate(&client).await.ok().json();
    assert_eq!(account.status, AccountStatus::Deactivated);
    client
        .finalize(&placed, None)
        .await
        .refused(401, "unauthorized");
    client.get(&client.kid).await.refused(401, "unauthorized");
    client
        .new_account(&json!({}))
        .await
        .refused(401, "unauthorized");
    assert!(world.issued().await.is_empty());
    assert_eq!(world.audit("account.deactivate").await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_cannot_revoke_its_account_or_validate_its_authorization() {
    let world = World::new().await;
    let client = world.client().await;
    let revoke = json!({"status": "revoked"});
    client
        .post_json(&client.kid, &revoke)
        .await
        .refused(400, "malformed");
    let placed = client.place_serial("tls", SERIAL).await;
    for status in ["valid", "pending", "revoked"] {
        let request = json!({ "status": status });
        let answer = client
            .post_json(&placed.order.authorizations[0], &request)
            .await;
        answer.refused(400, "malformed");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deactivated_authorization_takes_its_order_along() {
    let world = World::new().await;
    let (mut card, key, _) = world.alice().await;
    let client = world.client().await;
    let placed = client.place_serial("tls", SERIAL).await;
    let payload = answer(&mut card, &key, &client, &[&placed]);
    client.answer(&placed, &payload).await;
    let request = json!({"status": "deactivated"});
    client
        .post_json(&placed.order.authorizations[0], &request)
        .await
        .ok();
    client
        .finalize(&placed, None)
        .await
        .refused(403, "orderNotReady");
    assert!(world.issued().await.is_empty());
}
