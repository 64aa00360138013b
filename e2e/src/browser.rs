//! Firefox and Chromium, headless, driven as WebDriver has it: a fresh profile,
//! `dlogin browser install`, and pages.

mod chromium;
mod firefox;

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::Value;

use crate::laptop::Laptop;
use crate::{Failure, Result, process, programs};

pub use chromium::Chromium;
pub use firefox::Firefox;

/// How long a browser may take for one thing on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(180);

/// A browser with one page.
pub trait Browse {
    /// Opens a URL. A page that the browser itself shows, for an error, is a
    /// failure with its name.
    fn open(&mut self, url: &str) -> Result<()>;

    /// The text of the page.
    fn text(&mut self) -> Result<String>;

    /// A picture of the page, PNG, into a file.
    fn screenshot(&mut self, file: &Path) -> Result<()>;
}

/// The database that Chromium reads on this laptop.
#[must_use]
pub fn chromium_database(laptop: &Laptop) -> PathBuf {
    laptop.home().join(".pki/nssdb")
}

/// Has a database trust a site's CA, as a company's machines do. There must be
/// one: `dlogin browser install` makes it.
pub fn trust(database: &Path, root: &Path) -> Result<()> {
    process::succeed(
        Command::new(programs::system("certutil")?)
            .args(["-A", "-n", "site", "-t", "C,,", "-d"])
            .arg(format!("sql:{}", database.display()))
            .arg("-i")
            .arg(root),
    )?;
    Ok(())
}

/// A process with all of its children, ended on drop.
#[derive(Debug)]
struct Group {
    child: Child,
    log: PathBuf,
}

impl Group {
    fn start(mut command: Command, log: &Path) -> Result<Self> {
        let file = fs::File::create(log)?;
        let child = command
            .env_remove("DISPLAY")
            .env_remove("WAYLAND_DISPLAY")
            .stdin(Stdio::null())
            .stdout(file.try_clone()?)
            .stderr(file)
            .process_group(0)
            .spawn()?;
        Ok(Self {
            child,
            log: log.to_owned(),
        })
    }

    /// Waits for `find` to find something.
    fn wait_for<T>(&mut self, what: &str, mut find: impl FnMut(&str) -> Option<T>) -> Result<T> {
        let end = Instant::now() + PATIENCE;
        loop {
            let log = fs::read_to_string(&self.log).unwrap_or_default();
            if let Some(found) = find(&log) {
                return Ok(found);
            }
            if let Some(status) = self.child.try_wait()? {
                return Err(Failure::new(format!("{status} before {what}:\n{log}")));
            }
            if Instant::now() > end {
                return Err(Failure::new(format!("no {what}:\n{log}")));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let _ = kill_process_group(Pid::from_child(&self.child), Signal::KILL);
        let _ = self.child.wait();
    }
}

/// A text in an answer, by its JSON pointer.
fn text_of(value: &Value, pointer: &str) -> Result<String> {
    value
        .pointer(pointer)
        .and_then(Value::as_str)
        .map(str::to_owned)
        .ok_or_else(|| Failure::new(format!("no text: {value}")))
}

/// Pictures come as base64.
fn write_picture(base64: &str, file: &Path) -> Result<()> {
    let mut decode = Command::new("base64");
    decode.arg("-d");
    let output = process::run_with_input(&mut decode, base64)?;
    if !output.stdout.starts_with(b"\x89PNG") {
        return Err(Failure::new("the browser gave no picture"));
    }
    Ok(fs::write(file, output.stdout)?)
}
