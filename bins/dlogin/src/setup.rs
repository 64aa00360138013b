//! `dlogin setup`: leads a person through it.

use std::io;

use dlogin_core::pin::{Ask, AskError, PinEntry, PinError};
use dlogin_core::piv_attest::{PinPolicy, TouchPolicy};
use dlogin_core::piv_token::{Puk, Token, TokenInfo};
use dlogin_core::setup::{
    self, ChangePin, ChangePuk, Guide, KeyUse, Made, Occupant, Preparation, SetupError, Step,
    Warning,
};
use dlogin_core::{Error, Exit, Paths, piv_token};
use serde_json::{Value, json};

use crate::arguments::Setup;
use crate::commands::{blocking, printed, which};
use crate::show::Progress;
use crate::{print, terminal};

const POLICIES: &str = "\
Every use of a key wants a touch: a program that knows your PIN cannot use it unseen.
And it wants the PIN. When?";

const ONCE: &str = "once: the PIN opens the YubiKey until it is reset, which dlogin does after each \
     use; the agent may keep the PIN for you, as long as you say (--pin-cache)";
const ALWAYS: &str = "always: each signature wants the PIN anew, and nothing can keep it for you";

/// Makes the YubiKey safe and ready.
pub(crate) async fn run(paths: Paths, json: bool, arguments: &Setup) -> Result<Exit, Error> {
    let mut wanted = preparation(arguments);
    let serial = arguments.serial;
    let explain = !json && arguments.pin_policy.is_none() && terminal::is_watched();
    let (guide, outcome) = blocking(move || {
        let mut ask = terminal::ask();
        // A key is made on the one that was meant, and never on a guess.
        let mut token = match piv_token::open(serial) {
            Err(error @ piv_token::Error::SeveralYubiKeys { .. }) => {
                let serial = which(&paths, &mut *ask)?.ok_or(error)?;
                piv_token::open(Some(serial))?
            }
            other => other?,
        };
        if explain {
            choose_policy(&mut wanted, &mut *ask)?;
        }
        let mut guide = Terminal {
            json,
            info: token.info().clone(),
            done: Vec::new(),
            puk: None,
        };
        let mut pin = PinEntry::new(&mut *ask);
        let mut progress = Progress::new();
        let outcome = setup::prepare(
            &paths,
            &mut token,
            &wanted,
            &mut pin,
            &mut progress,
            &mut guide,
        );
        Ok((guide, outcome))
    })
    .await?;
    if !json {
        outcome?;
        return printed(next(&wanted_uses(arguments)));
    }
    match outcome {
        // What was done is told, a PUK that may be set above all.
        Err(error) if guide.did_something() => {
            let exit = error.exit();
            printed(print::json(&guide.value(Some(&error))))?;
            Ok(exit)
        }
        outcome => {
            outcome?;
            printed(print::json(&guide.value(None)))
        }
    }
}

fn wanted_uses(arguments: &Setup) -> Vec<KeyUse> {
    match arguments.key_use {
        Some(key_use) => vec![key_use],
        None => vec![KeyUse::Login, KeyUse::Proof],
    }
}

fn preparation(arguments: &Setup) -> Preparation {
    let keys = wanted_uses(arguments)
        .into_iter()
        .map(|key_use| setup::Setup {
            slot: arguments.slot,
            algorithm: arguments.algorithm,
            pin_policy: arguments.pin_policy.unwrap_or(PinPolicy::Once),
            touch_policy: arguments.touch_policy,
            overwrite: arguments.overwrite,
            ..setup::Setup::new(key_use)
        })
        .collect();
    Preparation {
        keys,
        // Who names a key wants a new one.
        keep_fit: arguments.key_use.is_none(),
        pin: if arguments.change_pin {
            ChangePin::Always
        } else if arguments.no_change_pin {
            ChangePin::Never
        } else {
            ChangePin::Factory
        },
        management_key: !arguments.no_change_management_key,
        puk: if arguments.no_change_puk {
            ChangePuk::Keep
        } else {
            arguments.puk.into()
        },
    }
}

fn choose_policy(wanted: &mut Preparation, ask: &mut dyn Ask) -> Result<(), Error> {
    let options = [ONCE.to_owned(), ALWAYS.to_owned()];
    let chosen = ask.choose(POLICIES, &options, Some(0));
    if chosen.map_err(PinError::from)? == Some(1) {
        for key in &mut wanted.keys {
            key.pin_policy = PinPolicy::Always;
        }
    }
    Ok(())
}

/// What comes after it.
fn next(uses: &[KeyUse]) -> io::Result<()> {
    let commands: Vec<_> = uses
        .iter()
        .map(|key_use| match key_use {
            KeyUse::Login => "`dlogin bundle --user NAME`",
            KeyUse::Proof => "`dlogin bundle --user NAME --use proof`",
        })
        .collect();
    print::line(&format!(
        "next: {}, for the operator of the CA",
        commands.join(" and ")
    ))
}

/// Says what is done as it is done, or keeps it for one JSON value.
struct Terminal {
    json: bool,
    info: TokenInfo,
    done: Vec<Step>,
    puk: Option<Puk>,
}

impl Guide for Terminal {
    fn may_lose(&mut self, occupant: &Occupant, ask: &mut dyn Ask) -> Result<bool, SetupError> {
        let question = format!("{occupant}. It would be lost for ever. Lose it?");
        match ask.confirm(&question) {
            Ok(lose) => Ok(lose),
            Err(AskError::Nobody) => Ok(false),
            Err(error) => Err(PinError::from(error).into()),
        }
    }

    fn done(&mut self, step: Step) {
        for warning in warnings(&step) {
            anstream::eprintln!("dlogin: warning: {warning}");
        }
        if !self.json {
            // Nobody may be reading; what was done stays done.
            let _ = print::line(&said(&step, &self.info));
        }
        self.done.push(step);
    }

    fn show(&mut self, puk: &Puk) -> Result<(), SetupError> {
        if self.json {
            self.puk = Some(puk.clone());
            return Ok(());
        }
        let text = format!(
            "new PUK:        {}   write it down, apart from the YubiKey: it sets a new PIN, and is \
             shown this once",
            *puk.reveal()
        );
        print::line(&text).map_err(SetupError::NotShown)
    }
}

fn warnings(step: &Step) -> &[Warning] {
    match step {
        Step::Made(_, made) => &made.warnings,
        _ => &[],
    }
}

fn said(step: &Step, info: &TokenInfo) -> String {
    let yubikey = info.serial.map_or_else(
        || "without serial number".to_owned(),
        |serial| serial.to_string(),
    );
    let key = |what, key_use, slot, algorithm, pin: PinPolicy, touch: TouchPolicy| {
        format!(
            "{what}: {key_use} key in slot {slot} of YubiKey {yubikey}: {algorithm}, PIN {pin}, \
             touch {touch}"
        )
    };
    match step {
        Step::Pin => "PIN:            changed".to_owned(),
        Step::ManagementKey => {
            "management key: random from now on, kept on the YubiKey under the PIN".to_owned()
        }
        Step::Made(key_use, made) => {
            let Made { key: made, .. } = &**made;
            key(
                "made",
                key_use,
                made.slot(),
                made.algorithm(),
                made.pin_policy(),
                made.touch_policy(),
            )
        }
        Step::Kept(key_use, kept) => key(
            "kept",
            key_use,
            kept.slot(),
            kept.algorithm(),
            kept.pin_policy(),
            kept.touch_policy(),
        ),
        Step::Puk => "PUK:            changed".to_owned(),
        Step::PukBlocked => {
            "PUK:            blocked; a PIN that is forgotten costs all keys (ykman piv reset)"
                .to_owned()
        }
        Step::PukUnknown => "PUK:            as it was; this firmware does not tell whether it is \
             the factory's: if it is, `ykman piv access change-puk`"
            .to_owned(),
    }
}

impl Terminal {
    fn did_something(&self) -> bool {
        !self.done.is_empty() || self.puk.is_some()
    }

    /// All of it; with the error that ended it before its time.
    fn value(&self, error: Option<&Error>) -> Value {
        let info = &self.info;
        let keys: Vec<_> = self.done.iter().filter_map(key_value).collect();
        let did = |wanted: fn(&Step) -> bool| self.done.iter().any(wanted);
        let reveal = |puk: &Puk| puk.reveal().to_string();
        let puk = self.puk.as_ref().map(reveal);
        let set = did(|step| matches!(step, Step::Puk));
        let unconfirmed = matches!(error, Some(Error::Setup(SetupError::PukUnconfirmed)));
        let mut value = json!({
            "serial": info.serial.map(|serial| serial.to_string()),
            "firmware": info.firmware.to_string(),
            "pin_changed": did(|step| matches!(step, Step::Pin)),
            "management_key_protected": did(|step| matches!(step, Step::ManagementKey)),
            "puk": puk.as_ref().filter(|_| set),
            "puk_blocked": did(|step| matches!(step, Step::PukBlocked)),
            "keys": keys,
        });
        if let (true, Some(value)) = (unconfirmed, value.as_object_mut()) {
            value.insert("puk_unconfirmed".to_owned(), puk.into());
        }
        if let (Some(error), Some(value)) = (error, value.as_object_mut()) {
            value.insert("error".to_owned(), error.to_string().into());
            value.insert("exit".to_owned(), error.exit().code().into());
        }
        value
    }
}

fn key_value(step: &Step) -> Option<Value> {
    let (key_use, key, made) = match step {
        Step::Made(key_use, made) => (key_use, &made.key, Some(made)),
        Step::Kept(key_use, key) => (key_use, &**key, None),
        _ => return None,
    };
    let warnings = warnings(step).iter().map(ToString::to_string);
    Some(json!({
        "use": key_use,
        "made": made.is_some(),
        "slot": key.slot().to_string(),
        "algorithm": key.algorithm().to_string(),
        "pin_policy": key.pin_policy().to_string(),
        "touch_policy": key.touch_policy().to_string(),
        "replaced": made.and_then(|made| made.replaced.as_ref()).map(ToString::to_string),
        "warnings": warnings.collect::<Vec<_>>(),
    }))
}
