//! `dlogin`: certificates for a touch.
//!
//! Orders are placed first and finished last; in between, one signature of the
//! login key answers all its challenges, and one of the proof key all of its
//! own. Each order is judged alone: one that is refused costs the others
//! nothing.

mod finish;
mod keys;
mod lifetime;
mod order;
mod person;
mod plan;
mod report;
mod sign;

use std::sync::Arc;
use std::time::Instant;

use piv_attest::Serial;
use piv_token::Token;
use time::OffsetDateTime;

use crate::acme::{self, Session};
use crate::config::{Ca, Config};
use crate::granted::Granted;
use crate::held::Folder;
use crate::http::Http;
use crate::{Error, Paths, ProfileName, clock, expiry, trust};

pub use lifetime::{Lifetime, NotALifetime};
pub use order::OrderError;
pub use person::{AboutToSign, Person, Show, ToCertify};
pub use report::{Failed, Issued, Measured, Refused, Report, Skipped};

/// What is asked of a run.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// The profiles to order; none means those that were granted before, or,
    /// before any was, every one that the CA offers.
    pub profiles: Vec<ProfileName>,
    /// Every profile that the CA offers, whatever was granted before.
    pub all: bool,
    /// A shorter life than the CA would give.
    pub valid: Option<Lifetime>,
    /// Which YubiKey; the one of the configuration, or the only one, without.
    pub serial: Option<Serial>,
    /// A name that the CA has for the key, to order by instead of the serial
    /// number; the one of the configuration, without.
    pub name: Option<String>,
}

/// What is trusted, and the way to it.
struct Trusted {
    config: Config,
    root: rustls_pki_types::CertificateDer<'static>,
    http: Http,
}

impl Trusted {
    fn load(paths: &Paths) -> Result<Self, Error> {
        let config = Config::load(paths)?;
        let ca = config.trusted_ca()?;
        let root = trust::stored_root(ca)?;
        let http = Http::pinned(&root, &ca.directory)?;
        Ok(Self { config, root, http })
    }
}

/// Fetches certificates with the YubiKey that is plugged in.
///
/// # Errors
/// Where nothing could be issued because of one thing: no CA trusted, the CA
/// unreachable, no YubiKey, no PIN, no touch. What went wrong with single
/// profiles is in the [`Report`].
pub async fn login(paths: &Paths, request: &Request, person: Person) -> Result<Report, Error> {
    login_with(paths, request, person, |serial| {
        piv_token::open(serial).map(|token| Box::new(token) as Box<dyn Token>)
    })
    .await
}

/// The same with any token.
///
/// # Errors
/// Those of [`login`].
pub async fn login_with(
    paths: &Paths,
    request: &Request,
    mut person: Person,
    open: impl FnOnce(Option<Serial>) -> Result<Box<dyn Token>, piv_token::Error> + Send + 'static,
) -> Result<Report, Error> {
    let begin = Instant::now();
    let Trusted { config, root, http } = match Trusted::load(paths) {
        Ok(trusted) => trusted,
        Err(error) => {
            // Whatever is wrong, what has expired does not stay for it.
            expiry::sweep(paths, &mut *person.show).await?;
            return Err(error);
        }
    };
    let ca = config.trusted_ca()?;

    person.show.doing("looking for the YubiKey and the CA");
    let serial = request.serial.or(config.keys.serial.map(Serial::from));
    let slots = config.keys.clone();
    let keys = tokio::task::spawn_blocking(move || keys::read(open, serial, &slots));
    let directory = acme::directory(&http, &ca.directory).await;
    let clock = http.ca_clock();
    let removed = expiry::sweep_after(
        paths,
        clock,
        directory.as_ref().err(),
        OffsetDateTime::now_utc(),
        &mut *person.show,
    )
    .await?;
    if let Some(clock) = clock {
        clock.check()?;
    }
    let keys = keys.await.map_err(|_| Error::Broken)??;
    let directory = directory?;
    keys.warn(&mut *person.show);

    let identifier = keys.identifier(request.name.as_deref().or(config.keys.name.as_deref()))?;
    let remembered = Granted::load(paths, ca)?.to(&identifier.value);
    let plan = plan::plan(request, &directory, &remembered)?;
    let not_after = request
        .valid
        .map(|valid| end_after(http.now(), valid))
        .transpose()?;

    person.show.doing("placing orders");
    let session = Session::open(http.clone(), directory, ca, paths).await?;
    let (session, placed) =
        order::place_all(session, ca, paths, &plan.profiles, &identifier, not_after).await?;
    let mut report = Report::new(ca, keys.serial(), removed, plan.discovery);
    let placed = report.keep(placed);
    let (answerable, skipped) = keys.sort(placed)?;
    report.skipped.extend(plan.unusable);
    report.skipped.extend(skipped);
    let network = begin.elapsed();

    let thumbprint = session.thumbprint();
    let signed = sign::sign_all(ca.url.clone(), thumbprint, keys, person, answerable).await?;
    let mut person = signed.person;
    report.measured.card = signed.card;
    report.measured.waiting = signed.waiting;
    report.keep(signed.failed);

    person.show.doing("fetching certificates");
    let finishing = Instant::now();
    let context = finish::Context {
        session: Arc::clone(&session),
        root,
        not_after,
    };
    let finished = finish::finish_all(&context, signed.orders).await;
    report.measured.network = network + finishing.elapsed();
    let folder = Folder::wait(paths, |what| person.show.warning(what)).await?;
    for finished in report.keep(finished) {
        report.store(&folder, finished);
    }
    remember(&folder, paths, ca, &identifier.value, &report)?;
    drop(folder);
    report.measured.requests = http.requests();
    report.measured.tls_connections = http.handshakes();
    report.measured.total = begin.elapsed();
    person.show.done();
    Ok(report)
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

impl Report {
    fn new(ca: &Ca, serial: Option<String>, removed: Vec<ProfileName>, discovery: bool) -> Self {
        Self {
            ca: ca.url.clone(),
            serial,
            removed,
            discovery,
            ..Self::default()
        }
    }
}
