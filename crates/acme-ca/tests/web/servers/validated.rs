//! Validation in the background: wrong answers, second attempts, restarts, and races with it.

use acme_wire::order::{AuthorizationStatus, Challenge, ChallengeStatus, Order, OrderStatus};
use serde_json::json;

use crate::lifecycle::until;

use super::{Servers, answer_and_wait, challenge, place, place_for_http, wait, wait_for};

#[tokio::test]
async fn a_wrong_answer_spends_challenge_authorization_and_order() {
    let servers = Servers::new().await;
    let client = servers.world.client().await;
    // Nothing is published: the web server says 404.
    let (order, http) = place_for_http(&client).await;
    let decided = answer_and_wait(&client, &http.url).await;
    assert_eq!(decided.status, ChallengeStatus::Invalid);
    assert_eq!(decided.validated, None);
    let problem = decided.error.unwrap();
    assert_eq!(problem.kind.name(), "incorrectResponse");
    assert!(problem.detail.unwrap().contains("404"));
    let authorization = order.authorization(&client, 0).await;
    assert_eq!(authorization.status, AuthorizationStatus::Invalid);
    let order: Order = client.get(&order.url).await.ok().json();
    assert_eq!(order.status, OrderStatus::Invalid);
    assert_eq!(order.error.unwrap().kind.name(), "incorrectResponse");
    // Too late for the others.
    let dns = challenge(&authorization, "dns-01");
    let late: Challenge = client.post(&dns.url, b"{}").await.ok().json();
    assert_eq!(late.status, ChallengeStatus::Pending);
    assert!(
        servers
            .dns
            .asked()
            .iter()
            .all(|(name, _)| !name.starts_with('_'))
    );

    let [decision] = &servers.world.audit("challenge.answer").await[..] else {
        panic!("one decision")
    };
    assert_eq!(decision.facts["name"], "www.example.net");
    assert!(decision.reasons[0].contains("404"));
    assert!(servers.world.issued().await.is_empty());
}

#[tokio::test]
async fn what_may_pass_is_tried_again_and_told_meanwhile() {
    let servers = Servers::new().await;
    let client = servers.world.client().await;
    servers.dns.remove("www.example.net");
    let (_, http) = place_for_http(&client).await;
    servers.publish(&client, &http);
    client.post(&http.url, b"{}").await.ok();
    // The first attempt finds no name; what it found is told while the next one waits.
    let told = wait_for(&client, &http.url, |challenge| challenge.error.is_some()).await;
    assert_eq!(told.status, ChallengeStatus::Processing);
    assert_eq!(told.error.unwrap().kind.name(), "dns");
    servers.dns.address_of("www.example.net", "127.0.0.2");
    let decided = wait(&client, &http.url).await;
    assert_eq!(decided.status, ChallengeStatus::Valid);
    assert_eq!(decided.error, None);
}

#[tokio::test]
async fn a_validation_goes_on_after_a_restart() {
    let mut servers = Servers::new().await;
    let client = servers.world.client().await;
    let (order, http) = place_for_http(&client).await;
    servers.publish(&client, &http);
    servers.silence(true);
    let answered: Challenge = client.post(&http.url, b"{}").await.ok().json();
    assert_eq!(answered.status, ChallengeStatus::Processing);
    servers.world.stop().await;
    servers.silence(false);
    servers.world.restart(|settings| settings).await;
    let client = client.over(servers.world.http());
    let decided = wait(&client, &http.url).await;
    assert_eq!(decided.status, ChallengeStatus::Valid);
    assert_eq!(order.status(&client).await, OrderStatus::Ready);
}

/// A challenge whose validation hangs until the test lets it go on.
async fn hanging(servers: &Servers, client: &crate::client::Client) -> (super::Ordered, Challenge) {
    let (order, http) = place_for_http(client).await;
    servers.silence(true);
    client.post(&http.url, b"{}").await.ok();
    until(async || !servers.web.requests().is_empty()).await;
    (order, http)
}

#[tokio::test]
async fn an_answer_is_given_once_and_one_challenge_at_a_time() {
    let servers = Servers::new().await;
    let client = servers.world.client().await;
    let (order, http) = hanging(&servers, &client).await;
    let authorization = order.authorization(&client, 0).await;
    assert_eq!(authorization.status, AuthorizationStatus::Pending);
    let again: Challenge = client.post(&http.url, b"{}").await.ok().json();
    assert_eq!(again.status, ChallengeStatus::Processing);
    let dns = challenge(&authorization, "dns-01");
    let beside: Challenge = client.post(&dns.url, b"{}").await.ok().json();
    assert_eq!(beside.status, ChallengeStatus::Pending);
    assert_eq!(servers.web.requests().len(), 1);
    assert!(servers.world.audit("challenge.answer").await.is_empty());
}

#[tokio::test]
async fn an_authorization_given_up_while_it_is_validated_stays_so() {
    let mut servers = Servers::new().await;
    let client = servers.world.client().await;
    let (order, http) = hanging(&servers, &client).await;
    let payload = json!({ "status": "deactivated" });
    let url = &order.order.authorizations[0];
    client.post_json(url, &payload).await.ok();
    let over: Challenge = client.get(&http.url).await.ok().json();
    assert_eq!(over.status, ChallengeStatus::Invalid);
    assert_eq!(order.status(&client).await, OrderStatus::Invalid);
    // Nor does a restart find it again.
    servers.publish(&client, &http);
    servers.silence(false);
    servers.world.restart(|settings| settings).await;
    let client = client.over(servers.world.http());
    let after = order.authorization(&client, 0).await;
    assert_eq!(after.status, AuthorizationStatus::Deactivated);
    assert!(servers.world.audit("challenge.answer").await.is_empty());
}

#[tokio::test]
async fn a_right_answer_that_comes_too_late_is_none() {
    let mut servers = Servers::new().await;
    let client = servers.world.client().await;
    let (order, http) = hanging(&servers, &client).await;
    servers.world.stop().await;
    servers.world.advance(5 * 60);
    servers.publish(&client, &http);
    servers.silence(false);
    servers.world.restart(|settings| settings).await;
    let client = client.over(servers.world.http());
    let decided = wait(&client, &http.url).await;
    assert_eq!(decided.status, ChallengeStatus::Invalid);
    assert_eq!(decided.error.unwrap().kind.name(), "unauthorized");
    assert_eq!(order.status(&client).await, OrderStatus::Invalid);
}

#[tokio::test]
async fn an_answer_is_an_object() {
    let servers = Servers::new().await;
    let client = servers.world.client().await;
    let (_, http) = place_for_http(&client).await;
    for bad in ["[]", "null", "x"] {
        let answer = client.post(&http.url, bad.as_bytes()).await;
        answer.refused(400, "malformed");
    }
    let unchanged: Challenge = client.get(&http.url).await.ok().json();
    assert_eq!(unchanged.status, ChallengeStatus::Pending);
}

#[tokio::test]
async fn what_is_near_is_validated_while_its_answer_waits() {
    let servers = Servers::new().await;
    // On a busy machine it may take longer than an answer waits, though not every time.
    for _ in 0..10 {
        // Another account: this one's authorization would serve the next order.
        let client = servers.world.client().await;
        let (order, http) = place_for_http(&client).await;
        servers.publish(&client, &http);
        let held = servers.hold();
        let seen = servers.web.requests().len();
        let released = async {
            until(async || servers.web.requests().len() > seen).await;
            // An answer that did not wait would be here by now.
            order.status(&client).await;
            drop(held);
        };
        let (answer, ()) = tokio::join!(client.post(&http.url, b"{}"), released);
        let answer = answer.ok();
        let answered: Challenge = answer.json();
        if answered.status == ChallengeStatus::Valid {
            assert!(answered.validated.is_some());
            assert!(!answer.headers.contains_key("retry-after"));
            assert_eq!(order.status(&client).await, OrderStatus::Ready);
            return;
        }
        assert_eq!(answered.status, ChallengeStatus::Processing);
        wait(&client, &http.url).await;
    }
    panic!("every answer was processing");
}

#[tokio::test]
async fn an_answer_given_twice_at_once_is_validated_once() {
    let servers = Servers::new().await;
    let client = servers.world.client().await;
    let (_, http) = place_for_http(&client).await;
    servers.publish(&client, &http);
    let held = servers.hold();
    let post = || client.post(&http.url, b"{}");
    // The web server has both, if there are two, before it answers one.
    let (one, other) = tokio::join!(post(), post());
    let statuses = [one, other].map(|answer| answer.ok().json::<Challenge>().status);
    assert!(
        statuses.contains(&ChallengeStatus::Processing),
        "{statuses:?}"
    );
    drop(held);
    let decided = wait(&client, &http.url).await;
    assert_eq!(decided.status, ChallengeStatus::Valid);
    assert_eq!(servers.web.requests().len(), 1);
}

#[tokio::test]
async fn an_answer_for_an_order_that_is_over_is_spent() {
    let servers = Servers::new().await;
    let client = servers.world.client().await;
    let order = place(&client, &["www.example.net", "mail.example.net"]).await;
    let wrong = order.authorization(&client, 0).await;
    answer_and_wait(&client, &challenge(&wrong, "http-01").url).await;
    assert_eq!(order.status(&client).await, OrderStatus::Invalid);
    let right = order.authorization(&client, 1).await;
    let http = challenge(&right, "http-01");
    servers.publish(&client, http);
    client.post(&http.url, b"{}").await.ok();
    // It is over for the store, too, if it took longer than the answer waited.
    let token = http.token.as_deref().unwrap();
    until(async || {
        servers
            .web
            .requests()
            .iter()
            .any(|head| head.contains(token))
    })
    .await;
    let decided = async || client.get(&http.url).await.ok().json::<Challenge>();
    until(async || decided().await.status == ChallengeStatus::Invalid).await;
    let decided = decided().await;
    assert_eq!(decided.error.unwrap().kind.name(), "unauthorized");
    assert_eq!(order.status(&client).await, OrderStatus::Invalid);
}
