//! Revocation (RFC 8555 §7.6): who may, why, and what comes of it.

use acme_ca::records::KeyState;
use acme_ca::revocation::Reason;
use acme_ca::store::{CertificateStatus, Revocations};
use acme_wire::jws::{self, KeyId};
use acme_wire::order::Identifier;
use acme_wire::{AccountKey, base64url};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair};
use base64ct::{Base64, Encoding};
use serde_json::{Value, json};

use crate::card::{Card, SlotKey};
use crate::client::{Answer, Client};
use crate::csr;
use crate::world::{SERIAL, World, answer, disk_answer};

/// The certificate of a downloaded chain, DER.
pub fn leaf(chain: &Answer) -> Vec<u8> {
    acme_ca::pki::certificate_der(&chain.body).unwrap()
}

/// The bytes of a downloaded SSH certificate.
pub fn ssh_blob(line: &Answer) -> Vec<u8> {
    let text = std::str::from_utf8(&line.body).unwrap();
    Base64::decode_vec(text.split(' ').nth(1).unwrap().trim()).unwrap()
}

pub async fn issue(
    client: &Client,
    card: &mut Card,
    key: &SlotKey,
    profile: &str,
    identifier: Identifier,
) -> Answer {
    let placed = client.place(profile, identifier, None).await;
    let payload = answer(card, key, client, &[&placed]);
    client.answer(&placed, &payload).await;
    client.collect(&placed, None).await
}

pub async fn issue_serial(
    client: &Client,
    card: &mut Card,
    key: &SlotKey,
    profile: &str,
) -> Answer {
    let identifier = Identifier::permanent(SERIAL.to_string());
    issue(client, card, key, profile, identifier).await
}

pub fn request(certificate: &[u8], reason: Option<i64>) -> Value {
    let mut request = json!({"certificate": base64url::encode(certificate)});
    if let Some(reason) = reason {
        request["reason"] = reason.into();
    }
    request
}

pub async fn revoke(client: &Client, certificate: &[u8], reason: Option<i64>) -> Answer {
    let url = client.directory.revoke_cert.clone().unwrap();
    client.post_json(&url, &request(certificate, reason)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_account_that_ordered_it_revokes_a_certificate_once() {
    let world = World::new().await;
    let (mut card, key, _) = world.alice().await;
    let client = world.client().await;
    let tls = leaf(&issue_serial(&client, &mut card, &key, "tls").await);
    let answer = revoke(&client, &tls, Some(1)).await;
    assert_eq!((answer.status, answer.body.len()), (200, 0));
    let rows = world.issued().await;
    assert_eq!(rows[0].status, CertificateStatus::Revoked);
    assert_eq!(rows[0].revocation_reason, Some(Reason::KeyCompromise));
    assert_eq!(rows[0].revoked, Some(world.now()));
    let again = revoke(&client, &tls, None).await;
    again.refused(400, "alreadyRevoked");
    let decisions = world.audit("certificate.revoke").await;
    let outcomes: Vec<_> = decisions.iter().map(|one| one.outcome.as_str()).collect();
    assert_eq!(outcomes, ["done", "refused"]);
    assert_eq!(decisions[0].facts["reason"], "key-compromise");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ssh_certificate_is_revoked_by_its_bytes() {
    let world = World::new().await;
    let (mut card, key, _) = world.alice().await;
    let client = world.client().await;
    let ssh = ssh_blob(&issue_serial(&client, &mut card, &key, "ssh").await);
    let stranger = world.client().await;
    let answer = revoke(&stranger, &ssh, None).await;
    answer.refused(403, "unauthorized");
    assert_eq!(revoke(&client, &ssh, None).await.status, 200);
    assert_eq!(world.issued().await[0].status, CertificateStatus::Revoked);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_reasons_that_make_sense_are_taken() {
    let world = World::new().await;
    let (mut card, key, _) = world.alice().await;
    let client = world.client().await;
    let tls = leaf(&issue_serial(&client, &mut card, &key, "tls").await);
    for reason in [-1, 2, 6, 7, 8, 10, 11, 1 << 40] {
        let answer = revoke(&client, &tls, Some(reason)).await;
        let detail = answer.refused(400, "badRevocationReason");
        assert!(detail.contains("superseded (4)"), "{detail}");
    }
    let url = client.directory.revoke_cert.clone().unwrap();
    let mut odd = request(&tls, None);
    odd["reason"] = "superseded".into();
    client.post_json(&url, &odd).await.refused(400, "malformed");
    assert_eq!(world.issued().await[0].status, CertificateStatus::Issued);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_account_revokes_only_what_it_is_authorized_for() {
    let world = World::new().await;
    let (mut card, key, _) = world.alice().await;
    let client = world.client().await;
    let tls = leaf(&issue_serial(&client, &mut card, &key, "tls").await);
    let other = world.client().await;
    let refused = revoke(&other, &tls, None).await;
    refused.refused(403, "unauthorized");
    // The serial number is no name of the certificate.
    issue_serial(&other, &mut card, &key, "tls").await;
    let refused = revoke(&other, &tls, None).await;
    refused.refused(403, "unauthorized");
    let name = Identifier::dns("alice.laptop.example");
    issue(&other, &mut card, &key, "tls", name).await;
    assert_eq!(revoke(&other, &tls, None).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_authorization_that_ended_revokes_nothing() {
    let world = World::new().await;
    let (mut card, key, _) = world.alice().await;
    let client = world.client().await;
    let tls = leaf(&issue_serial(&client, &mut card, &key, "tls").await);
    let other = world.client().await;
    let name = Identifier::dns("alice.laptop.example");
    issue(&other, &mut card, &key, "tls", name).await;
    world.advance(world.ca.config().lifetimes.order.0);
    let refused = revoke(&other, &tls, None).await;
    refused.refused(403, "unauthorized");
}

/// A revocation signed by a bare key, which others know.
pub async fn revoke_by_key(client: &Client, key: &AccountKey, certificate: &[u8]) -> Answer {
    revoke_for(client, key, certificate, 1).await
}

/// A revocation signed by a bare key.
pub async fn revoke_for(
    client: &Client,
    key: &AccountKey,
    certificate: &[u8],
    reason: i64,
) -> Answer {
    let url = client.directory.revoke_cert.clone().unwrap();
    let nonce = client.nonce().await;
    let payload = serde_json::to_vec(&request(certificate, Some(reason))).unwrap();
    let body = key.sign(&url, &nonce, KeyId::Embedded, &payload).unwrap();
    client.send(&url, body, jws::MEDIA_TYPE).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_certificates_own_key_revokes_it_and_no_other_key_does() {
    let world = World::new().await;
    let (mut card, ..) = world.alice().await;
    let (proof, _) = world.proof(&mut card).await;
    let client = world.client().await;
    let disk = AccountKey::generate().unwrap();
    let spki = disk.jwk().spki_der();
    let placed = client.place_serial("tls-disk", SERIAL).await;
    let payload = disk_answer(&mut card, &proof, &client, &placed, &spki);
    client.answer(&placed, &payload).await;
    let csr = csr::build(&spki, None, &[], |info| {
        let pkcs8 = disk.to_pkcs8_der().unwrap();
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &pkcs8).unwrap();
        let signature = pair.sign(&SystemRandom::new(), info).unwrap();
        signature.as_ref().to_vec()
    });
    let tls = leaf(&client.collect(&placed, Some(&csr)).await);
    let foreign = revoke_by_key(&client, &client.key, &tls).await;
    foreign.refused(403, "unauthorized");
    assert_eq!(revoke_by_key(&client, &disk, &tls).await.status, 200);
    let again = revoke_by_key(&client, &disk, &tls).await;
    again.refused(400, "alreadyRevoked");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_certificate_of_this_ca_is_refused() {
    let world = World::new().await;
    let other = World::new().await;
    let (mut card, key, _) = world.alice().await;
    let client = world.client().await;
    let tls = leaf(&issue_serial(&client, &mut card, &key, "tls").await);
    for garbage in [
        &b""[..],
        b"hello",
        &tls[..tls.len() - 1],
        &[0, 0, 0, 200, 1],
    ] {
        let answer = revoke(&client, garbage, None).await;
        answer.refused(400, "malformed");
    }
    let mut longer = tls.clone();
    longer.push(0);
    let answer = revoke(&client, &longer, None).await;
    answer.refused(400, "malformed");
    let url = client.directory.revoke_cert.clone().unwrap();
    for bad in [
        json!({}),
        json!({"certificate": 1}),
        json!({"certificate": "="}),
    ] {
        client.post_json(&url, &bad).await.refused(400, "malformed");
    }
    // A certificate of another CA, and ours with another signature.
    let mut forged = tls.clone();
    *forged.last_mut().unwrap() ^= 1;
    let root = other.ca.hierarchy().root_der().to_vec();
    for foreign in [forged, root] {
        let answer = revoke(&client, &foreign, None).await;
        answer.refused(404, "malformed");
    }
    assert_eq!(world.issued().await[0].status, CertificateStatus::Issued);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_certificate_has_nothing_left_to_revoke() {
    let world = World::new().await;
    let (mut card, key, _) = world.alice().await;
    let client = world.client().await;
    let tls = leaf(&issue_serial(&client, &mut card, &key, "tls").await);
    world.advance(16 * 3600);
    let client = client.over(world.http());
    let detail = revoke(&client, &tls, None)
        .await
        .refused(403, "unauthorized");
    assert!(detail.contains("expired"), "{detail}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_key_takes_its_certificates_along_and_a_retired_one_does_not() {
    let world = World::new().await;
    let (mut card, key, id) = world.alice().await;
    let client = world.client().await;
    issue_serial(&client, &mut card, &key, "tls").await;
    issue_serial(&client, &mut card, &key, "ssh").await;
    let since = world.now();
    world.set_state(id, KeyState::Retired { since }).await;
    let issued = |row: &acme_ca::store::CertificateRow| row.status == CertificateStatus::Issued;
    assert!(world.issued().await.iter().all(issued));
    world.set_state(id, KeyState::Revoked { since }).await;
    let rows = world.issued().await;
    assert_eq!(rows.len(), 2);
    for row in &rows {
        assert_eq!(row.revocation_reason, Some(Reason::KeyCompromise));
    }
    let decisions = world.audit("certificate.revoke").await;
    assert_eq!(decisions.len(), 2, "each is a decision of its own");
    assert!(decisions.iter().all(|one| one.facts["user"] == "alice"));
    let store = world.ca.store();
    for row in rows {
        let told = store.revoked(&row.issuer, world.now()).await.unwrap();
        assert_eq!(told.len(), 1);
        let later = store.revoked(&row.issuer, row.not_after).await.unwrap();
        assert!(later.is_empty(), "what expired is told no more");
        let revision = store.revision(&[row.issuer]).await.unwrap();
        assert_eq!(revision, 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disabled_users_certificates_are_revoked_and_nobody_elses() {
    let world = World::new().await;
    world.add_user("bob").await;
    let (mut card, key, _) = world.alice().await;
    let mut bobs = Card::new(&world.root, SERIAL + 1);
    let login = bobs.login();
    let grants: &[(&str, &[&str])] = &[("tls", &["bob.laptop.example"])];
    let usage = acme_ca::records::KeyUse::Login;
    world
        .enrol_for("bob", &mut bobs, &login, usage, grants)
        .await;
    let client = world.client().await;
    issue_serial(&client, &mut card, &key, "tls").await;
    let serial = Identifier::permanent((SERIAL + 1).to_string());
    issue(&client, &mut bobs, &login, "tls", serial).await;
    world.disable_user("alice").await;
    for row in world.issued().await {
        let mine = row.user.as_deref() == Some("alice");
        assert_eq!(row.status == CertificateStatus::Revoked, mine, "{row:?}");
    }
}

/// Between intent and record the key is revoked: what was signed is on record as revoked.
#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_was_being_signed_when_its_key_was_revoked_is_not_let_out() {
    let world = World::new().await;
    let (mut card, key, id) = world.alice().await;
    let client = world.client().await;
    let placed = client.place_serial("tls", SERIAL).await;
    let payload = answer(&mut card, &key, &client, &[&placed]);
    client.answer(&placed, &payload).await;
    world.trigger(&format!(
        "CREATE TRIGGER meanwhile AFTER INSERT ON certificates BEGIN
           UPDATE keys SET state = 'revoked', state_since = NEW.intended WHERE id = {id};
           UPDATE certificates SET status = 'revoked', revoked = NEW.intended WHERE id = NEW.id;
         END;"
    ));
    let finalized = client.finalize(&placed, None).await;
    finalized.refused(403, "unauthorized");
    let rows = world.issued().await;
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0].status, CertificateStatus::Revoked);
    assert!(rows[0].body.is_none());
}
