//! The gold contact: touched, or not.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

/// What happens when the key waits for a touch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum TouchMode {
    /// It waits until [`Touch::touch`] or until its patience ends.
    Manual,
    /// It is touched at once, each time.
    Auto,
    /// Nobody touches: it behaves as when its patience has ended, at once.
    Deny,
}

/// What the key knows of touches, for [`Touch::status`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TouchStatus {
    /// What happens when it waits for a touch.
    pub mode: TouchMode,
    /// Whether it blinks, waiting for a touch.
    pub waiting: bool,
    /// How often it was touched while it waited.
    pub touches: u64,
    /// How often it waited in vain.
    pub untouched: u64,
    /// How often a private key was used (signatures, decryptions, key agreements).
    pub operations: u64,
}

/// Handle on one key's contact; clones are the same contact.
#[derive(Debug, Clone)]
pub struct Touch {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    status: TouchStatus,
    /// A touch that came while the key waited, not yet taken.
    pending: bool,
    /// Until when the last touch counts for policy "cached".
    cached_until: Option<Instant>,
    plugged: bool,
}

/// Why a wait ended without what was waited for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TouchError {
    /// Nothing is waiting for a touch, so a touch now would be for nothing.
    #[error("the key is not waiting for a touch")]
    NotWaiting,
    /// The key did not begin to wait for a touch in time.
    #[error("the key did not ask for a touch within {} ms", .0.as_millis())]
    NotAsked(Duration),
}

/// The touch policy of a key, where it matters here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    Fresh,
    Cached,
}

impl Touch {
    pub(crate) fn new(mode: TouchMode) -> Self {
        Self {
            shared: Arc::new(Shared {
                state: Mutex::new(State {
                    status: TouchStatus {
                        mode,
                        waiting: false,
                        touches: 0,
                        untouched: 0,
                        operations: 0,
                    },
                    pending: false,
                    cached_until: None,
                    plugged: true,
                }),
                changed: Condvar::new(),
            }),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // No code panics while it holds the lock half-changed.
        self.shared
            .state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Counters and whether a touch is waited for.
    #[must_use]
    pub fn status(&self) -> TouchStatus {
        self.lock().status
    }

    /// From now on, what happens when the key waits for a touch. Decides a wait
    /// that is on, too.
    pub fn set_mode(&self, mode: TouchMode) {
        self.lock().status.mode = mode;
        self.shared.changed.notify_all();
    }

    /// Touches the key.
    ///
    /// # Errors
    /// [`TouchError::NotWaiting`]: a real key would type a one-time password
    /// into whatever has the keyboard, and sign nothing.
    pub fn touch(&self) -> Result<(), TouchError> {
        let mut state = self.lock();
        if !state.status.waiting || state.pending {
            return Err(TouchError::NotWaiting);
        }
        state.pending = true;
        self.shared.changed.notify_all();
        Ok(())
    }

    /// Returns as soon as the key waits for a touch.
    ///
    /// # Errors
    /// [`TouchError::NotAsked`] when it does not within `patience`.
    pub fn wait_until_asked(&self, patience: Duration) -> Result<(), TouchError> {
        let state = self.lock();
        let (_state, result) = self
            .shared
            .changed
            .wait_timeout_while(state, patience, |s| !s.status.waiting || s.pending)
            .unwrap_or_else(PoisonError::into_inner);
        if result.timed_out() {
            return Err(TouchError::NotAsked(patience));
        }
        Ok(())
    }

    /// Waits until the key asks for a touch, and touches it.
    ///
    /// # Errors
    /// [`TouchError::NotAsked`] when it does not ask within `patience`.
    pub fn touch_when_asked(&self, patience: Duration) -> Result<(), TouchError> {
        self.wait_until_asked(patience)?;
        self.touch().map_err(|_| TouchError::NotAsked(patience))
    }

    /// Blocks until the key is touched; `false` if it is not in time, or is unplugged.
    pub(crate) fn demand(&self, need: Need, timeout: Duration) -> bool {
        let mut state = self.lock();
        if need == Need::Cached
            && state
                .cached_until
                .is_some_and(|until| Instant::now() < until)
        {
            return true;
        }
        state.pending = false;
        state.status.waiting = true;
        self.shared.changed.notify_all();
        let (mut state, _) = self
            .shared
            .changed
            .wait_timeout_while(state, timeout, |s| {
                s.plugged && !s.pending && s.status.mode == TouchMode::Manual
            })
            .unwrap_or_else(PoisonError::into_inner);
        let touched = state.plugged && (state.pending || state.status.mode == TouchMode::Auto);
        state.pending = false;
        state.status.waiting = false;
        if touched {
            state.status.touches += 1;
            // A real key remembers a touch for "cached" whatever key it was for.
            state.cached_until = Instant::now().checked_add(timeout);
        } else {
            state.status.untouched += 1;
        }
        self.shared.changed.notify_all();
        touched
    }

    pub(crate) fn count_operation(&self) {
        self.lock().status.operations += 1;
        self.shared.changed.notify_all();
    }

    /// Ends a wait when the key is pulled out; a remembered touch is forgotten.
    pub(crate) fn set_plugged(&self, plugged: bool) {
        let mut state = self.lock();
        state.plugged = plugged;
        state.cached_until = None;
        self.shared.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHORT: Duration = Duration::from_millis(30);
    const LONG: Duration = Duration::from_secs(20);

    #[test]
    fn nothing_happens_without_a_touch() {
        let touch = Touch::new(TouchMode::Manual);
        assert!(!touch.demand(Need::Fresh, SHORT));
        assert_eq!((touch.status().touches, touch.status().untouched), (0, 1));
    }

    #[test]
    fn a_touch_counts_only_while_it_is_waited_for() {
        let touch = Touch::new(TouchMode::Manual);
        assert_eq!(touch.touch(), Err(TouchError::NotWaiting));
        assert!(!touch.demand(Need::Fresh, SHORT));
        let finger = touch.clone();
        let person = std::thread::spawn(move || finger.touch_when_asked(LONG));
        assert!(touch.demand(Need::Fresh, LONG));
        assert_eq!(person.join().unwrap(), Ok(()));
        assert_eq!(touch.status().touches, 1);
        assert!(!touch.demand(Need::Fresh, SHORT), "one touch, one use");
    }

    #[test]
    fn a_cached_touch_serves_again_and_a_fresh_one_is_still_demanded() {
        let touch = Touch::new(TouchMode::Auto);
        assert!(touch.demand(Need::Cached, LONG));
        touch.set_mode(TouchMode::Deny);
        assert!(touch.demand(Need::Cached, LONG));
        assert!(!touch.demand(Need::Fresh, LONG));
        touch.set_plugged(false);
        touch.set_plugged(true);
        assert!(!touch.demand(Need::Cached, LONG), "unplugging forgets");
    }

    #[test]
    fn unplugging_ends_a_wait() {
        let touch = Touch::new(TouchMode::Manual);
        let other = touch.clone();
        let waiting = std::thread::spawn(move || other.demand(Need::Fresh, LONG));
        touch.wait_until_asked(LONG).unwrap();
        touch.set_plugged(false);
        assert!(!waiting.join().unwrap());
    }
}
