//! device-attest-01 with a YubiKey: a client written from draft-ietf-acme-device-attest, with the
//! attestation statement `step` as smallstep's clients send it.

use acme_ca::audit::Outcome;
use acme_ca::records::{KeyState, KeyUse};
use acme_wire::order::{ChallengeStatus, OrderStatus};
use serde_json::json;

use crate::card::{Card, SlotKey, pin, touch};
use crate::client::{Client, Placed};
use crate::csr::{build, csr};
use crate::der::SoftKey;
use crate::world::{SERIAL, World, answer, refused};

const NAME: &str = "alice.device.example";
const PROFILE: &str = "
[profiles.device]
challenge = \"device-attest-01\"
kind = \"x509\"
san = \"dns\"
";

async fn world() -> World {
    World::with(|settings| settings + PROFILE).await
}

/// Alice's card with a login key that may have `device`.
async fn alice(world: &World) -> (Card, SlotKey, acme_ca::records::KeyId) {
    let mut card = Card::new(&world.root, SERIAL);
    let key = card.login();
    let grants: &[(&str, &[&str])] = &[("device", &[NAME]), ("tls", &["alice.laptop.example"])];
    let id = world.enrol(&mut card, &key, KeyUse::Login, grants).await;
    (card, key, id)
}

/// CBOR (RFC 8949 §3): the head of an item.
fn head(major: u8, value: usize) -> Vec<u8> {
    let major = major << 5;
    match value {
        0..=23 => vec![major | value as u8],
        24..=255 => vec![major | 24, value as u8],
        _ => {
            let value = u16::try_from(value).unwrap().to_be_bytes();
            vec![major | 25, value[0], value[1]]
        }
    }
}

fn text(value: &str) -> Vec<u8> {
    [head(3, value.len()), value.as_bytes().to_vec()].concat()
}

fn bytes(value: &[u8]) -> Vec<u8> {
    [head(2, value.len()), value.to_vec()].concat()
}

/// A negative number: −1 − n.
fn negative(n: usize) -> Vec<u8> {
    head(1, n)
}

fn array(items: &[Vec<u8>]) -> Vec<u8> {
    [head(4, items.len()), items.concat()].concat()
}

fn map(entries: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut all = head(5, entries.len());
    for (name, value) in entries {
        all.extend(text(name));
        all.extend_from_slice(value);
    }
    all
}

fn x5c(chain: &[Vec<u8>]) -> Vec<u8> {
    let chain: Vec<_> = chain.iter().map(|der| bytes(der)).collect();
    array(&chain)
}

/// ES256 (RFC 9053 §2.1).
fn es256() -> Vec<u8> {
    negative(6)
}

/// The attestation object; the signature is a byte string in a byte string.
fn object(chain: &[Vec<u8>], signature: &[u8]) -> Vec<u8> {
    let statement = map(&[
        ("alg", es256()),
        ("sig", bytes(&bytes(signature))),
        ("x5c", x5c(chain)),
    ]);
    map(&[("fmt", text("step")), ("attStmt", statement)])
}

fn response(object: &[u8]) -> Vec<u8> {
    json!({ "attObj": acme_wire::base64url::encode(object) })
        .to_string()
        .into_bytes()
}

fn key_authorization(client: &Client, placed: &Placed) -> String {
    let thumbprint = acme_wire::base64url::encode(&client.thumbprint());
    format!("{}.{thumbprint}", placed.token())
}

/// The right answer.
fn attest(card: &mut Card, key: &SlotKey, client: &Client, placed: &Placed) -> Vec<u8> {
    let signature = card.sign(key.slot, key_authorization(client, placed).as_bytes());
    response(&object(&key.chain, &signature))
}

/// A CSR that the YubiKey's key signed.
fn request(card: &mut Card, key: &SlotKey, names: &[&str]) -> Vec<u8> {
    let public = piv_attest::claimed_key(&key.chain[0]).unwrap();
    build(public.spki_der(), None, names, |info| {
        card.sign(key.slot, info)
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn an_enrolled_key_gets_what_its_record_says() {
    let world = world().await;
    let (mut card, key, id) = alice(&world).await;
    let client = world.client().await;
    let placed = client.place_serial("device", SERIAL).await;
    assert_eq!(placed.challenge.kind, "device-attest-01");
    let payload = attest(&mut card, &key, &client, &placed);
    let answered = client.answer(&placed, &payload).await;
    assert_eq!(answered.status, ChallengeStatus::Valid, "{answered:?}");
    let csr = request(&mut card, &key, &[NAME]);
    let certificate = client.collect(&placed, Some(&csr)).await;

    let path = world.dir.path().join("chain.pem");
    std::fs::write(&path, &certificate.body).unwrap();
    let shown = std::process::Command::new("openssl")
        .args(["x509", "-noout", "-text", "-in", path.to_str().unwrap()])
        .output()
        .unwrap();
    let shown = String::from_utf8(shown.stdout).unwrap();
    assert!(shown.contains(&format!("DNS:{NAME}")), "{shown}");
    assert!(shown.contains("TLS Web Client Authentication"), "{shown}");
    let answers = world.audit("challenge.answer").await;
    let [decision] = &answers[..] else {
        panic!("{answers:?}");
    };
    assert_eq!(decision.outcome, Outcome::Done);
    let facts = format!("{decision:?}");
    assert!(
        facts.contains("device-attest-01") && facts.contains(&id.to_string()),
        "{facts}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_key_in_the_csr_is_the_attested_one_and_a_csr_is_needed() {
    let world = world().await;
    let (mut card, key, _) = alice(&world).await;
    let client = world.client().await;
    let placed = client.place_serial("device", SERIAL).await;
    let payload = attest(&mut card, &key, &client, &placed);
    assert_eq!(
        client.answer(&placed, &payload).await.status,
        ChallengeStatus::Valid
    );
    client.finalize(&placed, None).await.refused(400, "badCSR");
    let other = csr(&SoftKey::generate(), None, &[NAME]);
    let detail = client
        .finalize(&placed, Some(&other))
        .await
        .refused(400, "badCSR");
    assert!(detail.contains("not the key"), "{detail}");
    let wider = request(&mut card, &key, &[NAME, "root.example"]);
    client
        .finalize(&placed, Some(&wider))
        .await
        .refused(400, "badCSR");
    assert!(world.issued().await.is_empty());
    let good = request(&mut card, &key, &[NAME]);
    client.collect(&placed, Some(&good)).await;
    assert_eq!(world.issued().await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn statements_that_do_not_verify_are_refused() {
    let world = world().await;
    let (mut card, key, _) = alice(&world).await;
    let client = world.client().await;
    let foreign = {
        let root = virtual_yubikey::Root::generate().unwrap();
        Card::new(&root, SERIAL).login().chain
    };
    let other = card.generate(0x9C, pin::ONCE, touch::ALWAYS);
    for number in 0..12 {
        let placed = client.place_serial("device", SERIAL).await;
        let message = key_authorization(&client, &placed);
        let sign = |card: &mut Card, message: &str| card.sign(key.slot, message.as_bytes());
        let good = sign(&mut card, &message);
        let wrapped = bytes(&bytes(&good));
        let chain = x5c(&key.chain);
        let statement =
            |entries: &[(&str, Vec<u8>)]| map(&[("fmt", text("step")), ("attStmt", map(entries))]);
        let (what, object) = match number {
            0 => {
                let token = placed.token().to_owned();
                ("token alone", object(&key.chain, &sign(&mut card, &token)))
            }
            1 => {
                let thief = world.client().await;
                let theirs = key_authorization(&thief, &placed);
                (
                    "another account",
                    object(&key.chain, &sign(&mut card, &theirs)),
                )
            }
            2 => {
                let signature = card.sign(other.slot, message.as_bytes());
                ("another key of the card", object(&key.chain, &signature))
            }
            3 => ("a root that is not trusted", object(&foreign, &good)),
            4 => ("the leaf alone", object(&key.chain[..1], &good)),
            5 => ("f9 as a leaf", object(&key.chain[1..], &good)),
            6 => ("no certificates", object(&[], &good)),
            7 => (
                "no x5c",
                statement(&[("alg", es256()), ("sig", wrapped.clone())]),
            ),
            8 => (
                "another format",
                map(&[
                    ("fmt", text("packed")),
                    (
                        "attStmt",
                        map(&[("alg", es256()), ("sig", wrapped.clone()), ("x5c", chain)]),
                    ),
                ]),
            ),
            9 => (
                "a signature that is not wrapped",
                statement(&[("alg", es256()), ("sig", bytes(&good)), ("x5c", chain)]),
            ),
            10 => (
                "another algorithm",
                statement(&[
                    ("alg", negative(34)),
                    ("sig", wrapped.clone()),
                    ("x5c", chain),
                ]),
            ),
            _ => (
                "a field twice",
                statement(&[
                    ("alg", es256()),
                    ("sig", wrapped.clone()),
                    ("x5c", chain.clone()),
                    ("x5c", chain),
                ]),
            ),
        };
        let answered = client.answer(&placed, &response(&object)).await;
        assert_eq!(answered.status, ChallengeStatus::Invalid, "{what}");
        let problem = answered.error.unwrap();
        assert_eq!(problem.kind.name(), "badAttestationStatement", "{what}");
        // Spent: a bad statement is no statement, and the right one comes too late.
        let right = response(&self::object(&key.chain, &good));
        let again = client.answer(&placed, &right).await;
        assert_eq!(again.status, ChallengeStatus::Invalid, "{what}");
        assert_eq!(
            client.order(&placed).await.status,
            OrderStatus::Invalid,
            "{what}"
        );
    }
    assert!(world.issued().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn payloads_that_are_no_answers_are_malformed() {
    let world = world().await;
    let (mut card, key, _) = alice(&world).await;
    let client = world.client().await;
    let placed = client.place_serial("device", SERIAL).await;
    let yubikey = {
        let other = client.place_serial("tls", SERIAL).await;
        answer(&mut card, &key, &client, &[&other])
    };
    for payload in [
        b"{}".to_vec(),
        b"[]".to_vec(),
        br#"{"attObj": 7}"#.to_vec(),
        br#"{"attObj": "AA=="}"#.to_vec(),
        br#"{"error": "no attestation"}"#.to_vec(),
        yubikey,
    ] {
        let placed = client.place_serial("device", SERIAL).await;
        refused(&world, &client, &placed, &payload, "malformed", "attObj").await;
    }
    // An answer of this type is none to yubikey-01 either.
    let tls = client.place_serial("tls", SERIAL).await;
    let payload = attest(&mut card, &key, &client, &placed);
    let answered = client.answer(&tls, &payload).await;
    assert_eq!(answered.status, ChallengeStatus::Invalid);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_record_decides_and_not_the_attestation() {
    let world = world().await;
    let (mut card, key, id) = alice(&world).await;
    let client = world.client().await;
    // Genuine, and nobody's.
    let mut stranger = Card::new(&world.root, SERIAL + 1);
    let theirs = stranger.login();
    let placed = client.place_serial("device", SERIAL + 1).await;
    let payload = attest(&mut stranger, &theirs, &client, &placed);
    refused(
        &world,
        &client,
        &placed,
        &payload,
        "unauthorized",
        "enrolled",
    )
    .await;
    // Under somebody else's serial number.
    let placed = client.place_serial("device", SERIAL).await;
    let payload = attest(&mut stranger, &theirs, &client, &placed);
    refused(
        &world,
        &client,
        &placed,
        &payload,
        "unauthorized",
        "enrolled",
    )
    .await;
    let placed = client.place_serial("device", SERIAL + 1).await;
    let payload = attest(&mut card, &key, &client, &placed);
    refused(
        &world,
        &client,
        &placed,
        &payload,
        "unauthorized",
        "is in YubiKey",
    )
    .await;
    // A key of the same card that never wants a touch: another key, and against policy.
    let lax = card.generate(0x9C, pin::NEVER, touch::NEVER);
    let placed = client.place_serial("device", SERIAL).await;
    let payload = attest(&mut card, &lax, &client, &placed);
    refused(&world, &client, &placed, &payload, "unauthorized", "touch").await;
    // Retired.
    let since = world.now();
    world.set_state(id, KeyState::Retired { since }).await;
    let placed = client.place_serial("device", SERIAL).await;
    let payload = attest(&mut card, &key, &client, &placed);
    refused(
        &world,
        &client,
        &placed,
        &payload,
        "unauthorized",
        "retired",
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_judged_again_when_the_order_is_finalized() {
    let world = world().await;
    let (mut card, key, id) = alice(&world).await;
    let client = world.client().await;
    let placed = client.place_serial("device", SERIAL).await;
    let payload = attest(&mut card, &key, &client, &placed);
    assert_eq!(
        client.answer(&placed, &payload).await.status,
        ChallengeStatus::Valid
    );
    let since = world.now();
    world.set_state(id, KeyState::Revoked { since }).await;
    let csr = request(&mut card, &key, &[NAME]);
    client
        .finalize(&placed, Some(&csr))
        .await
        .refused(403, "unauthorized");
    assert!(world.issued().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_has_only_what_it_was_granted() {
    let world = world().await;
    let mut card = Card::new(&world.root, SERIAL);
    let key = card.login();
    let grants: &[(&str, &[&str])] = &[("tls", &["alice.laptop.example"])];
    world.enrol(&mut card, &key, KeyUse::Login, grants).await;
    let client = world.client().await;
    let placed = client.place_serial("device", SERIAL).await;
    let payload = attest(&mut card, &key, &client, &placed);
    refused(&world, &client, &placed, &payload, "unauthorized", "device").await;
}
