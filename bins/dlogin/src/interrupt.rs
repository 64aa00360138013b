//! Ctrl-C, SIGTERM and SIGHUP: nothing half-done stays behind.

use std::future::Future;
use std::time::Duration;

use dlogin_core::{Error, Exit};
use tokio::signal::unix::{SignalKind, signal};

use crate::terminal;

/// Runs to the end, or until a signal says otherwise. What was begun is
/// dropped then, and takes its files with it; a card that still waits for a
/// touch is let go by the end of the process. `left` says what there is then.
pub(crate) fn or_interrupted(
    work: impl Future<Output = Result<Exit, Error>>,
    left: &str,
) -> Result<Exit, Error> {
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(source) => return Err(Error::Start { source }),
    };
    let outcome = runtime.block_on(async {
        tokio::select! {
            outcome = work => outcome.map(Some),
            () = signalled() => Ok(None),
        }
    });
    let outcome = match outcome {
        // Ctrl-C at a PIN that is being typed is a key like others, and no signal.
        Err(error) if error.exit() != Exit::Interrupted => Err(error),
        Err(_) | Ok(None) => Ok(interrupted(left)),
        Ok(Some(exit)) => Ok(exit),
    };
    // A thread may still wait for the card or the terminal; nobody waits for it.
    runtime.shutdown_timeout(Duration::ZERO);
    outcome
}

fn interrupted(left: &str) -> Exit {
    terminal::restore_and_stay();
    anstream::eprintln!("\ndlogin: interrupted; {left}");
    Exit::Interrupted
}

/// Waits for a signal that ends the program.
pub(crate) async fn signalled() {
    let wait = |kind| async move {
        match signal(kind) {
            Ok(mut signal) => {
                signal.recv().await;
            }
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        () = wait(SignalKind::interrupt()) => {}
        () = wait(SignalKind::terminate()) => {}
        () = wait(SignalKind::hangup()) => {}
    }
}
