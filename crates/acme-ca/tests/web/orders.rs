//! newOrder: what it takes, what it refuses, and what it never tells.

use acme_wire::order::{Challenge, ChallengeStatus, Identifier, IdentifierType, NewOrder};
use acme_wire::{Timestamp, account::OrdersList};
use serde_json::{Value, json};

use crate::client::{Answer, Client, order};
use crate::world::{SERIAL, World};

const HOURS_16: i64 = 16 * 60 * 60;

fn serial() -> Identifier {
    Identifier::permanent(SERIAL.to_string())
}

async fn orders(client: &Client) -> Vec<String> {
    let list = client.get(&format!("{}/orders", client.kid)).await.ok();
    list.json::<OrdersList>().orders
}

/// An order that is refused: nothing is made, and the audit has the reason.
async fn is_refused(world: &World, client: &Client, request: &NewOrder, kind: &str, reason: &str) {
    let answer = client.new_order(request).await;
    let detail = answer.refused(400, kind);
    assert!(
        detail.contains(reason),
        "{detail:?} says nothing of {reason:?}"
    );
    assert!(orders(client).await.is_empty());
    let audit = world.audit("order.new").await;
    assert_eq!(audit.last().unwrap().reasons, [detail]);
}

#[tokio::test(flavor = "multi_thread")]
async fn validity_too_long() {
    let world = World::new().await;
    let client = world.client().await;
    let until = Some(world.now() + HOURS_16 + 1);
    let request = order("tls", serial(), until);
    is_refused(
        &world,
        &client,
        &request,
        "malformed",
        "further off than this profile allows (16h)",
    )
    .await;
    let most = order("tls", serial(), Some(world.now() + HOURS_16));
    assert_eq!(client.new_order(&most).await.status, 201);
}

#[tokio::test(flavor = "multi_thread")]
async fn validity_in_the_past() {
    let world = World::new().await;
    let client = world.client().await;
    for until in [world.now() - 1, world.now()] {
        let request = order("tls", serial(), Some(until));
        is_refused(&world, &client, &request, "malformed", "not in the future").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn validity_zero() {
    let world = World::new().await;
    let client = world.client().await;
    let request = order("tls", serial(), Some(0));
    is_refused(&world, &client, &request, "malformed", "not in the future").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn not_before_cannot_be_chosen() {
    let world = World::new().await;
    let client = world.client().await;
    let request = NewOrder {
        not_before: Timestamp::from_epoch(world.now() + 60),
        ..order("tls", serial(), None)
    };
    is_refused(
        &world,
        &client,
        &request,
        "malformed",
        "notBefore cannot be chosen",
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn validity_that_is_no_time() {
    let world = World::new().await;
    let client = world.client().await;
    for wrong in [
        json!("tomorrow"),
        json!(0),
        json!("2030-01-01T00:00:00.5Z"),
        json!(""),
    ] {
        let request = json!({
            "profile": "tls", "notAfter": wrong,
            "identifiers": [{"type": "permanent-identifier", "value": "1"}],
        });
        let answer = client
            .post_json(&client.directory.new_order, &request)
            .await;
        answer.refused(400, "malformed");
    }
    assert!(orders(&client).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_profile_is_required_and_must_exist() {
    let world = World::new().await;
    let client = world.client().await;
    let none = NewOrder {
        profile: None,
        ..order("tls", serial(), None)
    };
    is_refused(&world, &client, &none, "invalidProfile", "names no profile").await;
    let other = order("vpn", serial(), None);
    is_refused(
        &world,
        &client,
        &other,
        "invalidProfile",
        "no profile \"vpn\"",
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_yubikey_order_has_exactly_one_identifier() {
    let world = World::new().await;
    let client = world.client().await;
    for identifiers in [vec![], vec![serial(), Identifier::dns("alice.example")]] {
        let request = NewOrder {
            identifiers,
            ..order("tls", serial(), None)
        };
        is_refused(
            &world,
            &client,
            &request,
            "malformed",
            "exactly one identifier",
        )
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn identifiers_that_cannot_be() {
    let world = World::new().await;
    let client = world.client().await;
    for (identifier, kind, reason) in [
        (
            Identifier::permanent("020000001"),
            "malformed",
            "leading zeros",
        ),
        (Identifier::permanent("0x10"), "malformed", "decimal"),
        (Identifier::permanent(""), "malformed", "decimal"),
        (Identifier::dns("*.example.com"), "malformed", "wildcard"),
        (
            Identifier {
                kind: IdentifierType::Ip,
                value: "127.0.0.1".into(),
            },
            "unsupportedIdentifier",
            "\"ip\"",
        ),
    ] {
        let request = order("tls", identifier, None);
        is_refused(&world, &client, &request, kind, reason).await;
    }
}

/// What an answer says, without what is random or its own.
fn shape(answer: &Answer) -> Value {
    let mut body: Value = answer.json();
    for member in [
        "authorizations",
        "finalize",
        "identifiers",
        "identifier",
        "expires",
    ] {
        if let Some(value) = body.get_mut(member) {
            *value = Value::Null;
        }
    }
    if let Some(challenges) = body.get_mut("challenges") {
        for challenge in challenges.as_array_mut().unwrap() {
            challenge["url"] = Value::Null;
            challenge["token"] = Value::Null;
        }
    }
    body
}

#[tokio::test(flavor = "multi_thread")]
async fn new_order_never_tells_whether_a_serial_is_enrolled() {
    let world = World::new().await;
    world.alice().await;
    let client = world.client().await;
    let mut seen = Vec::new();
    for identifier in [
        serial(),
        Identifier::permanent("20000777"),
        Identifier::dns("alice.laptop.example"),
        Identifier::dns("nobody.laptop.example"),
    ] {
        let made = client.new_order(&order("tls", identifier, None)).await;
        assert_eq!(made.status, 201);
        let made_order: acme_wire::order::Order = made.json();
        let authorization = client.get(&made_order.authorizations[0]).await;
        seen.push((shape(&made), shape(&authorization)));
    }
    for other in &seen {
        assert_eq!(other, &seen[0]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_authorization_offers_the_one_challenge_of_its_profile() {
    let world = World::new().await;
    let client = world.client().await;
    for (profile, kind) in [
        ("tls", "yubikey-01"),
        ("tls-disk", "yubikey-02"),
        ("ssh", "yubikey-01"),
    ] {
        let placed = client.place_serial(profile, SERIAL).await;
        let kinds: Vec<_> = placed
            .authorization
            .challenges
            .iter()
            .map(|c| &c.kind)
            .collect();
        assert_eq!(kinds, [kind]);
        let kind = kind.parse().unwrap();
        acme_yubikey::ChallengeValue::from_token(kind, placed.token()).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn new_authz_is_refused() {
    let world = World::new().await;
    let client = world.client().await;
    assert_eq!(client.directory.new_authz, None);
    let url = format!("{}/acme/new-authz", world.base);
    let request = json!({"identifier": {"type": "permanent-identifier", "value": "1"}});
    client
        .post_json(&url, &request)
        .await
        .refused(400, "unsupportedIdentifier");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_has_so_many_open_orders() {
    let mut world = World::new().await;
    world.options.limits.open_orders = 2;
    world.restart(|settings| settings).await;
    let client = world.client().await;
    client.place_serial("tls", SERIAL).await;
    client.place_serial("tls", SERIAL).await;
    let answer = client.new_order(&order("tls", serial(), None)).await;
    let seconds = answer.limited(&world.base);
    assert!((1..=world.ca.config().lifetimes.order.0).contains(&seconds));
    world.advance(seconds);
    let answer = client.new_order(&order("tls", serial(), None)).await;
    assert_eq!(answer.status, 201);
    let other = world.client().await;
    other.place_serial("tls", SERIAL).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_makes_so_many_orders_and_accounts() {
    let mut world = World::new().await;
    world.options.limits.orders = 1;
    world.options.limits.accounts = 2;
    world.restart(|settings| settings).await;
    let client = world.client().await;
    client.place_serial("tls", SERIAL).await;
    let answer = client.new_order(&order("tls", serial(), None)).await;
    assert!((1..=60).contains(&answer.limited(&world.base)));
    world.client().await;
    let third = Client::without_account(world.http(), &world.base).await;
    let answer = third.new_account(&json!({})).await;
    assert!((1..=3600).contains(&answer.limited(&world.base)));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_is_refused_so_many_times() {
    let mut world = World::new().await;
    world.options.limits.failures = 2;
    world.restart(|settings| settings).await;
    let client = world.client().await;
    let placed = client.place_serial("tls", SERIAL).await;
    let other = client.place_serial("tls", SERIAL).await;
    client.answer(&placed, b"{}").await;
    client
        .new_order(&order("vpn", serial(), None))
        .await
        .refused(400, "invalidProfile");
    let answer = client.post(&other.challenge.url, b"{}").await;
    assert!((1..=60).contains(&answer.limited(&world.base)));
    client
        .new_order(&order("vpn", serial(), None))
        .await
        .refused(429, "rateLimited");
    let challenge: Challenge = client.get(&other.challenge.url).await.ok().json();
    assert_eq!(challenge.status, ChallengeStatus::Pending, "not spent");
    assert_eq!(
        world.audit("order.new").await.len(),
        1,
        "and nothing more written down"
    );
}

/// The orders of one page, and the URL of the next one.
async fn page(client: &Client, url: &str) -> (Vec<String>, Option<String>) {
    let page = client.get(url).await.ok();
    let links = page.headers.get_all("link").iter();
    let next = links
        .filter_map(|link| link.to_str().ok()?.strip_suffix(">;rel=\"next\""))
        .map(|link| link.strip_prefix('<').unwrap().to_owned())
        .next();
    (page.json::<OrdersList>().orders, next)
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_are_listed_in_pages_and_the_last_one_says_so() {
    let mut world = World::new().await;
    world.options.limits.open_orders = 1000;
    world.restart(|settings| settings).await;
    let client = world.client().await;
    let mut made = Vec::new();
    let mut place = async |count: usize| {
        for _ in 0..count {
            let answer = client.new_order(&order("tls", serial(), None)).await;
            made.push(answer.ok().header("location").to_owned());
        }
    };
    let all = format!("{}/orders", client.kid);
    assert_eq!(page(&client, &all).await, (vec![], None));
    // A page that is just full is the last one.
    place(100).await;
    let (first, next) = page(&client, &all).await;
    assert_eq!((first.len(), next), (100, None));
    place(1).await;
    let (mut listed, next) = page(&client, &all).await;
    assert_eq!(listed.len(), 100);
    let (second, last) = page(&client, &next.unwrap()).await;
    assert_eq!((second.len(), last), (1, None));
    listed.extend(second);
    listed.sort_unstable();
    made.sort_unstable();
    assert_eq!(listed, made, "each of them once");
}
