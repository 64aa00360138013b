//! Finalize: what the CSR must be, what is judged again, and who comes first.

use std::process::Command;

use acme_wire::AccountKey;
use acme_wire::order::{Order, OrderStatus};

use super::{ALLOW, Servers, challenge, place};
use crate::csr::{build, server_csr};
use crate::der::SoftKey;
use crate::revoke::{revoke, revoke_for};

const NAMES: [&str; 2] = ["www.example.net", "mail.example.net"];

#[tokio::test]
async fn a_csr_names_exactly_what_was_ordered() {
    let servers = Servers::new().await;
    let client = servers.world.client().await;
    let order = servers.ready(&client, &NAMES).await;
    let key = SoftKey::generate();
    for (common_name, names, reason) in [
        (
            None,
            &["www.example.net"][..],
            "does not name \"mail.example.net\"",
        ),
        (None, &[], "does not name"),
        (
            None,
            &["www.example.net", "mail.example.net", "example.net"],
            "\"example.net\"",
        ),
        (
            None,
            &["www.example.net", "*.example.net"],
            "\"*.example.net\"",
        ),
        (
            None,
            &["www.example.net", "mail.example.net", "192.0.2.1"],
            "192.0.2.1",
        ),
        (Some("example.org"), &NAMES, "\"example.org\""),
        (Some("not a name"), &NAMES, "\"not a name\""),
    ] {
        let csr = server_csr(&key, common_name, names);
        let detail = order.finalize(&client, &csr).await.refused(400, "badCSR");
        assert!(detail.contains(reason), "{detail}");
    }
    for (csr, reason) in [(&b""[..], "send a CSR"), (b"nonsense", "malformed")] {
        let detail = order.finalize(&client, csr).await.refused(400, "badCSR");
        assert!(detail.contains(reason), "{detail}");
    }
    // The order is as good as before; a common name may be one of its names, in any case.
    let csr = server_csr(&key, Some("MAIL.example.net"), &["WWW.example.net"]);
    let done: Order = order.finalize(&client, &csr).await.ok().json();
    assert_eq!(done.status, OrderStatus::Valid);
    assert_eq!(servers.world.issued().await.len(), 1);
    assert_eq!(servers.world.issued().await[0].names[0], "mail.example.net");
}

#[tokio::test]
async fn a_key_is_for_one_purpose() {
    let servers = Servers::new().await;
    let client = servers.world.client().await;
    let order = servers.ready(&client, &NAMES).await;
    // Keys that somebody else has: the CSR's own signature cannot be theirs, so each is judged
    // before it.
    let other = servers.world.client().await;
    let signer = SoftKey::generate();
    for spki in [client.key.jwk().spki_der(), other.key.jwk().spki_der()] {
        let csr = build(&spki, None, &NAMES, |info| signer.sign(info));
        order.finalize(&client, &csr).await.refused(400, "badCSR");
    }
    let pkcs8 = client.key.to_pkcs8_der().unwrap();
    let csr = csr_by(&pkcs8, client.key.jwk().spki_der());
    let detail = order.finalize(&client, &csr).await.refused(400, "badCSR");
    assert!(detail.contains("the key of an ACME account"), "{detail}");
    let pkcs8 = other.key.to_pkcs8_der().unwrap();
    let csr = csr_by(&pkcs8, other.key.jwk().spki_der());
    let detail = order.finalize(&client, &csr).await.refused(400, "badCSR");
    assert!(detail.contains("the key of an ACME account"), "{detail}");
    assert!(servers.world.issued().await.is_empty());
}

fn csr_by(pkcs8: &[u8], spki: Vec<u8>) -> Vec<u8> {
    use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair};
    let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, pkcs8).unwrap();
    let random = aws_lc_rs::rand::SystemRandom::new();
    build(&spki, None, &NAMES, |info| {
        key.sign(&random, info).unwrap().as_ref().to_vec()
    })
}

/// A CSR as openssl makes it, with a subject that names more than a host.
fn openssl_csr(servers: &Servers, key: &[&str]) -> Vec<u8> {
    let dir = servers.world.dir.path();
    let (out, secret) = (dir.join("openssl.csr"), dir.join("openssl.key"));
    let made = Command::new("openssl")
        .args(["req", "-new", "-nodes", "-outform", "DER", "-newkey"])
        .args(key)
        .args(["-subj", "/C=FI/O=Example/CN=www.example.net"])
        .args([
            "-addext",
            "subjectAltName=DNS:www.example.net,DNS:mail.example.net",
        ])
        .arg("-keyout")
        .arg(secret)
        .arg("-out")
        .arg(&out)
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}");
    std::fs::read(out).unwrap()
}

#[tokio::test]
async fn keys_of_openssl_are_certified_if_they_are_strong() {
    let servers = Servers::new().await;
    let client = servers.world.client().await;
    for key in [
        &["rsa:2048"][..],
        &["ed25519"],
        &["ec", "-pkeyopt", "ec_paramgen_curve:P-384"],
    ] {
        let order = servers.ready(&client, &NAMES).await;
        let csr = openssl_csr(&servers, key);
        let done: Order = order.finalize(&client, &csr).await.ok().json();
        assert_eq!(done.status, OrderStatus::Valid, "{key:?}");
    }
    for key in [
        &["rsa:1024"][..],
        &["ec", "-pkeyopt", "ec_paramgen_curve:secp256k1"],
    ] {
        let order = servers.ready(&client, &NAMES).await;
        let csr = openssl_csr(&servers, key);
        let refused = order.finalize(&client, &csr).await;
        refused.refused(400, "badCSR");
    }
}

#[tokio::test]
async fn two_finalizes_at_once_make_one_certificate() {
    let servers = Servers::new().await;
    let client = servers.world.client().await;
    let order = servers.ready(&client, &NAMES).await;
    let (one, other) = (
        server_csr(&SoftKey::generate(), None, &NAMES),
        server_csr(&SoftKey::generate(), None, &NAMES),
    );
    let (one, other) = tokio::join!(
        order.finalize(&client, &one),
        order.finalize(&client, &other)
    );
    let mut statuses = [one.status, other.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 403]);
    assert_eq!(servers.world.issued().await.len(), 1);
    assert_eq!(order.status(&client).await, OrderStatus::Valid);
}

#[tokio::test]
async fn what_is_allowed_is_judged_again() {
    let mut servers = Servers::new().await;
    let client = servers.world.client().await;
    let order = servers.ready(&client, &NAMES).await;
    servers
        .world
        .restart(|settings| {
            assert!(settings.contains(ALLOW));
            settings.replace(ALLOW, &ALLOW.replace(".example.net", ".example.org"))
        })
        .await;
    let client = client.over(servers.world.http());
    let csr = server_csr(&SoftKey::generate(), None, &NAMES);
    let refused = order.finalize(&client, &csr).await;
    let problem = refused.problem();
    assert_eq!(problem.kind.name(), "rejectedIdentifier");
    assert_eq!(problem.subproblems.len(), 2);
    let order: Order = client.get(&order.url).await.ok().json();
    assert_eq!(order.status, OrderStatus::Invalid);
    assert_eq!(order.error, Some(problem));
    assert!(servers.world.issued().await.is_empty());
}

#[tokio::test]
async fn an_order_left_in_processing_gets_its_certificate_after_a_restart() {
    use acme_ca::store::Orders;
    let mut servers = Servers::new().await;
    let client = servers.world.client().await;
    let order = servers.ready(&client, &NAMES).await;
    let csr = server_csr(&SoftKey::generate(), None, &NAMES);
    servers.world.stop().await;
    let id = order.url.rsplit('/').next().unwrap();
    let store = servers.world.ca.store();
    let now = servers.world.now();
    store.begin(id, csr, now).await.unwrap();
    servers.world.restart(|settings| settings).await;
    let client = client.over(servers.world.http());
    assert_eq!(order.status(&client).await, OrderStatus::Valid);
    assert_eq!(servers.world.issued().await[0].names, NAMES);
}

#[tokio::test]
async fn a_name_enrolled_meanwhile_is_reserved_at_finalize() {
    let servers = Servers::new().await;
    let client = servers.world.client().await;
    let order = servers.ready(&client, &["www.example.net"]).await;
    let mut card = crate::card::Card::new(&servers.world.root, crate::world::SERIAL);
    let key = card.login();
    let grants: &[(&str, &[&str])] = &[("tls", &["www.example.net"])];
    let usage = acme_ca::records::KeyUse::Login;
    servers.world.enrol(&mut card, &key, usage, grants).await;
    let csr = server_csr(&SoftKey::generate(), None, &["www.example.net"]);
    let refused = order.finalize(&client, &csr).await;
    refused.refused(403, "rejectedIdentifier");
    assert!(servers.world.issued().await.is_empty());
    // The validated challenge is no right by itself.
    let authorization = order.authorization(&client, 0).await;
    assert_eq!(
        challenge(&authorization, "http-01").status,
        acme_wire::order::ChallengeStatus::Valid
    );
    let again = client
        .new_order(&super::request(&["www.example.net"]))
        .await;
    again.refused(403, "rejectedIdentifier");
    place(&client, &["mail.example.net"]).await;
}

#[tokio::test]
async fn a_key_that_others_know_is_not_certified_again() {
    let servers = Servers::new().await;
    let client = servers.world.client().await;
    let key = AccountKey::generate().unwrap();
    let csr = csr_by(&key.to_pkcs8_der().unwrap(), key.jwk().spki_der());
    for (by_key, reason, again) in [(true, 4, 200), (false, 1, 200), (true, 1, 400)] {
        let order = servers.ready(&client, &NAMES).await;
        let done: Order = order.finalize(&client, &csr).await.ok().json();
        let pem = client.get(&done.certificate.unwrap()).await.ok().body;
        let certificate = acme_ca::pki::certificate_der(&pem).unwrap();
        if by_key {
            revoke_for(&client, &key, &certificate, reason).await.ok();
        } else {
            revoke(&client, &certificate, Some(reason)).await.ok();
        }
        let order = servers.ready(&client, &NAMES).await;
        let answer = order.finalize(&client, &csr).await;
        assert_eq!(answer.status, again);
        if again == 400 {
            let detail = answer.refused(400, "badCSR");
            assert!(detail.contains("known to others"), "{detail}");
        }
    }
}

/// RSA-2048 with 65537 whose modulus is `p * q`.
fn rsa_spki(modulus: &[u8]) -> Vec<u8> {
    let head = "30820122300d06092a864886f70d01010105000382010f003082010a0282010100";
    let head = hex::decode(head).unwrap();
    let exponent = hex::decode("0203010001").unwrap();
    [&head[..], modulus, &exponent[..]].concat()
}

#[tokio::test]
async fn an_rsa_key_that_anybody_can_factor_is_refused() {
    let servers = Servers::new().await;
    let client = servers.world.client().await;
    let order = servers.ready(&client, &NAMES).await;
    // (2^1024 - 1)² is 2^2048 - 2^1025 + 1; every third number of ones is divisible by three.
    let mut square = vec![0xff; 256];
    square[127] = 0xfe;
    square[128..].fill(0);
    square[255] = 1;
    // (2^1024 - 17)²: 2^2048 - 34 * 2^1024 + 289, which no small number divides.
    let mut close = vec![0xff; 256];
    close[127] = 0xff - 33;
    close[128..].fill(0);
    close[254..].copy_from_slice(&289_u16.to_be_bytes());
    for (modulus, reason) in [(square, "small factor"), (close, "close together")] {
        let csr = build(&rsa_spki(&modulus), None, &NAMES, |_| vec![1; 256]);
        let detail = order.finalize(&client, &csr).await.refused(400, "badCSR");
        assert!(detail.contains(reason), "{detail}");
    }
}
