//! Threads that serve connections, one for each core. Each has a runtime of its own: what a
//! connection waits for wakes the thread that it lives on, and no other to help it.

use std::io;
use std::num::NonZero;
use std::thread::{self, JoinHandle};

use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;

/// The threads. They end when this is dropped, with what still runs on them.
pub(super) struct Workers {
    handles: Vec<Handle>,
    _threads: Vec<Thread>,
}

/// A thread that ends when this is dropped.
struct Thread {
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Workers {
    /// Starts one for each core.
    pub(super) fn start() -> io::Result<Self> {
        let cores = thread::available_parallelism().map_or(1, NonZero::get);
        let (handles, threads) = (0..cores)
            .map(start)
            .collect::<io::Result<Vec<_>>>()?
            .into_iter()
            .unzip();
        Ok(Self {
            handles,
            _threads: threads,
        })
    }

    /// Where connections are to be served: on each in turn, without end.
    pub(super) fn in_turn(&self) -> impl Iterator<Item = &Handle> {
        self.handles.iter().cycle()
    }
}

fn start(number: usize) -> io::Result<(Handle, Thread)> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let handle = runtime.handle().clone();
    let (stop, stopped) = oneshot::channel();
    let thread = thread::Builder::new()
        .name(format!("serve-{number}"))
        .spawn(move || {
            let _ = runtime.block_on(stopped);
            runtime.shutdown_background();
        })?;
    let thread = Thread {
        stop: Some(stop),
        thread: Some(thread),
    };
    Ok((handle, thread))
}

impl Drop for Thread {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
