//! `dlogin`: certificates for a touch.
//!
//! Orders are placed first and finished last; in between, one signature of the
//! login key answers all its challenges, and one of the proof key all of its
//! own. Each order is judged alone: one that is refused costs the others
//! nothing. Where a site has several CAs, one that cannot be asked is passed
//! over before anybody types a PIN; a refusal is an answer, and is not.

mod finish;
mod keys;
mod lifetime;
mod order;
mod person;
mod plan;
mod report;
mod run;
mod sign;

use piv_attest::Serial;
use piv_token::Token;

use crate::{Error, Paths, ProfileName, SiteName, yubikeys};

pub use lifetime::{Lifetime, NotALifetime};
pub use order::OrderError;
pub use person::{AboutToSign, Person, Show, ToCertify};
pub use report::{Failed, Issued, Measured, PassedOver, Refused, Report, Skipped};

/// What is asked of a run.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// The site; `None` is the one without a name.
    pub site: Option<SiteName>,
    /// The profiles to order; none means those that were granted before, or,
    /// before any was, every one that the CA offers.
    pub profiles: Vec<ProfileName>,
    /// Every profile that the CA offers, whatever was granted before.
    pub all: bool,
    /// Which of the certificates that are there are fetched again.
    pub renew: Renew,
    /// A shorter life than the CA would give.
    pub valid: Option<Lifetime>,
    /// Which YubiKey; the only one, or the one that [`crate::yubikeys`] chooses,
    /// without.
    pub serial: Option<Serial>,
    /// A name that the CA has for the key, to order by instead of the serial
    /// number; the one of the configuration, without.
    pub name: Option<String>,
}

/// Which of the certificates that are there a run fetches again. What is not
/// there is always fetched.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Renew {
    /// All of them.
    #[default]
    All,
    /// Those that have less than half of their life left.
    HalfSpent,
    /// Those that end within [`crate::need::MARGIN`].
    Ending,
}

/// Fetches certificates with the YubiKey that is plugged in, from the first CA
/// of the site that can be asked.
///
/// # Errors
/// Where nothing could be issued because of one thing: no CA trusted, no CA
/// reachable, no YubiKey, no PIN, no touch. What went wrong with single
/// profiles is in the [`Report`].
pub async fn login(paths: &Paths, request: &Request, person: Person) -> Result<Report, Error> {
    let at = paths.at(request.site.as_ref());
    login_with(paths, request, person, move |serial| {
        yubikeys::open(&at, serial).map(|token| Box::new(token) as Box<dyn Token>)
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
    person: Person,
    open: impl FnOnce(Option<Serial>) -> Result<Box<dyn Token>, piv_token::Error> + Send + 'static,
) -> Result<Report, Error> {
    run::run(&paths.at(request.site.as_ref()), request, person, open).await
}
