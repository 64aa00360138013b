//! `[profiles.NAME]` as it is written, and the way to a [`Profile`].

use std::collections::BTreeMap;

use serde::Deserialize;
use sshcert_acme::{CriticalOptions, Extensions};
use toml::Spanned;

use super::{DAY, duration};
use crate::config::allow::{self, RawAllow};
use crate::config::profile::{NameRules, Profile, ProfileKind, ProvenBy, SanKind, SshProfile};
use crate::config::{CheckedBy, Fault, KeyChallenge, Located, Revocation, Seconds};

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "kebab-case")]
enum RawKind {
    X509,
    X509Server,
    SshUser,
}

impl RawKind {
    const fn as_str(self) -> &'static str {
        match self {
            Self::X509 => "x509",
            Self::X509Server => "x509-server",
            Self::SshUser => "ssh-user",
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawProfile {
    #[serde(default)]
    description: String,
    kind: RawKind,
    challenge: Option<Spanned<String>>,
    challenges: Option<Spanned<Vec<Spanned<String>>>>,
    caa: Option<Spanned<Vec<Spanned<String>>>>,
    #[serde(default)]
    allow: Vec<Spanned<RawAllow>>,
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
/// A week: a server renews by itself, and a stolen key is worth little.
const SERVER_VALIDITY: Seconds = Seconds(7 * DAY);
/// What a client may ask for unless the settings say otherwise.
const SERVER_MAX_VALIDITY: Seconds = Seconds(90 * DAY);
/// The longest life that a profile may give.
const LONGEST: Seconds = Seconds(366 * DAY);
/// What `ssh-keygen` would grant, but for X11 forwarding.
const SSH_EXTENSIONS: [&str; 4] = [
    "permit-pty",
    "permit-agent-forwarding",
    "permit-port-forwarding",
    "permit-user-rc",
];

pub(super) fn read(
    name: &Spanned<String>,
    raw: RawProfile,
    revocation: &Revocation,
    has_clusters: bool,
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
    reject_misplaced(&raw)?;
    let (longest, usual) = match raw.kind {
        RawKind::X509 | RawKind::SshUser => (VALIDITY, VALIDITY),
        RawKind::X509Server => (SERVER_MAX_VALIDITY, SERVER_VALIDITY),
    };
    let max_validity = duration(
        raw.max_validity.as_ref(),
        "max_validity",
        longest,
        1,
        LONGEST.0,
    )?;
    let default_validity = duration(
        raw.default_validity.as_ref(),
        "default_validity",
        max_validity.min(usual),
        1,
        max_validity.0,
    )?;
    let place = name.span().start;
    let checked_by = match raw.kind {
        RawKind::X509 | RawKind::X509Server => {
            checked_by(raw.crl.as_ref(), raw.no_rev_avail.as_ref(), revocation)?
        }
        RawKind::SshUser => CheckedBy::Silent,
    };
    let (proven_by, kind) = match raw.kind {
        RawKind::X509 => (
            yubikey(place, raw.kind, raw.challenge.as_ref())?,
            ProfileKind::X509(raw.san.map_or(SanKind::Dns, Spanned::into_inner)),
        ),
        RawKind::SshUser => (
            yubikey(place, raw.kind, raw.challenge.as_ref())?,
            ProfileKind::SshUser(read_ssh(raw.extensions, raw.critical_options)?),
        ),
        RawKind::X509Server => (names(place, &raw, has_clusters)?, ProfileKind::X509Server),
    };
    Ok(Profile {
        name: text.clone(),
        description: raw.description,
        proven_by,
        kind,
        max_validity,
        default_validity,
        checked_by,
    })
}

/// A setting that would do nothing is a misunderstanding.
fn reject_misplaced(raw: &RawProfile) -> Result<(), Located> {
    fn place<T>(setting: Option<&Spanned<T>>) -> Option<usize> {
        setting.map(|setting| setting.span().start)
    }
    let ssh = [
        (place(raw.extensions.as_ref()), "extensions"),
        (place(raw.critical_options.as_ref()), "critical_options"),
    ];
    let revocation = [
        (place(raw.crl.as_ref()), "crl"),
        (place(raw.no_rev_avail.as_ref()), "no_rev_avail"),
    ];
    let san = (place(raw.san.as_ref()), "san");
    let yubikey = (place(raw.challenge.as_ref()), "challenge");
    let names = [
        (place(raw.challenges.as_ref()), "challenges"),
        (place(raw.caa.as_ref()), "caa"),
        (place(raw.allow.first()), "allow"),
    ];
    let misplaced = match raw.kind {
        RawKind::X509 => [&ssh[..], &names].concat(),
        RawKind::SshUser => [&[san][..], &revocation, &names].concat(),
        RawKind::X509Server => [&ssh[..], &[san, yubikey]].concat(),
    };
    let kind = raw.kind.as_str();
    match misplaced
        .into_iter()
        .find_map(|(place, setting)| Some((place?, setting)))
    {
        Some((place, setting)) => Err(Located::new(place, Fault::NotOfKind { kind, setting })),
        None => Ok(()),
    }
}

fn lacks(place: usize, kind: RawKind, setting: &'static str) -> Located {
    let kind = kind.as_str();
    Located::new(place, Fault::Lacks { kind, setting })
}

fn yubikey(
    place: usize,
    kind: RawKind,
    challenge: Option<&Spanned<String>>,
) -> Result<ProvenBy, Located> {
    let text = challenge.ok_or_else(|| lacks(place, kind, "challenge"))?;
    let challenge = text.get_ref().parse::<KeyChallenge>().map_err(|_| {
        let challenge = text.get_ref().clone();
        Located::new(text.span().start, Fault::Challenge { challenge })
    })?;
    Ok(ProvenBy::Yubikey(challenge))
}

fn names(place: usize, raw: &RawProfile, has_clusters: bool) -> Result<ProvenBy, Located> {
    let lacks = || lacks(place, RawKind::X509Server, "challenges");
    let mut methods = Vec::new();
    let mut kubernetes = false;
    for text in raw.challenges.as_ref().ok_or_else(lacks)?.get_ref() {
        if text.get_ref() == crate::kubernetes::CHALLENGE {
            if !has_clusters {
                return Err(Located::new(text.span().start, Fault::NoCluster));
            }
            kubernetes = true;
            continue;
        }
        let method = text.get_ref().parse().map_err(|_| {
            let challenge = text.get_ref().clone();
            Located::new(text.span().start, Fault::ServerChallenge { challenge })
        })?;
        if !methods.contains(&method) {
            methods.push(method);
        }
    }
    if methods.is_empty() && !kubernetes {
        return Err(lacks());
    }
    let caa = match &raw.caa {
        None => Vec::new(),
        // An empty list would look as if it forbade everything, and ask for nothing.
        Some(names) if names.get_ref().is_empty() => {
            let name = String::new();
            return Err(Located::new(names.span().start, Fault::CaaName { name }));
        }
        Some(names) => names.get_ref().iter().map(caa).collect::<Result<_, _>>()?,
    };
    let allow = raw
        .allow
        .iter()
        .map(|rule| allow::read(rule.get_ref()))
        .collect::<Result<_, _>>()?;
    Ok(ProvenBy::Names(NameRules {
        methods,
        kubernetes,
        caa,
        allow,
    }))
}

/// The name of the CA in CAA records.
fn caa(text: &Spanned<String>) -> Result<String, Located> {
    let name = text.get_ref().to_ascii_lowercase();
    if crate::config::is_dns_name(&name) {
        Ok(name)
    } else {
        Err(Located::new(text.span().start, Fault::CaaName { name }))
    }
}

/// A profile names the CRL where there is one to name, unless it says otherwise.
fn checked_by(
    crl: Option<&Spanned<bool>>,
    no_rev_avail: Option<&Spanned<bool>>,
    revocation: &Revocation,
) -> Result<CheckedBy, Located> {
    let somewhere = revocation.crl_url.is_some();
    if let Some(crl) = crl
        && *crl.get_ref()
        && !somewhere
    {
        return Err(Located::new(crl.span().start, Fault::CrlNowhere));
    }
    let crl = crl.map_or(somewhere, |crl| *crl.get_ref());
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
