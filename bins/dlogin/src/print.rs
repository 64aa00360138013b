//! How reports look on stdout, and errors on stderr.

use std::io::{self, Write};

use dlogin_core::login::Report;
use dlogin_core::status::{LoggedOut, Status};
use dlogin_core::trust::{Listed, Trusted};
use dlogin_core::{Certificate, CertificateName, Error, Exit, KeyPlace, Kind, SiteName};
use serde::Serialize;

/// One JSON value on one line.
pub(crate) fn json(value: &impl Serialize) -> io::Result<()> {
    let text = serde_json::to_string(value)?;
    line(&text)
}

/// One line of text.
pub(crate) fn line(text: &str) -> io::Result<()> {
    writeln!(anstream::stdout(), "{text}")
}

/// One line on stderr, of what runs on whether anybody reads it or not: the
/// terminal may be gone, or the disk full.
pub(crate) fn say(text: &str) {
    let _ = writeln!(anstream::stderr(), "{text}");
}

/// Arguments that make no sense. They may say `--json` all the same.
pub(crate) fn usage(error: &clap::Error) {
    let as_json = std::env::args_os()
        .take_while(|argument| argument != "--")
        .any(|argument| argument == "--json");
    if !as_json {
        let _ = error.print();
        return;
    }
    let text = error.render().to_string();
    // The first paragraph says what is wrong; the rest is advice.
    let lines: Vec<_> = text
        .lines()
        .map(str::trim)
        .take_while(|line| !line.is_empty())
        .collect();
    let text = lines.join(" ");
    let value = serde_json::json!({
        "error": text.strip_prefix("error: ").unwrap_or(&text),
        "exit": Exit::Usage.code(),
    });
    anstream::eprintln!("{value}");
}

/// What went wrong at one of several sites.
pub(crate) fn error_value(site: Option<&SiteName>, error: &Error) -> serde_json::Value {
    serde_json::json!({
        "site": site,
        "error": error.to_string(),
        "exit": error.exit().code(),
    })
}

/// What went wrong.
pub(crate) fn error(as_json: bool, error: &Error) {
    failure(as_json, &error.to_string(), error.exit());
}

/// The same of any part of the program.
pub(crate) fn failure(as_json: bool, error: &str, exit: Exit) {
    if as_json {
        let value = serde_json::json!({ "error": error, "exit": exit.code() });
        anstream::eprintln!("{value}");
    } else {
        anstream::eprintln!("dlogin: {error}");
    }
}

pub(crate) fn trusted(trusted: &Trusted) -> io::Result<()> {
    line(&format!("trusted: {}", trusted.url))?;
    line(&format!("root:    SHA256:{}", trusted.root_sha256))?;
    for (name, description) in &trusted.profiles {
        line(&format!("offers:  {name} ({description})"))?;
    }
    if trusted.asked.len() > 1 {
        line(&format!("asked:   {}", trusted.asked.join(", then ")))?;
    }
    Ok(())
}

/// Which CAs are trusted.
pub(crate) fn cas(cas: &[Listed]) -> io::Result<()> {
    if cas.is_empty() {
        return line("none; run `dlogin trust URL --fingerprint SHA256`");
    }
    table(cas.iter().map(|ca| {
        [
            ca.site
                .as_ref()
                .map_or_else(|| "-".to_owned(), ToString::to_string),
            ca.url.clone(),
            format!("SHA256:{}", ca.root_sha256),
        ]
    }))
}

/// What a site has left.
pub(crate) fn no_longer_trusted(
    url: &str,
    site: Option<&SiteName>,
    left: &[Listed],
) -> io::Result<()> {
    line(&format!("no longer trusted: {url}"))?;
    for ca in left {
        line(&format!("still trusted:     {}", ca.url))?;
    }
    if left.is_empty() {
        let site = site.map_or_else(String::new, |site| format!(" --site {site}"));
        anstream::eprintln!(
            "dlogin: certificates that are there stay until they end: \
             `dlogin logout{site}` takes them away"
        );
    }
    Ok(())
}

pub(crate) fn report(report: &Report) -> io::Result<()> {
    table(
        report
            .certificates
            .iter()
            .map(|issued| certificate(&issued.certificate, false)),
    )?;
    if report.certificates.is_empty() && !report.current.is_empty() {
        let current: Vec<_> = report
            .current
            .iter()
            .map(|held| format!("{} until {}", held.name(), held.end()))
            .collect();
        anstream::eprintln!(
            "dlogin: nothing to do: {} (--renew fetches all the same)",
            current.join(", ")
        );
    }
    for refused in &report.refused {
        // Finding out what is granted, a plain no is an answer, not a fault.
        let what = if report.discovery {
            "not granted"
        } else {
            "refused"
        };
        anstream::eprintln!("dlogin: {}: {what}: {}", refused.profile, refused.detail);
        for reason in &refused.reasons {
            anstream::eprintln!("  - {reason}");
        }
    }
    for failed in &report.failed {
        anstream::eprintln!("dlogin: {}: {}", failed.profile, failed.message);
    }
    for skipped in &report.skipped {
        anstream::eprintln!("dlogin: {}: not ordered: {}", skipped.profile, skipped.why);
    }
    removed(&report.removed);
    Ok(())
}

/// What is there no more.
pub(crate) fn removed(names: &[CertificateName]) {
    for name in names {
        anstream::eprintln!("dlogin: {name}: had expired and was removed");
    }
}

pub(crate) fn status(status: &Status) -> io::Result<()> {
    if status.cas.is_empty() {
        line("CA:           none; run `dlogin trust URL --fingerprint SHA256`")?;
    }
    for ca in &status.cas {
        let site = ca
            .site
            .as_ref()
            .map_or_else(String::new, |site| format!(" (site {site})"));
        line(&format!("CA:           {}{site}", ca.url))?;
        line(&format!("root:         SHA256:{}", ca.root_sha256))?;
    }
    line(&format!("certificates: {}", status.folder.display()))?;
    table(status.certificates.iter().map(|held| {
        let mut row = certificate(&held.certificate, held.expired);
        if let (Some(serial), [_, kind, ..]) = (&held.yubikey, &mut row) {
            kind.push_str(&format!(" ({serial})"));
        }
        row
    }))
}

pub(crate) fn logged_out(gone: &LoggedOut) -> io::Result<()> {
    if gone.removed.is_empty() {
        return line("nothing was there");
    }
    for name in &gone.removed {
        line(&format!("removed: {name}"))?;
    }
    Ok(())
}

/// That a certificate ends soon.
pub(crate) fn reminder(held: &Certificate) -> String {
    let site = held
        .site
        .as_ref()
        .map_or_else(String::new, |site| format!(" --site {site}"));
    format!("{} ends at {}: run `dlogin{site}`", held.name(), held.end())
}

pub(crate) fn reminders(due: &[Certificate]) -> io::Result<()> {
    due.iter().try_for_each(|held| line(&reminder(held)))
}

/// One row of the table.
fn certificate(certificate: &Certificate, expired: bool) -> [String; 5] {
    let kind = match (certificate.kind, certificate.key) {
        (Kind::Tls, KeyPlace::Yubikey) => "TLS, key in the YubiKey",
        (Kind::Tls, KeyPlace::Disk) => "TLS, key on disk",
        (Kind::Ssh, KeyPlace::Yubikey) => "SSH, key in the YubiKey",
        (Kind::Ssh, KeyPlace::Disk) => "SSH, key on disk",
    };
    let end = if expired { "expired" } else { "until" };
    [
        certificate.name().to_string(),
        kind.to_owned(),
        certificate.names.join(","),
        format!("{end} {}", certificate.end()),
        certificate
            .files
            .first()
            .map(|file| file.display().to_string())
            .unwrap_or_default(),
    ]
}

/// Aligned columns.
fn table<const N: usize>(rows: impl Iterator<Item = [String; N]>) -> io::Result<()> {
    let rows: Vec<_> = rows.collect();
    let mut widths = [0; N];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    for row in &rows {
        let cells: Vec<_> = row
            .iter()
            .zip(widths)
            .map(|(cell, width)| format!("{cell:width$}"))
            .collect();
        line(cells.join("  ").trim_end())?;
    }
    Ok(())
}
