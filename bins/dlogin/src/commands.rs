//! One function for each command.

use std::io;
use std::time::Duration;

use dlogin_core::login::{Person, Renew, Report, Request, login};
use dlogin_core::pin::{Ask, OnceForAll, PinEntry, PinError};
use dlogin_core::piv_attest::Serial;
use dlogin_core::piv_token::{self, YubiKey};
use dlogin_core::status::{logout, logout_everywhere, status};
use dlogin_core::trust::{self, Known, trust};
use dlogin_core::{Config, Error, Exit, Paths, SiteName, bundle, expiry, need, remind, yubikeys};

use crate::arguments::{Arguments, Bundle, Command, Login, Logout, Trust};
use crate::show::Progress;
use crate::{environment, kubectl, print, setup, show, terminal};

/// How long a desktop may take to show a notification.
const DESKTOP: Duration = Duration::from_secs(5);

/// Does what the arguments say.
pub(crate) async fn run(arguments: &Arguments) -> Result<Exit, Error> {
    let paths = Paths::from_env()?;
    let json = arguments.json;
    // A login does it by the CA's clock; `status` changes nothing.
    if let Some(Command::Trust(_) | Command::Setup(_) | Command::Bundle(_)) = &arguments.command {
        print::removed(&expiry::sweep(&paths, &mut Progress::new()).await?);
    }
    match &arguments.command {
        None if arguments.login.all_sites => fetch_all(&paths, json, &arguments.login).await,
        None => fetch(&paths, json, &arguments.login).await,
        Some(Command::Trust(command)) => pin_ca(&paths, json, command).await,
        Some(Command::Setup(command)) => setup::run(paths, json, command).await,
        Some(Command::Bundle(command)) => make_bundle(paths, command).await,
        Some(Command::Environment(command)) => {
            let text = environment::text(&paths, json, command)?;
            printed(print::line(text.trim_end()))
        }
        Some(Command::KubectlCredential(command)) => kubectl::run(&paths, command).await,
        // `main` has run these already.
        Some(
            Command::Agent(_)
            | Command::SshConfig(_)
            | Command::Proxy(_)
            | Command::Browser(_)
            | Command::Export(_)
            | Command::Completions { .. }
            | Command::Man { .. },
        ) => Ok(Exit::Done),
        Some(Command::Doctor(command)) => crate::doctor::run(json, command).await,
        Some(Command::Status) => {
            let status = blocking(move || status(&paths)).await?;
            printed(if json {
                print::json(&status)
            } else {
                print::status(&status)
            })
        }
        Some(Command::Remind(command)) => {
            let before = command.before.map_or(remind::BEFORE, |time| time.get());
            let due = blocking(move || remind::due(&paths, before)).await?;
            let told: Vec<_> = due
                .iter()
                .map(|held| dlogin_agent::notify("A certificate ends soon", &print::reminder(held)))
                .collect();
            let printed = printed(if json {
                print::json(&due)
            } else {
                print::reminders(&due)
            });
            // What a unit of systemd leaves running when it ends, is ended too.
            told.into_iter().for_each(|told| told.wait(DESKTOP));
            printed
        }
        Some(Command::Logout(Logout { site })) => {
            let site = site.clone();
            let gone = blocking(move || {
                let gone = match &site {
                    Some(site) => logout(&paths.at(Some(site))),
                    None => logout_everywhere(&paths),
                }?;
                crate::browser::keep_up(&paths);
                Ok(gone)
            })
            .await?;
            printed(if json {
                print::json(&gone)
            } else {
                print::logged_out(&gone)
            })
        }
    }
}

/// Whoever reads our output may have read enough, as in `dlogin | head`.
pub(crate) fn printed(outcome: io::Result<()>) -> Result<Exit, Error> {
    match outcome {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Error::Output { source: error })
        }
        _ => Ok(Exit::Done),
    }
}

/// What the arguments ask for, at this site. Without names and a lifetime it is
/// what is needed, and no more.
fn request(arguments: &Login, site: Option<&SiteName>) -> Request {
    let renew = if arguments.if_needed {
        Renew::Ending
    } else if arguments.renew || arguments.valid.is_some() || !arguments.profiles.is_empty() {
        Renew::All
    } else {
        Renew::HalfSpent
    };
    Request {
        site: site.cloned(),
        profiles: arguments.profiles.clone(),
        all: arguments.all,
        renew,
        valid: arguments.valid,
        serial: arguments.serial,
        name: arguments.name.clone(),
    }
}

async fn fetch(paths: &Paths, json: bool, arguments: &Login) -> Result<Exit, Error> {
    let request = request(arguments, arguments.site.as_ref());
    let _turn = if arguments.if_needed {
        match need::turn(paths, &request, &mut Progress::new()).await? {
            Some(turn) => Some(turn),
            None => return Ok(Exit::Done),
        }
    } else {
        None
    };
    let report = fetch_site(paths, &request, terminal::ask).await?;
    printed(if json {
        print::json(&report)
    } else {
        print::report(&report)
    })?;
    Ok(report.exit())
}

/// What is needed from one site.
async fn fetch_site(
    paths: &Paths,
    request: &Request,
    ask: impl Fn() -> Box<dyn Ask + Send>,
) -> Result<Report, Error> {
    let mut progress = Progress::new();
    // What is wrong with the configuration, the login says.
    let nothing = need::nothing_to_do(paths, request, &mut progress).await;
    let mut request = request.clone();
    let at = paths.at(request.site.as_ref());
    let nothing = match nothing {
        Ok(Some(current)) if request.renew == Renew::HalfSpent => {
            let (other, current) = blocking(move || {
                let other = yubikeys::another_is_plugged(&at, &current);
                Ok((other, current))
            })
            .await?;
            if other {
                // These are of no use with the YubiKey that is here.
                request.renew = Renew::All;
            }
            Ok((!other).then_some(current))
        }
        nothing => nothing,
    };
    if let Ok(Some(current)) = nothing {
        let removed = expiry::sweep(paths, &mut progress).await?;
        return Ok(Report {
            site: request.site.clone(),
            removed,
            current,
            ..Report::default()
        });
    }
    let show = Box::new(progress);
    let report = match login(paths, &request, Person { ask: ask(), show }).await {
        Err(Error::Card(error @ piv_token::Error::SeveralYubiKeys { .. })) => {
            let at = paths.at(request.site.as_ref());
            let which = blocking(move || which(&at, &mut *terminal::ask())).await?;
            request.serial = Some(which.ok_or(error)?);
            let person = Person {
                ask: ask(),
                show: Box::new(Progress::new()),
            };
            login(paths, &request, person).await
        }
        other => other,
    }?;
    let paths = paths.clone();
    blocking(move || {
        crate::browser::keep_up(&paths);
        Ok(())
    })
    .await?;
    Ok(report)
}

/// One site after the other. What goes wrong at one costs the others nothing.
async fn fetch_all(paths: &Paths, json: bool, arguments: &Login) -> Result<Exit, Error> {
    let sites = Config::load(paths)?.sites();
    if sites.is_empty() {
        return Err(Error::NoCa);
    }
    let named: Vec<_> = sites.iter().map(|site| show::site(site.as_ref())).collect();
    anstream::eprintln!(
        "{} sites: {}. No signature is good for two of them, so each asks for a touch of its own.",
        sites.len(),
        named.join(", ")
    );
    let pin = OnceForAll::default();
    let mut exit = Exit::Done;
    let mut outcomes = Vec::new();
    for (site, name) in sites.iter().zip(&named) {
        let request = request(arguments, site.as_ref());
        anstream::eprintln!("{name}:");
        let fetched = fetch_site(paths, &request, || pin.ask(terminal::ask())).await;
        let ended = match &fetched {
            Ok(report) => report.exit(),
            Err(error) => {
                pin.forget();
                if !json {
                    print::error(false, error);
                }
                error.exit()
            }
        };
        if exit == Exit::Done {
            exit = ended;
        }
        match fetched {
            Ok(report) if json => outcomes.push(serde_json::json!(report)),
            Ok(report) => {
                printed(print::report(&report))?;
            }
            Err(error) if json => outcomes.push(print::error_value(site.as_ref(), &error)),
            Err(_) => {}
        }
        if ended == Exit::Interrupted {
            break;
        }
    }
    if json {
        printed(print::json(&serde_json::json!({ "sites": outcomes })))?;
    }
    Ok(exit)
}

async fn pin_ca(paths: &Paths, json: bool, arguments: &Trust) -> Result<Exit, Error> {
    let paths = &paths.at(arguments.site.as_ref());
    let url = arguments.url.as_deref().unwrap_or_default();
    if arguments.known.list {
        let cas = trust::list(paths)?;
        return printed(if json {
            print::json(&cas)
        } else {
            print::cas(&cas)
        });
    }
    if arguments.known.remove {
        let left = trust::remove(paths, url)?;
        return printed(if json {
            print::json(&left)
        } else {
            print::no_longer_trusted(url, arguments.site.as_ref(), &left)
        });
    }
    let known = match (&arguments.known.fingerprint, &arguments.known.root) {
        (Some(fingerprint), _) => Known::Fingerprint(fingerprint),
        (None, Some(file)) => Known::File(file),
        (None, None) => return Ok(Exit::Usage),
    };
    let trusted = trust(paths, url, known).await?;
    printed(if json {
        print::json(&trusted)
    } else {
        print::trusted(&trusted)
    })
}

/// The card, and a lock, block the thread that waits for them; Ctrl-C is heard
/// on another.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|_| Error::Broken)?
}

/// The YubiKey for the site of `paths`. Where several are plugged in and none
/// is the one, whoever sits at the terminal says which.
pub(crate) fn open(
    paths: &Paths,
    serial: Option<Serial>,
    ask: &mut dyn Ask,
) -> Result<YubiKey, Error> {
    match yubikeys::open(paths, serial) {
        Err(error @ piv_token::Error::SeveralYubiKeys { .. }) => {
            let serial = which(paths, ask)?.ok_or(error)?;
            Ok(piv_token::open(Some(serial))?)
        }
        other => Ok(other?),
    }
}

/// Asks which of those that are plugged in; nobody may answer.
pub(crate) fn which(paths: &Paths, ask: &mut dyn Ask) -> Result<Option<Serial>, Error> {
    let plugged = yubikeys::plugged(paths)?;
    let words: Vec<_> = plugged.iter().map(|each| each.words.clone()).collect();
    let chosen = ask
        .choose("Several YubiKeys are plugged in. Which one?", &words, None)
        .map_err(PinError::from)?;
    Ok(chosen
        .and_then(|chosen| plugged.get(chosen))
        .map(|each| each.serial))
}

async fn make_bundle(paths: Paths, arguments: &Bundle) -> Result<Exit, Error> {
    let (user, key_use) = (arguments.user.clone(), arguments.key_use);
    let serial = arguments.serial;
    let (site, wanted) = (arguments.site.clone(), arguments.ca.clone());
    let bundle = blocking(move || {
        let config = Config::load(&paths)?;
        let ca = bundle::ca(&config, site.as_ref(), wanted.as_deref())?;
        let others = bundle::others(&config, ca);
        let root_fingerprint = ca.root_fingerprint()?;
        let slot = config.keys.slot(key_use)?;
        let mut ask = terminal::ask();
        let mut token = open(&paths.at(site.as_ref()), serial, &mut *ask)?;
        let mut pin = PinEntry::new(&mut *ask);
        let request = bundle::Request {
            user: &user,
            root_fingerprint,
            slot,
            token: None,
        };
        let serial = piv_token::Token::info(&token).serial;
        let about_to_sign = |_: &_| show::about_to_enrol(serial, slot, &user, ca);
        let made = bundle::make(
            &mut token,
            &request,
            about_to_sign,
            &mut pin,
            &mut Progress::new(),
        )?;
        for other in others {
            anstream::eprintln!(
                "dlogin: this bundle is for {} alone; {other} has another root: say --ca {other} for one for it",
                ca.url
            );
        }
        Ok(made)
    })
    .await?;
    printed(print::line(bundle.to_json().trim_end()))
}
