//! The two keys on the YubiKey, and whether the certificates are theirs.

use dlogin_core::config::Keys;
use dlogin_core::setup::KeyUse;
use dlogin_core::status::status;
use dlogin_core::{Exit, KeyPlace, Kind, Paths, files};
use piv_attest::{PinPolicy, PublicKey, TouchPolicy};
use piv_token::{ManageToken, SlotKey};
use x509_cert::der::{Decode, Encode};

use crate::Check;

pub(crate) fn check(token: &mut impl ManageToken, keys: &Keys, paths: &Paths) -> Vec<Check> {
    let mut checks = Vec::new();
    let login = one(token, keys, KeyUse::Login, &mut checks);
    one(token, keys, KeyUse::Proof, &mut checks);
    if keys.login == keys.proof {
        checks.push(
            Check::fault(
                "proof-key",
                Exit::Usage,
                format!(
                    "login and proof are both in slot {}: one stolen touch is worth a \
                         certificate on disk",
                    keys.login
                ),
            )
            .todo("give them slots of their own in [keys] of config.toml: 9a and 82"),
        );
    }
    if let Some(login) = login {
        checks.extend(certificates(&login, keys, paths));
    }
    checks
}

/// One key; its public half, where the card attests it.
fn one(
    token: &mut impl ManageToken,
    keys: &Keys,
    key_use: KeyUse,
    checks: &mut Vec<Check>,
) -> Option<PublicKey> {
    let (id, again) = match key_use {
        KeyUse::Login => ("login-key", "dlogin setup"),
        KeyUse::Proof => ("proof-key", "dlogin setup --use proof"),
    };
    let fault = |what: String| Check::fault(id, Exit::Card, what);
    let slot = match keys.slot(key_use) {
        Ok(slot) => slot,
        Err(error) => {
            checks.push(
                Check::fault(id, error.exit(), error.to_string())
                    .todo("correct [keys] in config.toml: login = \"9a\", proof = \"82\""),
            );
            return None;
        }
    };
    let contents = match token.inspect(slot) {
        Ok(contents) => contents,
        Err(error) => {
            checks.push(fault(error.to_string()).todo("plug the YubiKey in again"));
            return None;
        }
    };
    let Some(key) = contents.key else {
        checks.push(match key_use {
            KeyUse::Login => Check::fault(
                id,
                Exit::Missing,
                format!("there is no login key in slot {slot}"),
            )
            .todo(format!("{again}, then `dlogin bundle` for the operator")),
            KeyUse::Proof => Check::ok(
                id,
                format!("no proof key in slot {slot}: only certificates on disk need one"),
            ),
        });
        return None;
    };
    let before = checks.len();
    checks.extend(policies(id, &key, again));
    if !key.generated {
        checks.push(
            fault(format!(
                "the key in slot {slot} was imported: the YubiKey cannot vouch for it"
            ))
            .todo(format!("{again} --overwrite, then enrol the new key")),
        );
    }
    if checks.len() == before {
        let algorithm = key
            .public_key
            .as_ref()
            .map_or_else(|| "a key".to_owned(), |key| key.algorithm().to_string());
        checks.push(Check::ok(
            id,
            format!("{algorithm} in slot {slot}, made on the YubiKey, touch always"),
        ));
    }
    key.public_key
}

fn policies(id: &'static str, key: &SlotKey, again: &str) -> Vec<Check> {
    let mut checks = Vec::new();
    let again = format!("{again} --overwrite, then enrol the new key");
    if key.touch_policy == Some(TouchPolicy::Never) {
        checks.push(
            Check::fault(
                id,
                Exit::Card,
                "the key signs without a touch: whatever runs as you can use it unseen",
            )
            .todo(again.clone()),
        );
    }
    if key.touch_policy == Some(TouchPolicy::Cached) {
        checks.push(
            Check::warning(
                id,
                "for 15 s after a touch the key signs without one; CAs refuse it by default",
            )
            .todo(again.clone()),
        );
    }
    if key.pin_policy == Some(PinPolicy::Never) {
        checks.push(
            Check::fault(
                id,
                Exit::Card,
                "the key wants no PIN: whoever finds the YubiKey can use it",
            )
            .todo(again),
        );
    }
    checks
}

/// Certificates that no signature of this YubiKey can go with.
fn certificates(login: &PublicKey, keys: &Keys, paths: &Paths) -> Vec<Check> {
    let held = status(paths)
        .map(|status| status.certificates)
        .unwrap_or_default();
    held.into_iter()
        .filter(|held| !held.expired)
        .map(|held| held.certificate)
        .filter(|held| held.kind == Kind::Tls && held.key == KeyPlace::Yubikey)
        .filter_map(|held| {
            let pem = files::read_text(held.files.first()?).ok()??;
            let spki = spki(&pem)?;
            (spki != login.spki_der()).then(|| {
                Check::fault(
                    "other-key",
                    Exit::Card,
                    format!(
                        "the certificate {} is for another key than the one in slot {} of this \
                         YubiKey",
                        held.name(),
                        keys.login
                    ),
                )
                .todo(
                    "plug in the YubiKey that it was made with; or, where this one's key is \
                     enrolled, dlogin --renew",
                )
            })
        })
        .collect()
}

/// The SubjectPublicKeyInfo of the first certificate, DER.
fn spki(pem: &str) -> Option<Vec<u8>> {
    const END: &str = "-----END CERTIFICATE-----";
    let first = pem.split_inclusive(END).next()?;
    let (_, der) = pem_rfc7468::decode_vec(first.trim().as_bytes()).ok()?;
    let certificate = x509_cert::Certificate::from_der(&der).ok()?;
    certificate
        .tbs_certificate()
        .subject_public_key_info()
        .to_der()
        .ok()
}
