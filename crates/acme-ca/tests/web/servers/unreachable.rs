//! Validations that fail on the way: the problem of the challenge, as its client reads it.

use acme_wire::order::{ChallengeStatus, Order, OrderStatus};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::{Servers, answer_and_wait, challenge, place};
use crate::client::Client;
use crate::http_server;

/// Answers a challenge that fails with a problem of this type, and returns its detail.
async fn fails(client: &Client, name: &str, method: &str, kind: &str) -> String {
    let order = place(client, &[name]).await;
    let authorization = order.authorization(client, 0).await;
    let url = &challenge(&authorization, method).url;
    let decided = answer_and_wait(client, url).await;
    assert_eq!(decided.status, ChallengeStatus::Invalid);
    let problem = decided.error.unwrap();
    assert_eq!(problem.kind.name(), kind, "{problem}");
    let order: Order = client.get(&order.url).await.ok().json();
    assert_eq!(order.status, OrderStatus::Invalid);
    assert_eq!(order.error.as_ref(), Some(&problem));
    problem.detail.unwrap()
}

#[tokio::test]
async fn a_name_that_does_not_exist() {
    let servers = Servers::new().await;
    let client = servers.world.client().await;
    let detail = fails(&client, "no.example.net", "http-01", "dns").await;
    assert!(detail.contains("no name no.example.net"), "{detail}");
}

#[tokio::test]
async fn an_address_that_nobody_connects_to() {
    let servers = Servers::new().await;
    let client = servers.world.client().await;
    servers.dns.address_of("www.example.net", "10.0.0.1");
    fails(&client, "www.example.net", "http-01", "connection").await;
}

#[tokio::test]
async fn a_file_that_says_something_else() {
    let servers = Servers::new().await;
    let client = servers.world.client().await;
    fails(&client, "www.example.net", "http-01", "incorrectResponse").await;
}

/// Takes connections, and says something that is no TLS.
async fn no_tls() -> (u16, tokio::task::JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.2:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let task = tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.write_all(b"220 no TLS here\r\n").await;
            // Until the other side has read it.
            let _ = stream.read_to_end(&mut Vec::new()).await;
        }
    });
    (port, task)
}

#[tokio::test]
async fn a_server_that_speaks_no_tls() {
    let mut servers = Servers::new().await;
    let (port, task) = no_tls().await;
    let tls_port = format!("tls_port = {port}\nhttp_port");
    let edit = |settings: String| settings.replacen("http_port", &tls_port, 1);
    servers.world.restart(edit).await;
    let client = servers.world.client().await;
    let detail = fails(&client, "www.example.net", "tls-alpn-01", "tls").await;
    assert!(detail.contains("TLS with www.example.net"), "{detail}");

    // The same behind a redirect of http-01.
    servers.answer_all(http_server::redirect("https://www.example.net/"));
    let detail = fails(&client, "www.example.net", "http-01", "tls").await;
    assert!(detail.contains("TLS with www.example.net"), "{detail}");
    task.abort();
}
