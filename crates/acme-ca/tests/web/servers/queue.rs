//! The queue of validations: bounded, for every method, and nothing in it is lost.

use acme_wire::jws::KeyId;
use acme_wire::order::{AuthorizationStatus, Challenge, ChallengeStatus, OrderStatus};
use rcgen::CustomExtension;
use rusqlite::Connection;
use serde_json::json;
use sha2::{Digest, Sha256};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;

use super::{
    Ordered, Servers, answer_and_wait, challenge, key_authorization, place, wait, wait_for,
};
use crate::client::Client;
use crate::connections::{connect, head};
use crate::lifecycle::until;
use crate::tls_server::{ACME_TLS, TlsServer, certificate, dns};

/// An order for one name, and its challenge of this type.
async fn ask(client: &Client, name: &str, kind: &str) -> (Ordered, Challenge) {
    let order = place(client, &[name]).await;
    let authorization = order.authorization(client, 0).await;
    let found = challenge(&authorization, kind).clone();
    (order, found)
}

#[tokio::test]
async fn a_full_queue_says_when_to_come_back_and_spends_nothing() {
    let mut servers = Servers::new().await;
    servers.world.options.limits.validations = 1;
    servers.world.options.limits.validations_waiting = 1;
    servers.world.restart(|settings| settings).await;
    let client = servers.world.client().await;
    let gate = servers.hold();
    let mut asked = Vec::new();
    for name in ["www.example.net", "mail.example.net", "example.net"] {
        let (order, http) = ask(&client, name, "http-01").await;
        servers.publish(&client, &http);
        asked.push((order, http));
    }
    let [(_, runs), (_, waits), (late, refused)] = &asked[..] else {
        panic!("three")
    };
    client.post(&runs.url, b"{}").await.ok();
    until(async || !servers.web.requests().is_empty()).await;
    let answered: Challenge = client.post(&waits.url, b"{}").await.ok().json();
    assert_eq!(answered.status, ChallengeStatus::Processing);

    let answer = client.post(&refused.url, b"{}").await;
    let detail = answer.refused(429, "rateLimited");
    assert!(detail.contains("too many validations wait"), "{detail}");
    assert_eq!(answer.header("retry-after"), "5");
    let help = format!("<{}/limits>;rel=\"help\"", servers.world.base);
    let mut links = answer.headers.get_all("link").iter();
    assert!(links.any(|link| *link == help), "{answer:?}");
    let page = format!("{}/limits", servers.world.base);
    let page = client.http.get(page).send().await.unwrap();
    let page = page.text().await.unwrap();
    assert!(
        page.contains("1 validations at a time, and 1 that wait"),
        "{page}"
    );
    let unspent: Challenge = client.get(&refused.url).await.ok().json();
    assert_eq!(unspent.status, ChallengeStatus::Pending);
    assert_eq!(late.status(&client).await, OrderStatus::Pending);
    assert_eq!(servers.web.requests().len(), 1, "one runs at a time");

    drop(gate);
    for http in [runs, waits] {
        let decided = wait(&client, &http.url).await;
        assert_eq!(decided.status, ChallengeStatus::Valid, "{decided:?}");
    }
    let decided = answer_and_wait(&client, &refused.url).await;
    assert_eq!(
        decided.status,
        ChallengeStatus::Valid,
        "there is room again"
    );
}

#[tokio::test]
async fn an_account_has_so_many_and_others_go_on() {
    let mut servers = Servers::new().await;
    servers.world.options.limits.validations_per_account = 1;
    servers.world.restart(|settings| settings).await;
    let [client, other] = [servers.world.client().await, servers.world.client().await];
    let gate = servers.hold();
    let (_, runs) = ask(&client, "www.example.net", "http-01").await;
    let (_, refused) = ask(&client, "mail.example.net", "http-01").await;
    let (_, others) = ask(&other, "mail.example.net", "http-01").await;
    servers.publish(&client, &runs);
    servers.publish(&client, &refused);
    servers.publish(&other, &others);
    client.post(&runs.url, b"{}").await.ok();
    let answer = client.post(&refused.url, b"{}").await;
    assert_eq!(answer.limited(&servers.world.base), 5);
    other.post(&others.url, b"{}").await.ok();
    drop(gate);
    for (client, http) in [(&client, &runs), (&other, &others)] {
        let decided = wait(client, &http.url).await;
        assert_eq!(decided.status, ChallengeStatus::Valid, "{decided:?}");
    }
    let decided = answer_and_wait(&client, &refused.url).await;
    assert_eq!(decided.status, ChallengeStatus::Valid);
}

#[tokio::test]
async fn an_address_has_so_many_whatever_the_account() {
    let mut servers = Servers::new().await;
    servers.world.options.limits.validations_per_address = 1;
    servers.world.restart(|settings| settings).await;
    let [client, other] = [servers.world.client().await, servers.world.client().await];
    let _gate = servers.hold();
    let (_, runs) = ask(&client, "www.example.net", "http-01").await;
    let (_, refused) = ask(&other, "mail.example.net", "http-01").await;
    client.post(&runs.url, b"{}").await.ok();
    let answer = other.post(&refused.url, b"{}").await;
    assert_eq!(answer.limited(&servers.world.base), 5);
}

#[tokio::test]
async fn who_waits_for_another_attempt_holds_nobody_up() {
    let mut servers = Servers::new().await;
    servers.world.options.limits.validations = 1;
    servers.world.restart(|settings| settings).await;
    let client = servers.world.client().await;
    servers.dns.remove("www.example.net");
    let (_, late) = ask(&client, "www.example.net", "http-01").await;
    let (_, http) = ask(&client, "mail.example.net", "http-01").await;
    servers.publish(&client, &http);
    // Three attempts, and five seconds between them.
    client.post(&late.url, b"{}").await.ok();
    wait_for(&client, &late.url, |challenge| challenge.error.is_some()).await;
    let decided = answer_and_wait(&client, &http.url).await;
    assert_eq!(decided.status, ChallengeStatus::Valid);
    let late: Challenge = client.get(&late.url).await.ok().json();
    assert_eq!(late.status, ChallengeStatus::Processing);
}

#[tokio::test]
async fn what_waits_is_not_looked_at_once_its_account_failed_too_often() {
    let mut servers = Servers::new().await;
    servers.world.options.limits.validations = 1;
    servers.world.options.limits.failed_validations = 1;
    servers.world.restart(|settings| settings).await;
    let client = servers.world.client().await;
    let gate = servers.hold();
    // Nothing is published.
    let (_, runs) = ask(&client, "www.example.net", "http-01").await;
    let (_, waits) = ask(&client, "mail.example.net", "http-01").await;
    client.post(&runs.url, b"{}").await.ok();
    until(async || !servers.web.requests().is_empty()).await;
    client.post(&waits.url, b"{}").await.ok();
    drop(gate);
    let decided = wait(&client, &waits.url).await;
    assert_eq!(decided.status, ChallengeStatus::Invalid);
    assert_eq!(decided.error.unwrap().kind.name(), "rateLimited");
    let decided = wait(&client, &runs.url).await;
    assert_eq!(decided.error.unwrap().kind.name(), "incorrectResponse");
    assert_eq!(servers.web.requests().len(), 1);
}

#[tokio::test]
async fn a_record_that_is_late_is_looked_for_again() {
    let servers = Servers::new().await;
    let client = servers.world.client().await;
    let (order, dns) = ask(&client, "*.example.net", "dns-01").await;
    client.post(&dns.url, b"{}").await.ok();
    let told = wait_for(&client, &dns.url, |challenge| challenge.error.is_some()).await;
    assert_eq!(told.status, ChallengeStatus::Processing);
    assert_eq!(told.error.unwrap().kind.name(), "dns");
    let authorization = order.authorization(&client, 0).await;
    servers.publish_record(&client, &authorization);
    let decided = wait(&client, &dns.url).await;
    assert_eq!(
        (decided.status, decided.error),
        (ChallengeStatus::Valid, None)
    );
    assert_eq!(order.status(&client).await, OrderStatus::Ready);
}

#[tokio::test]
async fn a_record_that_stays_wrong_is_wrong_after_three_attempts() {
    let servers = Servers::new().await;
    let client = servers.world.client().await;
    let (order, dns) = ask(&client, "www.example.net", "dns-01").await;
    servers
        .dns
        .add_text("_acme-challenge.www.example.net", "something else");
    let decided = answer_and_wait(&client, &dns.url).await;
    assert_eq!(decided.status, ChallengeStatus::Invalid);
    assert_eq!(decided.error.unwrap().kind.name(), "incorrectResponse");
    assert_eq!(order.status(&client).await, OrderStatus::Invalid);
    let asked = servers.dns.asked();
    let looked = asked
        .iter()
        .filter(|(name, _)| name.starts_with("_acme-challenge."));
    assert_eq!(looked.count(), 3);
}

#[tokio::test]
async fn a_server_for_tls_alpn_01_that_is_late_is_looked_for_again() {
    let mut servers = Servers::new().await;
    let listener = TcpListener::bind("127.0.0.2:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    servers
        .world
        .restart(|settings| {
            settings.replace(
                "\nhttp_port =",
                &format!("\ntls_port = {port}\nhttp_port ="),
            )
        })
        .await;
    let client = servers.world.client().await;
    servers.dns.remove("www.example.net");
    let (order, tls) = ask(&client, "www.example.net", "tls-alpn-01").await;
    let digest = Sha256::digest(key_authorization(&client, &tls));
    let extension = CustomExtension::new_acme_identifier(&digest);
    let pair = certificate(vec![dns("www.example.net")], vec![extension]);
    let _server = TlsServer::start_on(listener, pair, Some("www.example.net"), Some(ACME_TLS));
    client.post(&tls.url, b"{}").await.ok();
    let told = wait_for(&client, &tls.url, |challenge| challenge.error.is_some()).await;
    assert_eq!(told.status, ChallengeStatus::Processing);
    assert_eq!(told.error.unwrap().kind.name(), "dns");
    servers.dns.address_of("www.example.net", "127.0.0.2");
    let decided = wait(&client, &tls.url).await;
    assert_eq!(
        (decided.status, decided.error),
        (ChallengeStatus::Valid, None)
    );
    assert_eq!(order.status(&client).await, OrderStatus::Ready);
}

/// A request that the store takes its time for, from a client that does not wait.
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_of_a_client_that_hangs_up_is_validated() {
    let mut servers = Servers::new().await;
    // Nobody else writes.
    servers.world.options.upkeep = std::time::Duration::from_secs(3600);
    servers.world.restart(|settings| settings).await;
    let world = &servers.world;
    let client = world.client().await;
    let (_, http) = ask(&client, "www.example.net", "http-01").await;
    servers.publish(&client, &http);
    world.trigger(
        "CREATE TRIGGER slow BEFORE UPDATE OF status ON challenges
           WHEN NEW.status = 'processing' BEGIN
           SELECT count(*) FROM (WITH RECURSIVE c (x) AS
             (SELECT 1 UNION ALL SELECT x + 1 FROM c WHERE x < 2000000) SELECT x FROM c);
         END;",
    );
    let nonce = client.nonce().await;
    let kid = KeyId::Account(&client.kid);
    let body = client.key.sign(&http.url, &nonce, kid, b"{}").unwrap();
    let path = http.url.strip_prefix(&world.base).unwrap();
    let mut stream = connect(world).await;
    let request = head(world, path, body.len()) + &body;
    stream.write_all(request.as_bytes()).await.unwrap();
    stream.flush().await.unwrap();
    // While the trigger runs, nobody else gets the database; if that moment was missed, the
    // answer was taken already.
    let database = Connection::open(world.ca.layout().database()).unwrap();
    database.busy_timeout(std::time::Duration::ZERO).unwrap();
    until(async || {
        let busy = database.execute_batch("BEGIN IMMEDIATE; ROLLBACK").is_err();
        let now: Challenge = client.get(&http.url).await.ok().json();
        busy || now.status != ChallengeStatus::Pending
    })
    .await;
    drop(stream);
    until(async || {
        let now: Challenge = client.get(&http.url).await.ok().json();
        now.status != ChallengeStatus::Pending
    })
    .await;
    let decided = wait(&client, &http.url).await;
    assert_eq!(decided.status, ChallengeStatus::Valid);
}

#[tokio::test]
async fn what_was_found_while_the_disk_was_full_is_decided_when_there_is_space() {
    let servers = Servers::new().await;
    let client = servers.world.client().await;
    let (order, http) = ask(&client, "www.example.net", "http-01").await;
    servers.publish(&client, &http);
    servers.world.trigger(
        "CREATE TRIGGER full BEFORE UPDATE OF status ON challenges
           WHEN NEW.status = 'valid' BEGIN
           SELECT RAISE(ABORT, 'the disk is full'); END;",
    );
    client.post(&http.url, b"{}").await.ok();
    until(async || !servers.web.requests().is_empty()).await;
    let waiting: Challenge = client.get(&http.url).await.ok().json();
    assert_eq!(waiting.status, ChallengeStatus::Processing);
    servers.world.trigger("DROP TRIGGER full;");
    let decided = wait(&client, &http.url).await;
    assert_eq!(decided.status, ChallengeStatus::Valid);
    assert_eq!(order.status(&client).await, OrderStatus::Ready);
    assert_eq!(
        servers.web.requests().len(),
        1,
        "it is not looked for again"
    );
}

#[tokio::test]
async fn an_account_that_ends_while_it_is_validated_gets_nothing() {
    let servers = Servers::new().await;
    let client = servers.world.client().await;
    let gate = servers.hold();
    let (order, http) = ask(&client, "www.example.net", "http-01").await;
    servers.publish(&client, &http);
    client.post(&http.url, b"{}").await.ok();
    until(async || !servers.web.requests().is_empty()).await;
    let payload = json!({ "status": "deactivated" });
    client.post_json(&client.kid, &payload).await.ok();
    drop(gate);
    let decided = async || servers.world.audit("challenge.answer").await;
    until(async || !decided().await.is_empty()).await;
    let [decision] = &decided().await[..] else {
        panic!("one decision")
    };
    assert!(decision.reasons[0].contains("too late"), "{decision:?}");
    client.get(&order.url).await.refused(401, "unauthorized");
    let database = Connection::open(servers.world.ca.layout().database()).unwrap();
    let left: Vec<String> = database
        .prepare("SELECT status FROM orders UNION ALL SELECT status FROM authorizations")
        .unwrap()
        .query_map([], |row| row.get(0))
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    let deactivated = AuthorizationStatus::Deactivated.as_str();
    assert_eq!(left, ["invalid", deactivated]);
}
