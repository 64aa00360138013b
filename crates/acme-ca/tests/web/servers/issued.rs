//! From newOrder to a certificate that OpenSSL accepts for a server, and for nothing else.

use std::process::Command;

use acme_ca::store::certificates::CertificateKind;
use acme_wire::order::{Authorization, ChallengeStatus, Order, OrderStatus};

use super::{Ordered, Servers, answer_and_wait, challenge, place, request};

fn openssl(arguments: &[&str]) -> String {
    let output = Command::new("openssl").args(arguments).output().unwrap();
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

fn verify(servers: &Servers, pem: &[u8], purpose: &str, more: &[&str]) -> String {
    let path = servers.world.dir.path().join("server.pem");
    std::fs::write(&path, pem).unwrap();
    let path = path.to_str().unwrap();
    let root = servers.world.folder().join("pki/root.pem");
    let root = root.to_str().unwrap();
    let arguments = ["verify", "-purpose", purpose, "-CAfile", root];
    openssl(&[&arguments[..], more, &["-untrusted", path, path]].concat())
}

#[tokio::test]
async fn a_server_gets_a_certificate_for_the_names_that_it_controls() {
    let servers = Servers::new().await;
    let client = servers.world.client().await;
    let names = ["www.example.net", "*.example.net", "127.0.0.2"];
    let order = place(&client, &names).await;
    assert_eq!(order.order.status, OrderStatus::Pending);
    let shown: Vec<&str> = order
        .order
        .identifiers
        .iter()
        .map(|identifier| identifier.value.as_str())
        .collect();
    assert_eq!(shown, names);

    // Each name is offered what can show control of it.
    let offered = async |number| {
        let authorization: Authorization = order.authorization(&client, number).await;
        let kinds: Vec<String> = authorization
            .challenges
            .iter()
            .map(|challenge| challenge.kind.clone())
            .collect();
        (
            authorization.identifier.value,
            authorization.wildcard,
            kinds.join(" "),
        )
    };
    let name = |value: &str, wildcard, kinds: &str| (value.to_owned(), wildcard, kinds.to_owned());
    let all = "http-01 dns-01 tls-alpn-01";
    assert_eq!(offered(0).await, name("www.example.net", false, all));
    assert_eq!(offered(1).await, name("example.net", true, "dns-01"));
    assert_eq!(
        offered(2).await,
        name("127.0.0.2", false, "http-01 tls-alpn-01")
    );

    servers.authorize(&client, &order).await;
    let pem = order.collect(&client, &names).await;
    for name in ["www.example.net", "other.example.net"] {
        let verified = verify(&servers, &pem, "sslserver", &["-verify_hostname", name]);
        assert!(verified.contains(": OK"), "{verified}");
    }
    let by_address = verify(&servers, &pem, "sslserver", &["-verify_ip", "127.0.0.2"]);
    assert!(by_address.contains(": OK"), "{by_address}");
    let as_client = verify(&servers, &pem, "sslclient", &[]);
    assert!(
        as_client.contains("unsuitable certificate purpose"),
        "{as_client}"
    );
    let other = verify(
        &servers,
        &pem,
        "sslserver",
        &["-verify_hostname", "example.org"],
    );
    assert!(other.contains("hostname mismatch"), "{other}");

    let [row] = &servers.world.issued().await[..] else {
        panic!("one certificate")
    };
    assert_eq!(row.kind, CertificateKind::X509);
    assert_eq!(row.names, names);
    assert_eq!((row.user.as_deref(), row.key), (None, None));
    assert_eq!(row.not_after - servers.world.now(), 7 * 24 * 3600, "a week");
    let decision = &servers.world.audit("certificate.issue").await;
    let decision = decision.iter().find(|d| d.facts["profile"] == "servers");
    assert_eq!(decision.unwrap().facts["names"], names.join(","));
}

#[tokio::test]
async fn a_shorter_life_can_be_asked_for_and_a_longer_one_cannot() {
    let servers = Servers::new().await;
    let client = servers.world.client().await;
    let asked = |seconds: i64| {
        let mut request = request(&["www.example.net"]);
        let at = servers.world.now() + seconds;
        request.not_after = acme_wire::Timestamp::from_epoch(at);
        request
    };
    let day = 24 * 3600;
    let order = Ordered::of(&client.new_order(&asked(day)).await);
    servers.authorize(&client, &order).await;
    order.collect(&client, &["www.example.net"]).await;
    let row = &servers.world.issued().await[0];
    assert_eq!(row.not_after, servers.world.now() + day);
    let refused = client.new_order(&asked(91 * day)).await;
    assert!(refused.refused(400, "malformed").contains("90d"));
}

#[tokio::test]
async fn clients_without_profiles_get_the_default_one() {
    let servers = Servers::with("default_profile = \"servers\"", super::ALLOW).await;
    let client = servers.world.client().await;
    let mut plain = request(&["www.example.net"]);
    plain.profile = None;
    let order = Ordered::of(&client.new_order(&plain).await);
    assert_eq!(order.order.profile.as_deref(), Some("servers"));

    let required = Servers::new().await;
    let client = required.world.client().await;
    client
        .new_order(&plain)
        .await
        .refused(400, "invalidProfile");
}

#[tokio::test]
async fn an_order_waits_for_all_its_names() {
    let servers = Servers::new().await;
    let client = servers.world.client().await;
    let order = place(&client, &["www.example.net", "mail.example.net"]).await;
    let first = order.authorization(&client, 0).await;
    let http = challenge(&first, "http-01");
    servers.publish(&client, http);
    let decided = answer_and_wait(&client, &http.url).await;
    assert_eq!(decided.status, ChallengeStatus::Valid);
    assert!(decided.validated.is_some());
    assert_eq!(order.status(&client).await, OrderStatus::Pending);
    let early = order.finalize(&client, b"").await;
    early.refused(403, "orderNotReady");
    servers.authorize(&client, &order).await;
    let ready: Order = client.get(&order.url).await.ok().json();
    assert_eq!(ready.status, OrderStatus::Ready);
}
