//! Another key for an account (RFC 8555 §7.3.5).

use acme_wire::AccountKey;
use acme_wire::account::Account;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use serde_json::{Value, json};

use crate::client::{Answer, Client};
use crate::world::World;

/// A flattened JWS with any header, signed by a key.
fn signed(key: &AccountKey, header: &Value, payload: &Value) -> Value {
    let encode = acme_wire::base64url::encode;
    let protected = encode(header.to_string().as_bytes());
    let payload = encode(payload.to_string().as_bytes());
    let pkcs8 = key.to_pkcs8_der().unwrap();
    let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &pkcs8).unwrap();
    let input = format!("{protected}.{payload}");
    let signature = pair.sign(&SystemRandom::new(), input.as_bytes()).unwrap();
    json!({
        "protected": protected,
        "payload": payload,
        "signature": encode(signature.as_ref()),
    })
}

fn jwk(key: &AccountKey) -> Value {
    serde_json::from_str(&key.jwk().to_json()).unwrap()
}

struct Change {
    header: Value,
    payload: Value,
}

fn change(client: &Client, new: &AccountKey) -> Change {
    let url = client.directory.key_change.clone().unwrap();
    Change {
        header: json!({"alg": "ES256", "jwk": jwk(new), "url": url}),
        payload: json!({"account": client.kid, "oldKey": jwk(&client.key)}),
    }
}

async fn send(client: &Client, new: &AccountKey, change: &Change) -> Answer {
    let inner = signed(new, &change.header, &change.payload);
    let url = client.directory.key_change.clone().unwrap();
    client.post_json(&url, &inner).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_new_key_is_the_accounts_and_the_old_one_is_nobodys() {
    let world = World::new().await;
    let mut client = world.client().await;
    let new = AccountKey::generate().unwrap();
    let answer = send(&client, &new, &change(&client, &new)).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("location"), client.kid);
    client.get(&client.kid).await.refused(400, "malformed");
    let old = std::mem::replace(&mut client.key, new);
    client.get(&client.kid).await.ok();
    client.key = old;
    let nobody = json!({"onlyReturnExisting": true});
    let answer = client.new_account(&nobody).await;
    answer.refused(400, "accountDoesNotExist");
    let decisions = world.audit("account.key").await;
    assert_eq!(decisions.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_of_another_account_is_a_conflict_that_says_which() {
    let world = World::new().await;
    let client = world.client().await;
    let other = world.client().await;
    let answer = send(&client, &other.key, &change(&client, &other.key)).await;
    answer.refused(409, "malformed");
    assert_eq!(answer.header("location"), other.kid);
    // Its own key is taken, too: by itself.
    let answer = send(&client, &client.key, &change(&client, &client.key)).await;
    answer.refused(409, "malformed");
    assert_eq!(answer.header("location"), client.kid);
    client.get(&client.kid).await.ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn every_inner_jws_that_is_not_as_it_must_be_is_refused() {
    let world = World::new().await;
    let client = world.client().await;
    let other = world.client().await;
    let new = AccountKey::generate().unwrap();
    for (name, edit, kind) in [
        ("a nonce", json!({"header": {"nonce": "abc"}}), "malformed"),
        (
            "another url",
            json!({"header": {"url": client.kid}}),
            "malformed",
        ),
        ("no url", json!({"header": {"url": null}}), "malformed"),
        ("no jwk", json!({"header": {"jwk": null}}), "malformed"),
        ("a kid", json!({"header": {"kid": client.kid}}), "malformed"),
        ("crit", json!({"header": {"crit": ["x"]}}), "malformed"),
        (
            "alg none",
            json!({"header": {"alg": "none"}}),
            "badSignatureAlgorithm",
        ),
        (
            "a MAC",
            json!({"header": {"alg": "HS256"}}),
            "badSignatureAlgorithm",
        ),
        (
            "alg of another key",
            json!({"header": {"alg": "RS256"}}),
            "badPublicKey",
        ),
        (
            "a key that is none",
            json!({"header": {"jwk": {"kty": "EC"}}}),
            "badPublicKey",
        ),
        (
            "the old key's jwk",
            json!({"header": {"jwk": jwk(&client.key)}}),
            "malformed",
        ),
        (
            "another account",
            json!({"payload": {"account": other.kid}}),
            "malformed",
        ),
        (
            "no account",
            json!({"payload": {"account": null}}),
            "malformed",
        ),
        (
            "another old key",
            json!({"payload": {"oldKey": jwk(&new)}}),
            "malformed",
        ),
        (
            "no old key",
            json!({"payload": {"oldKey": null}}),
            "malformed",
        ),
    ] {
        let Change {
            mut header,
            mut payload,
        } = change(&client, &new);
        for (part, object) in [("header", &mut header), ("payload", &mut payload)] {
            for (member, value) in edit[part].as_object().into_iter().flatten() {
                let object = object.as_object_mut().unwrap();
                if value.is_null() {
                    object.remove(member);
                } else {
                    object.insert(member.clone(), value.clone());
                }
            }
        }
        let answer = send(&client, &new, &Change { header, payload }).await;
        let problem = answer.problem();
        assert_eq!(
            (answer.status, problem.kind.name()),
            (400, kind),
            "{name}: {problem}"
        );
    }
    let url = client.directory.key_change.clone().unwrap();
    for garbage in [&b"{}"[..], b"[]", b"x", b""] {
        client.post(&url, garbage).await.refused(400, "malformed");
    }
    let account: Account = client.get(&client.kid).await.ok().json();
    assert_eq!(account.status, acme_wire::account::AccountStatus::Valid);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_changes_once_however_many_ask_at_once() {
    let world = World::new().await;
    let client = world.client().await;
    let url = client.directory.key_change.clone().unwrap();
    let requests: Vec<_> = (0..6)
        .map(|_| {
            let new = AccountKey::generate().unwrap();
            let Change { header, payload } = change(&client, &new);
            let inner = signed(&new, &header, &payload);
            (url.as_str(), inner.to_string().into_bytes())
        })
        .collect();
    let answers = crate::races::at_once(&client, &requests).await;
    let done = answers.iter().filter(|answer| answer.status == 200).count();
    assert_eq!(done, 1);
    for answer in answers.iter().filter(|answer| answer.status != 200) {
        // Before it the account has the old key, after it another one.
        assert!(matches!(answer.status, 400 | 403), "{answer:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_has_another_key_by_now_or_ended_keeps_what_it_has() {
    use acme_ca::audit::{Decision, Outcome};
    use acme_ca::store::accounts::Changed;
    use acme_ca::store::{Accounts, Orders};
    let world = World::new().await;
    let client = world.client().await;
    let id = client.kid.rsplit('/').next().unwrap();
    let new = AccountKey::generate().unwrap();
    let store = world.ca.store();
    let change = async |old| {
        let decision = Decision::new(Outcome::Done, "account.key", id, id, world.now());
        let (thumbprint, jwk) = (new.jwk().thumbprint(), new.jwk().to_json());
        let changed = store.change_key(id, old, thumbprint, jwk, decision).await;
        changed.unwrap()
    };
    assert_eq!(change([1; 32]).await, Changed::Late);
    let end = Decision::new(Outcome::Done, "account.deactivate", id, id, world.now());
    store.deactivate_account(id, end).await.unwrap();
    assert_eq!(change(client.thumbprint()).await, Changed::Late);
    assert!(world.audit("account.key").await.is_empty());
    let account = store.account(id).await.unwrap().unwrap();
    assert_eq!(account.thumbprint, client.thumbprint());
}
