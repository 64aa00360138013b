//! `dlogin doctor`.

use std::path::PathBuf;

use clap::Args;
use dlogin_core::piv_attest::Serial;
use dlogin_core::{Error, Exit, Paths};
use dlogin_doctor::{Check, Level, Patient, examine};

use crate::print;

#[derive(Debug, Args)]
pub(crate) struct Doctor {
    /// The YubiKey to look at, where several are plugged in
    #[arg(long, value_name = "N")]
    serial: Option<Serial>,
}

/// Looks at everything; the exit code is that of the first fault.
pub(crate) async fn run(json: bool, arguments: &Doctor) -> Result<Exit, Error> {
    let lookup = |name: &str| std::env::var_os(name);
    let patient = Patient {
        paths: Paths::from_env()?,
        home: lookup("HOME").map(PathBuf::from).ok_or(Error::NoHome)?,
        serial: arguments.serial,
        system: PathBuf::from("/"),
        program: std::env::current_exe().ok(),
    };
    let report = examine(&patient, lookup, |check| {
        if !json {
            show(check);
        }
    })
    .await;
    if json {
        let _ = print::json(&report);
    } else {
        let _ = print::line(&format!(
            "{} faults, {} warnings",
            report.count(Level::Fault),
            report.count(Level::Warning)
        ));
    }
    Ok(report.exit())
}

fn show(check: &Check) {
    let level = match check.level {
        Level::Ok => "ok",
        Level::Warning => "warning",
        Level::Fault => "FAULT",
    };
    let _ = print::line(&format!("{level:8} {:13} {}", check.id, check.what));
    if let Some(todo) = &check.todo {
        let _ = print::line(&format!("{:22} -> {todo}", ""));
    }
}
