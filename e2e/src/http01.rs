//! A small HTTP server that answers http-01 challenges (RFC 8555 §8.3).

use std::fmt;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::Result;

const PLACE: &str = "/.well-known/acme-challenge/";
/// How long a client may take for its request.
const SLOW: Duration = Duration::from_secs(10);
/// The longest request that is read, in bytes.
const LONGEST: u64 = 16 * 1024;

/// A running server; it ends when dropped.
pub struct Http01 {
    address: SocketAddr,
    ended: Arc<AtomicBool>,
    hits: Arc<AtomicU64>,
    thread: Option<JoinHandle<()>>,
}

impl Http01 {
    /// Starts it on a free port of loopback. `answer` gives the body for a
    /// token, if there is one.
    pub fn start(answer: impl Fn(&str) -> Option<String> + Send + Sync + 'static) -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let address = listener.local_addr()?;
        let ended = Arc::new(AtomicBool::new(false));
        let hits = Arc::new(AtomicU64::new(0));
        let thread = std::thread::Builder::new().name("http-01".into()).spawn({
            let (ended, hits) = (Arc::clone(&ended), Arc::clone(&hits));
            let answer = Arc::new(answer);
            move || {
                for stream in listener.incoming() {
                    if ended.load(Ordering::Acquire) {
                        return;
                    }
                    let Ok(stream) = stream else { continue };
                    let (answer, hits) = (Arc::clone(&answer), Arc::clone(&hits));
                    let _ = std::thread::Builder::new().spawn(move || {
                        // Who hangs up half-way is not answered.
                        if let Ok(true) = serve(stream, answer.as_ref()) {
                            hits.fetch_add(1, Ordering::Relaxed);
                        }
                    });
                }
            }
        })?;
        Ok(Self {
            address,
            ended,
            hits,
            thread: Some(thread),
        })
    }

    /// The same for the files that clients put below a webroot.
    pub fn webroot(root: &Path) -> Result<Self> {
        let place = root.join(PLACE.trim_matches('/'));
        std::fs::create_dir_all(&place)?;
        Self::start(move |token| std::fs::read_to_string(place.join(token)).ok())
    }

    /// Its port on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// How many challenges it answered.
    #[must_use]
    pub fn hits(&self) -> u64 {
        self.hits.load(Ordering::Relaxed)
    }
}

impl fmt::Debug for Http01 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Http01").field(&self.address).finish()
    }
}

impl Drop for Http01 {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Release);
        // A connection wakes the thread, which then sees that it is over.
        let _ = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Answers one request; whether there was an answer to its challenge.
fn serve(stream: TcpStream, answer: impl Fn(&str) -> Option<String>) -> std::io::Result<bool> {
    stream.set_read_timeout(Some(SLOW))?;
    let mut request = BufReader::new((&stream).take(LONGEST));
    let mut first = String::new();
    request.read_line(&mut first)?;
    let mut line = String::new();
    while request.read_line(&mut line)? > 2 {
        line.clear();
    }
    let body = token(&first).and_then(answer);
    let status = if body.is_some() {
        "200 OK"
    } else {
        "404 Not Found"
    };
    let text = body.as_deref().unwrap_or("there is no such challenge\n");
    let response = format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/octet-stream\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n{text}",
        text.len()
    );
    (&stream).write_all(response.as_bytes())?;
    Ok(body.is_some())
}

/// The token that a request line asks for: base64url and nothing else.
fn token(line: &str) -> Option<&str> {
    let target = line.strip_prefix("GET ")?.split(' ').next()?;
    let token = target.strip_prefix(PLACE)?;
    let safe = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    (!token.is_empty() && token.bytes().all(safe)).then_some(token)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn get(server: &Http01, path: &str) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", server.port())).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: a.example\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    #[test]
    fn what_lies_below_the_webroot_is_served_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let server = Http01::webroot(dir.path()).unwrap();
        std::fs::write(dir.path().join("secret"), "s").unwrap();
        std::fs::write(dir.path().join(".well-known/acme-challenge/tok_-1"), "t.k").unwrap();
        let found = get(&server, "/.well-known/acme-challenge/tok_-1");
        assert!(found.starts_with("HTTP/1.1 200 ") && found.ends_with("t.k"));
        for other in ["tok", "../../secret", "..%2f..%2fsecret", ""] {
            let found = get(&server, &format!("/.well-known/acme-challenge/{other}"));
            assert!(found.starts_with("HTTP/1.1 404 "), "{other}: {found}");
        }
        assert_eq!(server.hits(), 1);
    }
}
