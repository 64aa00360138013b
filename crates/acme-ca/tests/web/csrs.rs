//! CSRs at finalize. A bad one is refused and leaves the order ready for a better one.

use std::path::Path;
use std::process::Command;

use acme_ca::audit::Outcome;
use acme_wire::order::{ChallengeStatus, OrderStatus};

use crate::card::{Card, SlotKey};
use crate::client::{Client, Placed};
use crate::csr::{build, csr};
use crate::der::SoftKey;
use crate::world::{SERIAL, World, answer, disk_answer, entry, payload, refused};

const NAME: &str = "alice.disk.example";

struct Ready {
    world: World,
    client: Client,
    placed: Placed,
    disk: SoftKey,
}

/// An order for a key on disk, ready to be finalized.
async fn ready() -> Ready {
    let world = World::new().await;
    let (mut card, _, _) = world.alice().await;
    let (key, _) = world.proof(&mut card).await;
    let client = world.client().await;
    let disk = SoftKey::generate();
    let placed = client.place_serial("tls-disk", SERIAL).await;
    let payload = disk_answer(&mut card, &key, &client, &placed, &disk.spki());
    let answered = client.answer(&placed, &payload).await;
    assert_eq!(answered.status, ChallengeStatus::Valid);
    Ready {
        world,
        client,
        placed,
        disk,
    }
}

impl Ready {
    /// This CSR is refused, nothing is issued, the audit has it, and the order stays ready.
    async fn refuses(&self, csr: Option<&[u8]>, reason: &str) {
        let answer = self.client.finalize(&self.placed, csr).await;
        let detail = answer.refused(400, "badCSR");
        assert!(
            detail.contains(reason),
            "{detail:?} says nothing of {reason:?}"
        );
        assert!(self.world.issued().await.is_empty());
        let order = self.client.order(&self.placed).await;
        assert_eq!(order.status, OrderStatus::Ready);
        let audit = self.world.audit("order.finalize").await;
        assert_eq!(audit.last().unwrap().reasons, [detail]);
    }

    /// A good CSR still gets its certificate.
    async fn accepts(&self) {
        let good = csr(&self.disk, Some(NAME), &[NAME]);
        self.client.collect(&self.placed, Some(&good)).await;
        assert_eq!(self.world.issued().await.len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn key_other_than_signed_for() {
    let ready = ready().await;
    let other = csr(&SoftKey::generate(), Some(NAME), &[NAME]);
    ready
        .refuses(
            Some(&other),
            "not the key that the challenge was answered for",
        )
        .await;
    ready.accepts().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn malformed() {
    let ready = ready().await;
    let good = csr(&ready.disk, Some(NAME), &[NAME]);
    for wrong in [
        &b"not DER"[..],
        &good[..good.len() - 1],
        &[&good[..], &[0]].concat(),
        &[0x30],
    ] {
        ready.refuses(Some(wrong), "malformed").await;
    }
    ready.accepts().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn not_base64url() {
    let ready = ready().await;
    for wrong in ["AA==", "A", "AB", "-----BEGIN CERTIFICATE REQUEST-----"] {
        let request = serde_json::json!({ "csr": wrong });
        let answer = ready
            .client
            .post_json(&ready.placed.order.finalize, &request)
            .await;
        answer.refused(400, "badCSR");
    }
    let order = ready.client.order(&ready.placed).await;
    assert_eq!(order.status, OrderStatus::Ready);
    let audit = ready.world.audit("order.finalize").await;
    assert_eq!(audit.len(), 4, "each is on record: {audit:?}");
    assert!(audit.iter().all(|d| d.outcome == Outcome::Refused));
    assert!(ready.world.issued().await.is_empty());
    ready.accepts().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn oversized() {
    let ready = ready().await;
    let many: Vec<String> = (0..2000).map(|i| format!("{i}.example")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let large = csr(&ready.disk, None, &many);
    assert!(large.len() > acme_ca::issuance::MAX_CSR);
    ready.refuses(Some(&large), "at most 16384 are read").await;
    ready.accepts().await;
}

/// A CSR that openssl makes, DER.
fn openssl_csr(dir: &Path, key: &str) -> Vec<u8> {
    let (out, keyout) = (dir.join("csr.der"), dir.join("csr.key"));
    let made = Command::new("openssl")
        .args([
            "req",
            "-new",
            "-newkey",
            key,
            "-nodes",
            "-subj",
            "/CN=alice.disk.example",
        ])
        .args(["-outform", "DER", "-out"])
        .arg(&out)
        .arg("-keyout")
        .arg(&keyout)
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}");
    std::fs::read(out).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn weak_key() {
    let ready = ready().await;
    let weak = openssl_csr(ready.world.dir.path(), "rsa:1024");
    ready.refuses(Some(&weak), "too weak").await;
    ready.accepts().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn weak_key_signed_for() {
    let world = World::new().await;
    let (mut card, _, _) = world.alice().await;
    let (key, _) = world.proof(&mut card).await;
    let client = world.client().await;
    let csr = openssl_csr(world.dir.path(), "rsa:1024");
    let spki = crate::der::children(&crate::der::children(&csr)[0])[2].clone();
    let placed = client.place_serial("tls-disk", SERIAL).await;
    let payload = disk_answer(&mut card, &key, &client, &placed, &spki);
    let reason = "cannot sign";
    refused(
        &world,
        &client,
        &placed,
        &payload,
        "incorrectResponse",
        reason,
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn foreign_names() {
    let ready = ready().await;
    let root = "root.disk.example";
    for (common_name, names) in [
        (Some(root), vec![]),
        (None, vec![root]),
        (Some(NAME), vec![NAME, root]),
        (Some(root), vec![NAME]),
    ] {
        let foreign = csr(&ready.disk, common_name, &names);
        ready
            .refuses(Some(&foreign), "names \"root.disk.example\"")
            .await;
    }
    ready.accepts().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn not_signed_by_its_own_key() {
    let ready = ready().await;
    let other = SoftKey::generate();
    let unsigned = build(&ready.disk.spki(), None, &[NAME], |info| other.sign(info));
    ready
        .refuses(Some(&unsigned), "not signed by its own key")
        .await;
    ready.accepts().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_on_disk_needs_a_csr() {
    let ready = ready().await;
    ready.refuses(None, "send a CSR").await;
    ready.refuses(Some(b""), "send a CSR").await;
    ready.accepts().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn names_may_be_left_out_or_be_the_identifier() {
    for (common_name, names) in [
        (None, vec![]),
        (Some(""), vec![]),
        (Some("20000001"), vec![]),
        (None, vec![NAME]),
    ] {
        let ready = ready().await;
        let good = csr(&ready.disk, common_name, &names);
        ready.client.collect(&ready.placed, Some(&good)).await;
        assert_eq!(
            ready.world.issued().await[0].names,
            [NAME],
            "whatever the CSR says"
        );
    }
}

/// An order for `tls`, answered by the login key.
async fn login_ready(world: &World, card: &mut Card, key: &SlotKey) -> (Client, Placed) {
    let client = world.client().await;
    let placed = client.place_serial("tls", SERIAL).await;
    let payload = answer(card, key, &client, &[&placed]);
    client.answer(&placed, &payload).await;
    (client, placed)
}

#[tokio::test(flavor = "multi_thread")]
async fn yubikey_01_with_the_csr_of_another_key() {
    let world = World::new().await;
    let (mut card, key, _) = world.alice().await;
    let (client, placed) = login_ready(&world, &mut card, &key).await;
    let swapped = csr(&SoftKey::generate(), None, &[]);
    client
        .finalize(&placed, Some(&swapped))
        .await
        .refused(400, "badCSR");
    assert!(world.issued().await.is_empty());
    assert_eq!(client.order(&placed).await.status, OrderStatus::Ready);
}

#[tokio::test(flavor = "multi_thread")]
async fn yubikey_01_with_a_csr_by_the_key_itself() {
    let world = World::new().await;
    let (mut card, key, _) = world.alice().await;
    let (client, placed) = login_ready(&world, &mut card, &key).await;
    let leaf = piv_attest::claimed_key(&key.chain[0]).unwrap();
    let own = build(leaf.spki_der(), None, &[], |info| card.sign(key.slot, info));
    client.collect(&placed, Some(&own)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn yubikey_01_takes_no_other_key_to_certify() {
    let world = World::new().await;
    let (mut card, key, _) = world.alice().await;
    let client = world.client().await;
    let placed = client.place_serial("tls", SERIAL).await;
    let other = SoftKey::generate();
    use sha2::Digest;
    let entry = entry(&placed, sha2::Sha256::digest(other.spki()).into());
    let message = acme_yubikey::Message::new(vec![entry], client.thumbprint()).unwrap();
    let signature = card.sign(key.slot, message.as_bytes());
    let payload = payload(
        &key.chain,
        message.as_bytes(),
        &signature,
        Some(&other.spki()),
    );
    let reason = "\"publicKey\" must be absent";
    refused(
        &world,
        &client,
        &placed,
        &payload,
        "incorrectResponse",
        reason,
    )
    .await;
}
