//! RFC 8555 §6.2 to §6.5: a request is one flattened JWS by the right key, for this URL, once.
//! What the parser alone refuses is tested where it is (`acme-wire`).

use acme_wire::AccountKey;
use acme_wire::base64url;
use acme_wire::jws::{self, KeyId};
use serde_json::{Value, json};

use crate::client::Client;
use crate::world::World;

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
        if status == 413 {
            answer.links_help(&world.base);
        }
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
async fn a_nonce_of_another_server_or_with_a_bit_changed_is_no_nonce() {
    let world = World::new().await;
    let client = world.client().await;
    let kid = KeyId::Account(&client.kid);
    let foreign = World::new().await.client().await.nonce().await;
    let good = client.nonce().await;
    let mut wrong = vec![foreign, good[1..].to_owned(), format!("{good}A")];
    let bytes = base64url::decode(&good).unwrap();
    for place in 0..bytes.len() {
        let mut other = bytes.clone();
        other[place] ^= 1;
        wrong.push(base64url::encode(&other));
    }
    for nonce in wrong {
        let body = client.key.sign(&client.kid, &nonce, kid, b"").unwrap();
        let answer = client.send(&client.kid, body, jws::MEDIA_TYPE).await;
        answer.refused(400, "badNonce");
    }
    // None of them spent the good one.
    let body = client.key.sign(&client.kid, &good, kid, b"").unwrap();
    let answer = client.send(&client.kid, body, jws::MEDIA_TYPE).await;
    assert_eq!(answer.status, 200);
}

/// Signs newAccount with `key`, whose place in the header another one takes.
async fn register_as(
    client: &Client,
    key: &AccountKey,
    shown: &AccountKey,
) -> crate::client::Answer {
    let url = &client.directory.new_account;
    let nonce = client.nonce().await;
    let body = key.sign(url, &nonce, KeyId::Embedded, b"{}").unwrap();
    let mut body: Value = serde_json::from_str(&body).unwrap();
    let header = json!({
        "alg": "ES256", "jwk": shown.jwk().to_json(), "nonce": nonce, "url": url,
    });
    body["protected"] = base64url::encode(header.to_string().as_bytes()).into();
    let body = body.to_string();
    client.send(url, body, jws::MEDIA_TYPE).await
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_registers_a_key_that_did_not_sign() {
    let world = World::new().await;
    let client = Client::without_account(world.http(), &world.base).await;
    let victim = AccountKey::generate().unwrap();
    let answer = register_as(&client, &client.key, &victim).await;
    answer.refused(400, "malformed");
    // Nor is the account of a key found by whoever has it not.
    let owner = world.client().await;
    let answer = register_as(&client, &client.key, &owner.key).await;
    answer.refused(400, "malformed");
    assert_eq!(world.audit("account.new").await.len(), 1, "the owner's");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mac_with_the_public_key_as_its_secret_is_no_signature() {
    let world = World::new().await;
    let client = world.client().await;
    let url = &client.directory.new_order;
    let nonce = client.nonce().await;
    let header = json!({"alg": "HS256", "kid": client.kid, "nonce": nonce, "url": url});
    let protected = base64url::encode(header.to_string().as_bytes());
    let payload = base64url::encode(b"{}");
    let secrets = [
        client.key.jwk().to_json().to_string().into_bytes(),
        client.key.jwk().spki_der(),
    ];
    for secret in secrets {
        let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, &secret);
        let input = format!("{protected}.{payload}");
        let tag = aws_lc_rs::hmac::sign(&key, input.as_bytes());
        let body = json!({
            "protected": protected, "payload": payload,
            "signature": base64url::encode(tag.as_ref()),
        });
        let answer = client.send(url, body.to_string(), jws::MEDIA_TYPE).await;
        answer.refused(400, "badSignatureAlgorithm");
        assert!(answer.problem().algorithms.is_some(), "RFC 8555 §6.2");
    }
}
