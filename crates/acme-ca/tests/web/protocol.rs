//! RFC 8555 §6: what every request and every answer must be.

use acme_wire::jws::{self, KeyId};
use acme_wire::{Directory, base64url};
use http::Method;
use serde_json::{Value, json};

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

/// A JWS with this protected header, and a signature that is nobody's.
fn unsigned(header: &Value) -> String {
    json!({
        "protected": base64url::encode(header.to_string().as_bytes()),
        "payload": base64url::encode(b"{}"),
        "signature": base64url::encode(&[1; 64]),
    })
    .to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_malformed_jws_is_refused() {
    let world = World::new().await;
    let client = world.client().await;
    let url = client.directory.new_order.clone();
    let jwk = client.key.jwk().to_json();
    let kid = Value::from(client.kid.clone());
    let header = |nonce: &str, changes: Value| {
        let mut header = json!({"alg": "ES256", "kid": kid, "nonce": nonce, "url": url});
        for (name, value) in changes.as_object().unwrap() {
            match value {
                Value::Null => header.as_object_mut().unwrap().remove(name),
                value => header
                    .as_object_mut()
                    .unwrap()
                    .insert(name.clone(), value.clone()),
            };
        }
        header
    };
    for (name, changes, status, kind) in [
        (
            "alg none",
            json!({"alg": "none"}),
            400,
            "badSignatureAlgorithm",
        ),
        (
            "a MAC",
            json!({"alg": "HS256"}),
            400,
            "badSignatureAlgorithm",
        ),
        (
            "unknown alg",
            json!({"alg": "ES512"}),
            400,
            "badSignatureAlgorithm",
        ),
        ("no alg", json!({"alg": null}), 400, "malformed"),
        ("jwk and kid", json!({"jwk": jwk}), 400, "malformed"),
        ("neither", json!({"kid": null}), 400, "malformed"),
        (
            "jwk where kid belongs",
            json!({"kid": null, "jwk": jwk}),
            400,
            "malformed",
        ),
        (
            "alg of another key",
            json!({"alg": "RS256"}),
            400,
            "badPublicKey",
        ),
        ("crit", json!({"crit": ["b64"]}), 400, "malformed"),
        ("b64", json!({"b64": false}), 400, "malformed"),
        ("no nonce", json!({"nonce": null}), 400, "badNonce"),
        (
            "foreign nonce",
            json!({"nonce": "A".repeat(43)}),
            400,
            "badNonce",
        ),
        (
            "nonce of another form",
            json!({"nonce": "!"}),
            400,
            "malformed",
        ),
        ("no url", json!({"url": null}), 400, "malformed"),
        ("other url", json!({"url": client.kid}), 403, "unauthorized"),
        (
            "kid of nobody",
            json!({"kid": format!("{}/acme/account/nobody", world.base)}),
            400,
            "accountDoesNotExist",
        ),
        (
            "kid elsewhere",
            json!({"kid": "https://evil.example/1"}),
            400,
            "accountDoesNotExist",
        ),
        ("signature of another key", json!({}), 400, "malformed"),
    ] {
        let nonce = client.nonce().await;
        let body = unsigned(&header(&nonce, changes));
        let answer = client.send(&url, body, jws::MEDIA_TYPE).await;
        let problem = answer.problem();
        assert_eq!(
            (answer.status, problem.kind.name()),
            (status, kind),
            "{name}: {problem}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_no_flattened_jws_is_refused() {
    let world = World::new().await;
    let client = world.client().await;
    let url = client.directory.new_order.clone();
    let kid = KeyId::Account(&client.kid);
    let nonce = client.nonce().await;
    let good = client.key.sign(&url, &nonce, kid, b"{}").unwrap();
    let with = |name: &str, value: Value| {
        let mut jws: Value = serde_json::from_str(&good).unwrap();
        jws[name] = value;
        jws.to_string()
    };
    let deep = format!("{}{}", "[".repeat(20_000), "]".repeat(20_000));
    for (name, body, status) in [
        ("no JSON", "x".to_owned(), 400),
        ("compact", "a.b.c".to_owned(), 400),
        ("several signatures", with("signatures", json!([])), 400),
        (
            "unprotected header",
            with("header", json!({"kid": "x"})),
            400,
        ),
        ("padding", with("payload", json!("e30=")), 400),
        ("no signature", with("signature", json!("")), 400),
        (
            "signature of another type",
            with("signature", json!(1)),
            400,
        ),
        ("twice", good.replacen('{', "{\"payload\":\"\",", 1), 400),
        ("deep", deep, 400),
        (
            "large",
            with("payload", json!("A".repeat(jws::MAX_LEN))),
            413,
        ),
    ] {
        let answer = client.send(&url, body, jws::MEDIA_TYPE).await;
        let problem = answer.problem();
        assert_eq!(
            (answer.status, problem.kind.name()),
            (status, "malformed"),
            "{name}"
        );
    }
    for media_type in [
        "application/json",
        "application/jose+json; charset=utf-8",
        "text/plain",
    ] {
        let answer = client.send(&url, good.clone(), media_type).await;
        answer.refused(415, "malformed");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_nonce_is_good_once_and_for_an_hour() {
    let world = World::new().await;
    let client = world.client().await;
    let kid = KeyId::Account(&client.kid);
    let send = |nonce: String| {
        let body = client.key.sign(&client.kid, &nonce, kid, b"").unwrap();
        client.send(&client.kid, body, jws::MEDIA_TYPE)
    };
    let nonce = client.nonce().await;
    assert_eq!(send(nonce.clone()).await.status, 200);
    send(nonce).await.refused(400, "badNonce");
    let nonce = client.nonce().await;
    world.advance(world.ca.config().lifetimes.nonce.0 + 1);
    let answer = send(nonce).await;
    answer.refused(400, "badNonce");
    let fresh = answer.header("replay-nonce").to_owned();
    assert_eq!(
        send(fresh).await.status,
        200,
        "the error brings the next one"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn resources_are_read_by_post_as_get_alone() {
    let world = World::new().await;
    let client = world.client().await;
    let placed = client.place_serial("tls", SERIAL).await;
    for url in [
        &placed.url,
        &client.kid,
        &placed.challenge.url,
        &placed.order.authorizations[0],
    ] {
        let answer = client.http.get(url).send().await.unwrap();
        assert_eq!(answer.status().as_u16(), 405, "{url}");
    }
    let orders = format!("{}/orders", client.kid);
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
