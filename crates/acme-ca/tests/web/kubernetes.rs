//! kubernetes-01: pods that order certificates, with tokens of a cluster whose keys are on a real
//! HTTPS server.

use acme_ca::audit::Outcome;
use acme_ca::kubernetes::digest;
use acme_wire::order::{Authorization, ChallengeStatus, Identifier, Order, OrderStatus};
use serde_json::{Value, json};

use crate::client::{Client, Placed};
use crate::csr::csr;
use crate::der::SoftKey;
use crate::world::World;

#[path = "../kubernetes/issuer.rs"]
mod issuer;

use issuer::{ISSUER, Says, World as Cluster};

const NAME: &str = "cart.shop.svc.example.net";

/// A CA that knows a cluster.
async fn world() -> (World, Cluster) {
    let cluster = Cluster::new().await;
    let bundle = tempfile::NamedTempFile::new().unwrap();
    let root = acme_ca::pki::pem_certificate(&cluster.settings.roots[0]).unwrap();
    std::fs::write(bundle.path(), root).unwrap();
    let (path, url) = (bundle.path().display(), &cluster.settings.jwks_url);
    let more = format!(
        r#"
[profiles.pods]
kind = "x509-server"
challenges = ["kubernetes-01"]
allow = [{{ who = "anyone", names = [".svc.example.net"] }}]

[profiles.either]
kind = "x509-server"
challenges = ["http-01", "kubernetes-01"]
allow = [{{ who = "anyone", names = [".svc.example.net"] }}]

[[kubernetes]]
name = "test"
issuer = "{ISSUER}"
jwks_url = "{url}"
ca_bundle = "{path}"
names = ["{{serviceaccount}}.{{namespace}}.svc.example.net"]
"#
    );
    let world = World::with(|settings| settings + &more).await;
    (world, cluster)
}

/// What the cluster says of the pod, for this challenge.
fn claims(world: &World, client: &Client, placed: &Placed) -> Value {
    let thumbprint = acme_wire::base64url::encode(&client.thumbprint());
    let key_authorization = format!("{}.{thumbprint}", placed.token());
    let mut claims = issuer::claims();
    claims["aud"] = json!([world.base, digest(&key_authorization)]);
    for (claim, time) in [("iat", 0), ("nbf", 0), ("exp", 600)] {
        claims[claim] = json!(world.now() + time);
    }
    claims
}

fn response(token: &str) -> Vec<u8> {
    json!({ "token": token }).to_string().into_bytes()
}

async fn place(client: &Client) -> Placed {
    let placed = client.place("pods", Identifier::dns(NAME), None).await;
    assert_eq!(placed.challenge.kind, "kubernetes-01");
    assert_eq!(placed.authorization.challenges.len(), 1);
    placed
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pod_gets_a_certificate_for_its_name() {
    let (world, cluster) = world().await;
    let client = world.client().await;
    let placed = place(&client).await;
    let token = cluster.token(&claims(&world, &client, &placed));
    let answered = client.answer(&placed, &response(&token)).await;
    assert_eq!(answered.status, ChallengeStatus::Valid, "{answered:?}");
    let csr = csr(&SoftKey::generate(), None, &[NAME]);
    let certificate = client.collect(&placed, Some(&csr)).await;
    let path = world.dir.path().join("chain.pem");
    std::fs::write(&path, &certificate.body).unwrap();
    let shown = std::process::Command::new("openssl")
        .args(["x509", "-noout", "-text", "-in", path.to_str().unwrap()])
        .output()
        .unwrap();
    let shown = String::from_utf8(shown.stdout).unwrap();
    assert!(shown.contains(&format!("DNS:{NAME}")), "{shown}");
    let decisions = world.audit("challenge.answer").await;
    let [decision] = &decisions[..] else {
        panic!("{decisions:?}");
    };
    assert_eq!(decision.outcome, Outcome::Done);
    let facts = format!("{decision:?}");
    for fact in ["shop", "cart", "cart-7d9f"] {
        assert!(facts.contains(fact), "{fact}: {facts}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_proves_something_else_spends_the_challenge() {
    let (world, cluster) = world().await;
    let client = world.client().await;
    let thief = world.client().await;
    let others = place(&thief).await;
    type Change = Box<dyn Fn(&mut Value)>;
    let stolen = claims(&world, &thief, &others)["aud"].clone();
    let changes: [(&str, Change); 5] = [
        (
            "incorrectResponse",
            Box::new(move |claims| claims["aud"] = stolen.clone()),
        ),
        (
            "incorrectResponse",
            Box::new(|claims| claims["aud"] = json!(["https://kubernetes.default.svc"])),
        ),
        (
            "incorrectResponse",
            Box::new(|claims| claims["exp"] = claims["iat"].clone()),
        ),
        (
            "unauthorized",
            Box::new(|claims| claims["iss"] = json!("https://evil.example")),
        ),
        (
            "unauthorized",
            Box::new(|claims| {
                claims["sub"] = json!("system:serviceaccount:shop:web");
                claims["kubernetes.io"]["serviceaccount"]["name"] = json!("web");
            }),
        ),
    ];
    for (kind, change) in changes {
        let placed = place(&client).await;
        let right = claims(&world, &client, &placed);
        let mut wrong = right.clone();
        change(&mut wrong);
        let answered = client
            .answer(&placed, &response(&cluster.token(&wrong)))
            .await;
        assert_eq!(answered.status, ChallengeStatus::Invalid, "{wrong}");
        assert_eq!(answered.error.clone().unwrap().kind.name(), kind, "{wrong}");
        let again = client
            .answer(&placed, &response(&cluster.token(&right)))
            .await;
        assert_eq!(again, answered, "what is decided stays so");
        assert_eq!(client.order(&placed).await.status, OrderStatus::Invalid);
    }
    for payload in [
        &b"{}"[..],
        b"[]",
        br#"{"token": 7}"#,
        br#"{"token": "a.b"}"#,
    ] {
        let placed = place(&client).await;
        let answered = client.answer(&placed, payload).await;
        assert_eq!(answered.status, ChallengeStatus::Invalid);
        assert_eq!(answered.error.unwrap().kind.name(), "malformed");
    }
    assert!(world.issued().await.is_empty());
    for decision in world.audit("challenge.answer").await {
        assert_eq!(decision.outcome, Outcome::Refused);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_that_is_down_decides_nothing() {
    let (world, cluster) = world().await;
    let client = world.client().await;
    let placed = place(&client).await;
    let token = cluster.token(&claims(&world, &client, &placed));
    let up = json!({ "keys": [cluster.key.jwk("one")] }).to_string();
    cluster.say(Says::Raw("503 Service Unavailable\r\n\r\n".to_owned()));
    let answer = client.post(&placed.challenge.url, &response(&token)).await;
    answer.refused(503, "connection");
    assert_eq!(client.order(&placed).await.status, OrderStatus::Pending);
    cluster.say(Says::Body(up));
    world.advance(10);
    let answered = client.answer(&placed, &response(&token)).await;
    assert_eq!(answered.status, ChallengeStatus::Valid, "{answered:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pod_cannot_be_authorized_ahead_of_an_order() {
    let (world, _cluster) = world().await;
    let client = world.client().await;
    let url = client.directory.new_authz.clone().unwrap();
    let ask = async |profile: &str| {
        let payload = json!({ "identifier": Identifier::dns(NAME), "profile": profile });
        client.post_json(&url, &payload).await
    };
    let detail = ask("pods").await.refused(403, "rejectedIdentifier");
    assert!(detail.contains("ahead of an order"), "{detail}");
    let made: Authorization = ask("either").await.ok().json();
    let offered: Vec<_> = made.challenges.iter().map(|one| &one.kind).collect();
    assert_eq!(offered, ["http-01"]);
    let order = crate::client::order("either", Identifier::dns(NAME), None);
    let order: Order = client.new_order(&order).await.ok().json();
    let made = client.get(&order.authorizations[0]).await.ok();
    assert_eq!(made.json::<Authorization>().challenges.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_pods_name_is_not_offered() {
    let (world, _cluster) = world().await;
    let client = world.client().await;
    for identifier in [
        Identifier::dns("*.shop.svc.example.net"),
        Identifier::dns("cart.shop.svc.example.org"),
    ] {
        let order = crate::client::order("pods", identifier.clone(), None);
        let answer = client.new_order(&order).await;
        assert_eq!(
            answer.problem().kind.name(),
            "rejectedIdentifier",
            "{identifier}"
        );
    }
}
