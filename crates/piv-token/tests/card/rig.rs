//! What the tests share.

use std::process::{Command, Output};
use std::time::{Duration, Instant};

use piv_attest::{KeyAlgorithm, PinPolicy, Serial, Slot, TouchPolicy};
use piv_token::{
    Attestation, Error, Generate, ManageToken, Management, Pin, ToSign, Token, TouchNeed,
    TouchPrompt, YubiKey,
};
use virtual_yubikey::{Control, Firmware, Launcher, Settings, TouchMode};

/// Longer than anything here should take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);
/// The serial number of the key that tests use unless they need another.
pub(crate) const SERIAL: u32 = 12_345_678;

/// A key that is touched at once, with little patience for touches that never come.
pub(crate) fn key(firmware: Firmware) -> Settings {
    Settings::new(firmware).touch_timeout(Duration::from_millis(400))
}

/// Runs the rest of the test in a process that sees a key of firmware 5.7.4.
pub(crate) fn inside(test: &str) -> Option<Control> {
    with(Launcher::new().key(key(Firmware::V5_7_4)), test)
}

/// The same with other keys.
pub(crate) fn with(launcher: Launcher, test: &str) -> Option<Control> {
    launcher
        .touch(TouchMode::Auto)
        .inside(test)
        .unwrap_or_else(|e| panic!("{e}"))
}

/// Runs one test of this program in a process with this environment.
pub(crate) fn process(test: &str, env: &[(&str, &str)]) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args([test, "--exact", "--nocapture"])
        .envs(env.iter().copied());
    command
}

/// What it printed, if it passed.
pub(crate) fn passed(output: &Output) {
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && printed.contains("1 passed"),
        "{printed}{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// The PIN that every key leaves the factory with.
pub(crate) fn pin() -> Pin {
    Pin::new(Pin::FACTORY).unwrap()
}

pub(crate) fn wrong_pin() -> Pin {
    Pin::new("999999").unwrap()
}

pub(crate) fn serial() -> Serial {
    Serial::from(SERIAL)
}

pub(crate) const SLOT: Slot = Slot::AUTHENTICATION;

pub(crate) fn request(algorithm: KeyAlgorithm, pin: PinPolicy, touch: TouchPolicy) -> Generate {
    Generate {
        slot: SLOT,
        algorithm,
        pin_policy: pin,
        touch_policy: touch,
        management: Management::Factory,
        overwrite: true,
    }
}

/// A P-256 key in 9a.
pub(crate) fn made(yubikey: &mut YubiKey, pin: PinPolicy, touch: TouchPolicy) -> Attestation {
    yubikey
        .generate(
            &request(KeyAlgorithm::P256, pin, touch),
            &mut Heard::default(),
        )
        .unwrap()
}

/// The only YubiKey, with a P-256 key in 9a.
pub(crate) fn open_with_key(pin: PinPolicy, touch: TouchPolicy) -> YubiKey {
    let mut yubikey = piv_token::open(None).unwrap();
    made(&mut yubikey, pin, touch);
    yubikey
}

pub(crate) fn sign(
    yubikey: &mut YubiKey,
    pin: Option<&Pin>,
    heard: &mut Heard,
) -> Result<Vec<u8>, Error> {
    yubikey.sign(SLOT, pin, ToSign::Message(b"message"), heard)
}

/// Remembers what it was told of touches.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Heard {
    pub(crate) needs: Vec<TouchNeed>,
    pub(crate) overs: Vec<bool>,
}

impl TouchPrompt for Heard {
    fn touch_needed(&mut self, need: TouchNeed) {
        self.needs.push(need);
    }

    fn touch_over(&mut self, touched: bool) {
        self.overs.push(touched);
    }
}

/// Waits until it holds.
pub(crate) fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !holds() {
        assert!(begin.elapsed() < PATIENCE, "still not: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
