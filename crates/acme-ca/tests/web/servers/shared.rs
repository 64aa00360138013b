//! Authorizations: made ahead of orders, shared by them, given up, expired, and nobody else's.

use acme_wire::order::{Authorization, AuthorizationStatus, ChallengeStatus, OrderStatus};
use serde_json::json;

use super::{ALLOW, Servers, answer_and_wait, challenge, identifier, place, request};
use crate::client::{Answer, Client};

pub async fn new_authorization(client: &Client, name: &str) -> Answer {
    let url = client.directory.new_authz.clone().unwrap();
    let payload = json!({ "identifier": identifier(name), "profile": "servers" });
    client.post_json(&url, &payload).await
}

async fn read(client: &Client, url: &str) -> Authorization {
    client.get(url).await.ok().json()
}

pub async fn deactivate(client: &Client, url: &str) -> Authorization {
    let payload = json!({ "status": "deactivated" });
    client.post_json(url, &payload).await.ok().json()
}

#[tokio::test]
async fn an_authorization_made_ahead_serves_an_order() {
    let servers = Servers::new().await;
    let client = servers.world.client().await;
    let answer = new_authorization(&client, "www.example.net").await;
    assert_eq!(answer.status, 201);
    let url = answer.header("location").to_owned();
    let made: Authorization = answer.json();
    assert_eq!(made.status, AuthorizationStatus::Pending);
    assert_eq!(read(&client, &url).await, made);

    // While it is pending an order has its own.
    let early = place(&client, &["www.example.net"]).await;
    assert_ne!(early.order.authorizations[0], url);
    assert_eq!(early.order.status, OrderStatus::Pending);

    let http = challenge(&made, "http-01");
    servers.publish(&client, http);
    let decided = answer_and_wait(&client, &http.url).await;
    assert_eq!(decided.status, ChallengeStatus::Valid);
    let order = place(&client, &["mail.example.net", "www.example.net"]).await;
    assert_eq!(order.order.authorizations[1], url);
    assert_eq!(order.order.status, OrderStatus::Pending);
    servers.authorize(&client, &order).await;
    order
        .collect(&client, &["mail.example.net", "www.example.net"])
        .await;

    // Asked again, it is the one that is there.
    let again = new_authorization(&client, "www.example.net").await;
    assert_eq!(again.header("location"), url);
}

#[tokio::test]
async fn a_wildcard_or_a_serial_cannot_be_authorized_ahead() {
    let servers = Servers::new().await;
    let client = servers.world.client().await;
    let wildcard = new_authorization(&client, "*.example.net").await;
    assert!(wildcard.refused(400, "malformed").contains("wildcard"));
    let forbidden = new_authorization(&client, "www.example.org").await;
    forbidden.refused(403, "rejectedIdentifier");
    let url = client.directory.new_authz.clone().unwrap();
    for (kind, profile) in [("permanent-identifier", "tls"), ("dns", "tls")] {
        let identifier = json!({ "type": kind, "value": "1.example" });
        let payload = json!({ "identifier": identifier, "profile": profile });
        let answer = client.post_json(&url, &payload).await;
        answer.refused(400, "unsupportedIdentifier");
    }
}

#[tokio::test]
async fn an_order_takes_valid_authorizations_for_a_while() {
    let servers = Servers::new().await;
    let client = servers.world.client().await;
    let names = ["www.example.net", "*.example.net"];
    let first = servers.ready(&client, &names).await;
    first.collect(&client, &names).await;
    let second = place(&client, &names).await;
    assert_eq!(second.order.status, OrderStatus::Ready);
    assert_eq!(second.order.authorizations, first.order.authorizations);
    second.collect(&client, &names).await;
    // The name behind the wildcard is another one.
    let base = place(&client, &["example.net"]).await;
    assert_eq!(base.order.status, OrderStatus::Pending);
    // Another account has nothing of it.
    let other = servers.world.client().await;
    let order = place(&other, &names).await;
    assert_eq!(order.order.status, OrderStatus::Pending);

    servers.world.advance(3600);
    let late = place(&client, &names).await;
    assert_eq!(late.order.status, OrderStatus::Pending);
}

#[tokio::test]
async fn a_site_can_have_each_order_validated() {
    let servers = Servers::new().await;
    let mut servers = servers;
    servers
        .world
        .restart(|settings| settings.replace("#authorization = \"1h\"", "authorization = \"0s\""))
        .await;
    let client = servers.world.client().await;
    assert_eq!(client.directory.new_authz, None);
    servers.ready(&client, &["www.example.net"]).await;
    let second = place(&client, &["www.example.net"]).await;
    assert_eq!(second.order.status, OrderStatus::Pending);
}

#[tokio::test]
async fn an_authorization_that_is_given_up_takes_every_order_with_it_that_waits() {
    let servers = Servers::new().await;
    let client = servers.world.client().await;
    let name = "www.example.net";
    let issued = servers.ready(&client, &[name]).await;
    issued.collect(&client, &[name]).await;
    let ready = place(&client, &[name]).await;
    let pending = place(&client, &[name, "mail.example.net"]).await;
    let url = &issued.order.authorizations[0];
    let over = deactivate(&client, url).await;
    assert_eq!(over.status, AuthorizationStatus::Deactivated);
    assert_eq!(ready.status(&client).await, OrderStatus::Invalid);
    assert_eq!(pending.status(&client).await, OrderStatus::Invalid);
    assert_eq!(issued.status(&client).await, OrderStatus::Valid);
    let refused = ready.finalize(&client, b"").await;
    refused.refused(403, "orderNotReady");
    let anew = place(&client, &[name]).await;
    assert_eq!(anew.order.status, OrderStatus::Pending);
}

#[tokio::test]
async fn an_authorization_expires_and_its_order_with_it() {
    let servers = Servers::new().await;
    let client = servers.world.client().await;
    let order = place(&client, &["www.example.net"]).await;
    let http = order.authorization(&client, 0).await;
    let http = challenge(&http, "http-01");
    servers.world.advance(5 * 60);
    let expired = order.authorization(&client, 0).await;
    assert_eq!(expired.status, AuthorizationStatus::Expired);
    assert_eq!(order.status(&client).await, OrderStatus::Invalid);
    let answered: acme_wire::order::Challenge = client.post(&http.url, b"{}").await.ok().json();
    assert_eq!(answered.status, ChallengeStatus::Pending, "nothing begins");
    assert!(servers.web.requests().is_empty());
}

#[tokio::test]
async fn what_is_another_accounts_is_not_there() {
    let servers = Servers::new().await;
    let client = servers.world.client().await;
    let order = place(&client, &["www.example.net"]).await;
    let authorization = order.authorization(&client, 0).await;
    let http = &challenge(&authorization, "http-01").url;
    let stranger = servers.world.client().await;
    for url in [&order.url, &order.order.authorizations[0], http] {
        stranger.get(url).await.refused(404, "malformed");
    }
    stranger.post(http, b"{}").await.refused(404, "malformed");
    stranger
        .post_json(
            &order.order.authorizations[0],
            &json!({ "status": "deactivated" }),
        )
        .await
        .refused(404, "malformed");
    let refused = order.finalize(&stranger, b"").await;
    refused.refused(404, "malformed");
    let unchanged = order.authorization(&client, 0).await;
    assert_eq!(unchanged, authorization);
}

#[tokio::test]
async fn an_account_that_ends_takes_its_authorizations_with_it() {
    let servers = Servers::with("", ALLOW).await;
    let client = servers.world.client().await;
    servers.ready(&client, &["www.example.net"]).await;
    new_authorization(&client, "mail.example.net").await.ok();
    let payload = json!({ "status": "deactivated" });
    client.post_json(&client.kid, &payload).await.ok();
    let path = servers.world.ca.layout().database();
    let left: i64 = rusqlite::Connection::open(path)
        .unwrap()
        .query_row(
            "SELECT count(*) FROM authorizations WHERE status IN ('pending', 'valid')",
            [],
            |row| row.get(0),
        )
        .unwrap();
    assert_eq!(left, 0);
    let refused = client.new_order(&request(&["www.example.net"])).await;
    refused.refused(401, "unauthorized");
}
