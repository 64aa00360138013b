//! `ca serve`.

use std::io::IsTerminal;
use std::sync::Arc;

use acme_ca::Ca;
use acme_ca::serve::{Options, Server, stop_signal};
use tracing_subscriber::EnvFilter;

use crate::exit::Failure;

pub(super) async fn run(ca: Ca) -> Result<(), Failure> {
    log_to_stderr();
    let stop = stop_signal()?;
    let options = Options {
        limits: ca.config().limits,
        ..Options::default()
    };
    let server = Server::bind(Arc::new(ca), options).await?;
    server.run(stop).await?;
    Ok(())
}

/// JSON for programs, text for a person who watches. `RUST_LOG` says how much.
fn log_to_stderr() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    if std::io::stderr().is_terminal() {
        log.init();
    } else {
        log.json().flatten_event(true).init();
    }
}
