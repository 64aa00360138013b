//! One connection: TLS, then HTTP/2 or HTTP/1.1 as ALPN chose, each step with a limit, so that
//! a slow client costs a slot for a while and never for ever.

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::MissedTickBehavior;
use tokio_rustls::TlsAcceptor;
use tower::Service;

use super::crowd::Activity;

/// How long each step of a connection may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// From the first byte to the end of the TLS handshake.
    pub handshake: Duration,
    /// For the head of a request over HTTP/1.1.
    pub head: Duration,
    /// Without any request under way; also bounds a connection that never sends one.
    pub idle: Duration,
    /// From the handshake to the end, however busy it is: a place is nobody's for ever.
    pub age: Duration,
    /// For what is under way once the server drains.
    pub drain: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            handshake: Duration::from_secs(10),
            head: Duration::from_secs(10),
            idle: Duration::from_secs(60),
            age: Duration::from_secs(5 * 60),
            drain: Duration::from_secs(30),
        }
    }
}

/// Who is at the other end; an extension of every request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer(pub SocketAddr);

/// The head of a request, in bytes.
const MAX_HEAD: usize = 16 * 1024;
/// Requests of one connection at a time, over HTTP/2: what bounds the memory that it can take.
const MAX_STREAMS: u32 = 16;
/// How often a quiet HTTP/2 connection is asked whether it lives.
const PING: Duration = Duration::from_secs(20);

/// Serves one connection to its end. `draining` becomes true when the server stops.
pub(super) async fn serve(
    stream: std::net::TcpStream,
    peer: SocketAddr,
    activity: &Arc<Activity>,
    tls: TlsAcceptor,
    router: Router,
    timeouts: Timeouts,
    draining: watch::Receiver<bool>,
) {
    let stream = match TcpStream::from_std(stream) {
        Ok(stream) => stream,
        Err(error) => {
            tracing::warn!(%peer, %error, "a connection cannot be served");
            return;
        }
    };
    // Answers are small and awaited.
    let _ = stream.set_nodelay(true);
    let handshake = tokio::time::timeout(timeouts.handshake, tls.accept(stream));
    let shaken = tokio::select! {
        shaken = handshake => shaken,
        () = activity.is_to_end() => {
            tracing::debug!(%peer, "TLS handshake dropped: others need the place");
            return;
        }
    };
    let stream = match shaken {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => {
            tracing::debug!(%peer, %error, "TLS handshake failed");
            return;
        }
        Err(_) => {
            tracing::debug!(%peer, "TLS handshake took too long");
            return;
        }
    };
    let http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
    speak(
        TokioIo::new(stream),
        http2,
        peer,
        activity,
        router,
        timeouts,
        draining,
    )
    .await;
}

/// Serves one connection without TLS, over HTTP/1.1.
pub(super) async fn serve_plain(
    stream: TcpStream,
    peer: SocketAddr,
    activity: &Arc<Activity>,
    router: Router,
    timeouts: Timeouts,
    draining: watch::Receiver<bool>,
) {
    let _ = stream.set_nodelay(true);
    let io = TokioIo::new(stream);
    speak(io, false, peer, activity, router, timeouts, draining).await;
}

async fn speak<T>(
    io: TokioIo<T>,
    http2: bool,
    peer: SocketAddr,
    activity: &Arc<Activity>,
    router: Router,
    timeouts: Timeouts,
    draining: watch::Receiver<bool>,
) where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = {
        let activity = Arc::clone(activity);
        service_fn(move |request| answer(router.clone(), Arc::clone(&activity), peer, request))
    };
    if http2 {
        let connection = hyper::server::conn::http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .max_concurrent_streams(MAX_STREAMS)
            .max_header_list_size(u32::try_from(MAX_HEAD).unwrap_or(u32::MAX))
            .keep_alive_interval(Some(PING))
            .keep_alive_timeout(timeouts.handshake)
            .serve_connection(io, service);
        run(
            connection,
            |c| c.graceful_shutdown(),
            activity,
            timeouts,
            draining,
            peer,
        )
        .await;
    } else {
        let connection = hyper::server::conn::http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(timeouts.head)
            .max_buf_size(MAX_HEAD)
            .serve_connection(io, service);
        run(
            connection,
            |c| c.graceful_shutdown(),
            activity,
            timeouts,
            draining,
            peer,
        )
        .await;
    }
}

async fn answer(
    mut router: Router,
    activity: Arc<Activity>,
    peer: SocketAddr,
    request: Request<Incoming>,
) -> Result<Response<Body>, Infallible> {
    let _under_way = activity.begin();
    let mut request = request.map(Body::new);
    request.extensions_mut().insert(Peer(peer));
    router.call(request).await
}

/// Drives a connection; asks it to end when it idles or lasts too long or the server drains, and drops
/// it when it does not follow.
async fn run<C, E>(
    connection: C,
    shut_down: impl Fn(std::pin::Pin<&mut C>),
    activity: &Activity,
    timeouts: Timeouts,
    mut draining: watch::Receiver<bool>,
    peer: SocketAddr,
) where
    C: Future<Output = Result<(), E>>,
    E: std::fmt::Display,
{
    let mut connection = std::pin::pin!(connection);
    let mut makes_room = false;
    let mut check = tokio::time::interval(timeouts.idle / 4);
    check.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut age = std::pin::pin!(tokio::time::sleep(timeouts.age));
    loop {
        tokio::select! {
            () = age.as_mut() => break,
            ended = connection.as_mut() => {
                if let Err(error) = ended {
                    tracing::debug!(%peer, %error, "connection ended");
                }
                return;
            }
            _ = draining.wait_for(|draining| *draining) => break,
            () = activity.is_to_end() => {
                makes_room = true;
                break;
            }
            _ = check.tick() => {
                if activity.idle_for().is_some_and(|idle| idle >= timeouts.idle) {
                    break;
                }
            }
        }
    }
    shut_down(connection.as_mut());
    // What idles has nothing under way that would be worth the wait.
    let grace = if *draining.borrow() {
        timeouts.drain
    } else if makes_room {
        // It is told, and not waited for.
        Duration::ZERO
    } else {
        timeouts.handshake
    };
    if tokio::time::timeout(grace, connection).await.is_err() {
        tracing::debug!(%peer, "connection dropped: it did not end in time");
    }
}
