//! Revocation lists as relying parties fetch and read them: OpenSSL and ssh-keygen judge.

use std::path::Path;
use std::process::{Command, Output};

use acme_ca::records::KeyState;
use http::StatusCode;

use crate::client::Client;
use crate::lifecycle::until;
use crate::revoke::{issue_serial, leaf, revoke, ssh_blob};
use crate::world::World;

pub fn run(program: &str, dir: &Path, arguments: &[&str]) -> Output {
    Command::new(program)
        .args(arguments)
        .current_dir(dir)
        .env("LC_ALL", "C")
        .env("TZ", "UTC")
        .output()
        .unwrap_or_else(|error| panic!("{program}: {error}"))
}

/// What it printed; it must succeed.
fn said(program: &str, dir: &Path, arguments: &[&str]) -> String {
    let output = run(program, dir, arguments);
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {error}");
    String::from_utf8(output.stdout).unwrap() + &error
}

async fn fetch(world: &World, path: &str) -> Vec<u8> {
    let url = format!("{}{path}", world.base);
    let answer = world.http().get(url).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK, "{path}");
    answer.bytes().await.unwrap().to_vec()
}

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
    let world = World::new().await;
    let (mut card, key, _) = world.alice().await;
    let client = world.client().await;
    let gone = issue_serial(&client, &mut card, &key, "tls").await;
    let stays = issue_serial(&client, &mut card, &key, "tls").await;
    for chain in [&gone, &stays] {
        let output = verify(&world, &chain.body).await;
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{error}");
    }
    revoke(&client, &leaf(&gone), Some(4)).await.ok();
    let output = verify(&world, &gone.body).await;
    assert!(!output.status.success());
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(error.contains("certificate revoked"), "{error}");
    assert!(verify(&world, &stays.body).await.status.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crl_has_a_number_its_times_its_issuers_key_and_reasons() {
    let world = World::new().await;
    let (mut card, key, _) = world.alice().await;
    let client = world.client().await;
    let one = issue_serial(&client, &mut card, &key, "tls").await;
    let two = issue_serial(&client, &mut card, &key, "tls").await;
    let empty = crl(&world, "clients").await;
    for expected in [
        "Version 2 (0x1)",
        "ecdsa-with-SHA256",
        "No Revoked Certificates",
        "X509v3 Authority Key Identifier",
        "X509v3 CRL Number: \n                1\n",
    ] {
        assert!(empty.contains(expected), "{expected:?} in\n{empty}");
    }
    revoke(&client, &leaf(&one), Some(1)).await.ok();
    revoke(&client, &leaf(&two), None).await.ok();
    let told = crl(&world, "clients").await;
    assert_eq!(told.matches("Serial Number: ").count(), 2, "{told}");
    assert_eq!(told.matches("X509v3 CRL Reason Code").count(), 1, "{told}");
    assert!(told.contains("Key Compromise"), "{told}");
    for row in world.issued().await {
        assert!(told.contains(&row.serial.to_uppercase()), "{told}");
    }
    assert!(
        !told.contains("CRL Number: \n                1\n"),
        "{told}"
    );
    let others = crl(&world, "servers").await;
    assert!(others.contains("No Revoked Certificates"), "{others}");
    let root = crl(&world, "root").await;
    assert!(
        root.contains("Root CA") && root.contains("No Revoked"),
        "{root}"
    );
    // Each is signed by its issuer.
    for (name, authority) in [
        ("clients", &world.ca.hierarchy().clients),
        ("servers", &world.ca.hierarchy().servers),
    ] {
        crl(&world, name).await;
        let pem = acme_ca::pki::pem_certificate(authority.certificate_der()).unwrap();
        std::fs::write(world.dir.path().join("issuer.pem"), pem).unwrap();
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
        let verified = said("openssl", world.dir.path(), &check);
        assert!(verified.contains("verify OK"), "{verified}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crl_is_made_anew_before_it_ends_and_forgets_what_expired() {
    let world = World::new().await;
    let (mut card, key, _) = world.alice().await;
    let client = world.client().await;
    let tls = issue_serial(&client, &mut card, &key, "tls").await;
    revoke(&client, &leaf(&tls), None).await.ok();
    let first = crl(&world, "clients").await;
    assert!(first.contains("Serial Number"), "{first}");
    assert_eq!(
        crl(&world, "clients").await,
        first,
        "it stays while it is good"
    );
    let half = world.ca.config().revocation.crl_lifetime.0 / 2;
    world.advance(half);
    let second = crl(&world, "clients").await;
    assert!(
        second != first && second.contains("Serial Number"),
        "{second}"
    );
    world.advance(16 * 3600 - half);
    let third = crl(&world, "clients").await;
    assert!(third.contains("No Revoked Certificates"), "{third}");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_fetches_no_crl_any_more_lets_nobody_in_once_the_last_one_ends() {
    let world = World::new().await;
    let (mut card, key, _) = world.alice().await;
    let client = world.client().await;
    let tls = issue_serial(&client, &mut card, &key, "tls").await;
    let old = fetch(&world, "/crl/all.pem").await;
    let life = world.ca.config().revocation.crl_lifetime.0;
    world.advance(life - 60);
    let output = verify_with(&world, &tls.body, &old).await;
    assert!(output.status.success(), "{output:?}");
    world.advance(120);
    let output = verify_with(&world, &tls.body, &old).await;
    assert!(!output.status.success());
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(error.contains("CRL has expired"), "{error}");
    assert!(verify(&world, &tls.body).await.status.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_server_makes_lists_before_anybody_asks() {
    use acme_ca::revocation::lists::ListName;
    let world = World::new().await;
    let (mut card, key, id) = world.alice().await;
    let client = world.client().await;
    issue_serial(&client, &mut card, &key, "tls").await;
    let since = world.now();
    world.set_state(id, KeyState::Revoked { since }).await;
    let told = async || {
        let lists = world.ca.lists();
        let list = lists.last(ListName::Clients).await.unwrap();
        list.is_some_and(|list| list.number > 1)
    };
    until(told).await;
}

/// Whether `ssh-keygen -Q` finds a certificate in the KRL that the CA serves.
async fn in_krl(world: &World, line: &[u8]) -> bool {
    let dir = world.dir.path();
    std::fs::write(dir.join("krl"), fetch(world, "/ssh/krl").await).unwrap();
    std::fs::write(dir.join("cert.pub"), line).unwrap();
    let output = run("ssh-keygen", dir, &["-Q", "-f", "krl", "cert.pub"]);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    match output.status.code() {
        Some(0) if said.contains(": ok") => false,
        Some(1) if said.contains(": REVOKED") => true,
        _ => panic!("{said} {}", String::from_utf8_lossy(&output.stderr)),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ssh_keygen_finds_revoked_serials_and_revoked_keys_in_the_krl() {
    let world = World::new().await;
    let (mut card, key, id) = world.alice().await;
    let client = world.client().await;
    let gone = issue_serial(&client, &mut card, &key, "ssh").await;
    let stays = issue_serial(&client, &mut card, &key, "ssh").await;
    assert!(!in_krl(&world, &gone.body).await);
    revoke(&client, &ssh_blob(&gone), Some(4)).await.ok();
    assert!(in_krl(&world, &gone.body).await);
    assert!(!in_krl(&world, &stays.body).await);
    let since = world.now();
    world.set_state(id, KeyState::Revoked { since }).await;
    assert!(in_krl(&world, &stays.body).await);
    // The key itself stays in it when its certificates have expired.
    world.advance(25 * 3600);
    assert!(in_krl(&world, &stays.body).await);
    let shown = said("ssh-keygen", world.dir.path(), &["-Q", "-l", "-f", "krl"]);
    assert!(
        !shown.contains("serial:") && shown.contains("hash: SHA256:"),
        "{shown}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_are_fetched_again_only_when_they_changed() {
    let world = World::new().await;
    let (mut card, key, _) = world.alice().await;
    let client = world.client().await;
    let tls = issue_serial(&client, &mut card, &key, "tls").await;
    let http = world.http();
    for (path, media_type) in [
        ("/crl/clients.crl", "application/pkix-crl"),
        ("/crl/root.crl", "application/pkix-crl"),
        ("/crl/all.pem", "application/x-pem-file"),
        ("/ssh/krl", "application/octet-stream"),
    ] {
        let url = format!("{}{path}", world.base);
        let first = http.get(&url).send().await.unwrap();
        let headers = first.headers().clone();
        assert_eq!(headers["content-type"], media_type);
        assert_eq!(headers["cache-control"], "no-cache");
        assert!(
            !headers.contains_key("replay-nonce"),
            "a nonce would be kept, too"
        );
        let again = http.get(&url).header("if-none-match", &headers["etag"]);
        assert_eq!(
            again.send().await.unwrap().status(),
            StatusCode::NOT_MODIFIED
        );
        let other = http.get(&url).header("if-none-match", "\"other\", W/\"x\"");
        assert_eq!(other.send().await.unwrap().status(), StatusCode::OK);
        if let Some(date) = headers.get("last-modified") {
            let again = http.get(&url).header("if-modified-since", date);
            assert_eq!(
                again.send().await.unwrap().status(),
                StatusCode::NOT_MODIFIED
            );
        }
        let head = http.head(&url).send().await.unwrap();
        assert_eq!(head.status(), StatusCode::OK);
        assert_eq!(head.headers()["etag"], headers["etag"]);
    }
    let url = format!("{}/crl/clients.crl", world.base);
    let before = http.get(&url).send().await.unwrap().headers()["etag"].clone();
    revoke(&client, &leaf(&tls), None).await.ok();
    let after = http.get(&url).header("if-none-match", before);
    assert_eq!(after.send().await.unwrap().status(), StatusCode::OK);
    for nothing in ["/crl/", "/crl/krl.crl", "/crl/..%2fpki%2froot.key"] {
        let answer = http.get(format!("{}{nothing}", world.base)).send().await;
        assert_eq!(answer.unwrap().status(), StatusCode::NOT_FOUND, "{nothing}");
    }
}

/// The address that a listener of the test had: the next one may bind it.
fn free_address() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn crls_and_nothing_else_are_served_over_plain_http() {
    let plain = free_address();
    let settings = format!("[revocation]\nlisten = \"{plain}\"\ncrl_url = \"http://{plain}\"\n");
    let mut world = World::with(|text| text.replace("[revocation]\n", &settings)).await;
    let (mut card, key, _) = world.alice().await;
    let client = world.client().await;
    let tls = issue_serial(&client, &mut card, &key, "tls").await;
    let dir = world.dir.path();
    std::fs::write(dir.join("tls.pem"), &tls.body).unwrap();
    let shown = said(
        "openssl",
        dir,
        &["x509", "-in", "tls.pem", "-noout", "-text"],
    );
    let url = format!("http://{plain}/crl/clients.crl");
    assert!(shown.contains("X509v3 CRL Distribution Points"), "{shown}");
    assert!(shown.contains(&format!("URI:{url}")), "{shown}");
    revoke(&client, &leaf(&tls), None).await.ok();
    // OpenSSL fetches it where the certificate says.
    let root = fetch(&world, "/root.pem").await;
    std::fs::write(dir.join("root.pem"), root).unwrap();
    let time = world.now().to_string();
    let output = run(
        "openssl",
        dir,
        &[
            "verify",
            "-attime",
            &time,
            "-crl_check",
            "-crl_download",
            "-CAfile",
            "root.pem",
            "-untrusted",
            "tls.pem",
            "tls.pem",
        ],
    );
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(error.contains("certificate revoked"), "{error}");
    let http = reqwest::Client::builder()
        .tls_backend_preconfigured(world.tls(&[b"http/1.1"]))
        .build()
        .unwrap();
    for (path, status) in [
        ("/crl/servers.crl", 200),
        ("/crl/all.pem", 200),
        ("/ssh/krl", 404),
        ("/directory", 404),
        ("/root.pem", 404),
        ("/acme/new-nonce", 404),
    ] {
        let url = format!("http://{plain}{path}");
        let answer = http.get(&url).send().await.unwrap();
        assert_eq!(answer.status().as_u16(), status, "{path}");
        assert!(!answer.headers().contains_key("replay-nonce"));
    }
    let posted = http.post(&url).body("x").send().await.unwrap();
    assert_eq!(posted.status(), StatusCode::METHOD_NOT_ALLOWED);
    world.stop().await;
    assert!(
        http.get(&url).send().await.is_err(),
        "it stops with the server"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn certificates_say_that_there_is_no_revocation_data_where_the_profile_says_so() {
    let edit = |text: String| {
        let profile = "[profiles.tls]\n";
        assert!(text.contains(profile));
        text.replace(profile, &format!("{profile}no_rev_avail = true\n"))
    };
    let world = World::with(edit).await;
    let (mut card, key, _) = world.alice().await;
    let client: Client = world.client().await;
    let tls = issue_serial(&client, &mut card, &key, "tls").await;
    let dir = world.dir.path();
    std::fs::write(dir.join("tls.pem"), &tls.body).unwrap();
    let shown = said(
        "openssl",
        dir,
        &["x509", "-in", "tls.pem", "-noout", "-text"],
    );
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
    assert!(verify(&world, &tls.body).await.status.success());
}
