//! `ca.toml` as it is written, each value with its place, and the way to [`Config`].

use std::collections::BTreeMap;
use std::path::Path;

use acme_yubikey::ChallengeType;
use serde::Deserialize;
use sshcert_acme::{CriticalOptions, Extensions};
use toml::Spanned;

use crate::web::Limits;

use super::duration::Seconds;
use super::profile::{Profile, ProfileKind, SanKind, SshProfile};
use super::{
    AttestationRoot, CheckedBy, Config, Fault, Lifetimes, Located, policy, revocation, validation,
};

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
    revocation: revocation::RawRevocation,
    #[serde(default)]
    validation: validation::RawValidation,
    #[serde(default)]
    policy: BTreeMap<Spanned<String>, Spanned<toml::Value>>,
    yubico_roots: Option<Spanned<bool>>,
    #[serde(default)]
    attestation_root: Vec<RawRoot>,
    #[serde(default)]
    profiles: BTreeMap<Spanned<String>, RawProfile>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct RawLifetimes {
    order: Option<Spanned<String>>,
    challenge: Option<Spanned<String>>,
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
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRoot {
    name: Option<String>,
    file: Spanned<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum RawKind {
    X509,
    SshUser,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawProfile {
    #[serde(default)]
    description: String,
    challenge: Spanned<String>,
    kind: RawKind,
    san: Option<Spanned<SanKind>>,
    max_validity: Option<Spanned<String>>,
    default_validity: Option<Spanned<String>>,
    crl: Option<Spanned<bool>>,
    no_rev_avail: Option<Spanned<bool>>,
    extensions: Option<Spanned<Vec<Spanned<String>>>>,
    critical_options: Option<Spanned<BTreeMap<Spanned<String>, Spanned<String>>>>,
}

/// 16 hours: a working day, and the night is nobody's.
const VALIDITY: Seconds = Seconds(16 * 60 * 60);
const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
/// The longest life that a profile may give.
const LONGEST: Seconds = Seconds(366 * DAY);
/// What `ssh-keygen` would grant, but for X11 forwarding.
const SSH_EXTENSIONS: [&str; 4] = [
    "permit-pty",
    "permit-agent-forwarding",
    "permit-port-forwarding",
    "permit-user-rc",
];

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
    let profiles = raw
        .profiles
        .into_iter()
        .map(|(name, profile)| read_profile(&name, profile, &revocation))
        .map(|profile| profile.map(|profile| (profile.name.clone(), profile)))
        .collect::<Result<_, _>>()?;
    Ok(Config {
        url,
        listen: raw.listen.into_inner(),
        lifetimes: read_lifetimes(&raw.lifetimes)?,
        limits: read_limits(&raw.limits),
        revocation,
        policy: policy::read(raw.policy)?,
        yubico_roots,
        attestation_roots,
        validation: validation::read(raw.validation)?,
        profiles,
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

fn read_limits(raw: &RawLimits) -> Limits {
    let default = Limits::default();
    Limits {
        open_orders: raw.open_orders.unwrap_or(default.open_orders),
        orders: raw.orders_per_minute.unwrap_or(default.orders),
        accounts: raw.accounts_per_hour.unwrap_or(default.accounts),
        failures: raw.refusals_per_minute.unwrap_or(default.failures),
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

fn read_profile(
    name: &Spanned<String>,
    raw: RawProfile,
    revocation: &revocation::Revocation,
) -> Result<Profile, Located> {
    let text = name.get_ref();
    let good = text.len() <= 32
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && text
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    if !good {
        let name_fault = Fault::ProfileName { name: text.clone() };
        return Err(Located::new(name.span().start, name_fault));
    }
    let challenge = raw
        .challenge
        .get_ref()
        .parse::<ChallengeType>()
        .map_err(|_| {
            let challenge = raw.challenge.get_ref().clone();
            Located::new(raw.challenge.span().start, Fault::Challenge { challenge })
        })?;
    let max_validity = duration(
        raw.max_validity.as_ref(),
        "max_validity",
        VALIDITY,
        1,
        LONGEST.0,
    )?;
    let default_validity = duration(
        raw.default_validity.as_ref(),
        "default_validity",
        max_validity.min(VALIDITY),
        1,
        max_validity.0,
    )?;
    let misplaced = |offset: usize, kind, setting| {
        Err(Located::new(offset, Fault::NotOfKind { kind, setting }))
    };
    let checked_by = match raw.kind {
        RawKind::X509 => checked_by(raw.crl, raw.no_rev_avail, revocation)?,
        RawKind::SshUser => {
            let settings = [(&raw.crl, "crl"), (&raw.no_rev_avail, "no_rev_avail")];
            for (setting, name) in settings {
                if let Some(setting) = setting {
                    return misplaced(setting.span().start, "ssh-user", name);
                }
            }
            CheckedBy::Silent
        }
    };
    let kind = match raw.kind {
        RawKind::X509 => {
            if let Some(extensions) = &raw.extensions {
                return misplaced(extensions.span().start, "x509", "extensions");
            }
            if let Some(options) = &raw.critical_options {
                return misplaced(options.span().start, "x509", "critical_options");
            }
            ProfileKind::X509(raw.san.map_or(SanKind::Dns, Spanned::into_inner))
        }
        RawKind::SshUser => {
            if let Some(san) = &raw.san {
                return misplaced(san.span().start, "ssh-user", "san");
            }
            ProfileKind::SshUser(read_ssh(raw.extensions, raw.critical_options)?)
        }
    };
    Ok(Profile {
        name: text.clone(),
        description: raw.description,
        challenge,
        kind,
        max_validity,
        default_validity,
        checked_by,
    })
}

/// A profile names the CRL where there is one to name, unless it says otherwise.
fn checked_by(
    crl: Option<Spanned<bool>>,
    no_rev_avail: Option<Spanned<bool>>,
    revocation: &revocation::Revocation,
) -> Result<CheckedBy, Located> {
    let somewhere = revocation.crl_url.is_some();
    if let Some(crl) = &crl
        && *crl.get_ref()
        && !somewhere
    {
        return Err(Located::new(crl.span().start, Fault::CrlNowhere));
    }
    let crl = crl.map_or(somewhere, Spanned::into_inner);
    match no_rev_avail {
        Some(none) if *none.get_ref() && crl => {
            Err(Located::new(none.span().start, Fault::NoRevAvailBesideCrl))
        }
        Some(none) if *none.get_ref() => Ok(CheckedBy::NoRevAvail),
        _ if crl => Ok(CheckedBy::Crl),
        _ => Ok(CheckedBy::Silent),
    }
}

fn read_ssh(
    extensions: Option<Spanned<Vec<Spanned<String>>>>,
    options: Option<Spanned<BTreeMap<Spanned<String>, Spanned<String>>>>,
) -> Result<SshProfile, Located> {
    let mut all = Extensions::none();
    match extensions {
        Some(list) => {
            for extension in list.into_inner() {
                all = all
                    .with(extension.get_ref(), "")
                    .map_err(|fault| Located::new(extension.span().start, fault))?;
            }
        }
        None => {
            for extension in SSH_EXTENSIONS {
                all = all
                    .with(extension, "")
                    .map_err(|fault| Located::new(0, fault))?;
            }
        }
    }
    let mut critical = CriticalOptions::none();
    for (name, value) in options.map(Spanned::into_inner).unwrap_or_default() {
        let text = value.get_ref().as_str();
        critical = match name.get_ref().as_str() {
            "source-address" => critical.source_addresses(text.split(',').map(str::trim)),
            "force-command" => critical.force_command(text),
            other => critical.with(other, text),
        }
        .map_err(|fault| Located::new(value.span().start, fault))?;
    }
    Ok(SshProfile {
        extensions: all,
        critical_options: critical,
    })
}
