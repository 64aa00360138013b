//! One signature at a time; the others wait in line, and the line has an end.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender, TrySendError};
use std::time::{Duration, Instant};

use dlogin_service::Refusal;

use crate::announce::About;
use crate::identities::NormalKey;

/// How many may wait.
pub const MAX_WAITING: usize = 256;

/// A signature that somebody waits for.
pub(crate) struct Wanted {
    pub(crate) key: NormalKey,
    pub(crate) what: What,
    pub(crate) about: About,
    pub(crate) deadline: Instant,
    /// Whether whoever asked is still there.
    pub(crate) alive: Box<dyn Fn() -> bool + Send>,
}

/// What is signed.
pub(crate) enum What {
    Message(Vec<u8>),
    /// With SHA-512, for RSA.
    Sha512(Vec<u8>),
    Digest(Vec<u8>),
}

pub(crate) enum Order {
    Sign(Box<Wanted>, SyncSender<Result<Vec<u8>, Refusal>>),
    /// Forget the PIN.
    Forget,
    /// Say that this was refused without asking the YubiKey.
    Tell(About, Refusal),
}

/// The end of the line.
#[derive(Clone)]
pub(crate) struct Queue {
    orders: SyncSender<Order>,
    waiting: Arc<AtomicUsize>,
}

/// The front of the line.
pub(crate) struct Front {
    orders: Receiver<Order>,
    waiting: Arc<AtomicUsize>,
}

pub(crate) fn queue() -> (Queue, Front) {
    let (orders, front) = mpsc::sync_channel(MAX_WAITING);
    let waiting = Arc::new(AtomicUsize::new(0));
    let queue = Queue {
        orders,
        waiting: Arc::clone(&waiting),
    };
    let front = Front {
        orders: front,
        waiting,
    };
    (queue, front)
}

impl Queue {
    /// Waits for the signature, at most until the deadline.
    pub(crate) fn sign(&self, wanted: Wanted) -> Result<Vec<u8>, Refusal> {
        let deadline = wanted.deadline;
        let (answer, answered) = mpsc::sync_channel(1);
        self.waiting.fetch_add(1, Ordering::SeqCst);
        match self.orders.try_send(Order::Sign(Box::new(wanted), answer)) {
            Ok(()) => {}
            Err(error) => {
                self.waiting.fetch_sub(1, Ordering::SeqCst);
                return Err(match error {
                    TrySendError::Full(_) => Refusal::Busy,
                    TrySendError::Disconnected(_) => stopped(),
                });
            }
        }
        match answered.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(answer) => answer,
            Err(RecvTimeoutError::Timeout) => Err(Refusal::Late),
            Err(RecvTimeoutError::Disconnected) => Err(stopped()),
        }
    }

    /// Has the person told that something was refused.
    pub(crate) fn tell(&self, about: About, refusal: Refusal) {
        let _ = self.orders.try_send(Order::Tell(about, refusal));
    }

    /// Has the PIN forgotten.
    pub(crate) fn forget(&self) {
        // A line that is full is one that uses the PIN; it ends, and the PIN
        // with it, when its time is over.
        let _ = self.orders.try_send(Order::Forget);
    }
}

fn stopped() -> Refusal {
    Refusal::Failed("the agent's signer stopped".to_owned())
}

impl Front {
    /// The next, or `None` at `until`. An error where nobody can ask any more.
    pub(crate) fn next(&self, until: Option<Instant>) -> Result<Option<Order>, mpsc::RecvError> {
        let order = match until {
            None => self.orders.recv()?,
            Some(until) => {
                let left = until.saturating_duration_since(Instant::now());
                match self.orders.recv_timeout(left) {
                    Ok(order) => order,
                    Err(RecvTimeoutError::Timeout) => return Ok(None),
                    Err(RecvTimeoutError::Disconnected) => return Err(mpsc::RecvError),
                }
            }
        };
        if matches!(order, Order::Sign(..)) {
            self.waiting.fetch_sub(1, Ordering::SeqCst);
        }
        Ok(Some(order))
    }

    /// How many wait.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::SeqCst)
    }
}

/// A time that never comes, for those who name none.
pub(crate) fn deadline(patience: Duration) -> Instant {
    Instant::now() + patience.min(dlogin_service::MAX_PATIENCE)
}
