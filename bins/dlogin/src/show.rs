//! What a person sees while it happens, on stderr.

use std::io::IsTerminal;
use std::time::Duration;

use dlogin_core::SiteName;
use dlogin_core::config::Ca;
use dlogin_core::login::{AboutToSign, Show};
use dlogin_core::piv_attest::{Serial, Slot};
use dlogin_core::piv_token::{TouchNeed, TouchPrompt};
use indicatif::{ProgressBar, ProgressStyle};

fn yubikey(serial: Option<&str>) -> String {
    serial.map_or_else(
        || "A YubiKey without serial number".to_owned(),
        |serial| format!("YubiKey {serial}"),
    )
}

/// What a site is called.
pub(crate) fn site(site: Option<&SiteName>) -> String {
    site.map_or_else(
        || "the site without a name".to_owned(),
        |site| format!("site {site}"),
    )
}

/// What the signature of a bundle says. Comes before PIN and touch.
pub(crate) fn about_to_enrol(serial: Option<Serial>, slot: Slot, user: &str, ca: &Ca) {
    anstream::eprintln!(
        "{} (slot {slot}) is about to sign that it is {user}'s, for enrolment at {} (root SHA256:{})",
        yubikey(serial.map(|serial| serial.to_string()).as_deref()),
        ca.url,
        ca.root_sha256,
    );
}

/// Progress for people: a line that moves on a terminal, plain lines elsewhere.
pub(crate) struct Progress {
    spinner: Option<ProgressBar>,
    moving: bool,
}

impl Progress {
    pub(crate) fn new() -> Self {
        Self {
            spinner: None,
            moving: std::io::stderr().is_terminal(),
        }
    }

    /// A line that moves, where lines can move.
    fn spin(&mut self, what: String) {
        if !self.moving {
            return;
        }
        let spinner = self.spinner.get_or_insert_with(|| {
            let spinner = ProgressBar::new_spinner();
            if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}") {
                spinner.set_style(style);
            }
            spinner.enable_steady_tick(Duration::from_millis(120));
            spinner
        });
        spinner.set_message(what);
    }

    fn clear(&mut self) {
        if let Some(spinner) = self.spinner.take() {
            spinner.finish_and_clear();
        }
    }

    /// A line that stays.
    fn line(&mut self, text: &str) {
        self.clear();
        anstream::eprintln!("{text}");
    }

    fn touch(&mut self, need: TouchNeed) {
        let what = match need {
            TouchNeed::Certain => "Touch the YubiKey now.",
            TouchNeed::Possible => "Touch the YubiKey if it blinks.",
        };
        if self.moving {
            self.spin(what.to_owned());
        } else {
            self.line(what);
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.clear();
    }
}

impl Show for Progress {
    fn doing(&mut self, what: &str) {
        self.spin(format!("{what} …"));
    }

    fn warning(&mut self, what: &str) {
        self.line(&format!("dlogin: warning: {what}"));
    }

    fn about_to_sign(&mut self, what: &AboutToSign) {
        self.line(&format!(
            "{} (slot {}) is about to ask {} for:",
            yubikey(what.serial.as_deref()),
            what.slot,
            what.ca
        ));
        let width = what
            .certify
            .iter()
            .map(|each| each.profile.len())
            .max()
            .unwrap_or(0);
        for each in &what.certify {
            let key = if each.disk {
                "a new key on disk"
            } else {
                "the key in the YubiKey"
            };
            let until = each
                .until
                .as_ref()
                .map_or("for as long as the CA gives".to_owned(), |until| {
                    format!("until {until}")
                });
            self.line(&format!("  {:width$}  {key}, {until}", each.profile));
        }
    }

    fn touch_needed(&mut self, need: TouchNeed) {
        self.touch(need);
    }

    fn touch_over(&mut self, _touched: bool) {
        self.clear();
    }

    fn done(&mut self) {
        self.clear();
    }
}

impl TouchPrompt for Progress {
    fn touch_needed(&mut self, need: TouchNeed) {
        self.touch(need);
    }

    fn touch_over(&mut self, _touched: bool) {
        self.clear();
    }
}
