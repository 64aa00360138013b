//! device-attest-01 with a YubiKey: a client written from draft-ietf-acme-device-attest, with the
//! attestation statement `step` as smallstep's clients send it.

use acme_ca::audit::Outcome;
use acme_ca::records::{KeyId, KeyState, KeyUse};
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

/// Alice's card with a login key, her client, and their CA.
struct Alice {
    world: World,
    client: Client,
    card: Card,
    key: SlotKey,
    id: KeyId,
}

impl Alice {
    /// She may have `device`.
    async fn new() -> Self {
        Self::with(&[("device", &[NAME]), ("tls", &["alice.laptop.example"])]).await
    }

    async fn with(grants: &[(&str, &[&str])]) -> Self {
        let world = world().await;
        let mut card = Card::new(&world.root, SERIAL);
        let key = card.login();
        let id = world.enrol(&mut card, &key, KeyUse::Login, grants).await;
        Self {
            client: world.client().await,
            world,
            card,
            key,
            id,
        }
    }

    /// An order for `device` that waits for its answer.
    async fn places(&self) -> Placed {
        self.client.place_serial("device", SERIAL).await
    }

    /// The right answer.
    fn attests(&mut self, placed: &Placed) -> Vec<u8> {
        attest(&mut self.card, &self.key, &self.client, placed)
    }

    /// An order that was answered rightly.
    async fn ready(&mut self) -> Placed {
        let placed = self.places().await;
        let payload = self.attests(&placed);
        let answered = self.client.answer(&placed, &payload).await;
        assert_eq!(answered.status, ChallengeStatus::Valid, "{answered:?}");
        placed
    }

    /// A CSR that the YubiKey's key signed.
    fn requests(&mut self, names: &[&str]) -> Vec<u8> {
        let public = piv_attest::claimed_key(&self.key.chain[0]).unwrap();
        build(public.spki_der(), None, names, |info| {
            self.card.sign(self.key.slot, info)
        })
    }

    /// An answer that proves a key, and a record that has something against it.
    async fn is_refused(&self, placed: &Placed, payload: &[u8], reason: &str) {
        let (world, client) = (&self.world, &self.client);
        refused(world, client, placed, payload, "unauthorized", reason).await;
    }
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

/// The right answer of a key.
fn attest(card: &mut Card, key: &SlotKey, client: &Client, placed: &Placed) -> Vec<u8> {
    let signature = card.sign(key.slot, key_authorization(client, placed).as_bytes());
    response(&object(&key.chain, &signature))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_enrolled_key_gets_what_its_record_says() {
    let mut alice = Alice::new().await;
    let placed = alice.ready().await;
    assert_eq!(placed.challenge.kind, "device-attest-01");
    let csr = alice.requests(&[NAME]);
    let certificate = alice.client.collect(&placed, Some(&csr)).await;

    let path = alice.world.dir.path().join("chain.pem");
    std::fs::write(&path, &certificate.body).unwrap();
    let shown = std::process::Command::new("openssl")
        .args(["x509", "-noout", "-text", "-in", path.to_str().unwrap()])
        .output()
        .unwrap();
    let shown = String::from_utf8(shown.stdout).unwrap();
    assert!(shown.contains(&format!("DNS:{NAME}")), "{shown}");
    assert!(shown.contains("TLS Web Client Authentication"), "{shown}");
    let answers = alice.world.audit("challenge.answer").await;
    let [decision] = &answers[..] else {
        panic!("{answers:?}");
    };
    assert_eq!(decision.outcome, Outcome::Done);
    let facts = format!("{decision:?}");
    assert!(
        facts.contains("device-attest-01") && facts.contains(&alice.id.to_string()),
        "{facts}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_key_in_the_csr_is_the_attested_one_and_a_csr_is_needed() {
    let mut alice = Alice::new().await;
    let placed = alice.ready().await;
    let other = csr(&SoftKey::generate(), None, &[NAME]);
    let wider = alice.requests(&[NAME, "root.example"]);
    for (csr, reason) in [
        (None, "send a CSR"),
        (Some(&other), "not the key"),
        (Some(&wider), "root.example"),
    ] {
        let csr = csr.map(Vec::as_slice);
        let finalized = alice.client.finalize(&placed, csr).await;
        let detail = finalized.refused(400, "badCSR");
        assert!(detail.contains(reason), "{detail}");
    }
    assert!(alice.world.issued().await.is_empty());
    let good = alice.requests(&[NAME]);
    alice.client.collect(&placed, Some(&good)).await;
    assert_eq!(alice.world.issued().await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn statements_that_do_not_verify_are_refused() {
    let Alice {
        world,
        client,
        mut card,
        key,
        ..
    } = Alice::new().await;
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
    let mut alice = Alice::new().await;
    let spare = alice.places().await;
    let yubikey = {
        let other = alice.client.place_serial("tls", SERIAL).await;
        answer(&mut alice.card, &alice.key, &alice.client, &[&other])
    };
    for payload in [
        b"{}".to_vec(),
        b"[]".to_vec(),
        br#"{"attObj": 7}"#.to_vec(),
        br#"{"attObj": "AA=="}"#.to_vec(),
        br#"{"error": "no attestation"}"#.to_vec(),
        yubikey,
    ] {
        let placed = alice.places().await;
        let (world, client) = (&alice.world, &alice.client);
        refused(world, client, &placed, &payload, "malformed", "attObj").await;
    }
    // An answer of this type is none to yubikey-01 either.
    let tls = alice.client.place_serial("tls", SERIAL).await;
    let payload = alice.attests(&spare);
    let answered = alice.client.answer(&tls, &payload).await;
    assert_eq!(answered.status, ChallengeStatus::Invalid);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_record_decides_and_not_the_attestation() {
    let mut alice = Alice::new().await;
    // Genuine, and nobody's; under its own serial number, and under somebody else's.
    let mut stranger = Card::new(&alice.world.root, SERIAL + 1);
    let theirs = stranger.login();
    for serial in [SERIAL + 1, SERIAL] {
        let placed = alice.client.place_serial("device", serial).await;
        let payload = attest(&mut stranger, &theirs, &alice.client, &placed);
        alice.is_refused(&placed, &payload, "enrolled").await;
    }
    let placed = alice.client.place_serial("device", SERIAL + 1).await;
    let payload = alice.attests(&placed);
    alice.is_refused(&placed, &payload, "is in YubiKey").await;
    // A key of the same card that never wants a touch: another key, and against policy.
    let lax = alice.card.generate(0x9C, pin::NEVER, touch::NEVER);
    let placed = alice.places().await;
    let payload = attest(&mut alice.card, &lax, &alice.client, &placed);
    alice.is_refused(&placed, &payload, "touch").await;
    let since = alice.world.now();
    let retired = KeyState::Retired { since };
    alice.world.set_state(alice.id, retired).await;
    let placed = alice.places().await;
    let payload = alice.attests(&placed);
    alice.is_refused(&placed, &payload, "retired").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_judged_again_when_the_order_is_finalized() {
    let mut alice = Alice::new().await;
    let placed = alice.ready().await;
    let since = alice.world.now();
    let revoked = KeyState::Revoked { since };
    alice.world.set_state(alice.id, revoked).await;
    let csr = alice.requests(&[NAME]);
    let finalized = alice.client.finalize(&placed, Some(&csr)).await;
    finalized.refused(403, "unauthorized");
    assert!(alice.world.issued().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_has_only_what_it_was_granted() {
    let mut alice = Alice::with(&[("tls", &["alice.laptop.example"])]).await;
    let placed = alice.places().await;
    let payload = alice.attests(&placed);
    alice.is_refused(&placed, &payload, "device").await;
}
