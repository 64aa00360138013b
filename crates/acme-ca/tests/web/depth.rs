//! JSON that nests too deep, wherever a request has JSON: one clear answer.

use acme_wire::base64url;
use acme_wire::json::MAX_DEPTH;
use acme_wire::jws::{self, KeyId, bind};
use serde_json::{Value, json};

use crate::client::Client;
use crate::world::{SERIAL, World};

/// An object in which so many arrays and objects lie in each other, itself counted.
fn nested(depth: usize) -> Value {
    (1..depth).fold(json!({}), |inner, level| match level % 2 {
        0 => json!({ "x": inner }),
        _ => json!({ "x": [], "y": inner }),
    })
}

fn is_too_deep(answer: &crate::client::Answer) {
    let detail = answer.refused(400, "malformed");
    assert!(detail.contains("nests deeper than 16"), "{detail}");
}

#[tokio::test(flavor = "multi_thread")]
async fn json_that_nests_too_deep_is_malformed() {
    let world = World::new().await;
    let client = world.client().await;
    let url = client.directory.new_order.clone();
    let sign = async |payload: &str| -> Value {
        let (nonce, kid) = (client.nonce().await, KeyId::Account(&client.kid));
        let body = client.key.sign(&url, &nonce, kid, payload.as_bytes());
        serde_json::from_str(&body.unwrap()).unwrap()
    };
    let send = async |body: &Value| client.send(&url, body.to_string(), jws::MEDIA_TYPE).await;

    // The payload: what the CA does not know is ignored, however it is shaped, up to the bound.
    let mut order = json!({"profile": "tls", "identifiers":
        [{"type": "permanent-identifier", "value": SERIAL.to_string()}]});
    order["more"] = nested(MAX_DEPTH - 1);
    let fits = send(&sign(&order.to_string()).await).await;
    assert_eq!(fits.status, 201);
    order["more"] = nested(MAX_DEPTH);
    is_too_deep(&send(&sign(&order.to_string()).await).await);
    // More than a recursive reader's stack would hold, ended or not.
    for deep in ["[".repeat(60_000), "{\"a\":".repeat(12_000)] {
        is_too_deep(&send(&sign(&deep).await).await);
    }

    // The body and the protected header.
    let mut body = sign("{}").await;
    body["more"] = nested(MAX_DEPTH);
    is_too_deep(&send(&body).await);
    let header = nested(MAX_DEPTH + 1).to_string();
    let mut body = sign("{}").await;
    body["protected"] = base64url::encode(header.as_bytes()).into();
    is_too_deep(&send(&body).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_inner_jws_that_nests_too_deep_is_malformed() {
    let world = World::new().await;
    let client = Client::without_account(world.http(), &world.base).await;
    let url = client.directory.new_account.clone();
    let mut binding = bind(client.key.jwk(), &url, "kid", &[1; 32]);
    let header = nested(MAX_DEPTH + 1).to_string();
    binding["protected"] = base64url::encode(header.as_bytes()).into();
    let request = json!({ "externalAccountBinding": binding });
    is_too_deep(&client.new_account(&request).await);
}
