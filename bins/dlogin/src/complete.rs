//! What shells complete, and the man pages.

use std::io::{self, Write};
use std::path::Path;

use dlogin_core::{Config, Exit, Paths, need};
use manual::{CompletionCandidate, Manual, Section, Shell, today};

use crate::arguments::{after_help, command};

/// `--use`.
pub(crate) const USES: &[&str] = &["login", "proof"];
/// `--algorithm`.
pub(crate) const ALGORITHMS: &[&str] = &[
    "P-256", "P-384", "RSA-2048", "RSA-3072", "RSA-4096", "Ed25519",
];
/// `--pin-policy`.
pub(crate) const PIN_POLICIES: &[&str] = &["once", "always"];
/// `--touch-policy`.
pub(crate) const TOUCH_POLICIES: &[&str] = &["always", "cached", "never"];

/// The profiles that were granted, from what earlier runs wrote down. Neither
/// CA nor YubiKey is asked, and where nothing can be read, nothing is said.
pub(crate) fn profiles() -> Vec<CompletionCandidate> {
    Paths::from_env()
        .and_then(|paths| need::granted(&paths))
        .unwrap_or_default()
        .iter()
        .map(|profile| CompletionCandidate::new(profile.as_str()))
        .collect()
}

/// The sites that have a CA.
pub(crate) fn sites() -> Vec<CompletionCandidate> {
    Paths::from_env()
        .and_then(|paths| Config::load(&paths))
        .map(|config| config.sites())
        .unwrap_or_default()
        .iter()
        .flatten()
        .map(|site| CompletionCandidate::new(site.as_str()))
        .collect()
}

/// `dlogin completions`.
pub(crate) fn script(shell: Shell) -> Exit {
    ended(
        shell
            .script("dlogin")
            .and_then(|script| io::stdout().write_all(&script)),
    )
}

/// `dlogin man`.
pub(crate) fn man(folder: &Path) -> Exit {
    let date = today(std::env::var("SOURCE_DATE_EPOCH").ok().as_deref());
    let manual = Manual::new(command(), &after_help(), Section::User);
    ended(manual.write(folder, &date).map(|_| ()))
}

fn ended(outcome: io::Result<()>) -> Exit {
    match outcome {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            anstream::eprintln!("dlogin: cannot write: {error}");
            Exit::Internal
        }
        _ => Exit::Done,
    }
}
