//! Who revokes a certificate of a server (RFC 8555 §7.6): whoever has it, and whoever controls
//! every name in it now.

use acme_wire::order::{Authorization, ChallengeStatus};
use serde_json::json;

use super::shared::{deactivate, new_authorization};
use super::{Servers, answer_and_wait, challenge, place};
use crate::client::{Answer, Client};
use crate::revoke::revoke;

/// A certificate for these names, in DER.
async fn issued(servers: &Servers, client: &Client, names: &[&str]) -> Vec<u8> {
    let order = servers.ready(client, names).await;
    acme_ca::pki::certificate_der(&order.collect(client, names).await).unwrap()
}

/// Tries it with an account that did not order the certificate.
async fn tries(client: &Client, certificate: &[u8]) -> Answer {
    revoke(client, certificate, Some(4)).await
}

#[tokio::test]
async fn a_wildcard_authorization_is_for_the_wildcard_alone() {
    let servers = Servers::new().await;
    let owner = servers.world.client().await;
    let wildcard = issued(&servers, &owner, &["*.example.net"]).await;
    let host = issued(&servers, &owner, &["www.example.net"]).await;
    let base = issued(&servers, &owner, &["example.net"]).await;
    let other = servers.world.client().await;
    tries(&other, &wildcard).await.refused(403, "unauthorized");
    servers.ready(&other, &["*.example.net"]).await;
    for certificate in [&host, &base] {
        let refused = tries(&other, certificate).await;
        refused.refused(403, "unauthorized");
    }
    assert_eq!(tries(&other, &wildcard).await.status, 200);

    // Nor is one for the name behind it.
    let next = issued(&servers, &owner, &["*.example.net"]).await;
    let third = servers.world.client().await;
    servers.ready(&third, &["example.net"]).await;
    tries(&third, &next).await.refused(403, "unauthorized");
    assert_eq!(tries(&third, &base).await.status, 200);
}

#[tokio::test]
async fn every_name_of_the_certificate_must_be_authorized() {
    let servers = Servers::new().await;
    let owner = servers.world.client().await;
    let names = ["*.example.net", "127.0.0.2", "www.example.net"];
    let certificate = issued(&servers, &owner, &names).await;
    let other = servers.world.client().await;
    for name in names {
        let refused = tries(&other, &certificate).await;
        refused.refused(403, "unauthorized");
        servers.ready(&other, &[name]).await;
    }
    assert_eq!(tries(&other, &certificate).await.status, 200);
}

#[tokio::test]
async fn an_authorization_without_an_order_revokes_while_it_is_valid() {
    let servers = Servers::new().await;
    let owner = servers.world.client().await;
    let name = "www.example.net";
    let certificate = issued(&servers, &owner, &[name]).await;
    let other = servers.world.client().await;
    let made = new_authorization(&other, name).await.ok();
    let url = made.header("location").to_owned();
    let refused = tries(&other, &certificate).await;
    refused.refused(403, "unauthorized");
    let authorization: Authorization = made.json();
    let http = challenge(&authorization, "http-01");
    servers.publish(&other, http);
    let decided = answer_and_wait(&other, &http.url).await;
    assert_eq!(decided.status, ChallengeStatus::Valid);
    deactivate(&other, &url).await;
    let refused = tries(&other, &certificate).await;
    refused.refused(403, "unauthorized");

    let made = new_authorization(&other, name).await.ok();
    let authorization: Authorization = made.json();
    let http = challenge(&authorization, "http-01");
    servers.publish(&other, http);
    answer_and_wait(&other, &http.url).await;
    // Long after it could serve an order, it is over.
    servers.world.advance(2 * 3600);
    let other = other.over(servers.world.http());
    let refused = tries(&other, &certificate).await;
    refused.refused(403, "unauthorized");
    let order = place(&other, &[name]).await;
    let refused = tries(&other, &certificate).await;
    refused.refused(403, "unauthorized");
    servers.authorize(&other, &order).await;
    assert_eq!(tries(&other, &certificate).await.status, 200);
    let again = tries(&owner.over(servers.world.http()), &certificate).await;
    again.refused(400, "alreadyRevoked");
}

#[tokio::test]
async fn an_account_that_ended_revokes_nothing() {
    let servers = Servers::new().await;
    let client = servers.world.client().await;
    let certificate = issued(&servers, &client, &["www.example.net"]).await;
    let payload = json!({ "status": "deactivated" });
    client.post_json(&client.kid, &payload).await.ok();
    let refused = tries(&client, &certificate).await;
    refused.refused(401, "unauthorized");
}
