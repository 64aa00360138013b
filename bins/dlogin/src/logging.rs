//! `DLOGIN_LOG`.

use tracing_subscriber::filter::LevelFilter;

/// Logs to stderr what `DLOGIN_LOG` asks for. Never `trace`: below `debug`,
/// libraries print what they send to the card, and a PIN is among it.
pub(crate) fn start() {
    let level = std::env::var("DLOGIN_LOG")
        .ok()
        .and_then(|level| level.parse::<LevelFilter>().ok())
        .unwrap_or(LevelFilter::OFF)
        .min(LevelFilter::DEBUG);
    tracing_subscriber::fmt()
        .with_max_level(level)
        .with_writer(std::io::stderr)
        // A log that cannot be written ends nothing.
        .log_internal_errors(false)
        .without_time()
        .init();
}
