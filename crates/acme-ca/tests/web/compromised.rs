//! Keys that are certified and used for nothing else, and keys that others know: nothing is
//! certified for them again, if it is they or the operator who say so.

use acme_ca::audit::{Decision, OPERATOR, Outcome};
use acme_ca::records::KeyState;
use acme_ca::revocation::Reason;
use acme_ca::store::revocation::RevokedBy;
use acme_ca::store::{CertificateRow, CertificateStatus, Records, Revocations};
use acme_wire::AccountKey;
use acme_wire::order::{ChallengeStatus, Identifier, OrderStatus};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair};

use crate::card::{Card, SlotKey};
use crate::client::{Answer, Client};
use crate::csr;
use crate::revoke::{issue, issue_serial, leaf, revoke, revoke_by_key};
use crate::world::{SERIAL, World, answer, disk_answer};

/// Finalizes an order for a key on disk, which signs its CSR by `sign`.
async fn finalize(
    client: &Client,
    card: &mut Card,
    proof: &SlotKey,
    spki: &[u8],
    sign: impl FnOnce(&mut Card, &[u8]) -> Vec<u8>,
) -> Answer {
    let placed = client.place_serial("tls-disk", SERIAL).await;
    let payload = disk_answer(card, proof, client, &placed, spki);
    let answered = client.answer(&placed, &payload).await;
    assert_eq!(answered.status, ChallengeStatus::Valid, "{answered:?}");
    let csr = csr::build(spki, None, &[], |info| sign(card, info));
    let answer = client.finalize(&placed, Some(&csr)).await;
    if answer.status >= 400 {
        assert_eq!(client.order(&placed).await.status, OrderStatus::Invalid);
    }
    answer
}

async fn finalize_with(
    client: &Client,
    card: &mut Card,
    proof: &SlotKey,
    disk: &AccountKey,
) -> Answer {
    finalize(client, card, proof, &disk.jwk().spki_der(), |_, info| {
        let pkcs8 = disk.to_pkcs8_der().unwrap();
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &pkcs8).unwrap();
        let signature = pair.sign(&SystemRandom::new(), info).unwrap();
        signature.as_ref().to_vec()
    })
    .await
}

/// A certificate for a key on disk, in DER.
async fn issued(client: &Client, card: &mut Card, proof: &SlotKey, disk: &AccountKey) -> Vec<u8> {
    let answer = finalize_with(client, card, proof, disk).await.ok();
    let order: acme_wire::order::Order = answer.json();
    leaf(&client.get(&order.certificate.unwrap()).await.ok())
}

fn is_revoked(row: &CertificateRow) -> bool {
    row.status == CertificateStatus::Revoked && row.revocation_reason == Some(Reason::KeyCompromise)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_on_disk_is_used_for_nothing_else() {
    let world = World::new().await;
    let (mut card, login, _) = world.alice().await;
    let (proof, _) = world.proof(&mut card).await;
    let client = world.client().await;
    let other = world.client().await;
    for account in [&client.key, &other.key] {
        let answer = finalize_with(&client, &mut card, &proof, account).await;
        let detail = answer.refused(400, "badCSR");
        assert!(detail.contains("the key of an ACME account"), "{detail}");
    }
    let spki = piv_attest::claimed_key(&login.chain[0]).unwrap();
    let spki = spki.spki_der();
    let sign = |card: &mut Card, info: &[u8]| card.sign_bytes(login.slot, info);
    let answer = finalize(&client, &mut card, &proof, spki, sign).await;
    let detail = answer.refused(400, "badCSR");
    assert!(detail.contains("a person's key"), "{detail}");
    assert!(world.issued().await.is_empty(), "not even an intent");
    let decisions = world.audit("order.finalize").await;
    let outcomes: Vec<_> = decisions.iter().map(|one| one.outcome).collect();
    assert_eq!(outcomes, [Outcome::Refused; 3]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_on_disk_that_says_that_others_know_it_is_not_certified_again() {
    let world = World::new().await;
    let (mut card, ..) = world.alice().await;
    let (proof, _) = world.proof(&mut card).await;
    let client = world.client().await;
    let (disk, fresh) = (
        AccountKey::generate().unwrap(),
        AccountKey::generate().unwrap(),
    );
    let first = issued(&client, &mut card, &proof, &disk).await;
    issued(&client, &mut card, &proof, &disk).await;
    issued(&client, &mut card, &proof, &fresh).await;
    revoke_by_key(&client, &disk, &first).await.ok();
    // Newest first: another key's certificate stays, all of this one go.
    let rows = world.issued().await;
    assert_eq!(rows[0].status, CertificateStatus::Issued);
    assert!(rows[1..].iter().all(is_revoked), "{rows:?}");
    assert_eq!(world.audit("certificate.revoke").await.len(), 2);
    let answer = finalize_with(&client, &mut card, &proof, &disk).await;
    let detail = answer.refused(400, "badCSR");
    assert!(detail.contains("known to others"), "{detail}");
    // The YubiKey that answered is as good as before.
    issued(&client, &mut card, &proof, &fresh).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_yubikeys_key_that_the_operator_says_others_know_is_revoked() {
    let world = World::new().await;
    let (mut card, key, id) = world.alice().await;
    let client = world.client().await;
    issue_serial(&client, &mut card, &key, "tls").await;
    issue_serial(&client, &mut card, &key, "ssh").await;
    let store = world.ca.store();
    let ssh = world.issued().await.remove(0);
    let now = world.now();
    let reason = Reason::KeyCompromise;
    let decision = Decision::new(Outcome::Done, "certificate.revoke", OPERATOR, &ssh.id, now);
    store
        .revoke_certificate(&ssh.id, reason, RevokedBy::Operator, decision)
        .await
        .unwrap();
    assert!(world.issued().await.iter().all(is_revoked));
    let record = store.key(id).await.unwrap().unwrap();
    assert_eq!(record.state, KeyState::Revoked { since: now });
    assert_eq!(store.revoked_keys().await.unwrap().len(), 1, "in the KRL");
    let decisions = world.audit("key.revoke").await;
    assert_eq!(decisions[0].actor, OPERATOR);
    let placed = client.place_serial("tls", SERIAL).await;
    let payload = answer(&mut card, &key, &client, &[&placed]);
    let refused = client.answer(&placed, &payload).await.error.unwrap();
    assert!(refused.to_string().contains("revoked on"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_condemns_nobodys_key() {
    let world = World::new().await;
    let (mut card, key, id) = world.alice().await;
    let owner = world.client().await;
    let name = || Identifier::dns("alice.laptop.example");
    let first = leaf(&issue(&owner, &mut card, &key, "tls", name()).await);
    let other = world.client().await;
    let second = leaf(&issue(&other, &mut card, &key, "tls", name()).await);
    revoke(&other, &first, Some(1)).await.ok();
    let rows = world.issued().await;
    assert!(is_revoked(&rows[1]), "relying parties are told");
    assert_eq!(rows[0].status, CertificateStatus::Issued);
    // Nor does the one that ordered it.
    revoke(&other, &second, Some(1)).await.ok();
    let record = world.ca.store().key(id).await.unwrap().unwrap();
    assert_eq!(record.state, KeyState::Active);
    issue(&owner, &mut card, &key, "tls", name()).await;
}
