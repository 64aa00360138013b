//! `dlogin setup`: a YubiKey made safe, with keys fit to be enrolled.
//!
//! [`prepare`] is all of it. [`run`] makes one key, and looks before it changes anything: the factory PIN is refused, what
//! would be lost is shown and kept unless overwriting was asked for, and the
//! card is opened for changes in the way that its owner chose: the factory's
//! management key (with a warning), one kept on the card under the PIN as
//! ykman does it, or one that is asked for.
//!
//! The attestation of the new key is put into its slot as the certificate:
//! programs that know keys by their certificates (ykcs11, OpenSC) find the
//! key then, and it costs neither a signature nor a touch.

mod error;
mod occupant;
mod prepare;

use piv_attest::{Firmware, KeyAlgorithm, PinPolicy, Slot, TouchPolicy};
use piv_token::{
    Attestation, Generate, ManageToken, Management, ManagementKey, ManagementStatus, Pin,
    TouchPrompt,
};
use serde::{Deserialize, Serialize};

pub use error::SetupError;
pub use occupant::Occupant;
pub use prepare::{ChangePin, ChangePuk, Guide, Preparation, Step, prepare};

use crate::pin::{self, PinEntry};
use crate::{Config, Error, Paths};

/// What a key is for (`login` or `proof`), as the CA records it too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KeyUse {
    /// The key of TLS and SSH certificates.
    Login,
    /// The key that vouches for keys on disk, and is used for nothing else.
    Proof,
}

impl KeyUse {
    /// The slot it has if nobody says otherwise.
    #[must_use]
    pub fn default_slot(self) -> Option<Slot> {
        match self {
            Self::Login => Some(Slot::AUTHENTICATION),
            Self::Proof => Slot::from_byte(0x82),
        }
    }
}

impl std::fmt::Display for KeyUse {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Login => "login",
            Self::Proof => "proof",
        })
    }
}

impl std::str::FromStr for KeyUse {
    type Err = NotAKeyUse;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "login" => Ok(Self::Login),
            "proof" => Ok(Self::Proof),
            _ => Err(NotAKeyUse),
        }
    }
}

/// The text is not what a key is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a key is for \"login\" or \"proof\"")]
pub struct NotAKeyUse;

/// A key to be made.
#[derive(Clone, Debug)]
pub struct Setup {
    /// What for.
    pub key_use: KeyUse,
    /// Where; the slot that the configuration has for this use, without.
    pub slot: Option<Slot>,
    /// What kind.
    pub algorithm: KeyAlgorithm,
    /// When it wants the PIN.
    pub pin_policy: PinPolicy,
    /// When it wants a touch.
    pub touch_policy: TouchPolicy,
    /// Whether what is in the slot may be lost.
    pub overwrite: bool,
}

impl Setup {
    /// As most people want it: P-256, PIN once, touch always.
    #[must_use]
    pub fn new(key_use: KeyUse) -> Self {
        Self {
            key_use,
            slot: None,
            algorithm: KeyAlgorithm::P256,
            pin_policy: PinPolicy::Once,
            touch_policy: TouchPolicy::Always,
            overwrite: false,
        }
    }
}

/// What was made.
#[derive(Clone, Debug)]
pub struct Made {
    /// The new key, attested.
    pub key: Attestation,
    /// What was in the slot before.
    pub replaced: Option<Occupant>,
    /// What the person should know.
    pub warnings: Vec<Warning>,
}

/// What works, but could be better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Warning {
    /// Any program on the machine can replace keys.
    #[error(
        "the YubiKey has the factory's management key, so any program can replace its keys: \
         `dlogin setup` puts a random one under the PIN"
    )]
    FactoryManagementKey,
    /// Whoever finds the key can give it a new PIN.
    #[error(
        "the YubiKey has the factory's PUK, so whoever finds it can set a new PIN: \
         `dlogin setup` changes it"
    )]
    FactoryPuk,
    /// A CA refuses such keys unless its policy was changed.
    #[error("a CA accepts no key with PIN policy \"{0}\" unless its policy was changed")]
    PinPolicy(PinPolicy),
    /// A CA refuses such keys unless its policy was changed.
    #[error("a CA accepts no key with touch policy \"{0}\" unless its policy was changed")]
    TouchPolicy(TouchPolicy),
    /// EUCLEAK, YSA-2024-03.
    #[error(
        "firmware {0} has a known weakness (YSA-2024-03): whoever takes the YubiKey apart can \
         copy an ECDSA key; firmware 5.7 has it no more"
    )]
    Eucleak(Firmware),
}

/// Makes the key, and writes its slot into the configuration.
///
/// # Errors
/// [`SetupError`] for the card and what is on it; those of [`Config`].
pub fn run(
    paths: &Paths,
    token: &mut dyn ManageToken,
    setup: &Setup,
    pin: &mut PinEntry<'_>,
    touch: &mut dyn TouchPrompt,
) -> Result<Made, Error> {
    let mut config = Config::load(paths)?;
    let slot = slot(&config, setup)?;
    let made = make(token, setup, slot, pin, touch)?;
    let configured = config.keys.of_mut(setup.key_use);
    if *configured != slot.to_string() {
        *configured = slot.to_string();
        config.save(paths)?;
    }
    Ok(made)
}

/// The slot: as asked for, else as configured. The two uses never share one.
fn slot(config: &Config, setup: &Setup) -> Result<Slot, SetupError> {
    let configured = |text: &str| -> Result<Slot, SetupError> {
        text.parse().map_err(|_| SetupError::ConfiguredSlot {
            text: text.to_owned(),
        })
    };
    let (own, other) = match setup.key_use {
        KeyUse::Login => (&config.keys.login, &config.keys.proof),
        KeyUse::Proof => (&config.keys.proof, &config.keys.login),
    };
    let slot = match setup.slot {
        Some(slot) => slot,
        None => configured(own)?,
    };
    if slot == configured(other)? {
        return Err(SetupError::SlotOfOtherUse {
            slot,
            key_use: setup.key_use,
        });
    }
    Ok(slot)
}

fn make(
    token: &mut dyn ManageToken,
    setup: &Setup,
    slot: Slot,
    pin: &mut PinEntry<'_>,
    touch: &mut dyn TouchPrompt,
) -> Result<Made, SetupError> {
    let before = token.inspect(slot)?;
    let replaced = (!before.is_empty()).then(|| Occupant::of(&before));
    if let (Some(occupant), false) = (&replaced, setup.overwrite) {
        return Err(SetupError::WouldOverwrite {
            occupant: occupant.clone(),
        });
    }
    refuse_factory_pin(token, pin)?;

    let status = token.management_status()?;
    let key = managed(token, status, pin, |token, management| {
        let request = Generate {
            slot,
            algorithm: setup.algorithm,
            pin_policy: setup.pin_policy,
            touch_policy: setup.touch_policy,
            management,
            overwrite: setup.overwrite,
        };
        token.generate(&request, touch)
    })?;
    let warnings = warnings(&key, token.info().firmware, status);
    Ok(Made {
        key,
        replaced,
        warnings,
    })
}

/// Does what takes the management key, with the one that there is.
fn managed<R>(
    token: &mut dyn ManageToken,
    status: ManagementStatus,
    pin: &mut PinEntry<'_>,
    mut work: impl FnMut(&mut dyn ManageToken, Management) -> Result<R, piv_token::Error>,
) -> Result<R, SetupError> {
    if status.protected {
        return Ok(pin.with(token, |token, pin: &Pin| {
            work(token, Management::Protected(pin.clone()))
        })?);
    }
    if status.factory {
        return Ok(work(token, Management::Factory)?);
    }
    let text = pin
        .ask()
        .secret("Management key of the YubiKey (hexadecimal): ")
        .map_err(pin::PinError::from)?;
    Ok(work(
        token,
        Management::Key(ManagementKey::from_hex(text.trim())?),
    )?)
}

/// A YubiKey whose PIN everybody knows proves nothing about who uses it.
fn refuse_factory_pin(
    token: &mut dyn ManageToken,
    pin: &mut PinEntry<'_>,
) -> Result<(), SetupError> {
    let factory = match token.pin_status()?.factory {
        Some(factory) => factory,
        // Firmware before 5.3 does not tell, and trying the factory's PIN
        // could cost a try. So the person types the PIN, and the card says
        // whether it is right.
        None => pin.with(token, |token, pin: &Pin| {
            if !pin.is_factory() {
                token.check_pin(pin)?;
            }
            Ok(pin.is_factory())
        })?,
    };
    if factory {
        Err(SetupError::FactoryPin)
    } else {
        Ok(())
    }
}

fn warnings(key: &Attestation, firmware: Firmware, status: ManagementStatus) -> Vec<Warning> {
    let ecdsa = key.algorithm().is_ecdsa();
    [
        status.factory.then_some(Warning::FactoryManagementKey),
        (status.factory_puk == Some(true)).then_some(Warning::FactoryPuk),
        (key.pin_policy() == PinPolicy::Never).then(|| Warning::PinPolicy(key.pin_policy())),
        (key.touch_policy() != TouchPolicy::Always)
            .then(|| Warning::TouchPolicy(key.touch_policy())),
        (ecdsa && firmware < Firmware::new(5, 7, 0)).then_some(Warning::Eucleak(firmware)),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Changes the PIN: from the one that is asked for, or the factory's, to one
/// that is asked for twice.
///
/// # Errors
/// [`SetupError`].
pub fn change_pin(token: &mut dyn ManageToken, pin: &mut PinEntry<'_>) -> Result<(), SetupError> {
    let factory = token.pin_status()?.factory == Some(true);
    let old = if factory {
        Pin::new(Pin::FACTORY).map_err(pin::PinError::from)?
    } else {
        pin.with(token, |token, pin: &Pin| {
            token.check_pin(pin)?;
            Ok(pin.clone())
        })?
    };
    let new = prepare::new_pin(pin)?;
    Ok(token.change_pin(&old, &new)?)
}
