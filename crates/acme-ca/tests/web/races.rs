//! Requests that are under way at the same time: whoever is first decides, and no order is left
//! half-made.

use acme_ca::store::CertificateStatus;
use acme_wire::jws::{self, KeyId};
use acme_wire::order::{Authorization, AuthorizationStatus, OrderStatus};
use serde_json::json;

use crate::client::{Answer, Client};
use crate::lifecycle::ready;
use crate::world::{SERIAL, World, answer};

/// Sends requests of one account at once, each with a nonce of its own; the answers come in the
/// same order.
pub async fn at_once(client: &Client, requests: &[(&str, Vec<u8>)]) -> Vec<Answer> {
    let mut sent = Vec::new();
    for (url, payload) in requests {
        let head = client.http.head(&client.directory.new_nonce).send().await;
        let nonce = head.unwrap().headers()["replay-nonce"].clone();
        let kid = KeyId::Account(&client.kid);
        let body = client.key.sign(url, nonce.to_str().unwrap(), kid, payload);
        let request = client.http.post(*url);
        let request = request.header("content-type", jws::MEDIA_TYPE);
        sent.push(request.body(body.unwrap()));
    }
    let tasks: Vec<_> = sent
        .into_iter()
        .map(|request| {
            tokio::spawn(async move {
                let response = request.send().await.unwrap();
                Answer {
                    status: response.status().as_u16(),
                    headers: response.headers().clone(),
                    body: response.bytes().await.unwrap().to_vec(),
                }
            })
        })
        .collect();
    let mut answers = Vec::new();
    for task in tasks {
        answers.push(task.await.unwrap());
    }
    answers
}

fn deactivated() -> Vec<u8> {
    json!({ "status": "deactivated" }).to_string().into_bytes()
}

#[tokio::test(flavor = "multi_thread")]
async fn two_finalizes_at_once_make_one_certificate() {
    let world = World::new().await;
    let (mut card, key, _) = world.alice().await;
    let client = world.client().await;
    for round in 1..=4 {
        let placed = ready(&world, &mut card, &key, &client).await;
        let finalize = (placed.order.finalize.as_str(), b"{}".to_vec());
        let answers = at_once(&client, &vec![finalize; 6]).await;
        let mut statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 403, 403, 403, 403, 403]);
        assert_eq!(client.order(&placed).await.status, OrderStatus::Valid);
        assert_eq!(world.issued().await.len(), round);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_while_its_authorization_is_given_up_leaves_neither_ready() {
    let world = World::new().await;
    let (mut card, key, _) = world.alice().await;
    let client = world.client().await;
    for round in 0..8 {
        let placed = client.place_serial("tls", SERIAL).await;
        let authorization = placed.order.authorizations[0].as_str();
        let right = answer(&mut card, &key, &client, &[&placed]);
        let mut requests = [
            (placed.challenge.url.as_str(), right),
            (authorization, deactivated()),
        ];
        if round % 2 == 1 {
            requests.reverse();
        }
        for answer in at_once(&client, &requests).await {
            assert_eq!(answer.status, 200, "{answer:?}");
        }
        let after: Authorization = client.get(authorization).await.ok().json();
        let order = client.order(&placed).await.status;
        // First given up, or first answered and then given up; or answered wrongly, since late.
        assert!(
            matches!(
                after.status,
                AuthorizationStatus::Deactivated | AuthorizationStatus::Invalid
            ),
            "{after:?}"
        );
        assert_eq!(order, OrderStatus::Invalid, "{after:?}");
        client
            .finalize(&placed, None)
            .await
            .refused(403, "orderNotReady");
    }
    assert!(world.issued().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn finalize_while_the_authorization_is_given_up_ends_the_order_one_way() {
    let world = World::new().await;
    let (mut card, key, _) = world.alice().await;
    let client = world.client().await;
    for round in 0..8 {
        let before = world.issued().await.len();
        let placed = ready(&world, &mut card, &key, &client).await;
        let mut requests = [
            (placed.order.finalize.as_str(), b"{}".to_vec()),
            (placed.order.authorizations[0].as_str(), deactivated()),
        ];
        if round % 2 == 1 {
            requests.reverse();
        }
        at_once(&client, &requests).await;
        let issued = world.issued().await.len() - before;
        match client.order(&placed).await.status {
            OrderStatus::Valid => assert_eq!(issued, 1),
            OrderStatus::Invalid => assert_eq!(issued, 0),
            half => panic!("{half:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn finalize_while_the_account_ends_ends_the_order_one_way() {
    let world = World::new().await;
    let (mut card, key, _) = world.alice().await;
    for round in 0..6 {
        let before = world.issued().await.len();
        let client = world.client().await;
        let placed = ready(&world, &mut card, &key, &client).await;
        let mut requests = [
            (placed.order.finalize.as_str(), b"{}".to_vec()),
            (client.kid.as_str(), deactivated()),
        ];
        if round % 2 == 1 {
            requests.reverse();
        }
        at_once(&client, &requests).await;
        let issued = world.issued().await;
        assert!(
            issued
                .iter()
                .all(|row| row.status == CertificateStatus::Issued),
            "no intent is left open: {issued:?}"
        );
        match world.stored_status(&placed).as_str() {
            "valid" => assert_eq!(issued.len() - before, 1),
            "invalid" => assert_eq!(issued.len() - before, 0),
            half => panic!("{half}"),
        }
        client.get(&placed.url).await.refused(401, "unauthorized");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_ends_once_and_is_no_error_of_the_server_to_the_others() {
    let world = World::new().await;
    for _ in 0..4 {
        let client = world.client().await;
        let request = (client.kid.as_str(), deactivated());
        let answers = at_once(&client, &vec![request; 6]).await;
        let mut statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 401, 401, 401, 401, 401]);
    }
}
