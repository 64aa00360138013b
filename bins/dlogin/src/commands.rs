//! One function for each command.

use std::io;

use dlogin_core::login::{Person, Request, login};
use dlogin_core::pin::PinEntry;
use dlogin_core::piv_attest::Serial;
use dlogin_core::piv_token::{self, YubiKey};
use dlogin_core::setup::{self, KeyUse};
use dlogin_core::status::{logout, status};
use dlogin_core::trust::{Known, trust};
use dlogin_core::{Config, Error, Exit, Paths, bundle, expiry, need};

use crate::arguments::{Arguments, Bundle, Command, Login, Setup, Trust};
use crate::show::Progress;
use crate::{print, show, terminal};

/// Does what the arguments say.
pub(crate) async fn run(arguments: &Arguments) -> Result<Exit, Error> {
    let paths = Paths::from_env()?;
    let json = arguments.json;
    // A login does it by the CA's clock; `status` changes nothing.
    if let Some(Command::Trust(_) | Command::Setup(_) | Command::Bundle(_)) = &arguments.command {
        print::removed(&expiry::sweep(&paths, &mut Progress::new()).await?);
    }
    match &arguments.command {
        None => fetch(&paths, json, &arguments.login).await,
        Some(Command::Trust(command)) => pin_ca(&paths, json, command).await,
        Some(Command::Setup(command)) => make_key(paths, json, command).await,
        Some(Command::Bundle(command)) => make_bundle(paths, command).await,
        // `main` has run these already.
        Some(Command::Agent(_) | Command::SshConfig(_)) => Ok(Exit::Done),
        Some(Command::Status) => {
            let status = blocking(move || status(&paths)).await?;
            printed(if json {
                print::json(&status)
            } else {
                print::status(&status)
            })
        }
        Some(Command::Logout) => {
            let gone = blocking(move || logout(&paths)).await?;
            printed(if json {
                print::json(&gone)
            } else {
                print::logged_out(&gone)
            })
        }
    }
}

/// Whoever reads our output may have read enough, as in `dlogin | head`.
fn printed(outcome: io::Result<()>) -> Result<Exit, Error> {
    match outcome {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Error::Output { source: error })
        }
        _ => Ok(Exit::Done),
    }
}

async fn fetch(paths: &Paths, json: bool, arguments: &Login) -> Result<Exit, Error> {
    let request = Request {
        profiles: arguments.profiles.clone(),
        all: arguments.all,
        valid: arguments.valid,
        serial: arguments.serial,
        name: arguments.name.clone(),
    };
    let _turn = if arguments.if_needed {
        match need::turn(paths, &request).await? {
            Some(turn) => Some(turn),
            None => return Ok(Exit::Done),
        }
    } else {
        None
    };
    let person = Person {
        ask: terminal::ask(),
        show: Box::new(Progress::new()),
    };
    let report = login(paths, &request, person).await?;
    printed(if json {
        print::json(&report)
    } else {
        print::report(&report)
    })?;
    Ok(report.exit())
}

async fn pin_ca(paths: &Paths, json: bool, arguments: &Trust) -> Result<Exit, Error> {
    let known = match (&arguments.known.fingerprint, &arguments.known.root) {
        (Some(fingerprint), _) => Known::Fingerprint(fingerprint),
        (None, Some(file)) => Known::File(file),
        (None, None) => return Ok(Exit::Usage),
    };
    let trusted = trust(paths, &arguments.url, known).await?;
    printed(if json {
        print::json(&trusted)
    } else {
        print::trusted(&trusted)
    })
}

/// The card, and a lock, block the thread that waits for them; Ctrl-C is heard
/// on another.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|_| Error::Broken)?
}

fn open(config: &Config, serial: Option<Serial>) -> Result<YubiKey, Error> {
    let serial = serial.or(config.keys.serial.map(Serial::from));
    Ok(piv_token::open(serial)?)
}

async fn make_key(paths: Paths, json: bool, arguments: &Setup) -> Result<Exit, Error> {
    let wanted = setup::Setup {
        slot: arguments.slot,
        algorithm: arguments.algorithm,
        pin_policy: arguments.pin_policy,
        touch_policy: arguments.touch_policy,
        overwrite: arguments.overwrite,
        ..setup::Setup::new(arguments.key_use)
    };
    let (serial, change_pin) = (arguments.serial, arguments.change_pin);
    let key_use = arguments.key_use;
    let (info, made) = blocking(move || {
        let mut token = open(&Config::load(&paths)?, serial)?;
        let mut ask = terminal::ask();
        if change_pin {
            setup::change_pin(&mut token, &mut PinEntry::new(&mut *ask))?;
        }
        let mut pin = PinEntry::new(&mut *ask);
        let mut progress = Progress::new();
        let made = setup::run(&paths, &mut token, &wanted, &mut pin, &mut progress)?;
        Ok((piv_token::Token::info(&token).clone(), made))
    })
    .await?;
    for warning in &made.warnings {
        anstream::eprintln!("dlogin: warning: {warning}");
    }
    let serial = info.serial.map(|serial| serial.to_string());
    let key = &made.key;
    printed(if json {
        print::json(&serde_json::json!({
            "serial": serial,
            "firmware": info.firmware.to_string(),
            "use": key_use,
            "slot": key.slot().to_string(),
            "algorithm": key.algorithm().to_string(),
            "pin_policy": key.pin_policy().to_string(),
            "touch_policy": key.touch_policy().to_string(),
            "replaced": made.replaced.as_ref().map(ToString::to_string),
            "warnings": made.warnings.iter().map(ToString::to_string).collect::<Vec<_>>(),
        }))
    } else {
        print::line(&format!(
            "made: {key_use} key in slot {} of YubiKey {}: {}, PIN {}, touch {}\n\
             next: `dlogin bundle --user NAME{}`, for the operator of the CA",
            key.slot(),
            serial.as_deref().unwrap_or("without serial number"),
            key.algorithm(),
            key.pin_policy(),
            key.touch_policy(),
            match key_use {
                KeyUse::Login => "",
                KeyUse::Proof => " --use proof",
            },
        ))
    })
}

async fn make_bundle(paths: Paths, arguments: &Bundle) -> Result<Exit, Error> {
    let (user, key_use) = (arguments.user.clone(), arguments.key_use);
    let serial = arguments.serial;
    let bundle = blocking(move || {
        let config = Config::load(&paths)?;
        let ca = config.trusted_ca()?;
        let root_fingerprint = ca.root_fingerprint()?;
        let slot = config.keys.slot(key_use)?;
        let mut token = open(&config, serial)?;
        let mut ask = terminal::ask();
        let mut pin = PinEntry::new(&mut *ask);
        let request = bundle::Request {
            user: &user,
            root_fingerprint,
            slot,
            token: None,
        };
        let serial = piv_token::Token::info(&token).serial;
        let about_to_sign = |_: &_| show::about_to_enrol(serial, slot, &user, ca);
        Ok(bundle::make(
            &mut token,
            &request,
            about_to_sign,
            &mut pin,
            &mut Progress::new(),
        )?)
    })
    .await?;
    printed(print::line(bundle.to_json().trim_end()))
}
