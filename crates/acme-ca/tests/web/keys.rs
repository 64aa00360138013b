//! Keys that may not have what is ordered: not attested, not as recorded, not allowed by policy,
//! not in good standing.

use acme_ca::audit::Outcome;
use acme_ca::records::{KeyState, KeyUse};
use acme_wire::order::{ChallengeStatus, Identifier};
use virtual_yubikey::{Firmware, FormFactor, Root, Settings};

use crate::card::{Card, SlotKey, pin, touch};
use crate::client::Client;
use crate::der::{SoftKey, forge, subject, swap_key};
use crate::world::{SERIAL, World, answer, disk_answer, message, payload, refused};

const ATTESTATION: &str = "badAttestationStatement";
const UNAUTHORIZED: &str = "unauthorized";

/// The key answers an order for `tls` and is refused.
async fn is_refused(
    world: &World,
    client: &Client,
    card: &mut Card,
    key: &SlotKey,
    kind: &str,
    reason: &str,
) -> acme_ca::audit::Decision {
    let placed = client.place_serial("tls", SERIAL).await;
    let payload = answer(card, key, client, &[&placed]);
    refused(world, client, &placed, &payload, kind, reason).await
}

#[tokio::test(flavor = "multi_thread")]
async fn imported_key() {
    let world = World::new().await;
    let (mut card, genuine, _) = world.alice().await;
    let client = world.client().await;
    let known = SoftKey::generate();
    card.import(0x9C, &known.secret());
    assert_eq!(
        card.attest_status(0x9C),
        0x6A80,
        "the card attests no imported key"
    );

    // What is left to its owner: the attestation of another key …
    let placed = client.place_serial("tls", SERIAL).await;
    let message = message(&client, &[&placed], &genuine);
    let signature = known.sign(message.as_bytes());
    let with_other = payload(&genuine.chain, message.as_bytes(), &signature, None);
    let kind = "incorrectResponse";
    let reason = "signature does not verify under the attested key";
    refused(&world, &client, &placed, &with_other, kind, reason).await;

    // … or one made by himself.
    let leaf = forge(&genuine.chain[0], &known.spki(), None, |tbs| {
        known.sign(tbs)
    });
    let forged = SlotKey {
        slot: 0x9C,
        chain: vec![leaf, genuine.chain[1].clone()],
    };
    let reason = "signature algorithm does not go with";
    is_refused(&world, &client, &mut card, &forged, ATTESTATION, reason).await;

    // … or the genuine one with his key in it, whose signature is of the right kind.
    let swapped = SlotKey {
        slot: 0x9C,
        chain: vec![
            swap_key(&genuine.chain[0], &known.spki()),
            genuine.chain[1].clone(),
        ],
    };
    let reason = "signature is wrong";
    is_refused(&world, &client, &mut card, &swapped, ATTESTATION, reason).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_slot() {
    let world = World::new().await;
    let (mut card, _, _) = world.alice().await;
    let client = world.client().await;
    card.move_key(0x9A, 0x9C);
    let moved = card.attested(0x9C);
    let reason = "slot is 9c, recorded is 9a";
    let decision = is_refused(&world, &client, &mut card, &moved, UNAUTHORIZED, reason).await;
    assert_eq!(decision.outcome, Outcome::Alarm);
}

/// The record says something else than the key.
async fn differs(member: &str, value: &str, reason: &str) {
    let world = World::new().await;
    let (mut card, key, _) = world.alice().await;
    let client = world.client().await;
    world.sql(&format!(
        "UPDATE keys SET attested = json_set(attested, '$.{member}', json('{value}'))"
    ));
    let decision = is_refused(&world, &client, &mut card, &key, UNAUTHORIZED, reason).await;
    assert_eq!(decision.outcome, Outcome::Alarm);
}

#[tokio::test(flavor = "multi_thread")]
async fn other_serial_than_recorded() {
    differs("serial", "20000002", "serial number differs").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn other_firmware_than_recorded() {
    differs(
        "firmware",
        "\"5.7.2\"",
        "firmware is 5.7.4, recorded is 5.7.2",
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn other_form_factor_than_recorded() {
    differs("form_factor", "\"0x01\"", "form factor").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn other_policies_than_recorded() {
    differs("pin_policy", "\"always\"", "PIN policy").await;
    differs("touch_policy", "\"cached\"", "touch policy").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn other_serial_than_ordered() {
    let world = World::new().await;
    let (mut card, key, _) = world.alice().await;
    let client = world.client().await;
    let placed = client.place_serial("tls", SERIAL + 1).await;
    let payload = answer(&mut card, &key, &client, &[&placed]);
    let reason = "the order is for YubiKey 20000002, the key that answered is in YubiKey 20000001";
    refused(&world, &client, &placed, &payload, UNAUTHORIZED, reason).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_name_than_granted() {
    let world = World::new().await;
    let (mut card, key, _) = world.alice().await;
    let client = world.client().await;
    let name = Identifier::dns("root.laptop.example");
    let placed = client.place("tls", name, None).await;
    let payload = answer(&mut card, &key, &client, &[&placed]);
    let reason = "not granted the name \"root.laptop.example\"";
    refused(&world, &client, &placed, &payload, UNAUTHORIZED, reason).await;
}

/// A key with such policies, enrolled while the site allowed it.
async fn policy(pin: u8, touch: u8, allow: &str, reason: &str) {
    let lax = |settings: String| settings.replace("preset = \"default\"", allow);
    let mut world = World::with(lax).await;
    let mut card = Card::new(&world.root, SERIAL);
    let key = card.generate(0x9A, pin, touch);
    let grants: &[(&str, &[&str])] = &[("tls", &["alice.laptop.example"])];
    world.enrol(&mut card, &key, KeyUse::Login, grants).await;
    world
        .restart(|settings| settings.replace(allow, "preset = \"default\""))
        .await;
    let client = world.client().await;
    is_refused(&world, &client, &mut card, &key, UNAUTHORIZED, reason).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pin_policy_never() {
    let allow = "pin_policies = [\"never\"]";
    policy(pin::NEVER, touch::ALWAYS, allow, "PIN policy").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn touch_policy_never() {
    let allow = "touch_policies = [\"never\"]";
    policy(pin::ONCE, touch::NEVER, allow, "touch policy").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn touch_policy_cached() {
    let allow = "touch_policies = [\"cached\"]";
    policy(pin::ONCE, touch::CACHED, allow, "touch policy").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn customer_replaced_f9() {
    let world = World::new().await;
    let (mut card, genuine, _) = world.alice().await;
    let client = world.client().await;
    let own = SoftKey::generate();
    let name = subject(&genuine.chain[1]);
    let f9 = forge(&genuine.chain[1], &own.spki(), Some(&name), |tbs| {
        own.sign(tbs)
    });
    card.import(0xF9, &own.secret());
    card.put_f9(&f9);
    let attested = card.attested(0x9A);
    assert_eq!(attested.spki_sha256(), genuine.spki_sha256());
    assert_ne!(attested.chain[1], genuine.chain[1]);
    let reason = "is not trusted";
    is_refused(&world, &client, &mut card, &attested, ATTESTATION, reason).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn slot_certificate_used_as_f9() {
    let world = World::new().await;
    let (mut card, genuine, _) = world.alice().await;
    let client = world.client().await;
    let known = SoftKey::generate();
    let issuer = subject(&genuine.chain[0]);
    let leaf = forge(&genuine.chain[0], &known.spki(), Some(&issuer), |tbs| {
        card.sign_bytes(0x9A, tbs)
    });
    let forged = SlotKey {
        slot: 0x9A,
        chain: vec![leaf, genuine.chain[0].clone(), genuine.chain[1].clone()],
    };
    let placed = client.place_serial("tls", SERIAL).await;
    let message = message(&client, &[&placed], &forged);
    let signature = known.sign(message.as_bytes());
    let payload = payload(&forged.chain, message.as_bytes(), &signature, None);
    let reason = "attests a key, so it cannot be an issuer";
    refused(&world, &client, &placed, &payload, ATTESTATION, reason).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_root() {
    let world = World::new().await;
    let client = world.client().await;
    let mut card = Card::new(&Root::generate().unwrap(), SERIAL);
    let key = card.login();
    let reason = "signature is wrong";
    is_refused(&world, &client, &mut card, &key, ATTESTATION, reason).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn key_not_enrolled() {
    let world = World::new().await;
    let (mut card, _, _) = world.alice().await;
    let client = world.client().await;
    let other = card.generate(0x9C, pin::ONCE, touch::ALWAYS);
    let decision = is_refused(
        &world,
        &client,
        &mut card,
        &other,
        UNAUTHORIZED,
        "not enrolled",
    )
    .await;
    assert_eq!(decision.outcome, Outcome::Refused);
}

#[tokio::test(flavor = "multi_thread")]
async fn key_retired() {
    let world = World::new().await;
    let (mut card, key, id) = world.alice().await;
    let client = world.client().await;
    let since = world.now();
    world.set_state(id, KeyState::Retired { since }).await;
    let day = acme_ca::time_text(since)[..10].to_owned();
    let reason = format!("this key was retired on {day}");
    let decision = is_refused(&world, &client, &mut card, &key, UNAUTHORIZED, &reason).await;
    assert_eq!(decision.outcome, Outcome::Refused, "kindly");
}

#[tokio::test(flavor = "multi_thread")]
async fn key_revoked() {
    let world = World::new().await;
    let (mut card, key, id) = world.alice().await;
    let client = world.client().await;
    let since = world.now();
    world.set_state(id, KeyState::Revoked { since }).await;
    let reason = "this key was revoked on";
    let decision = is_refused(&world, &client, &mut card, &key, UNAUTHORIZED, reason).await;
    assert_eq!(decision.outcome, Outcome::Alarm);
}

#[tokio::test(flavor = "multi_thread")]
async fn login_key_answering_yubikey_02() {
    let world = World::new().await;
    let (mut card, login, _) = world.alice().await;
    world.proof(&mut card).await;
    let client = world.client().await;
    let placed = client.place_serial("tls-disk", SERIAL).await;
    let disk = SoftKey::generate();
    let payload = disk_answer(&mut card, &login, &client, &placed, &disk.spki());
    let reason = "yubikey-02 wants a proof key";
    refused(&world, &client, &placed, &payload, UNAUTHORIZED, reason).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn proof_key_answering_yubikey_01() {
    let world = World::new().await;
    let (mut card, _, _) = world.alice().await;
    let (proof, _) = world.proof(&mut card).await;
    let client = world.client().await;
    let reason = "yubikey-01 wants a login key";
    is_refused(&world, &client, &mut card, &proof, UNAUTHORIZED, reason).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn user_disabled() {
    let world = World::new().await;
    let (mut card, key, _) = world.alice().await;
    let client = world.client().await;
    world.disable_user("alice").await;
    let reason = "the user of this key was disabled";
    is_refused(&world, &client, &mut card, &key, UNAUTHORIZED, reason).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn profile_not_granted() {
    let world = World::new().await;
    let mut card = Card::new(&world.root, SERIAL);
    let key = card.login();
    let grants: &[(&str, &[&str])] = &[("ssh", &["alice"])];
    world.enrol(&mut card, &key, KeyUse::Login, grants).await;
    let client = world.client().await;
    let reason = "this key was not granted profile tls";
    is_refused(&world, &client, &mut card, &key, UNAUTHORIZED, reason).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn all_reasons_are_told_at_once() {
    let world = World::new().await;
    let (mut card, key, id) = world.alice().await;
    let client = world.client().await;
    let since = world.now();
    world.set_state(id, KeyState::Retired { since }).await;
    world.disable_user("alice").await;
    let decision = is_refused(&world, &client, &mut card, &key, UNAUTHORIZED, "retired").await;
    assert_eq!(decision.reasons.len(), 2, "{decision:?}");
    let placed = client.place_serial("tls", SERIAL).await;
    let payload = answer(&mut card, &key, &client, &[&placed]);
    let problem = client.answer(&placed, &payload).await.error.unwrap();
    assert_eq!(problem.subproblems.len(), 2, "{problem}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_without_serial_number_orders_by_name() {
    let world = World::new().await;
    let settings = Settings::new(Firmware::V5_7_4)
        .no_serial()
        .form_factor(FormFactor::UsbANano);
    let mut card = Card::with(&world.root, settings);
    let key = card.login();
    let grants: &[(&str, &[&str])] = &[("tls", &["bob.laptop.example"])];
    world.add_user("bob").await;
    world
        .enrol_for("bob", &mut card, &key, KeyUse::Login, grants)
        .await;
    let client = world.client().await;
    let name = Identifier::dns("bob.laptop.example");
    let placed = client.place("tls", name, None).await;
    let payload = answer(&mut card, &key, &client, &[&placed]);
    let answered = client.answer(&placed, &payload).await;
    assert_eq!(answered.status, ChallengeStatus::Valid, "{answered:?}");
    client.collect(&placed, None).await;
}
