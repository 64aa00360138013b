//! Limits: each says when to come back, and where to read about it.

use super::{Servers, answer_and_wait, challenge, place, request};

#[tokio::test]
async fn an_order_has_so_many_identifiers() {
    let servers = Servers::new().await;
    let client = servers.world.client().await;
    let names: Vec<String> = (0..101).map(|n| format!("n{n}.example.net")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let order = place(&client, &names[..100]).await;
    assert_eq!(order.order.authorizations.len(), 100);
    let last = order.authorization(&client, 99).await;
    assert_eq!(last.identifier.value, "n99.example.net");
    let refused = client.new_order(&request(&names)).await;
    let detail = refused.refused(429, "rateLimited");
    assert!(detail.contains("101") && detail.contains("100"), "{detail}");
    refused.links_help(&servers.world.base);
}

#[tokio::test]
async fn an_account_fails_so_many_validations() {
    let mut servers = Servers::new().await;
    servers.world.options.limits.failed_validations = 2;
    servers.world.restart(|settings| settings).await;
    let client = servers.world.client().await;
    let attempt = async || {
        let order = place(&client, &["www.example.net"]).await;
        let authorization = order.authorization(&client, 0).await;
        challenge(&authorization, "http-01").clone()
    };
    for _ in 0..2 {
        let http = attempt().await;
        answer_and_wait(&client, &http.url).await;
    }
    let http = attempt().await;
    servers.publish(&client, &http);
    let refused = client.post(&http.url, b"{}").await;
    let wait = refused.limited(&servers.world.base);
    assert!((1..=3600).contains(&wait));
    // Others go on, and so does this one after a while.
    let other = servers.world.client().await;
    servers.ready(&other, &["mail.example.net"]).await;
    servers.world.advance(wait);
    servers.ready(&client, &["www.example.net"]).await;
}

#[tokio::test]
async fn an_address_fails_so_many_validations_whatever_the_account() {
    let mut servers = Servers::new().await;
    servers.world.options.limits.failures = 2;
    servers.world.restart(|settings| settings).await;
    let order = async || {
        let client = servers.world.client().await;
        let order = place(&client, &["www.example.net"]).await;
        (order.authorization(&client, 0).await, client)
    };
    let (last, client) = order().await;
    for _ in 0..2 {
        let (authorization, client) = order().await;
        answer_and_wait(&client, &challenge(&authorization, "http-01").url).await;
    }
    let refused = client.post(&challenge(&last, "http-01").url, b"{}").await;
    assert!((1..=60).contains(&refused.limited(&servers.world.base)));
}

#[tokio::test]
async fn the_page_about_limits_says_what_they_are() {
    let servers = Servers::new().await;
    let url = format!("{}/limits", servers.world.base);
    let page = servers.world.http().get(url).send().await.unwrap();
    assert_eq!(page.status(), 200);
    let text = page.text().await.unwrap();
    assert!(text.contains("100 identifiers in one order"), "{text}");
}
