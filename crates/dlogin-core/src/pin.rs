//! The PIN: where it comes from, and that a wrong one is never sent twice.
//!
//! [`Ask`] is where secrets come from: a program ([`Askpass`], as ssh has it),
//! the terminal (the program's own, since this library owns none), or nobody
//! ([`Unattended`]). [`PinEntry`] asks it when a card wants the PIN, keeps what
//! the card accepted for as long as it lives, and forgets what it refused.

mod ask;
mod batch;
mod once;

use piv_token::{Pin, PinFormat, Token, TokenInfo};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::Exit;
pub use ask::{Ask, AskError, Askpass, Unattended};
pub use batch::in_batch_mode;
pub use once::OnceForAll;

/// How often one run asks for the PIN before it gives up.
const QUESTIONS: usize = 3;

/// Why there is no signature, as far as the PIN is concerned.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PinError {
    /// Nobody gave a PIN.
    #[error(transparent)]
    Ask(#[from] AskError),
    /// What was given cannot be a PIN. The card was not asked.
    #[error("{0}")]
    Format(#[from] PinFormat),
    /// The PIN was refused, and the same one, or no other, was given after it.
    #[error("wrong PIN: {}", tries(*.tries_left))]
    Wrong {
        /// Tries left, where the card tells.
        tries_left: Option<u8>,
    },
    /// One try is left, and the person did not want to spend it.
    #[error(
        "one PIN try is left and was not spent: unblock or change the PIN with the PUK \
         (ykman piv access unblock-pin), or say yes when asked"
    )]
    LastTry,
    /// Anything else that the card said.
    #[error(transparent)]
    Card(#[from] piv_token::Error),
}

impl PinError {
    /// The program's exit code for it.
    #[must_use]
    pub fn exit(&self) -> Exit {
        match self {
            Self::Ask(AskError::Interrupted) => Exit::Interrupted,
            Self::Ask(AskError::Nobody | AskError::Background) => Exit::Missing,
            _ => Exit::Card,
        }
    }
}

fn tries(left: Option<u8>) -> String {
    match left {
        Some(0) => "the PIN is blocked now: unblock it with the PUK (ykman piv access unblock-pin)"
            .to_owned(),
        Some(1) => "1 try left".to_owned(),
        Some(n) => format!("{n} tries left"),
        None => "nothing was signed".to_owned(),
    }
}

/// The PIN of one card, for one run of the program.
pub struct PinEntry<'a> {
    ask: &'a mut dyn Ask,
    accepted: Option<Pin>,
    refused: Vec<Refused>,
    /// The tries that were left when one was refused last.
    refused_at: Option<u8>,
}

/// What became of a PIN.
enum Sent<R> {
    /// The card took it.
    Taken(R),
    /// The card refused it, and so many tries are left.
    Refused(u8),
    /// One try is left, and it was not sent.
    LastTry,
}

/// A PIN that the card refused, to be recognised and never shown or sent.
struct Refused {
    salt: [u8; 16],
    hash: [u8; 32],
}

impl Refused {
    fn new(text: &str) -> Result<Self, piv_token::Error> {
        let mut salt = [0; 16];
        aws_lc_rs::rand::fill(&mut salt)
            .map_err(|_| piv_token::Error::System { what: "randomness" })?;
        Ok(Self {
            salt,
            hash: salted(&salt, text),
        })
    }

    fn is(&self, text: &str) -> bool {
        salted(&self.salt, text) == self.hash
    }
}

fn salted(salt: &[u8], text: &str) -> [u8; 32] {
    Sha256::new()
        .chain_update(salt)
        .chain_update(text)
        .finalize()
        .into()
}

impl<'a> PinEntry<'a> {
    /// Asks `ask` once a card wants a PIN, and not before.
    pub fn new(ask: &'a mut dyn Ask) -> Self {
        Self {
            ask,
            accepted: None,
            refused: Vec::new(),
            refused_at: None,
        }
    }

    /// Whom it asks, for questions other than the PIN.
    pub fn ask(&mut self) -> &mut dyn Ask {
        self.ask
    }

    /// Takes over a PIN that the card has now.
    pub(crate) fn learn(&mut self, pin: Pin) {
        self.accepted = Some(pin);
        self.forget_refused();
    }

    /// Whether the PIN is known, and this holds of it.
    pub(crate) fn knows(&self, holds: impl FnOnce(&Pin) -> bool) -> bool {
        self.accepted.as_ref().is_some_and(holds)
    }

    /// Forgets the PIN that the card accepted: it is asked for again.
    pub fn forget(&mut self) {
        self.accepted = None;
    }

    /// Forgets also which PINs were refused: they may be right for another
    /// card, or since the PIN was changed.
    pub fn start_over(&mut self) {
        self.forget();
        self.forget_refused();
    }

    /// The tries that were left when the card refused a PIN that is not sent
    /// again; `None` where there is none such. With more of them than that,
    /// another PIN may be right.
    pub fn refused_at(&self) -> Option<u8> {
        self.refused_at
    }

    fn forget_refused(&mut self) {
        self.refused.clear();
        self.refused_at = None;
    }

    fn refuse(&mut self, pin: &Pin, tries_left: u8) -> Result<(), PinError> {
        self.refused.push(Refused::new(&pin.text())?);
        self.refused_at = Some(tries_left);
        self.forget();
        Ok(())
    }

    fn was_refused(&self, text: &str) -> bool {
        self.refused.iter().any(|refused| refused.is(text))
    }

    /// Does `work` with the PIN: the one that the card accepted before, one that is
    /// known without a question, or one that is asked for, together with the tries
    /// that are left. A refused PIN is dropped and another is asked for; a PIN that
    /// was refused once is not sent again. The last try is spent only if the person
    /// says so.
    ///
    /// # Errors
    /// [`PinError`].
    pub fn with<T: Token + ?Sized, R>(
        &mut self,
        token: &mut T,
        mut work: impl FnMut(&mut T, &Pin) -> Result<R, piv_token::Error>,
    ) -> Result<R, PinError> {
        if let Some(pin) = self.accepted.clone()
            && let Sent::Taken(done) = self.send(token, &mut work, pin, false)?
        {
            return Ok(done);
        }
        // Without a question nobody has to be told the tries, which cost the card commands
        // of their own. VERIFY guards the last one all the same.
        if let Some(text) = self.ask.known()
            && !self.was_refused(&text)
            && let Sent::Taken(done) = self.send(token, &mut work, Pin::new(&text)?, false)?
        {
            return Ok(done);
        }
        let mut left = None;
        for _ in 0..QUESTIONS {
            left = token.pin_status()?.tries_left;
            let last = match left {
                Some(0) => return Err(piv_token::Error::PinBlocked.into()),
                Some(1) => {
                    if !self.ask.confirm(&last_try(token.info()))? {
                        return Err(PinError::LastTry);
                    }
                    true
                }
                _ => false,
            };
            let text = self
                .ask
                .secret(&question(token.info(), left, !self.refused.is_empty()))?;
            if self.was_refused(&text) {
                return Err(PinError::Wrong { tries_left: left });
            }
            match self.send(token, &mut work, Pin::new(&text)?, last) {
                Ok(Sent::Taken(done)) => return Ok(done),
                Ok(Sent::Refused(tries_left)) => left = Some(tries_left),
                // Somebody else spent tries meanwhile: ask again, with the
                // warning that belongs to it.
                Ok(Sent::LastTry) => {}
                Err(PinError::Card(piv_token::Error::PinBlocked)) => {
                    return Err(PinError::Wrong {
                        tries_left: Some(0),
                    });
                }
                Err(other) => return Err(other),
            }
        }
        Err(PinError::Wrong { tries_left: left })
    }

    /// Does the work with this PIN, and remembers what the card said of it. An
    /// error that is not about the PIN says nothing of it: it may not have come as
    /// far as the card, or the card's answer not back.
    fn send<T: Token + ?Sized, R>(
        &mut self,
        token: &mut T,
        work: &mut impl FnMut(&mut T, &Pin) -> Result<R, piv_token::Error>,
        pin: Pin,
        last: bool,
    ) -> Result<Sent<R>, PinError> {
        use piv_token::Error as E;
        let outcome = if last {
            work(token, &pin.clone().even_the_last_try())
        } else {
            work(token, &pin)
        };
        match outcome {
            Ok(done) => {
                self.learn(pin);
                Ok(Sent::Taken(done))
            }
            // A card waits for a touch only once the PIN was right.
            Err(error @ E::NotTouched) => {
                self.learn(pin);
                Err(error.into())
            }
            Err(E::WrongPin { tries_left }) => {
                self.refuse(&pin, tries_left)?;
                Ok(Sent::Refused(tries_left))
            }
            // It may be the one that blocked it.
            Err(error @ E::PinBlocked) => {
                self.refuse(&pin, 0)?;
                Err(error.into())
            }
            Err(E::LastPinTry) => {
                self.forget();
                Ok(Sent::LastTry)
            }
            Err(other) => Err(other.into()),
        }
    }
}

/// Asks for a PIN that shall be the new one, twice.
///
/// # Errors
/// [`PinError::Ask`], [`PinError::Format`]; `None` when the two differ.
pub fn new_pin(ask: &mut dyn Ask) -> Result<Option<Pin>, PinError> {
    let first: Zeroizing<String> = ask.secret("New PIN (6 to 8 characters): ")?;
    let pin = Pin::new(&first)?;
    let second = ask.secret("New PIN again: ")?;
    Ok((*first == *second).then_some(pin))
}

/// "YubiKey 12345678".
pub(crate) fn named(info: &TokenInfo) -> String {
    info.serial.map_or_else(
        || "YubiKey".to_owned(),
        |serial| format!("YubiKey {serial}"),
    )
}

fn question(info: &TokenInfo, left: Option<u8>, wrong_before: bool) -> String {
    let wrong = if wrong_before { "Wrong PIN. " } else { "" };
    let left = match left {
        Some(1) => " (last try)".to_owned(),
        Some(n) => format!(" ({n} tries left)"),
        None => String::new(),
    };
    format!("{wrong}PIN for {}{left}: ", named(info))
}

fn last_try(info: &TokenInfo) -> String {
    format!(
        "{} has one PIN try left; a wrong PIN blocks it until the PUK resets it. Spend it?",
        named(info)
    )
}

#[cfg(test)]
mod tests;
