//! The YubiKey with the key that is wanted, and what may be wrong with it.

use dlogin_core::pin::{AskError, PinError};
use dlogin_core::setup::KeyUse;
use dlogin_core::{Config, Paths};
use dlogin_service::Refusal;
use piv_attest::{Serial, Slot};
use piv_token::{Attestation, Error as CardError, Token, YubiKey};

use crate::identities::NormalKey;

/// A YubiKey and its login key, as they were when last looked at. It is not
/// held: every use looks again whether it is still there.
pub(super) struct Opened {
    pub(super) token: Box<dyn Token>,
    pub(super) login: Attestation,
    pub(super) key: NormalKey,
}

/// Why there is no signature, and whether a YubiKey that was remembered may be
/// to blame.
pub(super) struct Failed {
    pub(super) refusal: Refusal,
    pub(super) stale: bool,
}

impl From<Refusal> for Failed {
    fn from(refusal: Refusal) -> Self {
        Self {
            refusal,
            stale: false,
        }
    }
}

/// Finds the YubiKey and its login key. The proof key is not asked for at all.
/// Of several, it is the one with the key that is wanted: the backup has keys
/// and certificates of its own.
pub(super) fn open(
    paths: &Paths,
    serial: Option<Serial>,
    wanted: &NormalKey,
) -> Result<Opened, Failed> {
    let config = Config::load(paths).map_err(|error| Refusal::Failed(error.to_string()))?;
    let slot_of = |key_use| {
        config
            .keys
            .slot(key_use)
            .map_err(|error| Refusal::Failed(error.to_string()))
    };
    let (login, proof) = (slot_of(KeyUse::Login)?, slot_of(KeyUse::Proof)?);
    if login == proof {
        return Err(Refusal::Forbidden.into());
    }
    let not_there = |error: CardError| Failed {
        stale: stale(&error),
        refusal: card(&error),
    };
    let mut several = Vec::new();
    let mut token = match piv_token::open(serial) {
        Ok(token) => token,
        Err(error @ CardError::SeveralYubiKeys { .. }) => {
            several = piv_token::open_all().map_err(not_there)?;
            several.pop().ok_or_else(|| not_there(error))?
        }
        Err(error) => return Err(not_there(error)),
    };
    loop {
        let opened = opened(token, login).map_err(not_there);
        match (opened, several.pop()) {
            (Ok(opened), None) => return Ok(opened),
            (Ok(opened), Some(_)) if opened.key == *wanted => return Ok(opened),
            (Err(failed), None) => return Err(failed),
            (_, Some(next)) => token = next,
        }
    }
}

fn opened(mut token: YubiKey, login: Slot) -> Result<Opened, CardError> {
    let login = token.attest(login)?;
    let key = NormalKey::of(login.public_key().spki_der()).ok_or_else(|| CardError::Algorithm {
        slot: login.slot(),
        algorithm: login.algorithm().to_string(),
    })?;
    Ok(Opened {
        token: Box::new(token),
        login,
        key,
    })
}

/// What it is to whoever asked, and whether looking again may help.
pub(super) fn failed(error: &PinError, touch_asked: bool) -> Failed {
    let refusal = match error {
        PinError::Ask(AskError::Cancelled { .. } | AskError::Interrupted) => Refusal::Cancelled,
        PinError::Card(error) => card(error),
        other => Refusal::Pin(other.to_string()),
    };
    let stale = match error {
        PinError::Card(error) => stale(error),
        _ => false,
    };
    Failed {
        refusal,
        // Who was asked for a touch is not asked twice for one signature.
        stale: stale && !touch_asked,
    }
}

/// Whether looking for the YubiKey again may help.
pub(super) fn stale(error: &CardError) -> bool {
    matches!(
        error,
        CardError::Unplugged
            | CardError::Exchanged { .. }
            | CardError::NoReader
            | CardError::NoPcscd
            | CardError::NoKey { .. }
            | CardError::Status { .. }
            | CardError::Pcsc(_)
    )
}

/// The same of what the card said.
pub(super) fn card(error: &CardError) -> Refusal {
    match error {
        CardError::NotTouched => Refusal::NotTouched,
        CardError::Algorithm { .. } | CardError::TooLong { .. } => Refusal::Unsupported,
        CardError::WrongPin { .. }
        | CardError::LastPinTry
        | CardError::PinBlocked
        | CardError::PinRequired { .. } => Refusal::Pin(error.to_string()),
        other => Refusal::NoCard(other.to_string()),
    }
}
