//! `ca.toml` as it is written, each value with its place, and the way to [`Config`].

use std::collections::BTreeMap;
use std::num::NonZeroU16;
use std::path::Path;
use std::sync::Arc;

use serde::Deserialize;
use toml::Spanned;

use crate::web::Limits;

use super::duration::Seconds;
use super::{
    AttestationRoot, Config, Fault, Lifetimes, Located, acme, kubernetes, policy, revocation,
    validation,
};

mod profile;

use profile::RawProfile;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawConfig {
    url: Spanned<String>,
    listen: Spanned<String>,
    #[serde(default)]
    lifetimes: RawLifetimes,
    #[serde(default)]
    limits: RawLimits,
    #[serde(default)]
    acme: acme::RawAcme,
    #[serde(default)]
    revocation: revocation::RawRevocation,
    #[serde(default)]
    validation: validation::RawValidation,
    #[serde(default)]
    kubernetes: Vec<kubernetes::RawCluster>,
    #[serde(default)]
    policy: BTreeMap<Spanned<String>, Spanned<toml::Value>>,
    yubico_roots: Option<Spanned<bool>>,
    #[serde(default)]
    attestation_root: Vec<RawRoot>,
    #[serde(default)]
    profiles: BTreeMap<Spanned<String>, RawProfile>,
    default_profile: Option<Spanned<String>>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct RawLifetimes {
    order: Option<Spanned<String>>,
    challenge: Option<Spanned<String>>,
    authorization: Option<Spanned<String>>,
    nonce: Option<Spanned<String>>,
    backdate: Option<Spanned<String>>,
    server_certificate: Option<Spanned<String>>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct RawLimits {
    open_orders: Option<u32>,
    orders_per_minute: Option<u32>,
    accounts_per_hour: Option<u32>,
    refusals_per_minute: Option<u32>,
    identifiers_per_order: Option<u16>,
    failed_validations_per_hour: Option<u32>,
    validations: Option<NonZeroU16>,
    page: Option<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRoot {
    name: Option<String>,
    file: Spanned<String>,
}

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
/// Reads and checks settings; `dir` is where relative paths start.
pub(super) fn read(text: &str, dir: &Path) -> Result<Config, Located> {
    let raw: RawConfig = toml::from_str(text).map_err(|error| {
        let offset = error.span().map_or(0, |span| span.start);
        Located::new(offset, Fault::Toml(error.message().to_owned()))
    })?;
    let at = |place: &Spanned<String>, fault: Fault| Located::new(place.span().start, fault);
    let url = raw
        .url
        .get_ref()
        .parse()
        .map_err(|fault: super::BadUrl| at(&raw.url, fault.into()))?;
    if !is_listen_address(raw.listen.get_ref()) {
        let listen = raw.listen.get_ref().clone();
        return Err(at(&raw.listen, Fault::Listen { listen }));
    }
    let yubico_roots = raw.yubico_roots.as_ref().is_none_or(|on| *on.get_ref());
    let attestation_roots = raw
        .attestation_root
        .into_iter()
        .map(|root| read_root(&root, dir))
        .collect::<Result<Vec<_>, _>>()?;
    if let Some(off) = raw.yubico_roots
        && !yubico_roots
        && attestation_roots.is_empty()
    {
        return Err(Located::new(off.span().start, Fault::NoRoots));
    }
    if raw.profiles.is_empty() {
        return Err(Located::new(text.len(), Fault::NoProfiles));
    }
    let revocation = revocation::read(raw.revocation)?;
    let clusters = kubernetes::read(raw.kubernetes, dir)?;
    let profiles = raw
        .profiles
        .into_iter()
        .map(|(name, profile)| profile::read(&name, profile, &revocation, !clusters.is_empty()))
        .map(|profile| profile.map(|profile| (profile.name.clone(), Arc::new(profile))))
        .collect::<Result<BTreeMap<_, _>, _>>()?;
    if let Some(default) = &raw.default_profile
        && !profiles.contains_key(default.get_ref())
    {
        let profile = default.get_ref().clone();
        return Err(at(default, Fault::DefaultProfile { profile }));
    }
    Ok(Config {
        url,
        listen: raw.listen.into_inner(),
        lifetimes: read_lifetimes(&raw.lifetimes)?,
        limits: read_limits(&raw.limits),
        limits_page: raw.limits.page.map(limits_page).transpose()?,
        acme: acme::read(raw.acme)?,
        revocation,
        policy: policy::read(raw.policy)?,
        yubico_roots,
        attestation_roots,
        validation: validation::read(raw.validation)?,
        kubernetes: clusters,
        profiles,
        default_profile: raw.default_profile.map(Spanned::into_inner),
    })
}

pub(super) fn is_listen_address(listen: &str) -> bool {
    if listen.parse::<std::net::SocketAddr>().is_ok() {
        return true;
    }
    listen.rsplit_once(':').is_some_and(|(host, port)| {
        super::url::is_dns_name(host) && port.parse::<u16>().is_ok_and(|_| !port.starts_with('+'))
    })
}

fn read_root(root: &RawRoot, dir: &Path) -> Result<AttestationRoot, Located> {
    let place = root.file.span().start;
    let path = dir.join(root.file.get_ref());
    let bytes = std::fs::read(&path).map_err(|error| {
        let path = path.clone();
        Located::new(place, Fault::RootUnreadable { path, error })
    })?;
    let der = crate::pki::certificate_der(&bytes).ok_or_else(|| {
        let path = path.clone();
        Located::new(place, Fault::RootFormat { path })
    })?;
    piv_attest::Verifier::<crate::Backend>::builder_with()
        .root(&der)
        .map_err(|error| {
            let path = path.clone();
            let error = error.to_string();
            Located::new(place, Fault::RootRefused { path, error })
        })?;
    let name = root
        .name
        .clone()
        .unwrap_or_else(|| path.display().to_string());
    Ok(AttestationRoot { name, path, der })
}

pub(super) fn duration(
    text: Option<&Spanned<String>>,
    what: &'static str,
    default: Seconds,
    least: i64,
    most: i64,
) -> Result<Seconds, Located> {
    let Some(text) = text else {
        return Ok(default);
    };
    let place = text.span().start;
    let length: Seconds = text
        .get_ref()
        .parse()
        .map_err(|fault: super::BadDuration| Located::new(place, fault))?;
    if (least..=most).contains(&length.0) {
        Ok(length)
    } else {
        let (least, most) = (Seconds(least), Seconds(most));
        Err(Located::new(place, Fault::Lifetime { what, least, most }))
    }
}

/// It goes into a header (RFC 8288).
fn limits_page(page: Spanned<String>) -> Result<String, Located> {
    let url = page.get_ref();
    let is_url = url.starts_with("https://") || url.starts_with("http://");
    let fits = |b: u8| b.is_ascii_graphic() && !b"<>\"".contains(&b);
    if is_url && url.len() <= 500 && url.bytes().all(fits) {
        return Ok(page.into_inner());
    }
    let url = url.clone();
    Err(Located::new(page.span().start, Fault::LimitsPage { url }))
}

fn read_limits(raw: &RawLimits) -> Limits {
    let default = Limits::default();
    Limits {
        open_orders: raw.open_orders.unwrap_or(default.open_orders),
        orders: raw.orders_per_minute.unwrap_or(default.orders),
        accounts: raw.accounts_per_hour.unwrap_or(default.accounts),
        failures: raw.refusals_per_minute.unwrap_or(default.failures),
        identifiers: raw
            .identifiers_per_order
            .map_or(default.identifiers, usize::from),
        failed_validations: raw
            .failed_validations_per_hour
            .unwrap_or(default.failed_validations),
        validations: raw
            .validations
            .map_or(default.validations, |most| usize::from(most.get())),
        ..default
    }
}

fn read_lifetimes(raw: &RawLifetimes) -> Result<Lifetimes, Located> {
    let default = Lifetimes::default();
    Ok(Lifetimes {
        order: duration(raw.order.as_ref(), "order", default.order, 1, DAY)?,
        challenge: duration(
            raw.challenge.as_ref(),
            "challenge",
            default.challenge,
            1,
            HOUR,
        )?,
        authorization: duration(
            raw.authorization.as_ref(),
            "authorization",
            default.authorization,
            0,
            30 * DAY,
        )?,
        nonce: duration(raw.nonce.as_ref(), "nonce", default.nonce, MINUTE, DAY)?,
        backdate: duration(raw.backdate.as_ref(), "backdate", default.backdate, 0, HOUR)?,
        server_certificate: duration(
            raw.server_certificate.as_ref(),
            "server_certificate",
            default.server_certificate,
            3,
            397 * DAY,
        )?,
    })
}
