//! Plain HTTP for CRLs: they are signed, and whoever checks a certificate must not need to trust
//! another one to fetch them. Nothing else is served here.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::{ServeError, connection, crowd::Crowd, places::Places};
use crate::ca::Ca;

/// Connections at a time.
const CONNECTIONS: usize = 256;
/// Connections of one network at a time.
const CONNECTIONS_PER_ADDRESS: usize = 32;

/// Listens where `[revocation] listen` says, if it does.
pub(super) async fn bind(ca: &Ca) -> Result<Option<TcpListener>, ServeError> {
    let Some(listen) = ca.config().revocation.listen.clone() else {
        return Ok(None);
    };
    match TcpListener::bind(&listen).await {
        Ok(listener) => Ok(Some(listener)),
        Err(error) => Err(ServeError::Listen { listen, error }),
    }
}

/// Serves until the server drains; without a listener there is nothing to do.
pub(super) async fn run(
    listener: Option<TcpListener>,
    router: Router,
    timeouts: connection::Timeouts,
    mut draining: watch::Receiver<bool>,
) {
    let Some(listener) = listener else { return };
    let crowd = Crowd::new(CONNECTIONS);
    let networks = Places::new(CONNECTIONS_PER_ADDRESS, usize::MAX);
    let mut connections = JoinSet::new();
    loop {
        let accepted = loop {
            tokio::select! {
                accepted = listener.accept() => break accepted,
                Some(_) = connections.join_next(), if !connections.is_empty() => {}
                _ = draining.wait_for(|drains| *drains) => return,
            }
        };
        let (stream, peer): (_, SocketAddr) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        let Some(place) = networks.enter(peer.ip()) else {
            continue;
        };
        let member = tokio::select! {
            member = crowd.enter() => member,
            _ = draining.wait_for(|drains| *drains) => return,
        };
        let Some(member) = member else { return };
        let (router, draining) = (router.clone(), draining.clone());
        connections.spawn(async move {
            let activity = member.activity();
            connection::serve_plain(stream, peer, activity, router, timeouts, draining).await;
            drop(place);
        });
    }
}
