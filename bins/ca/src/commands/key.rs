//! `ca key`.

use std::io::Read;
use std::path::Path;

use acme_ca::Ca;
use acme_ca::audit::{Decision, OPERATOR, Outcome};
use acme_ca::ca::now;
use acme_ca::enrolment::{self, MAX_BUNDLE, Proposal, Request};
use acme_ca::records::{Grant, KeyId, KeyRecord, KeyState};
use acme_ca::store::{CertificateFilter, Records};

use super::cert::StillValid;
use super::revoked::Revoked;
use crate::arguments::{Key, KeyAdd};
use crate::exit::Failure;
use crate::print;

pub(super) async fn run(ca: &Ca, command: &Key, json: bool) -> Result<(), Failure> {
    match command {
        Key::Add(add) => self::add(ca, add, json).await,
        Key::List { user } => {
            let keys = ca.store().keys(user.as_ref()).await?;
            if json {
                return print::json(&keys);
            }
            let rows: Vec<_> = keys.iter().map(row).collect();
            print::table(
                &["KEY", "USER", "USE", "YUBIKEY", "SLOT", "STATE", "GRANTS"],
                &rows,
            )
        }
        Key::Show { id } => {
            let key = ca.store().key(*id).await?.ok_or_else(|| Failure::NoSuch {
                what: format!("key {id}"),
            })?;
            if json {
                return print::json(&key);
            }
            show(&key)
        }
        Key::Retire { id } => change(ca, *id, KeyState::Retired { since: now() }, json).await,
        Key::Revoke { id } => change(ca, *id, KeyState::Revoked { since: now() }, json).await,
    }
}

async fn add(ca: &Ca, add: &KeyAdd, json: bool) -> Result<(), Failure> {
    let request = Request {
        user: add.user.clone(),
        usage: add.usage,
        grants: add.grants.clone(),
        bundle: read_bundle(&add.bundle)?,
    };
    let proposal = enrolment::examine(ca, request, now()).await?;
    if !json {
        show_proposal(&proposal)?;
    }
    if add.dry_run {
        return if json {
            print::json(&proposal.summary())
        } else {
            print::line("nothing was recorded (--dry-run)")
        };
    }
    let told = serde_json::json!({
        "root": proposal.attestation().root().name(),
        "warnings": proposal.warnings(),
    });
    let key = proposal.record(ca).await?;
    if json {
        return print::json_with(&key, "attestation", &told);
    }
    print::line(&format!("recorded as key {}", key.id))
}

/// Reads no more than a bundle can have.
fn read_bundle(path: &Path) -> Result<Vec<u8>, Failure> {
    let io = |error| Failure::Bundle {
        path: path.to_owned(),
        error,
    };
    let mut bytes = Vec::new();
    let input: Box<dyn Read> = if path == Path::new("-") {
        Box::new(std::io::stdin())
    } else {
        Box::new(std::fs::File::open(path).map_err(io)?)
    };
    input
        .take(MAX_BUNDLE + 1)
        .read_to_end(&mut bytes)
        .map_err(io)?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > MAX_BUNDLE {
        return Err(Failure::BundleTooLong {
            path: path.to_owned(),
            most: MAX_BUNDLE,
        });
    }
    Ok(bytes)
}

async fn change(ca: &Ca, id: KeyId, state: KeyState, json: bool) -> Result<(), Failure> {
    let (action, done) = match state {
        KeyState::Revoked { .. } => ("key.revoke", "revoked"),
        _ => ("key.retire", "retired"),
    };
    let decision = Decision::new(Outcome::Done, action, OPERATOR, format!("key {id}"), now());
    let key = ca.store().set_key_state(id, state, decision).await?;
    let filter = CertificateFilter {
        key: Some(id),
        ..CertificateFilter::default()
    };
    let revoked = match state {
        KeyState::Revoked { .. } => Some(Revoked::find(ca, filter.clone(), now()).await?),
        _ => None,
    };
    let still_valid = StillValid::find(ca, filter).await?;
    if json {
        return match revoked {
            Some(revoked) => still_valid.print_json_with(&key, &revoked),
            None => still_valid.print_json(&key),
        };
    }
    print::line(&format!("{done} key {id} of user {}", key.user))?;
    match revoked {
        Some(revoked) => revoked.print(),
        None => still_valid.print(),
    }
}

fn grants(grants: &[Grant]) -> Vec<String> {
    grants
        .iter()
        .map(|grant| format!("{}={}", grant.profile, grant.names.join(",")))
        .collect()
}

fn state(state: KeyState) -> String {
    match state {
        KeyState::Active => "active".to_owned(),
        KeyState::Retired { since } => format!("retired {}", print::time(since)),
        KeyState::Revoked { since } => format!("revoked {}", print::time(since)),
    }
}

fn serial(serial: Option<impl std::fmt::Display>) -> String {
    serial.map_or_else(|| "-".to_owned(), |serial| serial.to_string())
}

fn row(key: &KeyRecord) -> Vec<String> {
    vec![
        key.id.to_string(),
        key.user.to_string(),
        key.usage.to_string(),
        serial(key.attested.serial),
        key.attested.slot.to_string(),
        state(key.state),
        grants(&key.grants).join(" "),
    ]
}

fn show(key: &KeyRecord) -> Result<(), Failure> {
    print::fact("key", key.id)?;
    print::fact("user", &key.user)?;
    print::fact("use", key.usage)?;
    print::fact("state", state(key.state))?;
    print::fact("added", print::time(key.added))?;
    let attested = &key.attested;
    print::fact("YubiKey", serial(attested.serial))?;
    print::fact("slot", attested.slot)?;
    print::fact("firmware", attested.firmware)?;
    print::fact("PIN policy", attested.pin_policy)?;
    print::fact("touch policy", attested.touch_policy)?;
    print::fact("form factor", serial(attested.form_factor))?;
    print::fact("key SHA-256", attested.spki_sha256)?;
    for grant in grants(&key.grants) {
        print::fact("grant", grant)?;
    }
    Ok(())
}

/// What is going to be recorded.
fn show_proposal(proposal: &Proposal) -> Result<(), Failure> {
    let attestation = proposal.attestation();
    print::fact("user", proposal.user())?;
    print::fact("use", proposal.usage())?;
    print::fact("YubiKey", serial(attestation.serial()))?;
    print::fact("slot", attestation.slot())?;
    print::fact("firmware", attestation.firmware())?;
    print::fact("PIN policy", attestation.pin_policy())?;
    print::fact("touch policy", attestation.touch_policy())?;
    print::fact("form factor", serial(attestation.form_factor()))?;
    print::fact("key type", attestation.public_key().algorithm())?;
    print::fact("key SHA-256", proposal.key_sha256())?;
    print::fact("attested by", attestation.root().name())?;
    for grant in grants(proposal.grants()) {
        print::fact("grant", grant)?;
    }
    for warning in attestation.warnings() {
        print::fact("warning", warning)?;
    }
    Ok(())
}
