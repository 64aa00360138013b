//! What accounts must do: agree to terms (RFC 8555 §7.3.3), and be bound to a person (§7.3.4).

use acme_ca::ca::{ExternalKeySecret, new_external_key};
use acme_ca::records::UserName;
use acme_ca::store::Accounts;
use acme_wire::jws::bind;
use serde_json::{Value, json};

use crate::client::Client;
use crate::revoke::issue_serial;
use crate::servers::{self, Servers};
use crate::world::{SERIAL, World};

fn setting(text: &str) -> impl FnOnce(String) -> String {
    let text = format!("[acme]\n{text}\n");
    move |settings| {
        assert!(settings.contains("[acme]\n"));
        settings.replace("[acme]\n", &text)
    }
}

async fn external_key(world: &World, user: &str) -> ExternalKeySecret {
    let fresh = new_external_key().unwrap();
    let decision = acme_ca::audit::Decision::new(
        acme_ca::audit::Outcome::Done,
        "user.eab",
        acme_ca::audit::OPERATOR,
        user,
        world.now(),
    );
    let user: UserName = user.parse().unwrap();
    let expires = world.now() + 3600;
    let store = world.ca.store();
    store
        .add_external_key(&fresh.id, &user, fresh.mac.to_vec(), expires, decision)
        .await
        .unwrap();
    fresh
}

fn request(client: &Client, kid: &str, mac: &[u8]) -> Value {
    let binding = bind(client.key.jwk(), &client.directory.new_account, kid, mac);
    json!({ "externalAccountBinding": binding })
}

async fn nobody(world: &World) -> Client {
    Client::without_account(world.http(), &world.base).await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_is_bound_by_a_key_that_is_good_once() {
    let world = World::with(setting("external_account_required = true")).await;
    let mut client = nobody(&world).await;
    let meta = client.directory.meta.clone().unwrap();
    assert!(meta.external_account_required);
    let refused = client.new_account(&json!({})).await;
    refused.refused(403, "externalAccountRequired");
    let key = external_key(&world, "alice").await;
    let good = request(&client, &key.id, &*key.mac);
    let made = client.new_account(&good).await;
    assert_eq!(made.status, 201);
    client.kid = made.header("location").to_owned();
    assert_eq!(
        client.new_account(&json!({})).await.status,
        200,
        "it exists"
    );
    let second = nobody(&world).await;
    let again = request(&second, &key.id, &*key.mac);
    second
        .new_account(&again)
        .await
        .refused(403, "unauthorized");
    let keys = world.ca.store().external_keys(None).await.unwrap();
    assert!(keys[0].used.is_some() && client.kid.ends_with(keys[0].account.as_deref().unwrap()));
    let connection = rusqlite::Connection::open(world.ca.layout().database()).unwrap();
    let mac: Option<Vec<u8>> = connection
        .query_row("SELECT mac FROM external_keys", [], |row| row.get(0))
        .unwrap();
    assert_eq!(mac, None, "it is erased");
    let decisions = world.audit("account.new").await;
    assert!(
        decisions
            .iter()
            .any(|one| one.facts.get("user").is_some_and(|user| user == "alice"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_was_taken_away_while_it_was_used_makes_no_account() {
    let world = World::new().await;
    let client = nobody(&world).await;
    let key = external_key(&world, "alice").await;
    // Another account that uses it, or `ca user disable`, in between.
    world.trigger(
        "CREATE TRIGGER meanwhile BEFORE INSERT ON accounts BEGIN
           UPDATE external_keys SET mac = NULL, revoked = 1; END;",
    );
    let request = request(&client, &key.id, &*key.mac);
    let answer = client.new_account(&request).await;
    answer.refused(403, "unauthorized");
    let decisions = world.audit("account.new").await;
    assert_eq!(decisions.len(), 1, "{decisions:?}");
    assert_eq!(decisions[0].outcome, acme_ca::audit::Outcome::Refused);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_binding_that_is_not_as_it_must_be_is_refused() {
    let world = World::new().await;
    let client = nobody(&world).await;
    let other = nobody(&world).await;
    let key = external_key(&world, "alice").await;
    let url = client.directory.new_account.clone();
    let jwk = client.key.jwk();
    let with = |name: &str, value: Value| {
        let mut binding = bind(jwk, &url, &key.id, &*key.mac);
        binding[name] = value;
        binding
    };
    let header = |header: Value| {
        let encoded = acme_wire::base64url::encode(header.to_string().as_bytes());
        with("protected", encoded.into())
    };
    for (name, binding, status, kind) in [
        (
            "another MAC",
            bind(jwk, &url, &key.id, &[1; 32]),
            403,
            "unauthorized",
        ),
        (
            "another key id",
            bind(jwk, &url, "nobody", &*key.mac),
            403,
            "unauthorized",
        ),
        (
            "another url",
            bind(jwk, &client.directory.new_order, &key.id, &*key.mac),
            400,
            "malformed",
        ),
        (
            "another key",
            bind(other.key.jwk(), &url, &key.id, &*key.mac),
            400,
            "malformed",
        ),
        (
            "a nonce",
            header(json!({"alg": "HS256", "kid": key.id, "url": url, "nonce": "x"})),
            400,
            "malformed",
        ),
        (
            "ES256",
            header(json!({"alg": "ES256", "kid": key.id, "url": url})),
            400,
            "malformed",
        ),
        (
            "none",
            header(json!({"alg": "none", "kid": key.id, "url": url})),
            400,
            "malformed",
        ),
        (
            "no kid",
            header(json!({"alg": "HS256", "url": url})),
            400,
            "malformed",
        ),
        (
            "no signature",
            with("signature", "".into()),
            403,
            "unauthorized",
        ),
        ("unprotected", with("header", json!({})), 400, "malformed"),
        ("no JWS", json!("x"), 400, "malformed"),
    ] {
        let answer = client
            .new_account(&json!({"externalAccountBinding": binding}))
            .await;
        let problem = answer.problem();
        assert_eq!(
            (answer.status, problem.kind.name()),
            (status, kind),
            "{name}: {problem}"
        );
    }
    world.advance(3600);
    let late = request(&client, &key.id, &*key.mac);
    client.new_account(&late).await.refused(403, "unauthorized");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_accounts_of_a_disabled_user_do_nothing_more() {
    let world = World::new().await;
    world.add_user("bob").await;
    let (mut card, login, _) = world.alice().await;
    let mut client = nobody(&world).await;
    let key = external_key(&world, "bob").await;
    let unused = external_key(&world, "bob").await;
    let made = client
        .new_account(&request(&client, &key.id, &*key.mac))
        .await;
    client.kid = made.ok().header("location").to_owned();
    issue_serial(&client, &mut card, &login, "tls").await;
    let placed = client.place_serial("tls", SERIAL).await;
    world.disable_user("bob").await;
    client.get(&client.kid).await.refused(403, "unauthorized");
    client
        .finalize(&placed, None)
        .await
        .refused(403, "unauthorized");
    let status = world.issued().await[0].status;
    assert_eq!(status, acme_ca::store::CertificateStatus::Revoked);
    let other = nobody(&world).await;
    let late = request(&other, &unused.id, &*unused.mac);
    other.new_account(&late).await.refused(403, "unauthorized");
}

#[tokio::test]
async fn a_rule_for_names_can_be_for_a_person_or_for_a_key() {
    let rule = |who: &str, name: &str| {
        format!("[[profiles.servers.allow]]\nwho = \"{who}\"\nnames = [\"{name}\"]\n")
    };
    let mut servers = Servers::with("", &rule("user:alice", ".alice.example")).await;
    let key = external_key(&servers.world, "alice").await;
    // The rule can be there before the account.
    let more = rule(&format!("eab:{}", key.id), "www.example.net");
    servers.world.restart(|settings| settings + &more).await;
    let mut alice = nobody(&servers.world).await;
    let bound = alice
        .new_account(&request(&alice, &key.id, &*key.mac))
        .await;
    alice.kid = bound.ok().header("location").to_owned();
    let second = external_key(&servers.world, "alice").await;
    let mut other = nobody(&servers.world).await;
    let bound = other
        .new_account(&request(&other, &second.id, &*second.mac))
        .await;
    other.kid = bound.ok().header("location").to_owned();
    let stranger = servers.world.client().await;
    for (client, name, allowed) in [
        (&alice, "a.alice.example", true),
        (&alice, "www.example.net", true),
        (&alice, "mail.example.net", false),
        (&other, "a.alice.example", true),
        (&other, "www.example.net", false),
        (&stranger, "a.alice.example", false),
        (&stranger, "www.example.net", false),
    ] {
        let answer = client.new_order(&servers::request(&[name])).await;
        if allowed {
            assert_eq!(answer.status, 201, "{name}");
        } else {
            answer.refused(403, "rejectedIdentifier");
        }
    }
    // Whoever is disabled has no rule any more, nor anything else.
    servers.world.disable_user("alice").await;
    let answer = alice
        .new_order(&servers::request(&["a.alice.example"]))
        .await;
    answer.refused(403, "unauthorized");
}

#[tokio::test(flavor = "multi_thread")]
async fn terms_are_agreed_to_and_agreed_to_anew_when_they_change() {
    let first = "https://ca.example/terms/1";
    let second = "https://ca.example/terms/2";
    let mut world = World::with(setting(&format!("terms_of_service = \"{first}\""))).await;
    let mut client = nobody(&world).await;
    let meta = client.directory.meta.clone().unwrap();
    assert_eq!(meta.terms_of_service.as_deref(), Some(first));
    let refused = client.new_account(&json!({})).await;
    refused.refused(403, "userActionRequired");
    let agreed = json!({"termsOfServiceAgreed": true});
    let made = client.new_account(&agreed).await;
    assert_eq!(made.status, 201);
    client.kid = made.header("location").to_owned();
    client.place_serial("tls", SERIAL).await;
    world.restart(|text| text.replace(first, second)).await;
    let client = client.over(world.http());
    let order = crate::client::order("tls", acme_wire::order::Identifier::permanent("1"), None);
    let refused = client.new_order(&order).await;
    refused.refused(403, "userActionRequired");
    assert_eq!(refused.problem().instance.as_deref(), Some(second));
    let links: Vec<_> = refused.headers.get_all("link").iter().collect();
    let link = format!("<{second}>;rel=\"terms-of-service\"");
    assert!(links.iter().any(|one| *one == &link), "{links:?}");
    client.get(&client.kid).await.ok();
    client.post_json(&client.kid, &agreed).await.ok();
    client.place_serial("tls", SERIAL).await;
    assert_eq!(world.audit("account.agree").await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_in_a_browser_may_call_the_ca() {
    let world = World::new().await;
    let http = world.http();
    let url = format!("{}/acme/new-order", world.base);
    let preflight = http
        .request(http::Method::OPTIONS, &url)
        .send()
        .await
        .unwrap();
    assert_eq!(preflight.status().as_u16(), 204);
    let headers = preflight.headers();
    assert_eq!(headers["access-control-allow-origin"], "*");
    assert!(
        headers["access-control-allow-methods"]
            .to_str()
            .unwrap()
            .contains("POST")
    );
    assert_eq!(headers["access-control-allow-headers"], "Content-Type");
    for path in ["/directory", "/nothing"] {
        let answer = http
            .get(format!("{}{path}", world.base))
            .send()
            .await
            .unwrap();
        assert_eq!(answer.headers()["access-control-allow-origin"], "*");
        let exposed = answer.headers()["access-control-expose-headers"]
            .to_str()
            .unwrap();
        for name in ["Replay-Nonce", "Location", "Link"] {
            assert!(exposed.contains(name), "{exposed}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_comes_with_the_root_where_somebody_wants_it() {
    let world = World::new().await;
    let (mut card, key, _) = world.alice().await;
    let client = world.client().await;
    let chain = issue_serial(&client, &mut card, &key, "tls").await;
    let links: Vec<_> = chain.headers.get_all("link").iter().collect();
    let link = links
        .iter()
        .filter_map(|link| link.to_str().unwrap().strip_suffix(">;rel=\"alternate\""))
        .next()
        .unwrap();
    let url = link.trim_start_matches('<').to_owned();
    let whole = client.get(&url).await.ok();
    assert_eq!(
        whole.header("content-type"),
        "application/pem-certificate-chain"
    );
    let root = acme_ca::pki::pem_certificate(world.ca.hierarchy().root_der()).unwrap();
    assert_eq!(whole.body, [&chain.body[..], root.as_bytes()].concat());
    let stranger = world.client().await;
    stranger.get(&url).await.refused(404, "malformed");
    let plain = client.http.get(&url).send().await.unwrap();
    assert_eq!(plain.status().as_u16(), 405);
    let ssh = issue_serial(&client, &mut card, &key, "ssh").await;
    assert!(!format!("{:?}", ssh.headers).contains("alternate"));
}
