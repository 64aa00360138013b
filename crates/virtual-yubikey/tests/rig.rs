//! Keys in readers: plugging, several keys, several programs, restarts.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use virtual_yubikey::{Control, Error, Firmware, Launcher, Rig, Settings, TouchMode};
use yubikey::piv::{self, AlgorithmId, SlotId};
use yubikey::{MgmKey, PinPolicy, Serial, TouchPolicy, YubiKey};

const PATIENCE: Duration = Duration::from_secs(60);

fn key(serial: u32) -> Settings {
    Settings::new(Firmware::V5_7_4).serial(serial)
}

fn serial_seen(rig: &Rig) -> Option<String> {
    let output = rig
        .command("yubico-piv-tool")
        .args(["-a", "status"])
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let line = text.lines().find(|l| l.starts_with("Serial Number"))?;
    Some(line.split_whitespace().last()?.to_owned())
}

fn generate(key: &mut YubiKey, slot: SlotId, touch: TouchPolicy) {
    let management = MgmKey::get_default(key).unwrap();
    key.authenticate(&management).unwrap();
    piv::generate(key, slot, AlgorithmId::EccP256, PinPolicy::Once, touch).unwrap();
}

fn sign(key: &mut YubiKey, slot: SlotId) -> Result<(), yubikey::Error> {
    piv::sign_data(key, &[7; 32], AlgorithmId::EccP256, slot).map(drop)
}

#[test]
fn programs_see_the_key_until_it_is_unplugged_and_again_when_it_is_back() {
    let rig = Launcher::new().key(key(31)).start().unwrap();
    let control = rig.control().unwrap();
    for _ in 0..3 {
        assert_eq!(serial_seen(&rig).as_deref(), Some("31"));
        control.unplug().unwrap();
        assert!(!control.status().unwrap().plugged);
        assert_eq!(serial_seen(&rig), None);
        control.replug().unwrap();
    }
    assert_eq!(serial_seen(&rig).as_deref(), Some("31"));
}

#[test]
fn two_keys_are_two_readers_and_are_plugged_one_by_one() {
    let test = "two_keys_are_two_readers_and_are_plugged_one_by_one";
    let Some(control) = Launcher::new()
        .key(key(41))
        .key(key(42))
        .inside(test)
        .unwrap()
    else {
        return;
    };
    assert!(YubiKey::open().is_err(), "which one is meant?");
    for serial in [42, 41] {
        let key = YubiKey::open_by_serial(Serial(serial)).unwrap();
        assert_eq!(key.serial(), Serial(serial));
    }
    assert!(
        matches!(control.unplug(), Err(Error::Refused(_))),
        "which one is meant?"
    );
    control.of_key(41).unplug().unwrap();
    assert_eq!(YubiKey::open().unwrap().serial(), Serial(42));
    control.of_key(41).replug().unwrap();
    control.of_key(42).unplug().unwrap();
    assert_eq!(YubiKey::open().unwrap().serial(), Serial(41));
    let both = Launcher::new().key(key(41)).key(key(41)).start();
    assert!(matches!(both, Err(Error::SameSerial(_))));
}

#[test]
fn unplugging_forgets_the_pin_and_keeps_the_key() {
    let test = "unplugging_forgets_the_pin_and_keeps_the_key";
    let Some(control) = Launcher::new().key(key(51)).inside(test).unwrap() else {
        return;
    };
    let slot = SlotId::Authentication;
    let mut key = YubiKey::open().unwrap();
    generate(&mut key, slot, TouchPolicy::Never);
    key.verify_pin(b"123456").unwrap();
    sign(&mut key, slot).unwrap();
    control.unplug().unwrap();
    sign(&mut key, slot).unwrap_err();
    control.replug().unwrap();
    let mut key = YubiKey::open().unwrap();
    sign(&mut key, slot).unwrap_err();
    key.verify_pin(b"123456").unwrap();
    sign(&mut key, slot).unwrap();
}

#[test]
fn unplugging_ends_a_wait_for_touch_without_a_signature() {
    let test = "unplugging_ends_a_wait_for_touch_without_a_signature";
    let launcher = Launcher::new().key(key(52)).touch(TouchMode::Manual);
    let Some(control) = launcher.inside(test).unwrap() else {
        return;
    };
    let slot = SlotId::Authentication;
    let mut key = YubiKey::open().unwrap();
    generate(&mut key, slot, TouchPolicy::Always);
    key.verify_pin(b"123456").unwrap();
    let hand = control.clone();
    let person = std::thread::spawn(move || {
        hand.wait_until_asked(PATIENCE).unwrap();
        hand.unplug().unwrap();
    });
    sign(&mut key, slot).unwrap_err();
    person.join().unwrap();
    let status = control.status().unwrap().touch;
    assert_eq!((status.operations, status.touches), (0, 0));
}

#[test]
fn a_touch_from_another_process_lets_it_sign_and_counts() {
    let test = "a_touch_from_another_process_lets_it_sign_and_counts";
    let launcher = Launcher::new().key(key(53)).touch(TouchMode::Manual);
    let Some(control) = launcher.inside(test).unwrap() else {
        return;
    };
    let slot = SlotId::Authentication;
    let mut key = YubiKey::open().unwrap();
    generate(&mut key, slot, TouchPolicy::Always);
    key.verify_pin(b"123456").unwrap();
    assert!(
        matches!(control.touch(), Err(Error::Refused(_))),
        "nobody asked"
    );
    let finger = control.clone();
    let person = std::thread::spawn(move || {
        finger.wait_until_asked(PATIENCE).unwrap();
        assert!(finger.status().unwrap().touch.waiting);
        finger.touch().unwrap();
    });
    sign(&mut key, slot).unwrap();
    person.join().unwrap();
    let status = control.status().unwrap().touch;
    assert_eq!(
        (status.operations, status.touches, status.waiting),
        (1, 1, false)
    );
    let never = control.wait_until_asked(Duration::from_millis(20));
    assert!(matches!(never, Err(Error::Refused(_))));
}

#[test]
fn any_process_can_sign_after_a_pin_until_the_card_is_reset() {
    // Why a careful program ends its transaction with a reset.
    let test = "any_process_can_sign_after_a_pin_until_the_card_is_reset";
    let Some(_control) = Launcher::new().key(key(54)).inside(test).unwrap() else {
        return;
    };
    let slot = SlotId::Authentication;
    let mut first = YubiKey::open().unwrap();
    generate(&mut first, slot, TouchPolicy::Never);
    let mut second = YubiKey::open().unwrap();
    sign(&mut second, slot).unwrap_err();
    first.verify_pin(b"123456").unwrap();
    sign(&mut second, slot).unwrap();
    drop(first);
    sign(&mut second, slot).unwrap_err();
}

#[test]
fn keys_survive_the_end_of_their_process() {
    let dir = tempfile::tempdir().unwrap();
    let launcher = Launcher::new().key(key(61)).dir(dir.path());
    let status = |rig: &Rig| {
        let attest = ["-a", "attest", "-s", "9a"];
        let output = rig.command("yubico-piv-tool").args(attest).output();
        output.unwrap().status.success()
    };
    let rig = launcher.clone().start().unwrap();
    assert!(matches!(
        launcher.clone().start(),
        Err(Error::AlreadyRunning(_))
    ));
    assert!(!status(&rig));
    let key = "010203040506070801020304050607080102030405060708";
    let made = rig
        .command("ykman")
        .args([
            "piv", "keys", "generate", "-m", key, "-a", "ECCP256", "9a", "-",
        ])
        .output()
        .unwrap();
    assert!(made.status.success());
    let root = rig.root().der().to_vec();
    drop(rig);
    assert!(matches!(
        Control::connect(dir.path()),
        Err(Error::NotRunning { .. })
    ));
    let rig = launcher.start().unwrap();
    assert!(status(&rig));
    assert_eq!(rig.root().der(), root);
}

#[test]
fn rigs_do_not_see_each_other() {
    let rigs: Vec<Rig> = (71..74)
        .map(|serial| Launcher::new().key(key(serial)).start().unwrap())
        .collect();
    for (rig, serial) in rigs.iter().zip(["71", "72", "73"]) {
        assert_eq!(serial_seen(rig).as_deref(), Some(serial));
    }
}

#[test]
fn a_test_that_fails_inside_fails_and_says_why() {
    let test = "a_test_that_fails_inside_fails_and_says_why";
    match Launcher::new().inside(test) {
        Ok(Some(_)) => panic!("on purpose"),
        Err(Error::TestFailed { output, .. }) => assert!(output.contains("on purpose")),
        other => panic!("{other:?}"),
    }
    let misspelt = Launcher::new().inside("no_such_test");
    assert!(matches!(misspelt, Err(Error::TestFailed { .. })));
}

/// A pcscd with Debian's driver vpcd, as somebody else would have started it.
struct ForeignPcscd {
    child: Child,
    dir: tempfile::TempDir,
    address: String,
}

impl ForeignPcscd {
    fn start() -> Self {
        // vpcd takes a number only, so we look for one that is free, and for
        // its neighbour, which the second of its two readers takes.
        loop {
            let (first, port) = free_port(0);
            let Some((second, _)) = port.checked_add(1).map(free_port) else {
                continue;
            };
            drop((first, second));
            if let Some(started) = Self::start_at(port) {
                return started;
            }
        }
    }

    fn start_at(port: u16) -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        let driver = "/usr/lib/pcsc/drivers/serial/libifdvpcd.so.0.8";
        assert!(
            std::path::Path::new(driver).exists(),
            "{driver} is missing; scripts/setup installs it"
        );
        let config = dir.path().join("readers");
        std::fs::create_dir(&config).unwrap();
        let reader = format!(
            "FRIENDLYNAME \"Yubico YubiKey\"\nDEVICENAME /dev/null:{port}\nLIBPATH {driver}\nCHANNELID {port}\n"
        );
        std::fs::write(config.join("vpcd"), reader).unwrap();
        let listener = UnixListener::bind(dir.path().join("pcscd.comm")).unwrap();
        let script = "PATH=$PATH:/usr/sbin; exec 3<&0 0</dev/null; LISTEN_FDS=1 LISTEN_PID=$$ exec pcscd -f -c \"$1\"";
        let mut child = Command::new("sh")
            .args(["-c", script, "sh"])
            .arg(&config)
            .stdin(OwnedFd::from(listener))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let address = format!("127.0.0.1:{port}");
        let begin = Instant::now();
        // Whether it listens; what connects first is taken for a card that leaves again.
        while TcpStream::connect(&address).is_err() {
            if child.try_wait().unwrap().is_some() || begin.elapsed() > PATIENCE {
                let _ = child.kill();
                let _ = child.wait();
                return None;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Some(Self {
            child,
            dir,
            address,
        })
    }

    /// The serial number that programs see, as soon as they see one.
    fn serial_seen(&self) -> Option<String> {
        let begin = Instant::now();
        while begin.elapsed() < PATIENCE {
            let output = Command::new("yubico-piv-tool")
                .args(["-r", "Yubico", "-a", "status"])
                .env("PCSCLITE_CSOCK_NAME", self.dir.path().join("pcscd.comm"))
                .output()
                .unwrap();
            let text = String::from_utf8(output.stdout).unwrap();
            if let Some(line) = text.lines().find(|l| l.starts_with("Serial Number")) {
                return line.split_whitespace().last().map(str::to_owned);
            }
        }
        None
    }
}

fn free_port(wanted: u16) -> (Option<TcpListener>, u16) {
    let listener = TcpListener::bind(("0.0.0.0", wanted)).ok();
    let port = listener
        .as_ref()
        .map_or(0, |l| l.local_addr().unwrap().port());
    (listener, port)
}

impl Drop for ForeignPcscd {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn debians_vpcd_shows_the_key_too() {
    let pcscd = ForeignPcscd::start();
    let launcher = Launcher::new().key(key(81)).vpcd(&pcscd.address);
    let rig = launcher.start().unwrap();
    assert_eq!(pcscd.serial_seen().as_deref(), Some("81"));
    let control = rig.control().unwrap();
    control.unplug().unwrap();
    assert!(!control.status().unwrap().plugged);
    control.replug().unwrap();
    assert_eq!(pcscd.serial_seen().as_deref(), Some("81"));
    let nobody = Launcher::new().vpcd("127.0.0.1:1").start();
    assert!(matches!(nobody, Err(Error::Vpcd { .. })));
}
