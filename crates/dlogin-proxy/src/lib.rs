//! `dlogin proxy`: a door for programs that can show no client certificate.
//!
//! A program connects to a Unix socket (or, if it must, to a port of loopback)
//! and speaks its own protocol in the clear; what it says goes on to one server
//! inside mutual TLS, with the certificate of `dlogin` that is there at that
//! moment. One connection in, one connection out, no protocol understood.
//!
//! What holds:
//! - The door is its own user's alone. On a Unix socket the kernel says who
//!   connects; on a port of loopback it is looked up, and whoever cannot be
//!   told is turned away.
//! - The server is verified, by name, before a byte of the program reaches it.
//! - Each connection is a handshake of its own, none is resumed: with a key in
//!   the YubiKey, each takes a touch.
//! - At most [`MAX_CONNECTIONS`] at a time; the next one waits to be accepted.
//! - An end of one direction is passed on, and the other goes on.
//!
//! What it does not do: it fetches no certificate, chooses no server by what
//! the program says, and speaks no STARTTLS.

mod door;
mod loopback;
mod place;
mod trust;
mod tunnel;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use dlogin_tls::Identity;
use rustls::client::Resumption;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::sync::Semaphore;
use tokio_rustls::TlsConnector;

pub use door::Door;
pub use place::{Listen, NotAPlace, NotAServer, Server};
pub use trust::roots;

/// Connections at a time.
pub const MAX_CONNECTIONS: usize = 128;

/// Why there is no proxy.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The door.
    #[error("cannot listen on {place}: {source}")]
    Listen {
        /// Where.
        place: Listen,
        /// What the system said.
        source: io::Error,
    },
    /// Somebody listens there.
    #[error("another program listens on {}", path.display())]
    Taken {
        /// The socket.
        path: PathBuf,
    },
    /// No authority to verify the server by.
    #[error("the system has no CA certificates: name the server's with --cafile")]
    NoRoots,
    /// The file with the server's authority.
    #[error("cannot read CA certificates from {}: {reason}", path.display())]
    CaFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The name is none that a certificate can have.
    #[error("{host:?} is no name that a server's certificate can have")]
    Name {
        /// What was given.
        host: String,
    },
    /// TLS could not be set up.
    #[error("TLS: {0}")]
    Tls(#[from] rustls::Error),
}

/// What goes on: lines for the person.
pub type Say = Arc<dyn Fn(&str) + Send + Sync>;

/// Carries connections from the door to the server, until it is dropped.
pub struct Proxy {
    server: Server,
    name: ServerName<'static>,
    identity: Identity,
    connector: TlsConnector,
    say: Say,
}

impl Proxy {
    /// To `server`, verified by `roots`, with the certificate of `identity`.
    ///
    /// # Errors
    /// [`Error::Name`], [`Error::Tls`].
    pub fn new(
        server: Server,
        identity: Identity,
        roots: RootCertStore,
        say: Say,
    ) -> Result<Self, Error> {
        let name = ServerName::try_from(server.host().to_owned()).map_err(|_| Error::Name {
            host: server.host().to_owned(),
        })?;
        let identity = identity.for_peer(server.to_string());
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_client_cert_resolver(Arc::new(identity.clone()));
        // A resumed session would need no touch.
        config.resumption = Resumption::disabled();
        Ok(Self {
            server,
            name,
            identity,
            connector: TlsConnector::from(Arc::new(config)),
            say,
        })
    }

    /// Serves the door. Never ends by itself; on a multi-threaded runtime, with
    /// a thread that may block for each connection.
    pub async fn serve(self, door: &Door) {
        let shared = Arc::new(self);
        let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
        loop {
            let Ok(place) = Arc::clone(&places).acquire_owned().await else {
                return;
            };
            let client = match door.admit().await {
                Ok(client) => client,
                Err(refused) => {
                    (shared.say)(&refused.to_string());
                    continue;
                }
            };
            let shared = Arc::clone(&shared);
            tokio::spawn(async move {
                if let Err(error) = tunnel::carry(client, &shared).await {
                    (shared.say)(&format!("{}: {error}", shared.server));
                }
                drop(place);
            });
        }
    }
}
