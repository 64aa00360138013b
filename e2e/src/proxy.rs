//! `dlogin proxy` on a laptop.

use std::path::PathBuf;
use std::process::Command;

use crate::laptop::Laptop;
use crate::process::Background;
use crate::{Failure, Result};

/// A running proxy. Dropping it ends it.
#[derive(Debug)]
pub struct Proxy {
    process: Background,
    place: String,
}

impl Proxy {
    /// Starts `dlogin proxy ARGS…` and waits until it says where it listens.
    pub fn start(laptop: &Laptop, args: &[&str]) -> Result<Self> {
        let mut command = laptop.dlogin(&["proxy"]);
        command.args(args);
        Self::start_as(laptop, command)
    }

    /// The same from a command that was made ready.
    pub fn start_as(laptop: &Laptop, command: Command) -> Result<Self> {
        let log = tempfile::NamedTempFile::new_in(laptop.home())?;
        let (_, log) = log.keep().map_err(|kept| kept.error)?;
        let mut process = Background::start(command, &log)?;
        let said = || std::fs::read_to_string(&log).unwrap_or_default();
        process.wait_for("proxy", || said().contains(" leads to "))?;
        let place = said()
            .lines()
            .find_map(|line| Some(line.split_once(" leads to ")?.0.to_owned()))
            .ok_or_else(|| Failure::new("it does not say where it listens"))?;
        Ok(Self { process, place })
    }

    /// Its Unix socket.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.place.strip_prefix("unix:").unwrap_or_default().into()
    }

    /// Where it listens, as it says: `unix:PATH` or `127.0.0.1:PORT`.
    #[must_use]
    pub fn place(&self) -> &str {
        &self.place
    }

    /// What it said so far.
    #[must_use]
    pub fn log(&self) -> String {
        self.process.log()
    }

    /// The process.
    pub fn process(&mut self) -> &mut Background {
        &mut self.process
    }
}
