//! How lists are served: again only when they changed, and CRLs over plain HTTP.

use http::StatusCode;

use super::{Holder, fetch, run};
use crate::revoke::{leaf, revoke};
use crate::world::World;

#[tokio::test(flavor = "multi_thread")]
async fn lists_are_fetched_again_only_when_they_changed() {
    let mut alice = Holder::new().await;
    let tls = alice.gets("tls").await;
    let http = alice.world.http();
    for (path, media_type) in [
        ("/crl/clients.crl", "application/pkix-crl"),
        ("/crl/root.crl", "application/pkix-crl"),
        ("/crl/all.pem", "application/x-pem-file"),
        ("/ssh/krl", "application/octet-stream"),
    ] {
        let url = format!("{}{path}", alice.world.base);
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
    let url = format!("{}/crl/clients.crl", alice.world.base);
    let before = http.get(&url).send().await.unwrap().headers()["etag"].clone();
    revoke(&alice.client, &leaf(&tls), None).await.ok();
    let after = http.get(&url).header("if-none-match", before);
    assert_eq!(after.send().await.unwrap().status(), StatusCode::OK);
    for nothing in ["/crl/", "/crl/krl.crl", "/crl/..%2fpki%2froot.key"] {
        let answer = http
            .get(format!("{}{nothing}", alice.world.base))
            .send()
            .await;
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
    let world = World::with(|text| text.replace("[revocation]\n", &settings)).await;
    let mut alice = Holder::of(world).await;
    let tls = alice.gets("tls").await;
    let shown = alice.shown(&tls);
    let dir = alice.world.dir.path();
    let url = format!("http://{plain}/crl/clients.crl");
    assert!(shown.contains("X509v3 CRL Distribution Points"), "{shown}");
    assert!(shown.contains(&format!("URI:{url}")), "{shown}");
    revoke(&alice.client, &leaf(&tls), None).await.ok();
    // OpenSSL fetches it where the certificate says.
    let root = fetch(&alice.world, "/root.pem").await;
    std::fs::write(dir.join("root.pem"), root).unwrap();
    let time = alice.world.now().to_string();
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
        .tls_backend_preconfigured(alice.world.tls(&[b"http/1.1"]))
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
    alice.world.stop().await;
    assert!(
        http.get(&url).send().await.is_err(),
        "it stops with the server"
    );
}
