//! A challenge is decided once: whose it is, when, and how often.

use acme_wire::jws::{self, KeyId};
use acme_wire::order::{Challenge, ChallengeStatus, OrderStatus};

use crate::answers::placed;
use crate::client::{Client, Placed};
use crate::races::at_once;
use crate::world::{SERIAL, answer, payload, refused};

const MALFORMED: &str = "malformed";
const INCORRECT: &str = "incorrectResponse";

#[tokio::test(flavor = "multi_thread")]
async fn someone_elses_challenge_in_the_message() {
    let (world, mut card, key, client, placed) = placed().await;
    let other = client.place_serial("tls", SERIAL).await;
    let payload = answer(&mut card, &key, &client, &[&other]);
    let reason = "no entry of the message is for this challenge";
    refused(&world, &client, &placed, &payload, INCORRECT, reason).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn someone_elses_challenge_is_not_found_and_not_spent() {
    let (world, mut card, key, client, placed) = placed().await;
    let payload = answer(&mut card, &key, &client, &[&placed]);
    let stranger = world.client().await;
    let theirs = stranger.post(&placed.challenge.url, &payload).await;
    let never_was = format!("{}x", placed.challenge.url);
    let nothing = stranger.post(&never_was, &payload).await;
    assert_eq!(
        theirs.refused(404, MALFORMED),
        nothing.refused(404, MALFORMED)
    );
    let answered = client.answer(&placed, &payload).await;
    assert_eq!(answered.status, ChallengeStatus::Valid);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_used_twice_reads_what_was_decided() {
    let (world, mut card, key, client, placed) = placed().await;
    let payload = answer(&mut card, &key, &client, &[&placed]);
    let first = client.answer(&placed, &payload).await;
    assert_eq!(client.answer(&placed, &payload).await, first);
    assert_eq!(
        client.answer(&placed, b"{}").await,
        first,
        "nor is it spoilt"
    );
    client.collect(&placed, None).await;
    assert_eq!(client.answer(&placed, &payload).await, first);
    client
        .finalize(&placed, None)
        .await
        .refused(403, "orderNotReady");
    assert_eq!(world.issued().await.len(), 1);
    assert_eq!(world.audit("challenge.answer").await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_used_for_a_second_order() {
    let (world, mut card, key, client, placed) = placed().await;
    let payload = answer(&mut card, &key, &client, &[&placed]);
    client.answer(&placed, &payload).await;
    let second = client.place_serial("tls", SERIAL).await;
    let reason = "no entry of the message is for this challenge";
    refused(&world, &client, &second, &payload, INCORRECT, reason).await;
}

/// Sends several answers to one challenge at once.
async fn answers_at_once(client: &Client, placed: &Placed, payloads: &[Vec<u8>]) -> Vec<Challenge> {
    let url = placed.challenge.url.as_str();
    let requests: Vec<_> = payloads.iter().map(|one| (url, one.clone())).collect();
    let answers = at_once(client, &requests).await;
    answers.iter().map(|answer| answer.json()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_used_by_two_at_once_is_decided_once() {
    let (world, mut card, key, client, placed) = placed().await;
    let right = answer(&mut card, &key, &client, &[&placed]);
    let answered = answers_at_once(&client, &placed, &vec![right; 8]).await;
    for answer in &answered {
        assert_eq!(answer.status, ChallengeStatus::Valid);
        assert_eq!(answer, &answered[0]);
    }
    assert_eq!(world.audit("challenge.answer").await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_right_and_a_wrong_answer_at_once_are_decided_alike() {
    let (world, mut card, key, client, _) = placed().await;
    for _ in 0..8 {
        let placed = client.place_serial("tls", SERIAL).await;
        let right = answer(&mut card, &key, &client, &[&placed]);
        let wrong = payload(&key.chain, &[0; 128], &[0; 70], None);
        let answered = answers_at_once(&client, &placed, &[wrong, right]).await;
        assert_eq!(answered[0], answered[1], "both read the one decision");
        let order = client.order(&placed).await;
        let valid = answered[0].status == ChallengeStatus::Valid;
        let expected = if valid {
            OrderStatus::Ready
        } else {
            OrderStatus::Invalid
        };
        assert_eq!(order.status, expected);
    }
    assert_eq!(world.audit("challenge.answer").await.len(), 8);
}

#[tokio::test(flavor = "multi_thread")]
async fn expired_challenge() {
    let (world, mut card, key, client, placed) = placed().await;
    let payload = answer(&mut card, &key, &client, &[&placed]);
    world.advance(world.ca.config().lifetimes.challenge.0);
    assert_eq!(client.order(&placed).await.status, OrderStatus::Invalid);
    let reason = "its authorization is expired: make a new order";
    refused(&world, &client, &placed, &payload, INCORRECT, reason).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_challenge_whose_authorization_was_given_up() {
    let (world, mut card, key, client, placed) = placed().await;
    let give_up = serde_json::json!({"status": "deactivated"});
    let authorization = &placed.order.authorizations[0];
    client.post_json(authorization, &give_up).await.ok();
    let answered = answer(&mut card, &key, &client, &[&placed]);
    let answered = client.answer(&placed, &answered).await;
    assert_eq!(answered.status, ChallengeStatus::Invalid);
    assert!(world.issued().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_of_jws_and_nonce_do_not_spend_a_challenge() {
    let (world, mut card, key, client, placed) = placed().await;
    let payload = answer(&mut card, &key, &client, &[&placed]);
    let url = &placed.challenge.url;
    let kid = KeyId::Account(&client.kid);
    let sign = |url: &str, nonce: &str| client.key.sign(url, nonce, kid, &payload).unwrap();

    let used = client.nonce().await;
    client
        .send(&placed.url, sign(&placed.url, &used), jws::MEDIA_TYPE)
        .await;
    let answer = client.send(url, sign(url, &used), jws::MEDIA_TYPE).await;
    answer.refused(400, "badNonce");
    let nonce = client.nonce().await;
    let answer = client
        .send(url, sign(&placed.url, &nonce), jws::MEDIA_TYPE)
        .await;
    answer.refused(403, "unauthorized");
    let nonce = client.nonce().await;
    let foreign = acme_wire::AccountKey::generate().unwrap();
    let body = foreign.sign(url, &nonce, kid, &payload).unwrap();
    client
        .send(url, body, jws::MEDIA_TYPE)
        .await
        .refused(400, MALFORMED);

    assert!(world.audit("challenge.answer").await.is_empty());
    let answered = client.answer(&placed, &payload).await;
    assert_eq!(answered.status, ChallengeStatus::Valid);
}
