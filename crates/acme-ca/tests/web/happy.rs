//! What goes well: each default profile, judged by the programs that will use it.

use std::path::Path;
use std::process::{Command, Output};

use acme_wire::order::{AuthorizationStatus, ChallengeStatus, Identifier, OrderStatus};

use crate::csr::csr;
use crate::der::SoftKey;
use crate::world::{SERIAL, World, answer, disk_answer};

fn run(program: &str, arguments: &[&str]) -> String {
    let Output {
        status,
        stdout,
        stderr,
    } = Command::new(program).args(arguments).output().unwrap();
    let (stdout, stderr) = (
        String::from_utf8_lossy(&stdout).into_owned(),
        String::from_utf8_lossy(&stderr).into_owned(),
    );
    assert!(
        status.success(),
        "{program} {arguments:?}: {stdout}{stderr}"
    );
    stdout
}

/// openssl accepts the chain for TLS clients and returns the leaf as text.
fn judge_by_openssl(world: &World, pem: &[u8], dir: &Path) -> String {
    let (root, chain) = (dir.join("root.pem"), dir.join("chain.pem"));
    let root_pem = acme_ca::pki::pem_certificate(world.ca.hierarchy().root_der()).unwrap();
    std::fs::write(&root, root_pem).unwrap();
    std::fs::write(&chain, pem).unwrap();
    let (root, chain) = (root.to_str().unwrap(), chain.to_str().unwrap());
    let verify = ["verify", "-x509_strict", "-purpose", "sslclient"];
    let files = ["-CAfile", root, "-untrusted", chain, chain];
    run("openssl", &[&verify[..], &files[..]].concat());
    run("openssl", &["x509", "-in", chain, "-noout", "-text"])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_key_gets_a_tls_certificate_that_openssl_accepts() {
    let world = World::new().await;
    let (mut card, key, _) = world.alice().await;
    let client = world.client().await;
    let placed = client.place_serial("tls", SERIAL).await;
    assert_eq!(placed.order.status, OrderStatus::Pending);
    assert_eq!(placed.authorization.challenges.len(), 1);
    assert_eq!(placed.challenge.kind, "yubikey-01");

    let answered = client
        .answer(&placed, &answer(&mut card, &key, &client, &[&placed]))
        .await;
    assert_eq!(answered.status, ChallengeStatus::Valid, "{answered:?}");
    assert_eq!(client.order(&placed).await.status, OrderStatus::Ready);

    let certificate = client.collect(&placed, None).await;
    assert_eq!(
        certificate.header("content-type"),
        "application/pem-certificate-chain"
    );
    let text = judge_by_openssl(&world, &certificate.body, world.dir.path());
    assert!(text.contains("DNS:alice.laptop.example"), "{text}");
    assert!(text.contains("TLS Web Client Authentication"), "{text}");
    assert!(!text.contains(&SERIAL.to_string()), "{text}");
    assert_eq!(world.issued().await.len(), 1);
    assert_eq!(
        world.audit("certificate.issue").await.len(),
        2,
        "and the server's own"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proof_key_gets_a_tls_certificate_for_a_key_on_disk() {
    let world = World::new().await;
    let (mut card, _, _) = world.alice().await;
    let (key, _) = world.proof(&mut card).await;
    let client = world.client().await;
    let disk = SoftKey::generate();
    let placed = client.place_serial("tls-disk", SERIAL).await;
    assert_eq!(placed.challenge.kind, "yubikey-02");

    let payload = disk_answer(&mut card, &key, &client, &placed, &disk.spki());
    let answered = client.answer(&placed, &payload).await;
    assert_eq!(answered.status, ChallengeStatus::Valid, "{answered:?}");
    let csr = csr(&disk, Some("alice.disk.example"), &["alice.disk.example"]);
    let certificate = client.collect(&placed, Some(&csr)).await;
    let text = judge_by_openssl(&world, &certificate.body, world.dir.path());
    assert!(text.contains("DNS:alice.disk.example"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_key_gets_an_ssh_certificate_that_ssh_keygen_reads() {
    let world = World::new().await;
    let (mut card, key, _) = world.alice().await;
    let client = world.client().await;
    let placed = client.place_serial("ssh", SERIAL).await;
    let payload = answer(&mut card, &key, &client, &[&placed]);
    client.answer(&placed, &payload).await;
    let certificate = client.collect(&placed, None).await;
    assert_eq!(certificate.header("content-type"), sshcert_acme::MEDIA_TYPE);
    let path = world.dir.path().join("ssh-cert.pub");
    std::fs::write(&path, &certificate.body).unwrap();
    let text = run("ssh-keygen", &["-L", "-f", path.to_str().unwrap()]);
    assert!(
        text.contains("ecdsa-sha2-nistp256-cert-v01@openssh.com user certificate"),
        "{text}"
    );
    assert!(
        text.contains("alice\n") && text.contains("deploy\n"),
        "{text}"
    );
    assert!(text.contains("permit-pty"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_signed_message_answers_several_orders() {
    let world = World::new().await;
    let (mut card, key, _) = world.alice().await;
    let client = world.client().await;
    let tls = client.place_serial("tls", SERIAL).await;
    let ssh = client.place_serial("ssh", SERIAL).await;
    let payload = answer(&mut card, &key, &client, &[&tls, &ssh]);
    for placed in [&tls, &ssh] {
        let answered = client.answer(placed, &payload).await;
        assert_eq!(answered.status, ChallengeStatus::Valid);
        client.collect(placed, None).await;
    }
    assert_eq!(world.issued().await.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_order_costs_the_others_nothing() {
    let world = World::new().await;
    let mut card = crate::card::Card::new(&world.root, SERIAL);
    let key = card.login();
    let grants: &[(&str, &[&str])] = &[("tls", &["alice.laptop.example"])];
    world
        .enrol(&mut card, &key, acme_ca::records::KeyUse::Login, grants)
        .await;
    let client = world.client().await;
    let tls = client.place_serial("tls", SERIAL).await;
    let ssh = client.place_serial("ssh", SERIAL).await;
    let payload = answer(&mut card, &key, &client, &[&tls, &ssh]);
    let refused = client.answer(&ssh, &payload).await;
    assert_eq!(refused.status, ChallengeStatus::Invalid);
    let granted = client.answer(&tls, &payload).await;
    assert_eq!(granted.status, ChallengeStatus::Valid);
    client.collect(&tls, None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_of_the_record_can_be_ordered_instead_of_the_serial_number() {
    let world = World::new().await;
    let (mut card, key, _) = world.alice().await;
    let client = world.client().await;
    let name = Identifier::dns("alice.laptop.example");
    let placed = client.place("tls", name, None).await;
    let payload = answer(&mut card, &key, &client, &[&placed]);
    let answered = client.answer(&placed, &payload).await;
    assert_eq!(answered.status, ChallengeStatus::Valid, "{answered:?}");
    let text = client.collect(&placed, None).await;
    judge_by_openssl(&world, &text.body, world.dir.path());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shorter_life_is_what_was_asked_for() {
    let world = World::new().await;
    let (mut card, key, _) = world.alice().await;
    let client = world.client().await;
    let until = world.now() + 1800;
    let identifier = Identifier::permanent(SERIAL.to_string());
    let placed = client.place("tls", identifier, Some(until)).await;
    assert_eq!(placed.order.not_after.unwrap().epoch_seconds(), until);
    let payload = answer(&mut card, &key, &client, &[&placed]);
    client.answer(&placed, &payload).await;
    client.collect(&placed, None).await;
    assert_eq!(world.issued().await[0].not_after, until);
}

#[tokio::test(flavor = "multi_thread")]
async fn csr_absent_and_empty_are_the_same_for_yubikey_01() {
    let world = World::new().await;
    let (mut card, key, _) = world.alice().await;
    let client = world.client().await;
    for csr in [None, Some(&b""[..])] {
        let placed = client.place_serial("tls", SERIAL).await;
        let payload = answer(&mut card, &key, &client, &[&placed]);
        client.answer(&placed, &payload).await;
        client.collect(&placed, csr).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_authorization_says_what_the_challenge_says() {
    let world = World::new().await;
    let (mut card, key, _) = world.alice().await;
    let client = world.client().await;
    let placed = client.place_serial("tls", SERIAL).await;
    let payload = answer(&mut card, &key, &client, &[&placed]);
    let answered = client.answer(&placed, &payload).await;
    let authorization: acme_wire::order::Authorization = client
        .get(&placed.order.authorizations[0])
        .await
        .ok()
        .json();
    assert_eq!(authorization.status, AuthorizationStatus::Valid);
    assert_eq!(authorization.challenges, [answered]);
    assert_eq!(
        authorization.identifier,
        Identifier::permanent(SERIAL.to_string())
    );
}
