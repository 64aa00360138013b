//! A desktop.

use std::path::{Path, PathBuf};
use std::process::Command;

use e2e::process::{self, Background};
use e2e::programs;

/// A desktop that shows notifications: a session bus, and who is told on it.
pub(crate) struct Desktop {
    pub(crate) bus: Background,
    _shows: Background,
    pub(crate) address: String,
    shown: PathBuf,
}

impl Desktop {
    pub(crate) fn start(dir: &Path) -> Self {
        let address = format!("unix:path={}", dir.join("bus").display());
        let mut bus = Command::new(programs::system("dbus-daemon").unwrap());
        bus.args(["--session", "--nofork", "--nosyslog"])
            .arg(format!("--address={address}"));
        let mut bus = Background::start(bus, &dir.join("bus.log")).unwrap();
        let socket = dir.join("bus");
        bus.wait_for("a session bus", || socket.exists()).unwrap();
        let shown = dir.join("notifications");
        // Debian's own Python, which has Debian's modules.
        let mut shows = Command::new("/usr/bin/python3");
        shows
            .args(["-m", "dbusmock", "--session"])
            .args(["--template", "notification_daemon", "--logfile"])
            .arg(&shown)
            .env("DBUS_SESSION_BUS_ADDRESS", &address);
        let mut shows = Background::start(shows, &dir.join("shows.log")).unwrap();
        let mut asks = Command::new(programs::system("dbus-send").unwrap());
        asks.arg(format!("--bus={address}"))
            .args(["--print-reply", "--dest=org.freedesktop.DBus", "/"])
            .arg("org.freedesktop.DBus.NameHasOwner")
            .arg("string:org.freedesktop.Notifications");
        shows
            .wait_for("org.freedesktop.Notifications", || {
                process::run(&mut asks)
                    .is_ok_and(|output| process::text(&output.stdout).contains("true"))
            })
            .unwrap();
        Self {
            bus,
            _shows: shows,
            address,
            shown,
        }
    }

    pub(crate) fn shown(&self) -> String {
        std::fs::read_to_string(&self.shown).unwrap_or_default()
    }
}
