//! The person's side: a home of its own, a PIN that an askpass program types,
//! and the way to the (virtual) YubiKey.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::{Result, process, programs};

/// Variables that a journey must not inherit from whoever runs it.
const FOREIGN: &[&str] = &[
    "DLOGIN_ASKPASS",
    "SSH_AUTH_SOCK",
    "SSH_ASKPASS",
    "XDG_CONFIG_HOME",
    "XDG_STATE_HOME",
    "XDG_DATA_HOME",
    "XDG_CACHE_HOME",
    "PCSCLITE_CSOCK_NAME",
];

/// A laptop with nothing on it but `dlogin`.
#[derive(Debug)]
pub struct Laptop {
    dlogin: PathBuf,
    home: PathBuf,
    askpass: PathBuf,
    smart_card: Vec<(&'static str, OsString)>,
    pin: String,
}

impl Laptop {
    /// A new home in `home`; `smart_card` is the environment that leads to the
    /// reader; `pin` is what the person will type.
    pub fn new(home: &Path, smart_card: Vec<(&'static str, OsString)>, pin: &str) -> Result<Self> {
        fs::create_dir_all(home.join("run"))?;
        fs::set_permissions(home.join("run"), fs::Permissions::from_mode(0o700))?;
        let askpass = home.join("askpass");
        // Counts how often it was asked: a refused PIN is not to be sent twice.
        fs::write(
            &askpass,
            "#!/bin/sh\necho \"$1\" >>\"$HOME/asked\"\nprintf '%s\\n' \"$LAPTOP_PIN\"\n",
        )?;
        fs::set_permissions(&askpass, fs::Permissions::from_mode(0o700))?;
        Ok(Self {
            dlogin: programs::ours("dlogin")?,
            home: home.to_owned(),
            askpass,
            smart_card,
            pin: pin.to_owned(),
        })
    }

    /// The PIN that the person types from now on.
    pub fn set_pin(&mut self, pin: &str) {
        pin.clone_into(&mut self.pin);
    }

    /// How often a PIN was asked for, and with which words.
    #[must_use]
    pub fn pin_prompts(&self) -> Vec<String> {
        fs::read_to_string(self.home.join("asked"))
            .unwrap_or_default()
            .lines()
            .map(str::to_owned)
            .collect()
    }

    /// The home folder.
    #[must_use]
    pub fn home(&self) -> &Path {
        &self.home
    }

    /// A file among the certificates, such as `ssh-cert.pub`.
    #[must_use]
    pub fn certificate(&self, name: &str) -> PathBuf {
        self.home.join("run/dlogin").join(name)
    }

    /// Any program as the person would run it on this laptop.
    #[must_use]
    pub fn command(&self, program: &Path) -> Command {
        self.adopt(Command::new(program))
    }

    /// Gives `command` this laptop's home and YubiKey.
    #[must_use]
    pub fn adopt(&self, mut command: Command) -> Command {
        for name in FOREIGN {
            command.env_remove(name);
        }
        command
            .env("HOME", &self.home)
            .env("XDG_RUNTIME_DIR", self.home.join("run"))
            .env("DLOGIN_ASKPASS", &self.askpass)
            .env("SSH_ASKPASS", &self.askpass)
            .env("SSH_ASKPASS_REQUIRE", "force")
            .env("LAPTOP_PIN", &self.pin)
            .envs(self.smart_card.iter().map(|(name, value)| (name, value)));
        command
    }

    /// `dlogin ARGS…`, not yet run.
    #[must_use]
    pub fn dlogin(&self, args: &[&str]) -> Command {
        let mut command = self.command(&self.dlogin);
        command.args(args);
        command
    }

    /// Runs `dlogin ARGS…`.
    pub fn run(&self, args: &[&str]) -> Result<Output> {
        process::run(&mut self.dlogin(args))
    }

    /// Runs it and wants success; gives what it printed.
    pub fn succeed(&self, args: &[&str]) -> Result<String> {
        process::succeed(&mut self.dlogin(args))
    }
}
