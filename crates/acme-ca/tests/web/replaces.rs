//! Which certificate an order replaces (RFC 9773 §5).

use std::time::Duration;

use acme_wire::order::{Identifier, NewOrder, Order, OrderStatus};
use acme_wire::problem::Problem;

use crate::client::{Answer, Client, order};
use crate::csr::server_csr;
use crate::der::SoftKey;
use crate::lifecycle::until;
use crate::renewal::{cert_id, window};
use crate::revoke::{issue_serial, leaf, revoke};
use crate::servers::{Ordered, Servers, answer_and_wait, challenge, request};
use crate::world::{SERIAL, World};

const WWW: &[&str] = &["www.example.net"];

fn replacing(names: &[&str], id: &str) -> NewOrder {
    NewOrder {
        replaces: Some(id.to_owned()),
        ..request(names)
    }
}

/// A certificate for these names; how `replaces` names it.
async fn issued(servers: &Servers, client: &Client, names: &[&str]) -> String {
    let order = servers.ready(client, names).await;
    let pem = order.collect(client, names).await;
    cert_id(&acme_ca::pki::certificate_der(&pem).unwrap())
}

async fn replace(client: &Client, id: &str) -> Answer {
    client.new_order(&replacing(WWW, id)).await
}

/// Days go by, and with them the nonce that the client has.
fn days_later(servers: &Servers, client: &Client) {
    servers.world.advance(3 * 24 * 3600);
    client.nonce.lock().unwrap().take();
}

/// The order in `replaced_by` of the oldest certificate.
async fn replaced_by(servers: &Servers) -> Option<String> {
    let rows = servers.world.issued().await;
    let by = rows.last().unwrap().replaced_by.clone()?;
    Some(format!("{}/acme/order/{by}", servers.world.base))
}

#[tokio::test]
async fn an_order_says_what_it_replaces_and_no_other_replaces_it_again() {
    let servers = Servers::new().await;
    let client = servers.world.client().await;
    let first = issued(&servers, &client, WWW).await;
    let before = window(&servers.world, &first).await;

    let second = Ordered::of(&replace(&client, &first).await);
    assert_eq!(second.order.replaces.as_ref(), Some(&first));
    let ready = servers.authorize(&client, &second).await;
    assert_eq!(ready.replaces.as_ref(), Some(&first));
    let detail = replace(&client, &first)
        .await
        .refused(409, "alreadyReplaced");
    assert!(detail.contains(&second.url), "{detail}");

    let pem = second.collect(&client, WWW).await;
    let valid: Order = client.get(&second.url).await.ok().json();
    assert_eq!(
        (valid.status, valid.replaces.as_ref()),
        (OrderStatus::Valid, Some(&first))
    );
    replace(&client, &first)
        .await
        .refused(409, "alreadyReplaced");
    let refused = servers.world.audit("order.new").await;
    assert!(
        refused[0].reasons[0].contains("is replaced by the order"),
        "{refused:?}"
    );
    assert_eq!(replaced_by(&servers).await, Some(second.url.clone()));
    // Whoever still has the old one is told the same as ever (RFC 9773 §4).
    assert_eq!(window(&servers.world, &first).await, before);

    // Long after the order itself was forgotten, too; its certificate can be replaced in turn.
    days_later(&servers, &client);
    until(async || client.get(&second.url).await.status == 404).await;
    replace(&client, &first)
        .await
        .refused(409, "alreadyReplaced");
    let next = cert_id(&acme_ca::pki::certificate_der(&pem).unwrap());
    assert_eq!(replace(&client, &next).await.status, 201);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_orders_at_once_one_replaces_it() {
    let servers = Servers::new().await;
    let client = servers.world.client().await;
    let id = issued(&servers, &client, WWW).await;
    let (a, b, c, d) = tokio::join!(
        replace(&client, &id),
        replace(&client, &id),
        replace(&client, &id),
        replace(&client, &id),
    );
    let mut statuses = [a.status, b.status, c.status, d.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 409, 409, 409]);
}

#[tokio::test]
async fn an_order_that_becomes_invalid_replaces_nothing() {
    let servers = Servers::new().await;
    let client = servers.world.client().await;
    let names = ["mail.example.net", "www.example.net"];
    let id = issued(&servers, &client, &names).await;
    let replacing =
        async |names: &[&str]| Ordered::of(&client.new_order(&replacing(names, &id)).await);

    // A validation that fails; nothing is published for the name.
    let names = ["new.example.net", "www.example.net"];
    let order = replacing(&names).await;
    let authorization = order.authorization(&client, 0).await;
    answer_and_wait(&client, &challenge(&authorization, "http-01").url).await;
    assert_eq!(order.status(&client).await, OrderStatus::Invalid);
    assert_eq!(replaced_by(&servers).await, None);

    // An authorization that is given up.
    let order = replacing(&names).await;
    let deactivate = serde_json::json!({"status": "deactivated"});
    let url = &order.order.authorizations[0];
    client.post_json(url, &deactivate).await.ok();
    assert_eq!(order.status(&client).await, OrderStatus::Invalid);
    assert_eq!(replaced_by(&servers).await, None);

    // An order that ends while its certificate is being made.
    let order = replacing(&["www.example.net"]).await;
    servers.world.trigger(
        "CREATE TRIGGER broken BEFORE INSERT ON certificates BEGIN
           UPDATE orders SET status = 'invalid', open = 0 WHERE id = NEW.order_id; END;",
    );
    let csr = server_csr(&SoftKey::generate(), None, WWW);
    assert!(order.finalize(&client, &csr).await.status >= 400);
    assert_eq!(order.status(&client).await, OrderStatus::Invalid);
    assert_eq!(replaced_by(&servers).await, None);

    // One that expires.
    replacing(&names).await;
    days_later(&servers, &client);
    until(async || replaced_by(&servers).await.is_none()).await;
    replacing(&names).await;
}

#[tokio::test]
async fn an_order_whose_time_is_over_replaces_nothing_before_it_is_swept() {
    let mut servers = Servers::new().await;
    servers.world.options.upkeep = Duration::from_secs(3600);
    servers.world.restart(|settings| settings).await;
    let client = servers.world.client().await;
    let id = issued(&servers, &client, WWW).await;
    let late = Ordered::of(&replace(&client, &id).await);
    days_later(&servers, &client);
    let next = Ordered::of(&replace(&client, &id).await);
    assert_eq!(late.status(&client).await, OrderStatus::Invalid);
    // Nor does its end, written down at last, free what is another's by now.
    let end = format!(
        "UPDATE orders SET status = 'invalid', open = 0 WHERE id = '{}'",
        late.url.rsplit('/').next().unwrap()
    );
    servers.world.sql(&end);
    assert_eq!(replaced_by(&servers).await, Some(next.url));
}

#[tokio::test]
async fn what_is_not_there_and_what_is_anothers_look_the_same() {
    let servers = Servers::new().await;
    let client = servers.world.client().await;
    let theirs = issued(&servers, &client, WWW).await;
    let (authority, _) = theirs.split_once('.').unwrap();
    let unknown = format!("{authority}.{}", acme_wire::base64url::encode(&[7; 16]));
    let foreign = format!("{}.AQ", acme_wire::base64url::encode(&[7; 20]));
    // The CA's own, which no account ordered.
    let rows = servers.world.ca.store();
    let all = acme_ca::store::Certificates::certificates(rows, Default::default()).await;
    let own = all.unwrap().into_iter().find(|row| row.profile == "server");
    let own = own.unwrap().body.unwrap();
    let own = cert_id(&acme_ca::pki::certificate_der(&own).unwrap());

    let stranger = servers.world.client().await;
    for id in [&theirs, &unknown, &foreign, &own] {
        let answer = replace(&stranger, id).await;
        let detail = answer.refused(400, "malformed");
        assert_eq!(
            detail,
            "\"replaces\" names no certificate that this account ordered here"
        );
        assert_eq!(answer.json::<Problem>().subproblems, []);
    }
    for id in ["", ".", "x", &format!("{theirs}=="), &"x".repeat(5000)] {
        let detail = replace(&stranger, id).await.refused(400, "malformed");
        assert!(detail.contains("no certificate identifier"), "{detail}");
    }
    assert_eq!(replaced_by(&servers).await, None);
    assert_eq!(replace(&client, &theirs).await.status, 201);
}

#[tokio::test]
async fn an_order_replaces_what_it_shares_an_identifier_with() {
    let servers = Servers::new().await;
    let client = servers.world.client().await;
    let id = issued(&servers, &client, &["www.example.net", "127.0.0.2"]).await;
    for other in [&["mail.example.net"][..], &["*.example.net", "example.net"]] {
        let answer = client.new_order(&replacing(other, &id)).await;
        let detail = answer.refused(400, "malformed");
        assert!(detail.contains("none of the identifiers"), "{detail}");
    }
    for shares in [&["mail.example.net", "WWW.example.net"][..], &["127.0.0.2"]] {
        let order = Ordered::of(&client.new_order(&replacing(shares, &id)).await);
        let deactivate = serde_json::json!({"status": "deactivated"});
        client
            .post_json(&order.order.authorizations[0], &deactivate)
            .await
            .ok();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_for_a_yubikey_is_replaced_by_its_serial_number_or_name() {
    let world = World::new().await;
    let (mut card, key, _) = world.alice().await;
    let client = world.client().await;
    let ask = async |certificate: &[u8], profile: &str, identifier: Identifier| {
        let request = NewOrder {
            replaces: Some(cert_id(certificate)),
            ..order(profile, identifier, None)
        };
        client.new_order(&request).await
    };
    let tls = leaf(&issue_serial(&client, &mut card, &key, "tls").await);
    let other = Identifier::permanent((SERIAL + 1).to_string());
    ask(&tls, "tls", other).await.refused(400, "malformed");
    let bob = Identifier::dns("bob.example");
    ask(&tls, "tls", bob).await.refused(400, "malformed");
    let serial = Identifier::permanent(SERIAL.to_string());
    assert_eq!(ask(&tls, "tls", serial.clone()).await.status, 201);
    ask(&tls, "tls", serial)
        .await
        .refused(409, "alreadyReplaced");

    // One that was revoked can be replaced, too.
    let tls = leaf(&issue_serial(&client, &mut card, &key, "tls").await);
    revoke(&client, &tls, Some(4)).await.ok();
    let name = Identifier::dns("Alice.laptop.example");
    assert_eq!(ask(&tls, "tls", name).await.status, 201);
}
