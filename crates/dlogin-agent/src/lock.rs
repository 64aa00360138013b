//! `ssh-add -x` and `ssh-add -X`.

use std::num::NonZeroU32;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use aws_lc_rs::pbkdf2::{self, PBKDF2_HMAC_SHA256};
use aws_lc_rs::rand;
use zeroize::Zeroizing;

/// Enough that guessing is slow, little enough that nobody notices.
const ROUNDS: NonZeroU32 = NonZeroU32::new(100_000).unwrap();

/// How long each wrong secret makes the next one wait, and at most.
const PENALTY: Duration = Duration::from_millis(100);
const PENALTIES: u32 = 50;

struct Closed {
    salt: [u8; 16],
    hash: Zeroizing<[u8; 32]>,
    wrong: u32,
}

/// Whether the agent is locked, and by which secret, of which only a slow hash
/// is kept.
#[derive(Default)]
pub(crate) struct Lock(Mutex<Option<Closed>>);

impl Lock {
    fn state(&self) -> MutexGuard<'_, Option<Closed>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn is_locked(&self) -> bool {
        self.state().is_some()
    }

    /// Locks; whether it was open.
    pub(crate) fn lock(&self, secret: &[u8]) -> bool {
        let mut state = self.state();
        let mut salt = [0; 16];
        if state.is_some() || rand::fill(&mut salt).is_err() {
            return false;
        }
        let mut hash = Zeroizing::new([0; 32]);
        pbkdf2::derive(PBKDF2_HMAC_SHA256, ROUNDS, &salt, secret, &mut *hash);
        *state = Some(Closed {
            salt,
            hash,
            wrong: 0,
        });
        true
    }

    /// Unlocks; whether it was locked and this was the secret.
    pub(crate) fn unlock(&self, secret: &[u8]) -> bool {
        // The next guess waits for this one: they cannot be made side by side.
        let mut state = self.state();
        let Some(closed) = state.as_mut() else {
            return false;
        };
        let right = pbkdf2::verify(
            PBKDF2_HMAC_SHA256,
            ROUNDS,
            &closed.salt,
            secret,
            &*closed.hash,
        )
        .is_ok();
        if right {
            *state = None;
        } else {
            closed.wrong = closed.wrong.saturating_add(1).min(PENALTIES);
            thread::sleep(PENALTY.saturating_mul(closed.wrong));
        }
        right
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_secret_unlocks() {
        let lock = Lock::default();
        assert!(!lock.unlock(b"x"));
        assert!(lock.lock(b"secret"));
        assert!(!lock.lock(b"another"), "locked already");
        assert!(!lock.unlock(b"another"));
        assert!(lock.is_locked());
        assert!(lock.unlock(b"secret"));
        assert!(!lock.is_locked());
    }
}
