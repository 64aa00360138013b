//! One visit to a card: connect, take the card for ourselves, work, give it
//! back.
//!
//! The work is done on a thread of its own, because PC/SC has no deadline: it
//! waits for ever for another program's transaction to end. When we stop
//! waiting, the thread learns it and leaves the card alone once it is its turn.

use crate::{Error, TouchNeed, TouchPrompt, apdu::Channel};
use pcsc::{Context, Disposition, Protocols, Scope, ShareMode, Transaction};
use std::{
    ffi::{CStr, CString},
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
        mpsc::{self, RecvTimeoutError},
    },
    thread,
    time::{Duration, Instant},
};
use zeroize::Zeroizing;

/// How the card is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Leave {
    /// As it is: nothing secret was opened on it.
    AsItIs,
    /// Reset, so that nobody profits from a PIN or key that we opened it with.
    Reset,
}

/// Where to go and how long to wait for the card.
pub(crate) struct Visit {
    pub(crate) reader: CString,
    pub(crate) patience: Duration,
    pub(crate) leave: Leave,
}

/// How often we look whether an exclusive user has let go of the card.
const POLL: Duration = Duration::from_millis(50);

/// How long after a failed command a reader may take to say that it is empty.
const UNPLUG_NOTICE: Duration = Duration::from_secs(2);

// Who won: the thread that got the card, or the caller who stopped waiting.
const WAITING: u8 = 0;
const HOLDING: u8 = 1;
const ABANDONED: u8 = 2;

enum Event<R> {
    Holding,
    Touch(TouchNeed),
    TouchOver(bool),
    Done(Result<R, Error>),
}

/// The card, ours alone until it is dropped.
struct Held<'a>(&'a Transaction<'a>);

impl Channel for Held<'_> {
    fn exchange(&mut self, apdu: &[u8]) -> Result<Zeroizing<Vec<u8>>, pcsc::Error> {
        let mut buffer = Zeroizing::new([0u8; pcsc::MAX_BUFFER_SIZE]);
        let answer = self.0.transmit(apdu, buffer.as_mut_slice())?;
        Ok(Zeroizing::new(answer.to_vec()))
    }
}

/// Tells the caller's thread that the card waits for a touch.
#[derive(Clone, Copy)]
pub(crate) struct Touch<'a>(&'a dyn Fn(Option<TouchNeed>, bool));

impl Touch<'_> {
    /// Runs `work`, which waits for a touch if `need` says so.
    pub(crate) fn around<R>(
        self,
        need: Option<TouchNeed>,
        work: impl FnOnce() -> Result<R, Error>,
    ) -> Result<R, Error> {
        if need.is_some() {
            (self.0)(need, false);
        }
        let result = work();
        if need.is_some() {
            (self.0)(None, result.is_ok());
        }
        result
    }
}

impl Visit {
    /// Takes the card, does the work, gives the card back.
    pub(crate) fn run<R: Send + 'static>(
        self,
        prompt: &mut dyn TouchPrompt,
        work: impl FnOnce(&mut dyn Channel, Touch<'_>) -> Result<R, Error> + Send + 'static,
    ) -> Result<R, Error> {
        let patience = self.patience;
        let deadline = Instant::now() + patience;
        let turn = Arc::new(AtomicU8::new(WAITING));
        let (send, receive) = mpsc::channel();
        let theirs = Arc::clone(&turn);
        let worker = thread::Builder::new()
            .name("piv-token".into())
            .spawn(move || {
                let result = self.work(deadline, &theirs, &send, work);
                // Nobody listens any more when the caller stopped waiting.
                let _ = send.send(Event::Done(result));
            })
            .map_err(|_| Error::System { what: "a thread" })?;

        let mut holding = false;
        let result = loop {
            let event = if holding {
                receive.recv().map_err(|_| RecvTimeoutError::Disconnected)
            } else {
                // A little longer than the thread itself, which knows better
                // what it waited for.
                let left = deadline.saturating_duration_since(Instant::now()) + POLL * 2;
                receive.recv_timeout(left)
            };
            match event {
                Ok(Event::Holding) => holding = true,
                Ok(Event::Touch(need)) => prompt.touch_needed(need),
                Ok(Event::TouchOver(touched)) => prompt.touch_over(touched),
                Ok(Event::Done(result)) => break result,
                Err(RecvTimeoutError::Timeout) => {
                    let won = turn.compare_exchange(
                        WAITING,
                        ABANDONED,
                        Ordering::SeqCst,
                        Ordering::SeqCst,
                    );
                    if won.is_ok() {
                        return Err(busy(patience));
                    }
                    holding = true;
                }
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(Error::System {
                        what: "a working thread",
                    });
                }
            }
        };
        // Its handles are closed before it says that it is done, and it has nothing left
        // to do but to end. That is not waited for: a busy machine takes milliseconds.
        drop(worker);
        result
    }

    fn work<R>(
        &self,
        deadline: Instant,
        turn: &AtomicU8,
        events: &mpsc::Sender<Event<R>>,
        work: impl FnOnce(&mut dyn Channel, Touch<'_>) -> Result<R, Error>,
    ) -> Result<R, Error> {
        let context = context()?;
        let mut card = self.connect(&context, deadline)?;
        let transaction = loop {
            match card.transaction2() {
                Ok(transaction) => break transaction,
                // Somebody reset the card in between: connect again.
                Err((again, pcsc::Error::ResetCard)) if Instant::now() < deadline => {
                    again
                        .reconnect(ShareMode::Shared, Protocols::ANY, Disposition::LeaveCard)
                        .map_err(error)?;
                }
                Err((_, pcsc::Error::SharingViolation)) => return Err(busy(self.patience)),
                Err((_, e)) => return Err(error(e)),
            }
        };
        let ours = turn.compare_exchange(WAITING, HOLDING, Ordering::SeqCst, Ordering::SeqCst);
        if ours.is_err() {
            drop(transaction);
            let _ = card.disconnect(Disposition::LeaveCard);
            return Err(busy(self.patience));
        }
        let _ = events.send(Event::Holding);

        let announce = |need: Option<TouchNeed>, touched: bool| {
            let event = match need {
                Some(need) => Event::Touch(need),
                None => Event::TouchOver(touched),
            };
            let _ = events.send(event);
        };
        // A panic in the work drops the card's handle, which resets it.
        let result = work(&mut Held(&transaction), Touch(&announce));
        let disposition = match self.leave {
            Leave::AsItIs => Disposition::LeaveCard,
            Leave::Reset => Disposition::ResetCard,
        };
        let ended = transaction.end(disposition).map_err(|(_, e)| e);
        let left = match ended {
            Ok(()) => card.disconnect(Disposition::LeaveCard).map_err(|(_, e)| e),
            Err(e) => match card.disconnect(Disposition::UnpowerCard) {
                Ok(()) => Ok(()),
                Err((card, _)) => {
                    drop(card);
                    Err(e)
                }
            },
        };
        match (result, left) {
            (Err(e), _) if self.gone(&context, &e) => Err(Error::Unplugged),
            (Err(e), _) => Err(e),
            // Without power nothing stays open on the card.
            (Ok(value), Err(e)) if self.leave == Leave::Reset && error(e) != Error::Unplugged => {
                drop(value);
                Err(Error::NotReset)
            }
            (Ok(value), _) => Ok(value),
        }
    }

    fn connect(&self, context: &Context, deadline: Instant) -> Result<pcsc::Card, Error> {
        loop {
            match context.connect(&self.reader, ShareMode::Shared, Protocols::ANY) {
                Ok(card) => return Ok(card),
                Err(pcsc::Error::SharingViolation) if Instant::now() < deadline => {
                    thread::sleep(POLL);
                }
                Err(pcsc::Error::SharingViolation) => return Err(busy(self.patience)),
                Err(e) => return Err(error(e)),
            }
        }
    }

    /// Whether a failed command failed because the card is gone. The daemon
    /// learns of it a moment later than we do, so it is asked for a while.
    fn gone(&self, context: &Context, e: &Error) -> bool {
        let Error::Pcsc(inner) = e else { return false };
        if !matches!(
            inner,
            pcsc::Error::NotTransacted
                | pcsc::Error::CommError
                | pcsc::Error::CommDataLost
                | pcsc::Error::ResetCard
                | pcsc::Error::UnresponsiveCard
                | pcsc::Error::InvalidHandle
                | pcsc::Error::InvalidValue
        ) {
            return false;
        }
        let deadline = Instant::now() + UNPLUG_NOTICE;
        loop {
            let mut states = [pcsc::ReaderState::new(
                self.reader.clone(),
                pcsc::State::UNAWARE,
            )];
            match context.get_status_change(Duration::ZERO, &mut states) {
                Ok(()) => {
                    if states
                        .iter()
                        .any(|s| !s.event_state().contains(pcsc::State::PRESENT))
                    {
                        return true;
                    }
                }
                Err(pcsc::Error::UnknownReader | pcsc::Error::ReaderUnavailable) => return true,
                Err(_) => return false,
            }
            if Instant::now() >= deadline {
                return false;
            }
            thread::sleep(POLL);
        }
    }
}

/// A connection to pcscd.
pub(crate) fn context() -> Result<Context, Error> {
    Context::establish(Scope::User).map_err(error)
}

/// The names of all readers.
pub(crate) fn readers(context: &Context) -> Result<Vec<CString>, Error> {
    match context.list_readers_owned() {
        Ok(readers) => Ok(readers),
        Err(pcsc::Error::NoReadersAvailable) => Ok(Vec::new()),
        Err(e) => Err(error(e)),
    }
}

/// How a reader's name is shown.
pub(crate) fn shown(reader: &CStr) -> String {
    reader.to_string_lossy().into_owned()
}

fn busy(patience: Duration) -> Error {
    Error::Busy {
        waited_seconds: patience.as_secs(),
    }
}

/// What an error of PC/SC means here.
pub(crate) fn error(e: pcsc::Error) -> Error {
    use pcsc::Error as P;
    match e {
        P::NoService | P::ServiceStopped => Error::NoPcscd,
        P::SecurityViolation => Error::NotPermitted,
        P::NoReadersAvailable => Error::NoReader,
        P::NoSmartcard
        | P::RemovedCard
        | P::UnknownReader
        | P::ReaderUnavailable
        | P::UnpoweredCard => Error::Unplugged,
        other => Error::Pcsc(other),
    }
}
