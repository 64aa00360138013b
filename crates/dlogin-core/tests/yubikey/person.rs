//! A person with a YubiKey, an empty home and a good memory.

use std::time::Duration;

use dlogin_core::Paths;
use dlogin_core::pin::{Ask, AskError};
use piv_token::{ManageToken, Pin, TouchNeed, TouchPrompt, YubiKey};
use tempfile::TempDir;
use virtual_yubikey::{Control, Firmware, Launcher, Settings, TouchMode};

/// The PIN that the person chose.
pub(crate) const PIN: &str = "hunter2!";

/// Runs the rest of the test in a process that sees a key of this firmware.
pub(crate) fn inside(firmware: Firmware, test: &str) -> Option<Control> {
    let key = Settings::new(firmware).touch_timeout(Duration::from_millis(300));
    let launcher = Launcher::new().key(key).touch(TouchMode::Auto);
    launcher.inside(test).unwrap_or_else(|e| panic!("{e}"))
}

/// What a person types, and what they are asked and shown.
pub(crate) struct Person {
    home: TempDir,
    pub(crate) types: Vec<String>,
    pub(crate) asked: Vec<String>,
    pub(crate) touches: Touches,
}

/// How often a touch was announced.
#[derive(Default)]
pub(crate) struct Touches(pub(crate) Vec<TouchNeed>);

impl TouchPrompt for Touches {
    fn touch_needed(&mut self, need: TouchNeed) {
        self.0.push(need);
    }
}

/// Types the answers in their order.
pub(crate) struct Keyboard<'a> {
    types: &'a mut Vec<String>,
    asked: &'a mut Vec<String>,
}

impl Ask for Keyboard<'_> {
    fn secret(&mut self, text: &str) -> Result<zeroize::Zeroizing<String>, AskError> {
        self.asked.push(text.to_owned());
        if self.types.is_empty() {
            return Err(AskError::Nobody);
        }
        Ok(self.types.remove(0).into())
    }

    fn confirm(&mut self, text: &str) -> Result<bool, AskError> {
        self.asked.push(text.to_owned());
        // A yes is typed like everything else.
        Ok(self.types.first().is_some_and(|next| next == "yes") && {
            self.types.remove(0);
            true
        })
    }
}

impl Person {
    pub(crate) fn new(types: &[&str]) -> Self {
        Self {
            home: tempfile::tempdir().unwrap(),
            types: types.iter().map(ToString::to_string).collect(),
            asked: Vec::new(),
            touches: Touches::default(),
        }
    }

    pub(crate) fn paths(&self) -> Paths {
        let home = self.home.path().as_os_str().to_owned();
        Paths::from_lookup(|name| (name == "HOME").then(|| home.clone())).unwrap()
    }

    /// Hands and eyes, to be used at the same time.
    pub(crate) fn at_work(&mut self) -> (Keyboard<'_>, &mut Touches) {
        let keyboard = Keyboard {
            types: &mut self.types,
            asked: &mut self.asked,
        };
        (keyboard, &mut self.touches)
    }
}

/// The YubiKey, with the PIN changed from the factory's.
pub(crate) fn yubikey() -> YubiKey {
    let mut yubikey = piv_token::open(None).unwrap();
    let factory = Pin::new(Pin::FACTORY).unwrap();
    yubikey
        .change_pin(&factory, &Pin::new(PIN).unwrap())
        .unwrap();
    yubikey
}

/// Runs a program that must succeed.
pub(crate) fn run(program: &str, args: &[&str]) {
    let output = std::process::Command::new(program)
        .args(args)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}
