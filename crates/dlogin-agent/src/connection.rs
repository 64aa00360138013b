//! What the two languages have in common: who is there, and for how long.

use std::cell::Cell;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::Arc;

use dlogin_core::Paths;
use dlogin_service::{Peer, Refusal};
use rustix::net::{RecvFlags, recv};

use crate::announce::About;
use crate::identities::{Held, all};
use crate::lock::Lock;
use crate::queue::Queue;

/// What every connection may use.
pub(crate) struct Shared {
    pub(crate) paths: Paths,
    pub(crate) lock: Arc<Lock>,
    pub(crate) queue: Queue,
    pub(crate) forward: Option<PathBuf>,
    pub(crate) local_only: bool,
}

impl Shared {
    /// The certificates that are there; none while it is locked.
    pub(crate) fn all(&self) -> Result<Vec<Held>, Refusal> {
        if self.lock.is_locked() {
            return Err(Refusal::Locked);
        }
        all(&self.paths).map_err(|error| Refusal::Failed(error.to_string()))
    }

    /// Those that are good now.
    pub(crate) fn live(&self) -> Result<Vec<Held>, Refusal> {
        let mut held = self.all()?;
        held.retain(|held| !held.expired);
        Ok(held)
    }
}

/// How many refusals the person is told of one connection.
const MAX_TOLD: usize = 16;

/// One client.
pub(crate) struct Client {
    pub(crate) stream: UnixStream,
    pub(crate) peer: Peer,
    told: Cell<usize>,
}

impl Client {
    pub(crate) const fn new(stream: UnixStream, peer: Peer) -> Self {
        Self {
            stream,
            peer,
            told: Cell::new(0),
        }
    }

    /// Has the person told of a refusal; not of each that a client may go on to
    /// provoke.
    pub(crate) fn tell(&self, queue: &Queue, about: About, refusal: Refusal) {
        let told = self.told.get();
        if told < MAX_TOLD {
            self.told.set(told + 1);
            queue.tell(about, refusal);
        }
    }

    /// A way to see, from the signer's thread, whether it is still there.
    pub(crate) fn alive(&self) -> Box<dyn Fn() -> bool + Send> {
        match self.stream.try_clone() {
            Ok(stream) => Box::new(move || is_open(&stream)),
            // Out of descriptors: taken to be there.
            Err(_) => Box::new(|| true),
        }
    }
}

/// Whether the other side has not hung up.
fn is_open(stream: &UnixStream) -> bool {
    let mut byte = [0; 1];
    match recv(
        stream,
        &mut byte,
        RecvFlags::PEEK.union(RecvFlags::DONTWAIT),
    ) {
        Ok((read, _)) => read > 0,
        Err(error) => error == rustix::io::Errno::AGAIN || error == rustix::io::Errno::INTR,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::queue::queue;

    #[test]
    fn a_client_that_hung_up_is_noticed_without_reading_from_it() {
        use std::io::Write;
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        assert!(is_open(&ours));
        theirs.write_all(b"x").unwrap();
        assert!(is_open(&ours));
        let (ours, theirs) = UnixStream::pair().unwrap();
        drop(theirs);
        assert!(!is_open(&ours));
    }

    #[test]
    fn a_client_that_asks_for_what_is_refused_without_end_is_told_of_some_times() {
        let (ours, _theirs) = UnixStream::pair().unwrap();
        let peer = Peer::of(&ours).unwrap();
        let client = Client::new(ours, peer);
        let (queue, front) = queue();
        for _ in 0..10 * MAX_TOLD {
            let about = About::new("anything".to_owned(), &client.peer);
            client.tell(&queue, about, Refusal::Forbidden);
        }
        drop(queue);
        let told = std::iter::from_fn(|| front.next(None).ok()).count();
        assert_eq!(told, MAX_TOLD);
    }
}
