//! The one thread that uses the YubiKey.
//!
//! Nothing is held open between signatures: `piv-token` takes the card, signs
//! in one transaction with the PIN, resets it and gives it back.

mod opened;

use std::cell::RefCell;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use dlogin_core::Paths;
use dlogin_core::pin::{Ask, PinEntry, PinError};
use dlogin_service::Refusal;
use piv_attest::{PinPolicy, Serial};
use piv_token::{Error as CardError, ToSign, Token, TouchNeed, TouchPrompt};

use crate::announce::{About, Announce};
use crate::lock::Lock;
use crate::pin::{Kept, Remembering};
use crate::queue::{ENOUGH_TO_TOUCH, Front, Order, Turn, Wanted, What};
use opened::{Failed, Opened, card, failed, open, stale};

/// What the signer needs.
pub(crate) struct Means {
    pub(crate) paths: Paths,
    pub(crate) serial: Option<Serial>,
    pub(crate) lock: Arc<Lock>,
    pub(crate) announce: Box<dyn Announce>,
    pub(crate) ask: Box<dyn Ask + Send>,
    pub(crate) pin_lasts: Duration,
}

/// The thread that signs, to be waited for.
#[derive(Debug)]
pub struct Signer(JoinHandle<()>);

impl Signer {
    /// Returns when it has ended, which it does by a fault of its own, or when
    /// nobody can ask any more.
    pub fn wait(self) {
        // What a panic had to say it has said.
        let _ = self.0.join();
    }
}

/// Starts it.
pub(crate) fn start(means: Means, front: Front) -> io::Result<Signer> {
    std::thread::Builder::new()
        .name("signer".into())
        .spawn(move || run(means, &front))
        .map(Signer)
}

/// Signs what comes, until nobody can ask any more.
fn run(means: Means, front: &Front) {
    let kept = Kept::new(means.pin_lasts);
    let mut ask = Remembering {
        person: means.ask,
        kept: Rc::clone(&kept),
    };
    let mut signer = Signing {
        paths: means.paths,
        serial: means.serial,
        lock: means.lock,
        announce: means.announce,
        kept,
        pin: PinEntry::new(&mut ask),
        last_serial: None,
        opened: None,
    };
    loop {
        let until = signer.kept.borrow().until();
        let next = front.next(until);
        if front.is_to_forget() {
            signer.kept.borrow_mut().forget();
        }
        match next {
            // Its time is over.
            Ok(None) => signer.kept.borrow_mut().begin(Instant::now()),
            Ok(Some(Order::Look)) => {}
            Ok(Some(Order::Tell(about, refusal))) => {
                signer.announce.ended(&about, Some(&refusal));
            }
            Ok(Some(Order::Sign(wanted, caller))) => {
                let result = signer.sign(&wanted, caller.turn(), front.waiting());
                signer.announce.ended(&wanted.about, result.as_ref().err());
                caller.answer(result);
            }
            Err(_) => return,
        }
    }
}

struct Signing<'a> {
    paths: Paths,
    serial: Option<Serial>,
    lock: Arc<Lock>,
    announce: Box<dyn Announce>,
    kept: Rc<RefCell<Kept>>,
    pin: PinEntry<'a>,
    last_serial: Option<Serial>,
    opened: Option<Opened>,
}

impl Signing<'_> {
    fn sign(&mut self, wanted: &Wanted, turn: &Turn, waiting: usize) -> Result<Vec<u8>, Refusal> {
        self.kept.borrow_mut().begin(Instant::now());
        if self.lock.is_locked() {
            self.kept.borrow_mut().forget();
            return Err(Refusal::Locked);
        }
        check_wanted(wanted, Duration::ZERO)?;
        let remembered = self.opened.is_some();
        let first = self.attempt(wanted, turn, waiting);
        let result = match first {
            // It was unplugged and plugged in again, pcscd was restarted, or
            // the key was made anew: look once more, from the beginning.
            Err(Failed { stale: true, .. }) if remembered => {
                self.opened = None;
                self.attempt(wanted, turn, waiting)
            }
            other => other,
        };
        if matches!(result, Err(Failed { stale: true, .. })) {
            self.opened = None;
        }
        let policy = self.opened.as_ref().map(|o| o.login.pin_policy());
        let keep = result.is_ok() && policy != Some(PinPolicy::Always);
        self.kept.borrow_mut().end(keep, Instant::now());
        // `PinEntry` would keep it for as long as it lives.
        self.pin.forget();
        result.map_err(|failed| failed.refusal)
    }

    fn attempt(&mut self, wanted: &Wanted, turn: &Turn, waiting: usize) -> Result<Vec<u8>, Failed> {
        let mut opened = match self.opened.take() {
            Some(opened) => opened,
            None => open(&self.paths, self.serial, &wanted.key)?,
        };
        if opened.key != wanted.key {
            return Err(Failed {
                refusal: Refusal::NoCard(format!(
                    "the key in slot {} of the YubiKey is not the one that this certificate is \
                     for: plug in the right YubiKey, or run dlogin",
                    opened.login.slot()
                )),
                stale: true,
            });
        }
        self.start_over_if_changed(&mut *opened.token)?;
        let least = match opened.login.needs_touch() {
            Some(_) => ENOUGH_TO_TOUCH,
            None => Duration::ZERO,
        };
        if let Err(refusal) = check_wanted(wanted, least) {
            // Nobody is asked for a PIN in vain.
            self.opened = Some(opened);
            return Err(refusal.into());
        }
        let mut prompt = Prompt {
            announce: &mut *self.announce,
            about: &wanted.about,
            waiting,
            asked: false,
        };
        let mut withdrawn = None;
        let slot = opened.login.slot();
        let what = match &wanted.what {
            What::Message(message) => ToSign::Message(message),
            What::Sha512(message) => ToSign::MessageSha512(message),
            What::Digest(digest) => ToSign::Digest(digest),
        };
        // Typing the PIN may take longer than whoever asked would wait.
        let mut begin = || {
            let wanted = check_wanted(wanted, least).and_then(|()| match turn.begin() {
                true => Ok(()),
                false => Err(Refusal::Late),
            });
            wanted.map_err(|refusal| {
                withdrawn = Some(refusal);
                CardError::PinRequired { slot }
            })
        };
        let result = if opened.login.needs_pin() {
            self.pin.with(&mut *opened.token, |token, pin| {
                begin()?;
                token.sign(slot, Some(pin), what, &mut prompt)
            })
        } else {
            begin()
                .and_then(|()| opened.token.sign(slot, None, what, &mut prompt))
                .map_err(PinError::from)
        };
        let asked = prompt.asked;
        self.opened = Some(opened);
        if let Some(refusal) = withdrawn {
            return Err(refusal.into());
        }
        result.map_err(|error| failed(&error, asked))
    }

    /// A PIN that was refused is not sent again, unless it may be right now:
    /// another YubiKey, or one whose tries were restored since.
    fn start_over_if_changed(&mut self, token: &mut dyn Token) -> Result<(), Failed> {
        let serial = token.info().serial;
        if self.last_serial != serial {
            self.last_serial = serial;
            self.kept.borrow_mut().forget();
            self.pin.start_over();
        } else if let Some(left) = self.pin.refused_at() {
            let status = token.pin_status().map_err(|error| Failed {
                stale: stale(&error),
                refusal: card(&error),
            })?;
            if status.tries_left.is_some_and(|now| now > left) {
                self.pin.start_over();
            }
        }
        Ok(())
    }
}

/// Whether it is still worth while, with at least so much time left.
fn check_wanted(wanted: &Wanted, least: Duration) -> Result<(), Refusal> {
    if Instant::now() + least >= wanted.deadline {
        return Err(Refusal::Late);
    }
    if !(wanted.alive)() {
        return Err(Refusal::Cancelled);
    }
    Ok(())
}

struct Prompt<'a> {
    announce: &'a mut dyn Announce,
    about: &'a About,
    waiting: usize,
    asked: bool,
}

impl TouchPrompt for Prompt<'_> {
    fn touch_needed(&mut self, need: TouchNeed) {
        self.asked = true;
        self.announce.touch(self.about, need, self.waiting);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::queue::queue;
    use dlogin_core::pin::Unattended;

    struct Broken;

    impl Announce for Broken {
        fn touch(&mut self, _: &About, _: TouchNeed, _: usize) {}

        fn ended(&mut self, _: &About, _: Option<&Refusal>) {
            panic!("as a fault would");
        }
    }

    #[test]
    fn a_signer_that_fails_is_noticed_though_clients_are_there() {
        let dir = tempfile::tempdir().unwrap();
        let means = Means {
            paths: Paths::from_lookup(|_| Some(dir.path().into())).unwrap(),
            serial: None,
            lock: Arc::default(),
            announce: Box::new(Broken),
            ask: Box::new(Unattended),
            pin_lasts: Duration::ZERO,
        };
        let (queue, front) = queue();
        let signer = start(means, front).unwrap();
        let about = About {
            what: "anything".to_owned(),
            program: None,
            terminal: None,
        };
        queue.tell(about, Refusal::Forbidden);
        signer.wait();
        drop(queue);
    }
}
