//! One connection: in the clear on this side, mutual TLS on the other.

use std::io;
use std::time::Duration;

use tokio::io::copy_bidirectional;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::client::TlsStream;

use crate::Proxy;
use crate::door::Client;

/// How long the server may take to answer the call.
const CONNECT: Duration = Duration::from_secs(10);
/// How long the handshake may take, PIN and touch included.
const HANDSHAKE: Duration = Duration::from_secs(40);

/// Why a connection was not made, or broke.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// No certificate to show. Nobody was called.
    #[error("not connected: {0}")]
    Identity(#[from] dlogin_tls::Error),
    /// The server does not answer.
    #[error("not reached: {0}")]
    Connect(io::Error),
    /// It is not who it should be, does not let us in, or nobody touched.
    #[error("no TLS: {0}")]
    Handshake(io::Error),
    /// Not in time.
    #[error("it took too long")]
    TooLong,
    /// The connection broke after it was made.
    #[error("the connection broke: {0}")]
    Broken(io::Error),
    /// A part of the program is gone.
    #[error("a part of the program stopped")]
    Stopped,
}

/// Carries both directions until both have ended. What the program said before
/// the server was verified waits on this side.
pub(crate) async fn carry(
    mut client: Client,
    proxy: &std::sync::Arc<Proxy>,
) -> Result<(), Failure> {
    let address = (proxy.server.host(), proxy.server.port());
    // Said before anybody is called: a server would only say "no certificate".
    proxy.identity.read()?;
    let server = timeout(CONNECT, TcpStream::connect(address))
        .await
        .map_err(|_| Failure::TooLong)?
        .map_err(Failure::Connect)?;
    server.set_nodelay(true).map_err(Failure::Connect)?;
    let mut server = shake(std::sync::Arc::clone(proxy), server).await?;
    match copy_bidirectional(&mut client, &mut server).await {
        Ok(_) => Ok(()),
        // Many servers close without saying so; the program sees the end.
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(()),
        // The program went away, which is its right.
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset
            ) =>
        {
            Ok(())
        }
        Err(error) => Err(Failure::Broken(error)),
    }
}

/// A signature blocks its thread for as long as the person takes, so the
/// handshake has one of its own.
async fn shake(
    proxy: std::sync::Arc<Proxy>,
    server: TcpStream,
) -> Result<TlsStream<TcpStream>, Failure> {
    let runtime = tokio::runtime::Handle::current();
    let handshake = tokio::task::spawn_blocking(move || {
        let connecting = proxy.connector.connect(proxy.name.clone(), server);
        runtime.block_on(timeout(HANDSHAKE, connecting))
    });
    handshake
        .await
        .map_err(|_| Failure::Stopped)?
        .map_err(|_| Failure::TooLong)?
        .map_err(Failure::Handshake)
}
