//! A web server that says whatever a test wants, over plain TCP.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// What comes back for a request.
#[derive(Debug, Clone)]
pub(crate) enum Reply {
    /// These bytes, then the end.
    Bytes(Vec<u8>),
    /// These bytes, then the others for ever, as fast as they are taken.
    Endless(Vec<u8>, Vec<u8>),
    /// These bytes, then one byte after the other for ever.
    Drip(Vec<u8>),
    /// Nothing, and no end.
    Silence,
    /// The other, once the sender is dropped.
    Held(watch::Receiver<()>, Box<Reply>),
}

/// A running server; it stops when this is dropped.
pub(crate) struct Server {
    pub(crate) at: SocketAddr,
    requests: Arc<Mutex<Vec<String>>>,
    task: JoinHandle<()>,
}

impl Server {
    /// On the loopback; `answer` sees the head of the request.
    pub(crate) async fn start(answer: impl Fn(&str) -> Reply + Send + Sync + 'static) -> Self {
        Self::start_on("127.0.0.1:0", answer).await
    }

    pub(crate) async fn start_on(
        at: &str,
        answer: impl Fn(&str) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind(at).await.unwrap();
        let at = listener.local_addr().unwrap();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&requests);
        let answer = Arc::new(answer);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (answer, seen) = (Arc::clone(&answer), Arc::clone(&seen));
                tokio::spawn(async move {
                    let _ = serve(stream, |head| {
                        seen.lock().unwrap().push(head.to_owned());
                        answer(head)
                    })
                    .await;
                });
            }
        });
        Self { at, requests, task }
    }

    /// The requests so far, each with its head.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(mut stream: TcpStream, answer: impl Fn(&str) -> Reply) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    let mut reply = answer(std::str::from_utf8(&head).unwrap());
    while let Reply::Held(mut sender, other) = reply {
        while sender.changed().await.is_ok() {}
        reply = *other;
    }
    match reply {
        Reply::Held(..) => {}
        Reply::Bytes(bytes) => {
            stream.write_all(&bytes).await?;
            stream.shutdown().await?;
            // Read to the end, so that closing resets nothing that is still under way.
            let _ = stream.read(&mut [0]).await;
        }
        Reply::Endless(first, again) => {
            stream.write_all(&first).await?;
            loop {
                stream.write_all(&again).await?;
            }
        }
        Reply::Drip(first) => {
            stream.write_all(&first).await?;
            loop {
                stream.write_all(b"a").await?;
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
        Reply::Silence => {
            // Until the other side gives up.
            let _ = stream.read(&mut [0]).await;
        }
    }
    Ok(())
}

/// 200 with a body.
pub(crate) fn ok(body: &str) -> Reply {
    Reply::Bytes(
        format!(
            "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
        .into_bytes(),
    )
}

pub(crate) fn status(line: &str) -> Reply {
    Reply::Bytes(format!("HTTP/1.1 {line}\r\nContent-Length: 0\r\n\r\n").into_bytes())
}

pub(crate) fn redirect(location: &str) -> Reply {
    Reply::Bytes(
        format!("HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n")
            .into_bytes(),
    )
}
