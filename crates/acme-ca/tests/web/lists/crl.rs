//! CRLs: OpenSSL judges what is in them, and what it refuses by them.

use std::process::Output;

use acme_ca::records::KeyState;

use super::{Holder, fetch, run, said};
use crate::lifecycle::until;
use crate::revoke::{leaf, revoke};
use crate::world::World;

/// Fetches a CRL in DER to a file in the world's folder, and shows it.
async fn crl(world: &World, name: &str) -> String {
    let dir = world.dir.path();
    let body = fetch(world, &format!("/crl/{name}.crl")).await;
    std::fs::write(dir.join("fetched.crl"), body).unwrap();
    let show = [
        "crl",
        "-inform",
        "DER",
        "-in",
        "fetched.crl",
        "-noout",
        "-text",
    ];
    said("openssl", dir, &show)
}

/// `openssl verify` of a downloaded chain with the CRLs of the whole chain, as nginx does it.
async fn verify(world: &World, chain: &[u8]) -> Output {
    let crls = fetch(world, "/crl/all.pem").await;
    verify_with(world, chain, &crls).await
}

/// The same with CRLs that were fetched before.
async fn verify_with(world: &World, chain: &[u8], crls: &[u8]) -> Output {
    let dir = world.dir.path();
    std::fs::write(dir.join("chain.pem"), chain).unwrap();
    std::fs::write(dir.join("crls.pem"), crls).unwrap();
    let root = fetch(world, "/root.pem").await;
    std::fs::write(dir.join("root.pem"), root).unwrap();
    let time = world.now().to_string();
    let arguments = [
        "verify",
        "-attime",
        &time,
        "-crl_check_all",
        "-x509_strict",
        "-CAfile",
        "root.pem",
        "-CRLfile",
        "crls.pem",
        "-untrusted",
        "chain.pem",
        "chain.pem",
    ];
    run("openssl", dir, &arguments)
}

#[tokio::test(flavor = "multi_thread")]
async fn openssl_refuses_what_was_revoked_and_nothing_else() {
    let mut alice = Holder::new().await;
    let gone = alice.gets("tls").await;
    let stays = alice.gets("tls").await;
    for chain in [&gone, &stays] {
        let output = verify(&alice.world, &chain.body).await;
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{error}");
    }
    revoke(&alice.client, &leaf(&gone), Some(4)).await.ok();
    let output = verify(&alice.world, &gone.body).await;
    assert!(!output.status.success());
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(error.contains("certificate revoked"), "{error}");
    assert!(verify(&alice.world, &stays.body).await.status.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crl_has_a_number_its_times_its_issuers_key_and_reasons() {
    let mut alice = Holder::new().await;
    let one = alice.gets("tls").await;
    let two = alice.gets("tls").await;
    let empty = crl(&alice.world, "clients").await;
    for expected in [
        "Version 2 (0x1)",
        "ecdsa-with-SHA256",
        "No Revoked Certificates",
        "X509v3 Authority Key Identifier",
        "X509v3 CRL Number: \n                1\n",
    ] {
        assert!(empty.contains(expected), "{expected:?} in\n{empty}");
    }
    revoke(&alice.client, &leaf(&one), Some(1)).await.ok();
    revoke(&alice.client, &leaf(&two), None).await.ok();
    let told = crl(&alice.world, "clients").await;
    assert_eq!(told.matches("Serial Number: ").count(), 2, "{told}");
    assert_eq!(told.matches("X509v3 CRL Reason Code").count(), 1, "{told}");
    assert!(told.contains("Key Compromise"), "{told}");
    for row in alice.world.issued().await {
        assert!(told.contains(&row.serial.to_uppercase()), "{told}");
    }
    assert!(
        !told.contains("CRL Number: \n                1\n"),
        "{told}"
    );
    let others = crl(&alice.world, "servers").await;
    assert!(others.contains("No Revoked Certificates"), "{others}");
    let root = crl(&alice.world, "root").await;
    assert!(
        root.contains("Root CA") && root.contains("No Revoked"),
        "{root}"
    );
    // Each is signed by its issuer.
    for (name, authority) in [
        ("clients", &alice.world.ca.hierarchy().clients),
        ("servers", &alice.world.ca.hierarchy().servers),
    ] {
        crl(&alice.world, name).await;
        let pem = acme_ca::pki::pem_certificate(authority.certificate_der()).unwrap();
        std::fs::write(alice.world.dir.path().join("issuer.pem"), pem).unwrap();
        let check = [
            "crl",
            "-inform",
            "DER",
            "-in",
            "fetched.crl",
            "-noout",
            "-CAfile",
            "issuer.pem",
        ];
        let verified = said("openssl", alice.world.dir.path(), &check);
        assert!(verified.contains("verify OK"), "{verified}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crl_is_made_anew_before_it_ends_and_forgets_what_expired() {
    let mut alice = Holder::new().await;
    let tls = alice.gets("tls").await;
    revoke(&alice.client, &leaf(&tls), None).await.ok();
    let first = crl(&alice.world, "clients").await;
    assert!(first.contains("Serial Number"), "{first}");
    assert_eq!(
        crl(&alice.world, "clients").await,
        first,
        "it stays while it is good"
    );
    let half = alice.world.ca.config().revocation.crl_lifetime.0 / 2;
    alice.world.advance(half);
    let second = crl(&alice.world, "clients").await;
    assert!(
        second != first && second.contains("Serial Number"),
        "{second}"
    );
    // RFC 5280 §3.3: one more list tells of it after its end, whenever that is made.
    alice.world.advance(16 * 3600 - half);
    let third = crl(&alice.world, "clients").await;
    assert!(
        third != second && third.contains("Serial Number"),
        "{third}"
    );
    alice.world.advance(2 * half - 1);
    let fourth = crl(&alice.world, "clients").await;
    assert!(fourth.contains("Serial Number"), "{fourth}");
    alice.world.advance(half);
    let fifth = crl(&alice.world, "clients").await;
    assert!(fifth.contains("No Revoked Certificates"), "{fifth}");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_fetches_no_crl_any_more_lets_nobody_in_once_the_last_one_ends() {
    let mut alice = Holder::new().await;
    let tls = alice.gets("tls").await;
    let old = fetch(&alice.world, "/crl/all.pem").await;
    let life = alice.world.ca.config().revocation.crl_lifetime.0;
    alice.world.advance(life - 60);
    let output = verify_with(&alice.world, &tls.body, &old).await;
    assert!(output.status.success(), "{output:?}");
    alice.world.advance(120);
    let output = verify_with(&alice.world, &tls.body, &old).await;
    assert!(!output.status.success());
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(error.contains("CRL has expired"), "{error}");
    assert!(verify(&alice.world, &tls.body).await.status.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_server_makes_lists_before_anybody_asks() {
    use acme_ca::revocation::lists::ListName;
    let mut alice = Holder::new().await;
    alice.gets("tls").await;
    let since = alice.world.now();
    alice
        .world
        .set_state(alice.id, KeyState::Revoked { since })
        .await;
    let told = async || {
        let lists = alice.world.ca.lists();
        let list = lists.last(ListName::Clients).await.unwrap();
        list.is_some_and(|list| list.number > 1)
    };
    until(told).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn certificates_say_that_there_is_no_revocation_data_where_the_profile_says_so() {
    let edit = |text: String| {
        let profile = "[profiles.tls]\n";
        assert!(text.contains(profile));
        text.replace(profile, &format!("{profile}no_rev_avail = true\n"))
    };
    let world = World::with(edit).await;
    let mut alice = Holder::of(world).await;
    let tls = alice.gets("tls").await;
    let shown = alice.shown(&tls);
    let dir = alice.world.dir.path();
    assert!(!shown.contains("CRL Distribution Points"), "{shown}");
    std::fs::write(dir.join("tls.der"), leaf(&tls)).unwrap();
    let parsed = said(
        "openssl",
        dir,
        &["asn1parse", "-inform", "DER", "-in", "tls.der"],
    );
    assert!(
        parsed.contains(":2.5.29.56") || parsed.contains("No Revocation"),
        "{parsed}"
    );
    assert!(verify(&alice.world, &tls.body).await.status.success());
}
