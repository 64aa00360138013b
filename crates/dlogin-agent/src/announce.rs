//! Telling the person what waits for a touch.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use dlogin_service::{Peer, Refusal};
use piv_token::TouchNeed;

use crate::content::printable;

/// One signature, in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct About {
    /// What is signed and for whom: "SSH login as alice to host SHA256:…".
    pub what: String,
    /// Which program asks, by the name that it gives itself.
    pub program: Option<String>,
    /// The terminal that it runs on.
    pub terminal: Option<PathBuf>,
}

impl About {
    pub(crate) fn new(what: String, peer: &Peer) -> Self {
        Self {
            what,
            program: peer.program().map(|name| printable(&name)),
            terminal: terminal(peer.pid()),
        }
    }

    /// All of it on one line.
    #[must_use]
    pub fn line(&self) -> String {
        match &self.program {
            Some(program) => format!("{} (asked by {program})", self.what),
            None => self.what.clone(),
        }
    }
}

/// Hears what happens.
pub trait Announce: Send {
    /// The YubiKey waits for a touch now, and so many signatures wait for their
    /// turn after this one.
    fn touch(&mut self, about: &About, need: TouchNeed, waiting: usize);

    /// How a signature ended.
    fn ended(&mut self, about: &About, refused: Option<&Refusal>);
}

/// Tells the terminal of the program that asks, the desktop if there is one,
/// and `log`.
pub struct Everywhere<L: FnMut(&str) + Send> {
    log: L,
    desktop: bool,
}

impl<L: FnMut(&str) + Send> Everywhere<L> {
    /// `lookup` is the environment: it says whether there is a desktop.
    pub fn new(lookup: impl Fn(&str) -> Option<std::ffi::OsString>, log: L) -> Self {
        let desktop = ["DBUS_SESSION_BUS_ADDRESS", "DISPLAY", "WAYLAND_DISPLAY"]
            .into_iter()
            .any(|name| lookup(name).is_some_and(|value| !value.is_empty()));
        Self { log, desktop }
    }
}

impl<L: FnMut(&str) + Send> Announce for Everywhere<L> {
    fn touch(&mut self, about: &About, need: TouchNeed, waiting: usize) {
        let now = match need {
            TouchNeed::Certain => "Touch the YubiKey now",
            TouchNeed::Possible => "Touch the YubiKey if it blinks",
        };
        let more = match waiting {
            0 => String::new(),
            n => format!(" [{n} more waiting]"),
        };
        let text = format!("{now}: {}{more}", about.line());
        (self.log)(&text);
        if let Some(terminal) = &about.terminal {
            write_to(terminal, &text);
        }
        if self.desktop {
            notify(now, &format!("{}{more}", about.line())).leave();
        }
    }

    fn ended(&mut self, about: &About, refused: Option<&Refusal>) {
        match refused {
            None => (self.log)(&format!("signed: {}", about.line())),
            Some(refusal) => {
                let text = format!("not signed: {}: {refusal}", about.line());
                (self.log)(&text);
                if let Some(terminal) = &about.terminal {
                    write_to(terminal, &format!("dlogin agent: {text}"));
                }
            }
        }
    }
}

/// Best effort: a terminal that takes nothing now is not waited for.
fn write_to(terminal: &PathBuf, text: &str) {
    const NOT_OURS_NOR_WAITING: rustix::fs::OFlags =
        rustix::fs::OFlags::NOCTTY.union(rustix::fs::OFlags::NONBLOCK);
    let flags = i32::try_from(NOT_OURS_NOR_WAITING.bits()).unwrap_or_default();
    let opened = OpenOptions::new()
        .write(true)
        .custom_flags(flags)
        .open(terminal);
    if let Ok(mut terminal) = opened {
        let _ = terminal.write_all(format!("{text}\r\n").as_bytes());
    }
}

/// The pseudo-terminal that a process runs on (proc(5), `tty_nr`).
fn terminal(pid: u32) -> Option<PathBuf> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    pseudo_terminal(&stat)
}

fn pseudo_terminal(stat: &str) -> Option<PathBuf> {
    // The name of the program, in parentheses, may hold anything.
    let (_, after_name) = stat.rsplit_once(')')?;
    let device: u32 = after_name.split_whitespace().nth(4)?.parse().ok()?;
    let major = (device >> 8) & 0xfff;
    let minor = (device & 0xff) | ((device >> 12) & 0xfff00);
    // Majors 136 to 143 are /dev/pts.
    (136..144)
        .contains(&major)
        .then(|| PathBuf::from(format!("/dev/pts/{}", (major - 136) * 256 + minor)))
}

/// A notification that is on its way to the desktop.
#[derive(Debug)]
#[must_use = "whoever ends right after it, under systemd, takes it along"]
pub struct Notification(mpsc::Receiver<()>);

impl Notification {
    /// Waits until the desktop has it, and no longer than `patience`.
    pub fn wait(self, patience: Duration) {
        // The other end goes when `notify-send` has ended.
        let _ = self.0.recv_timeout(patience);
    }

    /// Goes on: a desktop that hangs must not cost anybody a signature.
    fn leave(self) {}
}

/// A notification on the desktop, if `notify-send` is there.
pub fn notify(title: &str, text: &str) -> Notification {
    let (ended, watched) = mpsc::channel();
    let started = Command::new("notify-send")
        .args(["--app-name=dlogin", "--urgency=critical"])
        .args(["--expire-time=15000", "--", title, text])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    if let Ok(mut child) = started {
        let _ = std::thread::Builder::new()
            .name("notify".into())
            .spawn(move || {
                let _ = child.wait();
                drop(ended);
            });
    }
    Notification(watched)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_terminal_is_found_whatever_the_program_is_called() {
        let stat = "42 (a) b) S 1 42 42 34819 42 4194304 0";
        assert_eq!(pseudo_terminal(stat), Some(PathBuf::from("/dev/pts/3")));
        assert_eq!(pseudo_terminal("42 (a) S 1 42 42 0 -1 0"), None);
        assert_eq!(pseudo_terminal(""), None);
    }

    #[test]
    fn the_announcement_says_what_who_and_how_many_wait() {
        let mut lines = Vec::new();
        let about = About {
            what: "TLS to intranet".to_owned(),
            program: Some("curl".to_owned()),
            terminal: None,
        };
        {
            let mut everywhere =
                Everywhere::new(|_| None, |line: &str| lines.push(line.to_owned()));
            everywhere.touch(&about, TouchNeed::Certain, 2);
            everywhere.ended(&about, Some(&Refusal::NotTouched));
        }
        assert_eq!(
            lines[0],
            "Touch the YubiKey now: TLS to intranet (asked by curl) [2 more waiting]"
        );
        assert!(lines[1].starts_with("not signed: TLS to intranet"));
    }
}
