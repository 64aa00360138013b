//! What time does to authorizations that orders share: they stay while an order shows them, and
//! then nothing of them is left.

use acme_wire::order::{Authorization, AuthorizationStatus, ChallengeStatus, Order, OrderStatus};

use super::shared::new_authorization;
use super::{Servers, answer_and_wait, challenge, place};
use crate::lifecycle::until;

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;

/// How many rows a table has.
fn rows(servers: &Servers, table: &str) -> i64 {
    rusqlite::Connection::open(servers.world.ca.layout().database())
        .unwrap()
        .query_row(&format!("SELECT count(*) FROM {table}"), [], |row| {
            row.get(0)
        })
        .unwrap()
}

#[tokio::test]
async fn an_authorization_stays_while_an_order_shows_it_and_is_forgotten_then() {
    let servers = Servers::new().await;
    let begin = servers.world.now();
    let at = |since: i64| servers.world.advance(begin + since - servers.world.now());
    let anew = |client: crate::client::Client| client.over(servers.world.http());
    let client = servers.world.client().await;
    let name = "www.example.net";
    let first = servers.ready(&client, &[name]).await;
    let certificate = first.collect(&client, &[name]).await;
    let shared = first.order.authorizations[0].clone();
    new_authorization(&client, "mail.example.net").await.ok();

    at(50 * MINUTE);
    let client = anew(client);
    let second = place(&client, &[name]).await;
    assert_eq!(second.order.authorizations, std::slice::from_ref(&shared));
    second.collect(&client, &[name]).await;

    // Orders are remembered for a day after their end, authorizations after they could last be
    // taken over: this one in the 25th hour, and the second order in its fifth minute.
    let life = servers.world.ca.config().lifetimes.order.0;
    assert_eq!(life, 15 * MINUTE);
    at(25 * HOUR + 2 * MINUTE);
    let client = anew(client);
    until(async || client.get(&first.url).await.status == 404).await;
    until(async || rows(&servers, "authorizations") == 1).await;
    let shown: Order = client.get(&second.url).await.ok().json();
    assert_eq!(shown.status, OrderStatus::Valid);
    assert_eq!(shown.authorizations, std::slice::from_ref(&shared));
    let over: Authorization = client.get(&shared).await.ok().json();
    assert_eq!(over.status, AuthorizationStatus::Expired);

    at(26 * HOUR);
    let client = anew(client);
    until(async || client.get(&second.url).await.status == 404).await;
    for table in ["authorizations", "challenges", "taken", "orders"] {
        until(async || rows(&servers, table) == 0).await;
    }
    client.get(&shared).await.refused(404, "malformed");
    // The certificates are still on record.
    assert_eq!(servers.world.issued().await.len(), 2);
    assert!(acme_ca::pki::certificate_der(&certificate).is_some());
}

#[tokio::test]
async fn an_authorization_that_no_order_can_take_over_is_forgotten_too() {
    let mut servers = Servers::new().await;
    let client = servers.world.client().await;
    let made: Authorization = new_authorization(&client, "www.example.net")
        .await
        .ok()
        .json();
    let http = challenge(&made, "http-01").clone();
    servers.publish(&client, &http);
    // Nothing is shared any more when it is validated.
    servers
        .world
        .restart(|settings| settings.replace("#authorization = \"1h\"", "authorization = \"0s\""))
        .await;
    let client = client.over(servers.world.http());
    let decided = answer_and_wait(&client, &http.url).await;
    assert_eq!(decided.status, ChallengeStatus::Valid);
    let order = place(&client, &["www.example.net"]).await;
    assert_eq!(order.status(&client).await, OrderStatus::Pending);
    servers.world.advance(25 * HOUR);
    for table in ["orders", "authorizations", "challenges"] {
        until(async || rows(&servers, table) == 0).await;
    }
}
