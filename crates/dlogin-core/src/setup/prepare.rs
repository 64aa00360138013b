//! A YubiKey made safe and ready in one go: PIN, management key, keys, PUK.
//!
//! Everything is looked at and every question that could end it is asked before
//! anything is changed. Then each step leaves a YubiKey that its owner can use,
//! and a second run goes on where the first one ended:
//!
//! 1. The PIN. Only its owner knows it from then on.
//! 2. The management key: random, on the card under that PIN, where ykman looks
//!    for it too. No program can replace keys any more without the PIN.
//! 3. The keys. One that is there and fit stays.
//! 4. The PUK, last: where it is shown once, nothing comes after it that could
//!    fail and hide it.

use piv_attest::{Firmware, KeyAlgorithm, PinPolicy};
use piv_token::{
    Attestation, ManageToken, Management, ManagementStatus, Pin, Puk, SlotContents, TouchPrompt,
};

use super::{KeyUse, Made, Occupant, Setup, SetupError, Warning, make, managed, slot};
use crate::pin::{self, Ask, PinEntry};
use crate::{Config, Error, Paths};

/// What is to be done.
#[derive(Clone, Debug)]
pub struct Preparation {
    /// The keys to be there in the end.
    pub keys: Vec<Setup>,
    /// Whether a key that is there and fit stays, instead of standing in the
    /// way.
    pub keep_fit: bool,
    /// When the PIN is changed.
    pub pin: ChangePin,
    /// Whether the factory's management key is replaced.
    pub management_key: bool,
    /// What becomes of the factory's PUK.
    pub puk: ChangePuk,
}

/// When the PIN is changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangePin {
    /// If it is the factory's.
    Factory,
    /// Whatever it is.
    Always,
    /// Not even then: the factory's is an error, since a key behind it proves
    /// nothing.
    Never,
}

/// What becomes of the factory's PUK.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangePuk {
    /// Eight random digits, shown once.
    Random,
    /// One that is typed.
    Ask,
    /// Its tries are spent: nobody sets a new PIN with it.
    Block,
    /// It stays, with a warning.
    Keep,
}

impl Preparation {
    /// As most people want it: both keys, and nothing of the factory's left.
    #[must_use]
    pub fn usual() -> Self {
        Self {
            keys: vec![Setup::new(KeyUse::Login), Setup::new(KeyUse::Proof)],
            keep_fit: true,
            pin: ChangePin::Factory,
            management_key: true,
            puk: ChangePuk::Random,
        }
    }
}

/// A step that is done.
#[derive(Debug)]
pub enum Step {
    /// The PIN is another.
    Pin,
    /// The management key is random and under the PIN.
    ManagementKey,
    /// A key was made.
    Made(KeyUse, Box<Made>),
    /// A key was there, and is fit.
    Kept(KeyUse, Box<Attestation>),
    /// The PUK is another.
    Puk,
    /// The PUK is blocked.
    PukBlocked,
    /// The PUK stays what it is, and may be the factory's: the card does not
    /// tell, and it was not the one that was tried.
    PukUnknown,
}

/// Who leads a person through it.
pub trait Guide {
    /// Whether this may be lost; whoever knows is asked. Nothing was changed
    /// yet.
    ///
    /// # Errors
    /// [`SetupError`] where nobody can say.
    fn may_lose(&mut self, occupant: &Occupant, ask: &mut dyn Ask) -> Result<bool, SetupError>;

    /// A step is done and stays done, whatever comes next.
    fn done(&mut self, step: Step);

    /// The PUK that is about to be set. Shown once; where that fails, it is not
    /// set.
    ///
    /// # Errors
    /// [`SetupError::NotShown`].
    fn show(&mut self, puk: &Puk) -> Result<(), SetupError>;
}

/// A key, and what is done about it.
struct Planned<'a> {
    setup: &'a Setup,
    slot: piv_attest::Slot,
    overwrite: bool,
    keep: bool,
    /// It is kept, and its attestation is not in the slot.
    uncertified: bool,
}

/// Makes a YubiKey safe and ready.
///
/// # Errors
/// [`SetupError`] for the card and what is on it; those of [`Config`]. The
/// steps that the guide was told of are done.
pub fn prepare(
    paths: &Paths,
    token: &mut dyn ManageToken,
    preparation: &Preparation,
    pin: &mut PinEntry<'_>,
    touch: &mut dyn TouchPrompt,
    guide: &mut dyn Guide,
) -> Result<(), Error> {
    let mut config = Config::load(paths)?;
    let status = token.management_status().map_err(SetupError::from)?;
    if status.derived {
        return Err(SetupError::DerivedManagementKey.into());
    }
    let mut planned = Vec::new();
    for setup in &preparation.keys {
        let keep_fit = preparation.keep_fit;
        planned.push(plan(token, &config, setup, keep_fit, pin.ask(), guide)?);
    }

    let was_factory = change_pin(token, preparation.pin, pin, guide)?;
    if preparation.management_key {
        protect(token, status, pin, touch, guide)?;
    }
    for planned in &planned {
        let key_use = planned.setup.key_use;
        let step = if planned.keep {
            if planned.uncertified {
                let status = token.management_status().map_err(SetupError::from)?;
                managed(token, status, pin, |token, management| {
                    token.certify(planned.slot, &management, touch)
                })?;
            }
            let key = token.attest(planned.slot).map_err(SetupError::from)?;
            Step::Kept(key_use, Box::new(key))
        } else {
            let setup = Setup {
                overwrite: planned.overwrite,
                ..planned.setup.clone()
            };
            let mut made = make(token, &setup, planned.slot, pin, touch)?;
            if preparation.puk != ChangePuk::Keep {
                // Its turn comes.
                made.warnings
                    .retain(|warning| *warning != Warning::FactoryPuk);
            }
            Step::Made(key_use, Box::new(made))
        };
        let configured = config.keys.of_mut(key_use);
        if *configured != planned.slot.to_string() {
            *configured = planned.slot.to_string();
            config.save(paths)?;
        }
        guide.done(step);
    }
    Ok(change_puk(
        token,
        preparation.puk,
        status,
        was_factory,
        pin,
        guide,
    )?)
}

/// What is to be done about a key, and whether its slot may be used. Changes
/// nothing.
fn plan<'a>(
    token: &mut dyn ManageToken,
    config: &Config,
    setup: &'a Setup,
    keep_fit: bool,
    ask: &mut dyn Ask,
    guide: &mut dyn Guide,
) -> Result<Planned<'a>, SetupError> {
    let slot = slot(config, setup)?;
    let firmware = token.info().firmware;
    let before = token.inspect(slot)?;
    let keep = keep_fit && !setup.overwrite && is_fit(setup, &before, firmware);
    if !keep {
        piv_token::can_make(slot, setup.algorithm, firmware)?;
    }
    let mut overwrite = setup.overwrite;
    if !keep && !overwrite && !before.is_empty() {
        let occupant = Occupant::of(&before);
        overwrite = guide.may_lose(&occupant, ask)?;
        if !overwrite {
            return Err(SetupError::WouldOverwrite { occupant });
        }
    }
    Ok(Planned {
        setup,
        slot,
        overwrite,
        keep,
        uncertified: keep && before.certificate.is_none(),
    })
}

/// Whether the key in the slot does what the one that would be made does.
fn is_fit(setup: &Setup, contents: &SlotContents, firmware: Firmware) -> bool {
    let Some(key) = &contents.key else {
        return false;
    };
    let Some(algorithm) = key.public_key.as_ref().map(|key| key.algorithm()) else {
        return false;
    };
    let pin = |policy| match policy {
        // Stricter than asked for will do.
        PinPolicy::Always => setup.pin_policy != PinPolicy::Never,
        policy => policy == setup.pin_policy,
    };
    // P-256 is what nobody asked for in particular.
    let good = algorithm == setup.algorithm || setup.algorithm == KeyAlgorithm::P256;
    key.generated
        && good
        && piv_token::can_make(contents.slot, algorithm, firmware).is_ok()
        && key.pin_policy.is_some_and(pin)
        && key.touch_policy == Some(setup.touch_policy)
}

/// Changes the PIN where it is to be. Answers whether it was the factory's.
fn change_pin(
    token: &mut dyn ManageToken,
    change: ChangePin,
    pin: &mut PinEntry<'_>,
    guide: &mut dyn Guide,
) -> Result<bool, SetupError> {
    let told = token.pin_status()?.factory;
    let old = match told {
        Some(true) => Pin::new(Pin::FACTORY).map_err(pin::PinError::from)?,
        // It is known not to be, and nobody wants another.
        Some(false) if change != ChangePin::Always => return Ok(false),
        // Firmware before 5.3 does not tell: the person does.
        _ => pin.with(token, |token, pin: &Pin| {
            token.check_pin(pin)?;
            Ok(pin.clone())
        })?,
    };
    let factory = old.is_factory();
    match change {
        ChangePin::Never if factory => return Err(SetupError::FactoryPin),
        ChangePin::Never => return Ok(false),
        ChangePin::Factory if !factory => return Ok(false),
        ChangePin::Factory | ChangePin::Always => {}
    }
    let new = new_pin(pin)?;
    token.change_pin(&old, &new).map_err(|error| match error {
        piv_token::Error::Unplugged => SetupError::PinUnconfirmed,
        error => error.into(),
    })?;
    pin.learn(new);
    guide.done(Step::Pin);
    Ok(factory)
}

/// A PIN that is not known to everybody, typed twice.
pub(super) fn new_pin(pin: &mut PinEntry<'_>) -> Result<Pin, SetupError> {
    let new = pin::new_pin(pin.ask())?.ok_or(SetupError::PinsDiffer)?;
    let puk = Puk::new(Puk::FACTORY).map_err(pin::PinError::from)?;
    if new.is_factory() || puk.is(&new) {
        return Err(SetupError::FactoryPin);
    }
    Ok(new)
}

/// Puts a random management key under the PIN, where the factory's is; or says
/// so where an earlier run did not come to it.
fn protect(
    token: &mut dyn ManageToken,
    status: ManagementStatus,
    pin: &mut PinEntry<'_>,
    touch: &mut dyn TouchPrompt,
    guide: &mut dyn Guide,
) -> Result<(), SetupError> {
    let done = if status.factory {
        pin.with(token, |token, pin: &Pin| {
            token.protect_management_key(&Management::Factory, pin, touch)
        })?;
        true
    } else if status.protected {
        false
    } else {
        pin.with(token, |token, pin: &Pin| token.finish_protection(pin))?
    };
    if done {
        guide.done(Step::ManagementKey);
    }
    Ok(())
}

fn change_puk(
    token: &mut dyn ManageToken,
    change: ChangePuk,
    status: ManagementStatus,
    pin_was_factory: bool,
    pin: &mut PinEntry<'_>,
    guide: &mut dyn Guide,
) -> Result<(), SetupError> {
    let factory = match status.factory_puk {
        Some(factory) => factory,
        // Firmware before 5.3 does not tell, and a wrong PUK costs one of its
        // tries. Who never changed the PIN did not change the PUK either.
        None if change == ChangePuk::Keep => false,
        None if !pin_was_factory => {
            guide.done(Step::PukUnknown);
            return Ok(());
        }
        None => true,
    };
    if !factory || change == ChangePuk::Keep {
        return Ok(());
    }
    if change == ChangePuk::Block {
        token.block_puk()?;
        guide.done(Step::PukBlocked);
        return Ok(());
    }
    let new = match change {
        ChangePuk::Ask => {
            if !pin.knows(|_| true) {
                // To see that the PUK is another.
                pin.with(token, |token, pin: &Pin| token.check_pin(pin))?;
            }
            new_puk(pin)?
        }
        _ => Puk::random()?,
    };
    // Whoever sees one typed would know both.
    if pin.knows(|pin| new.is(pin)) || new.is_factory() {
        return Err(SetupError::PukIsPin);
    }
    guide.show(&new)?;
    let old = Puk::new(Puk::FACTORY).map_err(pin::PinError::from)?;
    match token.change_puk(&old, &new) {
        Ok(()) => guide.done(Step::Puk),
        Err(piv_token::Error::WrongPuk { .. }) if status.factory_puk.is_none() => {
            guide.done(Step::PukUnknown);
        }
        Err(piv_token::Error::Unplugged) => return Err(SetupError::PukUnconfirmed),
        Err(error) => return Err(error.into()),
    }
    Ok(())
}

/// Asks for a PUK, twice.
fn new_puk(pin: &mut PinEntry<'_>) -> Result<Puk, SetupError> {
    let first = pin
        .ask()
        .secret("New PUK (6 to 8 characters): ")
        .map_err(pin::PinError::from)?;
    let puk = Puk::new(&first).map_err(pin::PinError::from)?;
    let second = pin
        .ask()
        .secret("New PUK again: ")
        .map_err(pin::PinError::from)?;
    if *first == *second {
        Ok(puk)
    } else {
        Err(SetupError::PuksDiffer)
    }
}
