//! The server: TLS connections within limits, upkeep beside them, and an orderly end.
//!
//! ```no_run
//! # async fn run(ca: std::sync::Arc<acme_ca::Ca>) -> Result<(), Box<dyn std::error::Error>> {
//! use acme_ca::serve::{Options, Server, stop_signal};
//!
//! let stop = stop_signal()?;
//! let server = Server::bind(ca, Options::default()).await?;
//! eprintln!("listening on {}", server.local_addr()?);
//! server.run(stop).await?;
//! # Ok(()) }
//! ```

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use crate::ca::{Ca, OpenError, Serving};
use crate::web::{self, Clock, Limits, Web};
use crowd::Crowd;
use places::Places;
use workers::Workers;

mod connection;
mod crowd;
mod notify;
pub(crate) mod places;
mod plain;
mod tls;
mod upkeep;
mod workers;

pub use connection::{Peer, Timeouts};

/// How the server behaves. The defaults are for a CA that faces the internet.
#[derive(Clone)]
pub struct Options {
    /// Connections at a time. For one more, the one that has idled longest makes room.
    pub connections: usize,
    /// Connections of one IPv4 address or IPv6 /64 at a time; of a /48 twice as many.
    pub connections_per_address: usize,
    /// How long each step of a connection may take.
    pub timeouts: Timeouts,
    /// How much one client may have and do.
    pub limits: Limits,
    /// How often expired orders are swept and the server's certificate is looked at.
    pub upkeep: Duration,
    /// What tells the time.
    pub clock: Clock,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            connections: 1024,
            connections_per_address: 128,
            timeouts: Timeouts::default(),
            limits: Limits::default(),
            upkeep: Duration::from_secs(10),
            clock: web::system_clock(),
        }
    }
}

impl std::fmt::Debug for Options {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Options")
            .field("connections", &self.connections)
            .field("connections_per_address", &self.connections_per_address)
            .field("timeouts", &self.timeouts)
            .field("limits", &self.limits)
            .field("upkeep", &self.upkeep)
            .finish_non_exhaustive()
    }
}

/// Why the server cannot start or go on.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The address cannot be listened on.
    #[error(
        "cannot listen on {listen}: {error}; see what has the port, or change `listen` in ca.toml"
    )]
    Listen {
        /// The address.
        listen: String,
        /// Why not.
        error: io::Error,
    },
    /// The listener failed.
    #[error("the listener failed: {0}")]
    Listener(#[from] io::Error),
    /// The CA cannot be served: another process does, or its hierarchy is not valid now.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] crate::store::StoreError),
    /// The server's own certificate could not be made.
    #[error("the server certificate could not be issued: {0}")]
    Certificate(#[from] crate::issuance::IssueError),
    /// TLS could not be set up.
    #[error("TLS could not be set up: {0}")]
    Tls(#[from] rustls::Error),
    /// Names of servers could not be validated.
    #[error("validation cannot be set up: {0}; see [validation] in ca.toml")]
    Validation(#[from] crate::validators::SetupError),
    /// The system's random number generator failed.
    #[error("the system's random number generator failed")]
    Random(#[from] aws_lc_rs::error::Unspecified),
}

/// A server that listens.
pub struct Server {
    listener: TcpListener,
    plain: Option<TcpListener>,
    web: Arc<Web>,
    current: Arc<tls::Current>,
    tls: TlsAcceptor,
    options: Options,
    /// No other process serves this CA meanwhile.
    _serving: Serving,
}

impl Server {
    /// Listens where `ca.toml` says.
    ///
    /// # Errors
    /// [`ServeError`].
    pub async fn bind(ca: Arc<Ca>, options: Options) -> Result<Self, ServeError> {
        let listen = ca.config().listen.clone();
        let listener = TcpListener::bind(&listen)
            .await
            .map_err(|error| ServeError::Listen { listen, error })?;
        Self::new(ca, listener, options).await
    }

    /// Serves on a listener that exists already. Finishes what a crash left before anything is
    /// answered, but for what the DNS is asked about.
    ///
    /// # Errors
    /// [`ServeError`].
    pub async fn new(
        ca: Arc<Ca>,
        listener: TcpListener,
        options: Options,
    ) -> Result<Self, ServeError> {
        let plain = plain::bind(&ca).await?;
        let serving = ca.begin_serving((options.clock)()).await?;
        let web = Web::new(ca, options.limits, Arc::clone(&options.clock))?;
        upkeep::recover(&web, &serving.abandoned).await?;
        let current = Arc::new(tls::Current::new(&web.ca, web.now()).await?);
        Ok(Self {
            listener,
            plain,
            tls: tls::acceptor(Arc::clone(&current))?,
            web: Arc::new(web),
            current,
            options,
            _serving: serving,
        })
    }

    /// Where it listens.
    ///
    /// # Errors
    /// The system's.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Where it serves CRLs over plain HTTP, if it does.
    ///
    /// # Errors
    /// The system's.
    pub fn plain_addr(&self) -> io::Result<Option<SocketAddr>> {
        self.plain.as_ref().map(TcpListener::local_addr).transpose()
    }

    /// Serves until `stop` is ready, then drains: nothing new is accepted, what is under way is
    /// finished. Connections live on threads of their own, one for each core, and need none of the
    /// runtime that this runs on. A service manager that wants to know (`NOTIFY_SOCKET`,
    /// sd_notify(3)) is told when it serves and when it stops.
    ///
    /// # Errors
    /// [`ServeError::Listener`].
    pub async fn run(mut self, stop: impl Future<Output = ()>) -> Result<(), ServeError> {
        let workers = Workers::start()?;
        let router = web::router(Arc::clone(&self.web));
        tracing::info!(
            address = %self.listener.local_addr()?,
            url = %self.web.ca.config().url,
            "listening"
        );
        notify::service_manager("READY=1");
        let (drain, draining) = watch::channel(false);
        let upkeep = tokio::spawn(upkeep::run(
            Arc::clone(&self.web),
            Arc::clone(&self.current),
            self.options.upkeep,
        ));
        let validations = tokio::spawn(web::validating::go_on(Arc::clone(&self.web)));
        let plain = tokio::spawn(plain::run(
            self.plain.take(),
            web::plain_router(Arc::clone(&self.web)),
            self.options.timeouts,
            draining.clone(),
        ));
        let mut connections = JoinSet::new();
        tokio::select! {
            () = self.accept(&mut connections, &workers, router, draining) => {}
            () = stop => {}
        }
        notify::service_manager("STOPPING=1");
        tracing::info!(connections = connections.len(), "draining");
        drop(self.listener);
        drain.send_replace(true);
        let drained = async { while connections.join_next().await.is_some() {} };
        if tokio::time::timeout(self.options.timeouts.drain, drained)
            .await
            .is_err()
        {
            tracing::warn!(
                connections = connections.len(),
                "dropped at the end of the drain"
            );
            connections.shutdown().await;
        }
        // A client that went away does not stop its certificate from being finished.
        let finished = self.web.under_way.wait();
        if tokio::time::timeout(self.options.timeouts.drain, finished)
            .await
            .is_err()
        {
            tracing::warn!(
                "certificates were being made at the end of the drain: the next start goes on with them"
            );
        }
        for task in [upkeep, validations, plain] {
            task.abort();
            let _ = task.await;
        }
        // What is validated then ends with it; the store still has it.
        self.web.validations.stop().await;
        tracing::info!("stopped");
        Ok(())
    }

    async fn accept(
        &self,
        connections: &mut JoinSet<()>,
        workers: &Workers,
        router: Router,
        draining: watch::Receiver<bool>,
    ) {
        let crowd = Crowd::new(self.options.connections);
        let networks = Places::new(self.options.connections_per_address, usize::MAX);
        for worker in workers.in_turn() {
            let accepted = loop {
                tokio::select! {
                    accepted = self.listener.accept() => break detached(accepted),
                    Some(_) = connections.join_next(), if !connections.is_empty() => {}
                }
            };
            let (stream, peer) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    // Out of file descriptors, or a connection that is gone already: neither is
                    // a reason to stop, and the first passes only with time.
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            };
            let Some(place) = networks.enter(peer.ip()) else {
                tracing::debug!(%peer, "refused: too many connections from this network");
                continue;
            };
            // The rest waits in the kernel's queue meanwhile.
            let Some(member) = crowd.enter().await else {
                return;
            };
            let (tls, router) = (self.tls.clone(), router.clone());
            let (timeouts, draining) = (self.options.timeouts, draining.clone());
            let served = async move {
                let activity = member.activity();
                connection::serve(stream, peer, activity, tls, router, timeouts, draining).await;
                drop(place);
            };
            connections.spawn_on(served, worker);
        }
    }
}

/// A connection that no runtime listens to yet: the one that will serve it does.
fn detached(
    accepted: io::Result<(TcpStream, SocketAddr)>,
) -> io::Result<(std::net::TcpStream, SocketAddr)> {
    let (stream, peer) = accepted?;
    Ok((stream.into_std()?, peer))
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server")
            .field("listener", &self.listener)
            .finish_non_exhaustive()
    }
}

/// Becomes ready at SIGTERM or SIGINT. Listens from the moment of the call.
///
/// # Errors
/// The signals cannot be listened for.
pub fn stop_signal() -> io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        let name = tokio::select! {
            _ = terminate.recv() => "SIGTERM",
            _ = interrupt.recv() => "SIGINT",
        };
        tracing::info!(signal = name, "stopping");
    })
}
