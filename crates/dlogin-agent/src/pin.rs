//! The PIN between signatures: asked for, kept for a while if that is wanted,
//! and a wrong one never sent twice.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use dlogin_core::pin::{Ask, AskError};
use zeroize::Zeroizing;

use crate::locked::Locked;

/// The longest that a PIN is kept: a working day and its certificate.
pub const LONGEST: Duration = Duration::from_secs(16 * 3600);

/// A PIN that the card accepted, for a while.
pub(crate) struct Kept {
    lasts: Duration,
    pin: Option<(Locked, Instant)>,
    /// What was typed for this signature.
    typed: Option<Zeroizing<String>>,
}

impl Kept {
    pub(crate) fn new(lasts: Duration) -> Rc<RefCell<Self>> {
        Rc::new(RefCell::new(Self {
            lasts: lasts.min(LONGEST),
            pin: None,
            typed: None,
        }))
    }

    /// When the PIN is to be forgotten.
    pub(crate) fn until(&self) -> Option<Instant> {
        self.pin.as_ref().map(|(_, until)| *until)
    }

    pub(crate) fn forget(&mut self) {
        self.pin = None;
        self.typed = None;
    }

    /// Another signature begins.
    pub(crate) fn begin(&mut self, now: Instant) {
        self.typed = None;
        if self.until().is_some_and(|until| until <= now) {
            self.forget();
        }
    }

    /// It ended. What was typed is kept if the card took it and `keep`.
    pub(crate) fn end(&mut self, keep: bool, now: Instant) {
        let typed = self.typed.take();
        if self.lasts.is_zero() || !keep {
            return;
        }
        if let Some(pin) = typed.and_then(|pin| Locked::new(pin.as_bytes())) {
            self.pin = Some((pin, now + self.lasts));
        }
    }

    fn offer(&self) -> Option<Zeroizing<String>> {
        let (pin, _) = self.pin.as_ref()?;
        let text = std::str::from_utf8(pin.as_bytes()).ok()?;
        Some(Zeroizing::new(text.to_owned()))
    }
}

/// Knows the PIN that is kept; asks the person where there is none.
pub(crate) struct Remembering {
    pub(crate) person: Box<dyn Ask + Send>,
    pub(crate) kept: Rc<RefCell<Kept>>,
}

impl Ask for Remembering {
    fn known(&mut self) -> Option<Zeroizing<String>> {
        self.kept.borrow().offer()
    }

    fn secret(&mut self, text: &str) -> Result<Zeroizing<String>, AskError> {
        // A question comes where the PIN that was kept was refused, if there was one.
        self.kept.borrow_mut().pin = None;
        let pin = self.person.secret(text)?;
        self.kept.borrow_mut().typed = Some(pin.clone());
        Ok(pin)
    }

    fn confirm(&mut self, text: &str) -> Result<bool, AskError> {
        self.person.confirm(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Typist(u32);

    impl Ask for Typist {
        fn secret(&mut self, _: &str) -> Result<Zeroizing<String>, AskError> {
            self.0 += 1;
            Ok(Zeroizing::new(format!("00000{}", self.0)))
        }

        fn confirm(&mut self, _: &str) -> Result<bool, AskError> {
            Ok(false)
        }
    }

    fn remembering(lasts: u64) -> (Remembering, Rc<RefCell<Kept>>) {
        let kept = Kept::new(Duration::from_secs(lasts));
        let ask = Remembering {
            person: Box::new(Typist(0)),
            kept: Rc::clone(&kept),
        };
        (ask, kept)
    }

    #[test]
    fn a_pin_is_kept_as_long_as_was_set_and_no_longer() {
        let (mut ask, kept) = remembering(60);
        let now = Instant::now();
        let mut asked = |at: Instant| {
            kept.borrow_mut().begin(at);
            let pin = ask.known().unwrap_or_else(|| ask.secret("?").unwrap());
            kept.borrow_mut().end(true, at);
            pin.to_string()
        };
        assert_eq!(asked(now), "000001");
        assert_eq!(asked(now + Duration::from_secs(59)), "000001");
        assert_eq!(asked(now + Duration::from_secs(60)), "000002");
    }

    #[test]
    fn without_the_setting_every_signature_asks() {
        let (mut ask, kept) = remembering(0);
        for expected in ["000001", "000002"] {
            kept.borrow_mut().begin(Instant::now());
            assert!(ask.known().is_none());
            assert_eq!(ask.secret("?").unwrap().as_str(), expected);
            kept.borrow_mut().end(true, Instant::now());
        }
    }

    #[test]
    fn a_kept_pin_that_the_card_refuses_is_dropped() {
        let (mut ask, kept) = remembering(60);
        let now = Instant::now();
        kept.borrow_mut().begin(now);
        let _ = ask.secret("?").unwrap();
        kept.borrow_mut().end(true, now);
        kept.borrow_mut().begin(now);
        assert_eq!(ask.known().unwrap().as_str(), "000001");
        assert_eq!(ask.secret("wrong ?").unwrap().as_str(), "000002");
        kept.borrow_mut().end(false, now);
        assert!(kept.borrow().until().is_none());
    }

    #[test]
    fn no_setting_keeps_a_pin_for_longer_than_a_day_of_work() {
        assert_eq!(Kept::new(Duration::MAX).borrow().lasts, LONGEST);
    }
}
