//! `dlogin doctor`: looks at everything that a login needs, and says what is
//! wrong and what to do about it.
//!
//! [`examine`] gives a [`Report`] of [`Check`]s. It changes nothing, asks for
//! no PIN and for no touch, and spends no try of anything: what cannot be told
//! without one is not told.

mod agent;
mod browsers;
mod ca;
mod card;
mod certificates;
mod files;
mod holders;
mod keys;
mod pin;
mod report;
mod usb;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use dlogin_core::{Config, Exit, Paths};
use piv_attest::Serial;

pub use report::{Check, Level, Report};

/// What to look at.
#[derive(Clone, Debug)]
pub struct Patient {
    /// The person's folders.
    pub paths: Paths,
    /// The home.
    pub home: PathBuf,
    /// The YubiKey, where several are plugged in.
    pub serial: Option<Serial>,
    /// Below which folder the system's own files are: `/`.
    pub system: PathBuf,
    /// This program, beside which the module is.
    pub program: Option<PathBuf>,
}

/// Looks at everything. `lookup` is the environment. Each check is shown as
/// soon as it is known.
pub async fn examine(
    patient: &Patient,
    lookup: impl Fn(&str) -> Option<OsString>,
    mut show: impl FnMut(&Check),
) -> Report {
    let mut report = Report::default();
    let mut add = |checks: Vec<Check>| {
        for check in checks {
            show(&check);
            report.checks.push(check);
        }
    };
    let config = match Config::load(&patient.paths) {
        Ok(config) => config,
        Err(error) => {
            let exit = error.exit();
            add(vec![Check::fault("config", exit, error.to_string()).todo(
                "correct the file, or remove it and run `dlogin trust` again",
            )]);
            Config::default()
        }
    };
    add(files::check(patient));
    add(ca::check(&config).await);
    let serial = patient.serial.or(config.keys.serial.map(Serial::from));
    let (system, socket) = (patient.system.clone(), lookup("PCSCLITE_CSOCK_NAME"));
    let (paths, keys) = (patient.paths.clone(), config.keys.clone());
    // The card blocks whoever waits for it.
    let at_card = move || card::check(&system, socket.map(PathBuf::from), serial, &keys, &paths);
    add(std::thread::spawn(at_card).join().unwrap_or_else(|_| {
        vec![Check::fault(
            "yubikey",
            Exit::Internal,
            "the examination of the YubiKey broke off",
        )]
    }));
    add(certificates::check(&patient.paths));
    add(agent::check(&patient.paths, &patient.home));
    add(browsers::check(patient, &lookup));
    report
}

/// `path` below the folder that stands for `/`.
fn below(system: &Path, path: &str) -> PathBuf {
    system.join(path.trim_start_matches('/'))
}
