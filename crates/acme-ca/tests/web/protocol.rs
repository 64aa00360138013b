//! RFC 8555 §6: what every request and every answer must be.

use acme_wire::Directory;
use http::Method;

use crate::client::Client;
use crate::world::{SERIAL, World, answer};

#[tokio::test(flavor = "multi_thread")]
async fn the_directory_names_resources_and_profiles() {
    let world = World::new().await;
    let client = Client::without_account(world.http(), &world.base).await;
    let Directory {
        new_nonce,
        new_account,
        new_order,
        new_authz,
        meta,
        ..
    } = client.directory;
    for url in [&new_nonce, &new_account, &new_order] {
        assert!(url.starts_with(&world.base), "{url}");
    }
    assert_eq!(new_authz, None);
    let profiles = meta.unwrap().profiles;
    let names: Vec<_> = profiles.keys().map(String::as_str).collect();
    assert_eq!(names, ["ssh", "tls", "tls-disk"]);
    assert!(profiles.values().all(|description| !description.is_empty()));
}

#[tokio::test(flavor = "multi_thread")]
async fn new_nonce_answers_head_and_get() {
    let world = World::new().await;
    let url = format!("{}/acme/new-nonce", world.base);
    let http = world.http();
    let mut nonces = Vec::new();
    for (method, status) in [(Method::HEAD, 200), (Method::GET, 204)] {
        let answer = http.request(method, &url).send().await.unwrap();
        assert_eq!(answer.status().as_u16(), status);
        assert_eq!(answer.headers()["cache-control"], "no-store");
        nonces.push(answer.headers()["replay-nonce"].clone());
    }
    assert_ne!(nonces[0], nonces[1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_has_a_nonce_and_is_not_cached_and_links_the_index() {
    let world = World::new().await;
    let http = world.http();
    let index = format!("<{}/directory>;rel=\"index\"", world.base);
    for (method, path, status) in [
        (Method::GET, "/directory", 200),
        (Method::HEAD, "/acme/new-nonce", 200),
        (Method::GET, "/nothing", 404),
        (Method::GET, "/acme/order/x", 405),
        (Method::PUT, "/acme/new-order", 405),
        (Method::POST, "/directory", 405),
        (Method::POST, "/acme/new-order", 415),
    ] {
        let url = format!("{}{path}", world.base);
        let answer = http.request(method.clone(), url).send().await.unwrap();
        assert_eq!(answer.status().as_u16(), status, "{method} {path}");
        let headers = answer.headers();
        assert!(headers.contains_key("replay-nonce"), "{method} {path}");
        assert_eq!(headers["cache-control"], "no-store");
        if path != "/directory" {
            assert_eq!(headers["link"], index);
        }
        if status >= 400 && method != Method::HEAD {
            assert_eq!(headers["content-type"], "application/problem+json");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn resources_are_read_by_post_as_get_alone() {
    let world = World::new().await;
    let client = world.client().await;
    let placed = client.place_serial("tls", SERIAL).await;
    let orders = format!("{}/orders", client.kid);
    for url in [
        &placed.url,
        &client.kid,
        &orders,
        &placed.challenge.url,
        &placed.order.authorizations[0],
        &placed.order.finalize,
        &format!("{}/acme/certificate/x", world.base),
        &client.directory.new_account,
        &client.directory.new_order,
        client.directory.revoke_cert.as_ref().unwrap(),
        client.directory.key_change.as_ref().unwrap(),
    ] {
        for method in [Method::GET, Method::HEAD, Method::PUT, Method::DELETE] {
            let request = client.http.request(method.clone(), url);
            let answer = request.send().await.unwrap();
            assert_eq!(answer.status().as_u16(), 405, "{method} {url}");
            assert_eq!(answer.headers()["allow"], "POST", "RFC 9110 §15.5.6");
        }
    }
    for url in [&placed.url, &orders] {
        let detail = client.post(url, b"{}").await.refused(400, "malformed");
        assert!(detail.contains("POST-as-GET"), "{detail}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_belongs_to_another_account_is_not_there() {
    let world = World::new().await;
    let (mut card, key, _) = world.alice().await;
    let client = world.client().await;
    let placed = client.place_serial("tls", SERIAL).await;
    let payload = answer(&mut card, &key, &client, &[&placed]);
    client.answer(&placed, &payload).await;
    let stranger = world.client().await;
    let finalize = stranger.post(&placed.order.finalize, b"{}").await;
    client.collect(&placed, None).await;
    let certificate = client.order(&placed).await.certificate.unwrap();
    let orders = format!("{}/orders", client.kid);
    let mut seen = vec![finalize];
    for url in [
        &placed.url,
        &placed.order.authorizations[0],
        &placed.challenge.url,
        &certificate,
        &client.kid,
        &orders,
    ] {
        seen.push(stranger.get(url).await);
    }
    seen.push(stranger.get(&format!("{}/acme/order/x", world.base)).await);
    let nothing = seen.last().unwrap().refused(404, "malformed");
    for answer in &seen {
        assert_eq!(answer.refused(404, "malformed"), nothing);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn http_1_1_is_spoken_too() {
    let world = World::new().await;
    let (mut card, key, _) = world.alice().await;
    let http = reqwest::Client::builder()
        .tls_backend_preconfigured(world.tls(&[b"http/1.1"]))
        .build()
        .unwrap();
    let directory = http
        .get(format!("{}/directory", world.base))
        .send()
        .await
        .unwrap();
    assert_eq!(directory.version(), http::Version::HTTP_11);
    let client = Client::register(http, &world.base).await;
    let placed = client.place_serial("tls", SERIAL).await;
    let payload = answer(&mut card, &key, &client, &[&placed]);
    client.answer(&placed, &payload).await;
    client.collect(&placed, None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn http_2_is_chosen_where_both_are_offered() {
    let world = World::new().await;
    let answer = world
        .http()
        .get(format!("{}/directory", world.base))
        .send()
        .await
        .unwrap();
    assert_eq!(answer.version(), http::Version::HTTP_2);
}
