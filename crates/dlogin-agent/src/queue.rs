//! One signature at a time; the others wait in line, and the line has an end.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender, TrySendError};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use dlogin_service::Refusal;

use crate::announce::About;
use crate::identities::NormalKey;

/// How many may wait.
pub const MAX_WAITING: usize = 256;
/// How many refusals wait to be told. They take no place from signatures.
const MAX_TELLING: usize = 32;
/// The longest that a signature takes once the card was asked for it: 15 seconds
/// for the touch, and what the card itself needs.
const TOUCH: Duration = Duration::from_secs(20);
/// A touch is asked for only while so much time is left. With the little longer
/// that clients wait for an answer than they say, it is enough to touch.
pub(crate) const ENOUGH_TO_TOUCH: Duration = Duration::from_secs(5);

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
    Sign(Box<Wanted>, Caller),
    /// Nothing but to look what else there is.
    Look,
    /// Say that this was refused without asking the YubiKey.
    Tell(About, Refusal),
}

/// Whoever waits for a signature.
pub(crate) struct Caller {
    answer: SyncSender<Result<Vec<u8>, Refusal>>,
    turn: Arc<Turn>,
}

impl Caller {
    /// Its turn, which comes or is given up, and never both.
    pub(crate) fn turn(&self) -> &Turn {
        &self.turn
    }

    /// How it ended. Nobody may be listening any more.
    pub(crate) fn answer(self, result: Result<Vec<u8>, Refusal>) {
        let _ = self.answer.try_send(result);
    }
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Turns {
    #[default]
    Waiting,
    /// The card is asked: the end is waited for.
    Begun,
    /// Whoever asked was told that it is too late.
    GivenUp,
}

/// Whether a signature has begun.
#[derive(Default)]
pub(crate) struct Turn(Mutex<Turns>);

impl Turn {
    /// Goes from waiting to there; whether it is there now.
    fn becomes(&self, next: Turns) -> bool {
        let mut now = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if *now == Turns::Waiting {
            *now = next;
        }
        *now == next
    }

    /// Whether the card may be asked; it is waited for then.
    pub(crate) fn begin(&self) -> bool {
        self.becomes(Turns::Begun)
    }

    fn give_up(&self) -> bool {
        self.becomes(Turns::GivenUp)
    }
}

/// What stands beside the line.
#[derive(Default)]
struct Beside {
    waiting: AtomicUsize,
    telling: AtomicUsize,
    forget: AtomicBool,
}

/// The end of the line.
#[derive(Clone)]
pub(crate) struct Queue {
    orders: SyncSender<Order>,
    beside: Arc<Beside>,
}

/// The front of the line.
pub(crate) struct Front {
    orders: Receiver<Order>,
    beside: Arc<Beside>,
}

pub(crate) fn queue() -> (Queue, Front) {
    let (orders, front) = mpsc::sync_channel(MAX_WAITING + MAX_TELLING);
    let beside = Arc::new(Beside::default());
    let queue = Queue {
        orders,
        beside: Arc::clone(&beside),
    };
    let front = Front {
        orders: front,
        beside,
    };
    (queue, front)
}

/// Takes one of so many places.
fn takes(places: &AtomicUsize, most: usize) -> bool {
    let taken = places.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |taken| {
        (taken < most).then_some(taken + 1)
    });
    taken.is_ok()
}

impl Queue {
    /// Waits for the signature, at most until the deadline; and where it has begun
    /// then, until it ends: the person may be about to touch.
    pub(crate) fn sign(&self, wanted: Wanted) -> Result<Vec<u8>, Refusal> {
        let deadline = wanted.deadline;
        let (answer, answered) = mpsc::sync_channel(1);
        let turn = Arc::new(Turn::default());
        let caller = Caller {
            answer,
            turn: Arc::clone(&turn),
        };
        if !takes(&self.beside.waiting, MAX_WAITING) {
            return Err(Refusal::Busy);
        }
        if let Err(error) = self.orders.try_send(Order::Sign(Box::new(wanted), caller)) {
            self.beside.waiting.fetch_sub(1, Ordering::SeqCst);
            return Err(match error {
                TrySendError::Full(_) => Refusal::Busy,
                TrySendError::Disconnected(_) => stopped(),
            });
        }
        let mut answer = answered.recv_timeout(left(deadline));
        if answer == Err(RecvTimeoutError::Timeout) && !turn.give_up() {
            answer = answered.recv_timeout(left(deadline + TOUCH));
        }
        match answer {
            Ok(answer) => answer,
            Err(RecvTimeoutError::Timeout) => Err(Refusal::Late),
            Err(RecvTimeoutError::Disconnected) => Err(stopped()),
        }
    }

    /// Has the person told that something was refused, where that are not too many.
    pub(crate) fn tell(&self, about: About, refusal: Refusal) {
        if takes(&self.beside.telling, MAX_TELLING)
            && self.orders.try_send(Order::Tell(about, refusal)).is_err()
        {
            self.beside.telling.fetch_sub(1, Ordering::SeqCst);
        }
    }

    /// Has the PIN forgotten, before anything else is done that waits.
    pub(crate) fn forget(&self) {
        self.beside.forget.store(true, Ordering::SeqCst);
        // Where the line is full, whoever works on it looks without this.
        let _ = self.orders.try_send(Order::Look);
    }
}

fn left(until: Instant) -> Duration {
    until.saturating_duration_since(Instant::now())
}

fn stopped() -> Refusal {
    Refusal::Failed("the agent's signer stopped".to_owned())
}

impl Front {
    /// The next, or `None` at `until`. An error where nobody can ask any more.
    pub(crate) fn next(&self, until: Option<Instant>) -> Result<Option<Order>, mpsc::RecvError> {
        let order = match until {
            None => self.orders.recv()?,
            Some(until) => match self.orders.recv_timeout(left(until)) {
                Ok(order) => order,
                Err(RecvTimeoutError::Timeout) => return Ok(None),
                Err(RecvTimeoutError::Disconnected) => return Err(mpsc::RecvError),
            },
        };
        let place = match order {
            Order::Sign(..) => Some(&self.beside.waiting),
            Order::Tell(..) => Some(&self.beside.telling),
            Order::Look => None,
        };
        if let Some(place) = place {
            place.fetch_sub(1, Ordering::SeqCst);
        }
        Ok(Some(order))
    }

    /// Whether the PIN is to be forgotten; once for each time that this was asked.
    pub(crate) fn is_to_forget(&self) -> bool {
        self.beside.forget.swap(false, Ordering::SeqCst)
    }

    /// How many wait.
    pub(crate) fn waiting(&self) -> usize {
        self.beside.waiting.load(Ordering::SeqCst)
    }
}

/// When the time is over of whoever waits so long.
pub(crate) fn deadline(patience: Duration) -> Instant {
    Instant::now() + patience.min(dlogin_service::MAX_PATIENCE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identities::NormalKey;
    use std::thread;

    fn about() -> About {
        About {
            what: "anything".to_owned(),
            program: None,
            terminal: None,
        }
    }

    fn wanted(patience: Duration) -> Wanted {
        Wanted {
            key: NormalKey::none(),
            what: What::Digest(Vec::new()),
            about: about(),
            deadline: deadline(patience),
            alive: Box::new(|| true),
        }
    }

    /// The next signature, and whoever waits for it.
    fn next(front: &Front) -> (Box<Wanted>, Caller) {
        loop {
            match front.next(None).unwrap() {
                Some(Order::Sign(wanted, caller)) => return (wanted, caller),
                _ => continue,
            }
        }
    }

    #[test]
    fn a_touch_after_the_deadline_counts_and_one_that_nobody_waits_for_is_not_begun() {
        let (queue, front) = queue();
        thread::scope(|scope| {
            let waits = scope.spawn(|| queue.sign(wanted(Duration::from_secs(2))));
            let (wanted, caller) = next(&front);
            assert!(caller.turn().begin());
            // The person touches when the time is over.
            while Instant::now() < wanted.deadline + Duration::from_millis(50) {
                thread::yield_now();
            }
            assert!(caller.turn().begin(), "also in a second attempt");
            caller.answer(Ok(vec![7]));
            assert_eq!(waits.join().unwrap(), Ok(vec![7]));
        });
        assert_eq!(queue.sign(wanted(Duration::ZERO)), Err(Refusal::Late));
        assert!(!next(&front).1.turn().begin());
    }

    #[test]
    fn refusals_that_nobody_has_told_take_no_place_from_signatures() {
        let (queue, front) = queue();
        for _ in 0..2 * (MAX_WAITING + MAX_TELLING) {
            queue.tell(about(), Refusal::Forbidden);
        }
        for _ in 0..MAX_WAITING {
            assert_eq!(queue.sign(wanted(Duration::ZERO)), Err(Refusal::Late));
        }
        assert_eq!(queue.sign(wanted(Duration::ZERO)), Err(Refusal::Busy));
        for _ in 0..MAX_TELLING {
            assert!(matches!(front.next(None), Ok(Some(Order::Tell(..)))));
        }
        queue.tell(about(), Refusal::Forbidden);
        assert_eq!(front.waiting(), MAX_WAITING);
    }

    #[test]
    fn the_pin_is_forgotten_however_full_the_line_is() {
        let (queue, front) = queue();
        while queue.sign(wanted(Duration::ZERO)) != Err(Refusal::Busy) {}
        for _ in 0..MAX_TELLING {
            queue.tell(about(), Refusal::Forbidden);
        }
        queue.forget();
        next(&front);
        assert!(front.is_to_forget());
        assert!(!front.is_to_forget());
    }

    #[test]
    fn a_signer_that_has_nothing_to_do_hears_that_the_pin_is_to_be_forgotten() {
        let (queue, front) = queue();
        queue.forget();
        assert!(matches!(front.next(None), Ok(Some(Order::Look))));
        assert!(front.is_to_forget());
    }
}
