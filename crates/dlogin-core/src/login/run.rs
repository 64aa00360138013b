//! One run: the CA that can be asked, the orders, the signatures, the files.

use std::sync::Arc;
use std::time::{Duration, Instant};

use acme_wire::order::Identifier;
use piv_attest::Serial;
use piv_token::Token;
use rustls_pki_types::CertificateDer;
use time::OffsetDateTime;
use tokio::task::JoinHandle;

use super::keys::{self, Keys};
use super::order::{self, Outcome, Placed};
use super::report::PassedOver;
use super::{Lifetime, Person, Report, Request, finish, plan, sign};
use crate::acme::{self, Session};
use crate::config::{Ca, Config};
use crate::granted::Granted;
use crate::held::{Certificate, Folder};
use crate::http::Http;
use crate::issued::Issued;
use crate::{CaError, Error, Paths, clock, expiry, need, trust};

/// How long a CA may take to say what it offers, and then to take the orders,
/// while another could be asked.
const HURRY: Duration = Duration::from_secs(8);

/// A run up to its orders.
struct Run<'a> {
    paths: &'a Paths,
    request: &'a Request,
    config: &'a Config,
    cas: &'a [&'a Ca],
    person: Person,
    keys: YubiKey,
    report: Report,
}

/// The YubiKey is looked at while the CA is asked.
enum YubiKey {
    Reading(JoinHandle<Result<Keys, Error>>),
    Read(Keys),
    Gone,
}

/// A CA that was asked.
enum Asked {
    /// All that is wanted is there.
    Nothing(Vec<Certificate>),
    /// Orders wait for their challenges to be answered.
    Orders(Box<Orders>),
}

struct Orders {
    root: CertificateDer<'static>,
    http: Http,
    session: Arc<Session>,
    identifier: Identifier,
    not_after: Option<u64>,
    placed: Vec<Outcome<Placed>>,
    plan: plan::Plan,
}

pub(super) async fn run(
    paths: &Paths,
    request: &Request,
    mut person: Person,
    open: impl FnOnce(Option<Serial>) -> Result<Box<dyn Token>, piv_token::Error> + Send + 'static,
) -> Result<Report, Error> {
    let begin = Instant::now();
    let config = match Config::load(paths) {
        Ok(config) if config.cas_of(paths.site()).is_ok() => config,
        other => {
            // Whatever is wrong, what has expired does not stay for it.
            expiry::sweep(paths, &mut *person.show).await?;
            other?
        }
    };
    let cas = config.cas_of(paths.site())?;
    let removed = expiry::sweep_others(paths, &mut *person.show).await?;

    person.show.doing("looking for the YubiKey and the CA");
    let serial = request.serial;
    let slots = config.keys.clone();
    let reading = tokio::task::spawn_blocking(move || keys::read(open, serial, &slots));
    let mut run = Run {
        paths,
        request,
        config: &config,
        cas: &cas,
        person,
        keys: YubiKey::Reading(reading),
        report: Report {
            site: paths.site().cloned(),
            removed,
            ..Report::default()
        },
    };
    let (ca, asked) = run.first_that_answers().await?;
    ca.url.clone_into(&mut run.report.ca);
    match asked {
        Asked::Nothing(current) => {
            run.report.current = current;
            run.report.measured.total = begin.elapsed();
            run.person.show.done();
            Ok(run.report)
        }
        Asked::Orders(orders) => run.finish(ca, *orders, begin).await,
    }
}

impl<'a> Run<'a> {
    /// Asks one CA after the other. Nobody has typed a PIN yet.
    async fn first_that_answers(&mut self) -> Result<(&'a Ca, Asked), Error> {
        let cas = self.cas;
        for (place, ca) in cas.iter().enumerate() {
            let next = cas.get(place + 1);
            let asked = self.ask(ca, next.is_some()).await;
            match (asked, next) {
                (Err(error), Some(next)) if is_down(&error) => {
                    self.person
                        .show
                        .warning(&format!("{error}; asking {} instead", next.url));
                    self.report.passed_over.push(PassedOver {
                        ca: ca.url.clone(),
                        why: error.to_string(),
                    });
                }
                (asked, _) => return asked.map(|asked| (*ca, asked)),
            }
        }
        Err(Error::NoCa)
    }

    /// Places the orders at one CA. `others` could be asked instead.
    async fn ask(&mut self, ca: &Ca, others: bool) -> Result<Asked, Error> {
        let root = trust::stored_root(ca)?;
        let http = Http::pinned(&root, &ca.directory)?;
        let asking = acme::directory(&http, &ca.directory);
        let directory = in_time(others, &ca.directory, asking).await;
        let clock = http.ca_clock();
        let removed = expiry::sweep_after(
            self.paths,
            clock,
            directory.as_ref().err(),
            OffsetDateTime::now_utc(),
            &mut *self.person.show,
        )
        .await?;
        self.report.removed.extend(removed);
        if let Some(clock) = clock {
            clock.check()?;
        }
        if others && let Err(error) = directory {
            return Err(error.into());
        }
        self.read_keys().await?;
        let directory = directory?;
        let YubiKey::Read(keys) = &self.keys else {
            return Err(Error::Broken);
        };

        let named = &self.config.keys.name;
        let identifier = keys.identifier(self.request.name.as_deref().or(named.as_deref()))?;
        let mut remembered = Granted::load(self.paths, ca)?.to(&identifier.value);
        if remembered.is_empty() {
            // It stands for the others of its site.
            remembered = Granted::by_any(self.paths, self.cas, Some(&identifier.value))?;
        }
        let mut plan = plan::plan(self.request, &directory, &remembered)?;
        if !plan.discovery {
            let current = need::current(
                self.paths,
                &plan.profiles,
                self.request.renew,
                &mut *self.person.show,
            )
            .await?;
            plan.profiles
                .retain(|profile| !current.iter().any(|held| held.profile == *profile));
            if plan.profiles.is_empty() {
                return Ok(Asked::Nothing(current));
            }
            self.report.current = current;
        }
        let not_after = self
            .request
            .valid
            .map(|valid| end_after(http.now(), valid))
            .transpose()?;

        self.person.show.doing("placing orders");
        let placing = async {
            let session = Session::open(http.clone(), directory, ca, self.paths).await?;
            let profiles = &plan.profiles;
            order::place_all(session, ca, self.paths, profiles, &identifier, not_after).await
        };
        let (session, placed) = in_time(others, &ca.url, placing).await?;
        let all_down =
            |(_, outcome): &Outcome<Placed>| outcome.as_ref().is_err_and(|e| e.is_down());
        if others && placed.iter().all(all_down) {
            let first = placed.into_iter().find_map(|(_, outcome)| outcome.err());
            return Err(first.map_or(Error::Broken, |error| Error::Order(Box::new(error))));
        }
        Ok(Asked::Orders(Box::new(Orders {
            root,
            http,
            session,
            identifier,
            not_after,
            placed,
            plan,
        })))
    }

    async fn read_keys(&mut self) -> Result<(), Error> {
        // What was read for one CA is there for the next.
        if let YubiKey::Reading(reading) = &mut self.keys {
            let keys = reading.await.map_err(|_| Error::Broken);
            self.keys = YubiKey::Gone;
            let keys = keys??;
            keys.warn(&mut *self.person.show);
            self.keys = YubiKey::Read(keys);
        }
        Ok(())
    }

    /// From the orders to the files.
    async fn finish(self, ca: &Ca, orders: Orders, begin: Instant) -> Result<Report, Error> {
        let Self {
            paths,
            person,
            mut report,
            keys,
            ..
        } = self;
        let YubiKey::Read(keys) = keys else {
            return Err(Error::Broken);
        };
        report.serial = keys.serial();
        report.discovery = orders.plan.discovery;
        let placed = report.keep(orders.placed);
        let (answerable, skipped) = keys.sort(placed)?;
        report.skipped.extend(orders.plan.unusable);
        report.skipped.extend(skipped);
        let network = begin.elapsed();

        let thumbprint = orders.session.thumbprint();
        let signed = sign::sign_all(ca.url.clone(), thumbprint, keys, person, answerable).await?;
        let mut person = signed.person;
        report.measured.card = signed.card;
        report.measured.waiting = signed.waiting;
        report.keep(signed.failed);

        person.show.doing("fetching certificates");
        let finishing = Instant::now();
        let context = finish::Context {
            session: Arc::clone(&orders.session),
            root: orders.root,
            not_after: orders.not_after,
        };
        let finished = finish::finish_all(&context, signed.orders).await;
        report.measured.network = network + finishing.elapsed();
        let folder = Folder::wait(paths, |what| person.show.warning(what)).await?;
        for finished in report.keep(finished) {
            report.store(&folder, finished);
        }
        let new = report.certificates.iter().map(|new| &new.certificate);
        Issued::fetched(&folder, paths, new, report.serial.as_deref())?;
        remember(&folder, paths, ca, &orders.identifier.value, &report)?;
        drop(folder);
        report.measured.requests = orders.http.requests();
        report.measured.tls_connections = orders.http.handshakes();
        report.measured.total = begin.elapsed();
        person.show.done();
        Ok(report)
    }
}

/// What is asked of the CA at `url`, with less patience where another could be
/// asked.
async fn in_time<T, E: From<CaError>>(
    others: bool,
    url: &str,
    asking: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    if !others {
        return asking.await;
    }
    let silent = || {
        E::from(CaError::Silent {
            url: url.to_owned(),
            seconds: HURRY.as_secs(),
        })
    };
    tokio::time::timeout(HURRY, asking)
        .await
        .unwrap_or_else(|_| Err(silent()))
}

/// Whether a CA could not be asked, so that another may be. A refusal is an
/// answer.
fn is_down(error: &Error) -> bool {
    match error {
        Error::Ca(error) => error.is_down(),
        Error::AccountRefused { problem } => order::is_down(problem),
        Error::Order(error) => error.is_down(),
        _ => false,
    }
}

/// 9999-12-31T23:59:59Z, the last that RFC 3339 can write.
const LAST_SECOND: u64 = 253_402_300_799;

/// The end to ask for, in whole seconds.
fn end_after(now: OffsetDateTime, valid: Lifetime) -> Result<u64, Error> {
    clock::to_unix(now)
        .checked_add(valid.get().as_secs())
        .filter(|end| *end <= LAST_SECOND)
        .ok_or(Error::Lifetime)
}

/// Notes what was granted and what no longer is.
fn remember(
    folder: &Folder,
    paths: &Paths,
    ca: &Ca,
    key: &str,
    report: &Report,
) -> Result<(), Error> {
    let granted: Vec<_> = report
        .certificates
        .iter()
        .map(|issued| issued.certificate.profile.clone())
        .collect();
    let denied: Vec<_> = report
        .refused
        .iter()
        .filter(|refused| refused.is_denial())
        .map(|refused| refused.profile.clone())
        .collect();
    Granted::learn(folder, paths, ca, key, &granted, &denied)
}
