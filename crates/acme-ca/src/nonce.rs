//! Replay nonces (RFC 8555 §6.5): authenticated, expiring, single use.
//!
//! A nonce carries its own sequence number and time, under an HMAC whose key
//! lives as long as the process. Handing one out therefore stores nothing, and
//! what has been redeemed is one bit of a window of fixed size: however many
//! nonces strangers ask for, the memory stays the same. A nonce that fell out
//! of the window counts as expired; the client is told `badNonce` and tries
//! again with the fresh one that came with the error (RFC 8555 §6.5).

use std::sync::Mutex;

use aws_lc_rs::hmac;
use base64ct::{Base64UrlUnpadded, Encoding};

/// How many nonces can be outstanding before the oldest count as expired.
pub const WINDOW: u64 = 1 << 20;

const TAG_LEN: usize = 16;
const BODY_LEN: usize = 16;
const NONCE_LEN: usize = BODY_LEN + TAG_LEN;
/// Unpadded base64url of [`NONCE_LEN`] bytes.
const TEXT_LEN: usize = 43;

/// Why a nonce was not accepted. All of them are `badNonce` to the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NonceError {
    /// Not 43 characters of canonical base64url.
    #[error("the nonce is not one of this server's: wrong form")]
    Form,
    /// The HMAC does not verify: not ours, or from before a restart.
    #[error("the nonce is not one of this server's")]
    Foreign,
    /// Older than its lifetime, or than the last [`WINDOW`] nonces.
    #[error("the nonce has expired")]
    Expired,
    /// Redeemed before.
    #[error("the nonce has been used")]
    Used,
}

/// The nonces of one process.
pub struct Nonces {
    key: hmac::Key,
    lifetime: u64,
    window: Mutex<Window>,
}

/// One bit for each of the last [`WINDOW`] sequence numbers, used as a ring.
struct Window {
    first: u64,
    next: u64,
    redeemed: Vec<u64>,
}

impl Nonces {
    /// A fresh key and an empty window. A nonce can be redeemed for `lifetime` seconds.
    ///
    /// # Errors
    /// The system's random number generator failed.
    pub fn new(lifetime: u64) -> Result<Self, aws_lc_rs::error::Unspecified> {
        let random = aws_lc_rs::rand::SystemRandom::new();
        let mut secret = zeroize::Zeroizing::new([0_u8; 32]);
        aws_lc_rs::rand::SecureRandom::fill(&random, secret.as_mut())?;
        // The sequence starts anywhere, so that it tells nobody how busy the
        // server has been.
        let mut start = [0_u8; 8];
        aws_lc_rs::rand::SecureRandom::fill(&random, &mut start)?;
        let first = u64::from_be_bytes(start) >> 2;
        Ok(Self {
            key: hmac::Key::new(hmac::HMAC_SHA256, secret.as_ref()),
            lifetime,
            window: Mutex::new(Window {
                first,
                next: first,
                redeemed: vec![0; usize::try_from(WINDOW / 64).unwrap_or(0)],
            }),
        })
    }

    /// A new nonce. `now` is in seconds since 1970.
    pub fn issue(&self, now: u64) -> String {
        let sequence = self.lock().take();
        let mut bytes = [0_u8; NONCE_LEN];
        let (body, tag) = bytes.split_at_mut(BODY_LEN);
        let (number, time) = body.split_at_mut(8);
        number.copy_from_slice(&sequence.to_be_bytes());
        time.copy_from_slice(&now.to_be_bytes());
        let mac = hmac::sign(&self.key, body);
        tag.copy_from_slice(mac.as_ref().get(..TAG_LEN).unwrap_or(&[0; TAG_LEN]));
        Base64UrlUnpadded::encode_string(&bytes)
    }

    /// Accepts `nonce` once.
    ///
    /// # Errors
    /// [`NonceError`] when it is not ours, too old, or was redeemed before.
    pub fn redeem(&self, nonce: &str, now: u64) -> Result<(), NonceError> {
        if nonce.len() != TEXT_LEN {
            return Err(NonceError::Form);
        }
        let mut buffer = [0_u8; NONCE_LEN];
        let bytes = Base64UrlUnpadded::decode(nonce, &mut buffer).map_err(|_| NonceError::Form)?;
        let (body, tag) = bytes.split_at_checked(BODY_LEN).ok_or(NonceError::Form)?;
        let mac = hmac::sign(&self.key, body);
        let expected = mac.as_ref().get(..TAG_LEN).ok_or(NonceError::Form)?;
        if !bool::from(subtle::ConstantTimeEq::ct_eq(expected, tag)) {
            return Err(NonceError::Foreign);
        }
        let (number, time) = body.split_first_chunk::<8>().ok_or(NonceError::Form)?;
        let issued = u64::from_be_bytes(*time.first_chunk().ok_or(NonceError::Form)?);
        // A clock that was set back makes nonces look as if from the future;
        // that is no reason to turn their holders away.
        if now.saturating_sub(issued) > self.lifetime {
            return Err(NonceError::Expired);
        }
        self.lock().redeem(u64::from_be_bytes(*number))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Window> {
        // Nothing in the critical sections can panic half-way, so a poisoned
        // window is still a consistent one.
        self.window
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Window {
    fn take(&mut self) -> u64 {
        let sequence = self.next;
        self.next = self.next.wrapping_add(1);
        if self.next.wrapping_sub(self.first) > WINDOW {
            self.first = self.first.wrapping_add(1);
        }
        // The slot is reused: forget what the number before it did.
        let (word, bit) = Self::place(sequence);
        if let Some(word) = self.redeemed.get_mut(word) {
            *word &= !bit;
        }
        sequence
    }

    fn redeem(&mut self, sequence: u64) -> Result<(), NonceError> {
        if sequence.wrapping_sub(self.first) >= self.next.wrapping_sub(self.first) {
            return Err(NonceError::Expired);
        }
        let (word, bit) = Self::place(sequence);
        let word = self.redeemed.get_mut(word).ok_or(NonceError::Expired)?;
        if *word & bit != 0 {
            return Err(NonceError::Used);
        }
        *word |= bit;
        Ok(())
    }

    fn place(sequence: u64) -> (usize, u64) {
        let slot = sequence % WINDOW;
        (
            usize::try_from(slot / 64).unwrap_or(usize::MAX),
            1 << (slot % 64),
        )
    }
}

impl std::fmt::Debug for Nonces {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Nonces").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIFETIME: u64 = 3600;
    const NOW: u64 = 1_800_000_000;

    #[test]
    fn a_nonce_is_redeemed_once() {
        let nonces = Nonces::new(LIFETIME).unwrap();
        let nonce = nonces.issue(NOW);
        assert_eq!(nonces.redeem(&nonce, NOW), Ok(()));
        assert_eq!(nonces.redeem(&nonce, NOW), Err(NonceError::Used));
    }

    #[test]
    fn nonces_are_redeemed_in_any_order() {
        let nonces = Nonces::new(LIFETIME).unwrap();
        let issued: Vec<_> = (0..200).map(|_| nonces.issue(NOW)).collect();
        for nonce in issued.iter().rev() {
            assert_eq!(nonces.redeem(nonce, NOW), Ok(()));
        }
        for nonce in &issued {
            assert_eq!(nonces.redeem(nonce, NOW), Err(NonceError::Used));
        }
    }

    #[test]
    fn a_nonce_expires() {
        let nonces = Nonces::new(LIFETIME).unwrap();
        let nonce = nonces.issue(NOW);
        assert_eq!(
            nonces.redeem(&nonce, NOW + LIFETIME + 1),
            Err(NonceError::Expired)
        );
        assert_eq!(nonces.redeem(&nonce, NOW + LIFETIME), Ok(()));
    }

    #[test]
    fn a_nonce_of_another_process_is_foreign() {
        let nonce = Nonces::new(LIFETIME).unwrap().issue(NOW);
        assert_eq!(
            Nonces::new(LIFETIME).unwrap().redeem(&nonce, NOW),
            Err(NonceError::Foreign)
        );
    }

    #[test]
    fn any_changed_character_is_refused() {
        let nonces = Nonces::new(LIFETIME).unwrap();
        let nonce = nonces.issue(NOW);
        for at in 0..nonce.len() {
            let mut changed = nonce.clone().into_bytes();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).unwrap();
            assert!(nonces.redeem(&changed, NOW).is_err(), "position {at}");
        }
        assert_eq!(nonces.redeem(&nonce, NOW), Ok(()));
    }

    #[test]
    fn other_forms_are_refused() {
        let nonces = Nonces::new(LIFETIME).unwrap();
        let nonce = nonces.issue(NOW);
        for wrong in [
            String::new(),
            "x".into(),
            format!("{nonce}="),
            "é".repeat(43),
        ] {
            assert_eq!(nonces.redeem(&wrong, NOW), Err(NonceError::Form));
        }
    }

    #[test]
    fn memory_is_a_window_and_the_oldest_fall_out_of_it() {
        let nonces = Nonces::new(LIFETIME).unwrap();
        let (oldest, second) = (nonces.issue(NOW), nonces.issue(NOW));
        for _ in 0..WINDOW - 1 {
            nonces.lock().take();
        }
        assert_eq!(nonces.redeem(&oldest, NOW), Err(NonceError::Expired));
        assert_eq!(nonces.redeem(&second, NOW), Ok(()));
        assert_eq!(nonces.lock().redeemed.len() as u64 * 64, WINDOW);
    }

    #[test]
    fn a_slot_that_is_reused_is_fresh() {
        let nonces = Nonces::new(LIFETIME).unwrap();
        let first = nonces.issue(NOW);
        nonces.redeem(&first, NOW).unwrap();
        for _ in 0..WINDOW - 1 {
            nonces.lock().take();
        }
        let same_slot = nonces.issue(NOW);
        assert_eq!(nonces.redeem(&same_slot, NOW), Ok(()));
    }
}
