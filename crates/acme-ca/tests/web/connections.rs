//! Connections: the drain, slow clients, limits, and the server's own certificate.

use std::sync::Arc;
use std::time::Duration;

use acme_ca::serve::{ServeError, Server};
use acme_ca::store::CertificateStatus;
use acme_wire::jws::{self, KeyId};
use acme_wire::order::{Order, OrderStatus};
use rustls_pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::lifecycle::{ready, until};
use crate::world::World;

#[tokio::test(flavor = "multi_thread")]
async fn a_second_server_of_the_same_folder_is_refused() {
    let world = World::new().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let second = Server::new(Arc::clone(&world.ca), listener, world.options.clone()).await;
    assert!(matches!(second, Err(ServeError::Open(_))), "{second:?}");
}

fn address(world: &World) -> &str {
    world.base.strip_prefix("https://").unwrap()
}

pub async fn connect(world: &World) -> TlsStream<TcpStream> {
    let stream = TcpStream::connect(address(world)).await.unwrap();
    let tls = TlsConnector::from(Arc::new(world.tls(&[b"http/1.1"])));
    let name = ServerName::try_from("127.0.0.1").unwrap();
    tls.connect(name, stream).await.unwrap()
}

/// The head of a POST that announces a body of this length.
pub fn head(world: &World, path: &str, length: usize) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nhost: {}\r\ncontent-type: {}\r\ncontent-length: {length}\r\n\r\n",
        address(world),
        jws::MEDIA_TYPE
    )
}

const EXPECT: &str = "\r\nexpect: 100-continue\r\n\r\n";
const CONTINUE: [u8; 25] = *b"HTTP/1.1 100 Continue\r\n\r\n";

#[tokio::test(flavor = "multi_thread")]
async fn a_request_under_way_is_finished_while_the_server_drains() {
    let mut world = World::new().await;
    let (mut card, key, _) = world.alice().await;
    let client = world.client().await;
    let placed = ready(&world, &mut card, &key, &client).await;
    let nonce = client.nonce().await;
    let kid = KeyId::Account(&client.kid);
    let url = &placed.order.finalize;
    let body = client.key.sign(url, &nonce, kid, b"{}").unwrap();
    drop(client);

    let mut stream = connect(&world).await;
    let path = url.strip_prefix(&world.base).unwrap();
    let (first, rest) = body.split_at(body.len() / 2);
    let head = head(&world, path, body.len()).replace("\r\n\r\n", EXPECT);
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut go_on = [0; CONTINUE.len()];
    stream.read_exact(&mut go_on).await.unwrap();
    assert_eq!(go_on, CONTINUE, "the server waits for the body now");
    stream.write_all(first.as_bytes()).await.unwrap();
    let ended = world.begin_stop();
    until(async || TcpStream::connect(address(&world)).await.is_err()).await;
    assert!(!ended.is_finished(), "it waits for the request");
    stream.write_all(rest.as_bytes()).await.unwrap();
    let mut answer = String::new();
    // The server may end the connection without TLS's goodbye.
    let _ = stream.read_to_string(&mut answer).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let order: Order = serde_json::from_str(answer.split("\r\n\r\n").nth(1).unwrap()).unwrap();
    assert_eq!(order.status, OrderStatus::Valid);
    ended.await.unwrap();
    assert_eq!(world.issued().await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_hangs_up_does_not_leave_its_order_half_made() {
    let world = World::new().await;
    let (mut card, key, _) = world.alice().await;
    let client = world.client().await;
    let placed = ready(&world, &mut card, &key, &client).await;
    // The intent takes its time, so that the client goes away in the middle.
    world.trigger(
        "CREATE TRIGGER slow BEFORE INSERT ON certificates BEGIN
           SELECT count(*) FROM (WITH RECURSIVE c (x) AS
             (SELECT 1 UNION ALL SELECT x + 1 FROM c WHERE x < 2000000) SELECT x FROM c);
         END;",
    );
    let nonce = client.nonce().await;
    let kid = KeyId::Account(&client.kid);
    let url = &placed.order.finalize;
    let body = client.key.sign(url, &nonce, kid, b"{}").unwrap();
    let path = url.strip_prefix(&world.base).unwrap();
    let mut stream = connect(&world).await;
    let request = head(&world, path, body.len()) + &body;
    stream.write_all(request.as_bytes()).await.unwrap();
    stream.flush().await.unwrap();
    until(async || client.order(&placed).await.status != OrderStatus::Ready).await;
    drop(stream);
    until(async || client.order(&placed).await.status == OrderStatus::Valid).await;
    let issued = world.issued().await;
    assert_eq!(issued.len(), 1);
    assert_eq!(issued[0].status, CertificateStatus::Issued);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_is_always_busy_ends_at_its_age() {
    let mut world = World::new().await;
    world.options.timeouts.age = Duration::from_millis(300);
    world.restart(|settings| settings).await;
    let mut stream = connect(&world).await;
    let head = format!(
        "HEAD /acme/new-nonce HTTP/1.1\r\nhost: {}\r\n\r\n",
        address(&world)
    );
    until(async || {
        let mut some = [0; 512];
        let written = stream.write_all(head.as_bytes()).await;
        written.is_err() || !matches!(stream.read(&mut some).await, Ok(read) if read > 0)
    })
    .await;
}

/// Asks for a nonce, and wants one.
async fn asks(world: &World, stream: &mut TlsStream<TcpStream>) {
    let host = address(world);
    let head = format!("HEAD /acme/new-nonce HTTP/1.1\r\nhost: {host}\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = vec![0; 1024];
    let read = stream.read(&mut answer).await.unwrap();
    let answer = String::from_utf8_lossy(&answer[..read]);
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn where_all_places_are_taken_the_one_that_idles_longest_makes_room() {
    let mut world = World::new().await;
    world.options.connections = 4;
    // Nothing ends by itself meanwhile.
    let minute = Duration::from_secs(60);
    world.options.limits.body = minute;
    world.options.timeouts.head = minute;
    world.options.timeouts.handshake = minute;
    world.restart(|settings| settings).await;
    let mut busy = connect(&world).await;
    let begin = head(&world, "/acme/new-order", 2).replace("\r\n\r\n", EXPECT);
    busy.write_all(begin.as_bytes()).await.unwrap();
    let mut go_on = [0; CONTINUE.len()];
    busy.read_exact(&mut go_on).await.unwrap();
    assert_eq!(go_on, CONTINUE, "a request is under way");
    let mut first = connect(&world).await;
    let mut idles = connect(&world).await;
    // It was idle longer until now.
    asks(&world, &mut first).await;
    let mut silent = TcpStream::connect(address(&world)).await.unwrap();

    let patience = Duration::from_secs(30);
    let more = tokio::time::timeout(patience, connect(&world)).await;
    let mut more = more.expect("there is room");
    asks(&world, &mut more).await;
    let mut end = [0; 1];
    assert!(!matches!(idles.read(&mut end).await, Ok(1..)), "it ended");
    asks(&world, &mut first).await;
    asks(&world, &mut more).await;
    // Nor does one that never says anything keep its place.
    let second = tokio::time::timeout(patience, connect(&world)).await;
    let mut second = second.expect("there is room");
    asks(&world, &mut second).await;
    assert!(!matches!(silent.read(&mut end).await, Ok(1..)), "it ended");
    busy.write_all(b"{}").await.unwrap();
    let mut answer = vec![0; 1024];
    let read = busy.read(&mut answer).await.unwrap();
    let answer = String::from_utf8_lossy(&answer[..read]);
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
    asks(&world, &mut first).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_has_so_many_bodies_at_a_time() {
    let mut world = World::new().await;
    world.options.limits.bodies_per_address = 1;
    world.restart(|settings| settings).await;
    let client = world.client().await;
    let mut slow = connect(&world).await;
    let begin = head(&world, "/acme/new-order", 1000).replace("\r\n\r\n", EXPECT);
    slow.write_all(begin.as_bytes()).await.unwrap();
    let mut go_on = [0; CONTINUE.len()];
    slow.read_exact(&mut go_on).await.unwrap();
    let refused = client.get(&client.kid).await;
    assert_eq!(refused.limited(&world.base), 1);
    drop(slow);
    until(async || client.get(&client.kid).await.status == 200).await;
}

/// A world whose server has little patience.
async fn impatient() -> World {
    let mut world = World::new().await;
    let short = Duration::from_millis(200);
    world.options.timeouts.handshake = short;
    world.options.timeouts.head = short;
    world.options.timeouts.idle = short;
    world.options.limits.body = short;
    world.restart(|settings| settings).await;
    world
}

/// The other side ends the connection within ten seconds, having said this much.
async fn is_ended(mut stream: impl tokio::io::AsyncRead + Unpin) -> Vec<u8> {
    let mut said = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(10), stream.read_to_end(&mut said));
    let _ = read.await.expect("the server holds a slow connection");
    said
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_handshake_is_ended() {
    let world = impatient().await;
    let mut stream = TcpStream::connect(address(&world)).await.unwrap();
    stream.write_all(&[0x16, 3, 1]).await.unwrap();
    is_ended(stream).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_head_is_ended() {
    let world = impatient().await;
    let mut stream = connect(&world).await;
    stream
        .write_all(b"POST /acme/new-order HTTP/1.1\r\nhost:")
        .await
        .unwrap();
    is_ended(stream).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_body_is_ended() {
    let world = impatient().await;
    let mut stream = connect(&world).await;
    let begin = head(&world, "/acme/new-order", 1000) + "{";
    stream.write_all(begin.as_bytes()).await.unwrap();
    let said = is_ended(stream).await;
    assert!(
        said.starts_with(b"HTTP/1.1 408"),
        "{}",
        String::from_utf8_lossy(&said)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_without_requests_is_ended() {
    let world = impatient().await;
    let stream = TcpStream::connect(address(&world)).await.unwrap();
    let tls = TlsConnector::from(Arc::new(world.tls(&[b"h2"])));
    let name = ServerName::try_from("127.0.0.1").unwrap();
    is_ended(tls.connect(name, stream).await.unwrap()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_has_so_many_connections() {
    let mut world = World::new().await;
    world.options.connections_per_address = 2;
    world.restart(|settings| settings).await;
    let (first, _second) = (connect(&world).await, connect(&world).await);
    let third = TcpStream::connect(address(&world)).await.unwrap();
    assert!(is_ended(third).await.is_empty());
    drop(first);
    let tls = world.tls(&[b"http/1.1"]);
    let tls = TlsConnector::from(Arc::new(tls));
    until(async || {
        let stream = TcpStream::connect(address(&world)).await.unwrap();
        let name = ServerName::try_from("127.0.0.1").unwrap();
        tls.connect(name, stream).await.is_ok()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_server_certificate_is_renewed_while_running() {
    let world = World::new().await;
    let certificate = async || -> CertificateDer<'static> {
        let stream = connect(&world).await;
        let chain = stream.get_ref().1.peer_certificates().unwrap();
        assert_eq!(chain.len(), 2, "with its intermediate");
        chain[0].clone()
    };
    let client = world.client().await;
    let first = certificate().await;
    assert_eq!(certificate().await, first);
    let life = world.ca.config().lifetimes.server_certificate.0;
    world.advance(life * 2 / 3 + 1);
    // The new one begins five days ahead of this machine's clock, so look at it without
    // judging its time.
    let first_der = first.as_ref().to_vec();
    until(async || {
        let seen = unjudged_certificate(&world).await;
        seen.is_some_and(|der| der != first_der)
    })
    .await;
    // Who was connected stays so.
    let answer = client
        .http
        .get(format!("{}/directory", world.base))
        .send()
        .await;
    assert_eq!(answer.unwrap().status(), 200);
}

/// The server's certificate as openssl shows it, whatever the time.
async fn unjudged_certificate(world: &World) -> Option<Vec<u8>> {
    let output = tokio::process::Command::new("openssl")
        .args(["s_client", "-connect", address(world)])
        .stdin(std::process::Stdio::null())
        .output()
        .await
        .unwrap();
    acme_ca::pki::certificate_der(&output.stdout)
}
