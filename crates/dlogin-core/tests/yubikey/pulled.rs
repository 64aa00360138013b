//! `dlogin setup` with the YubiKey pulled out in the middle: at whatever change
//! of the card that is, the same command finishes it, and nothing is lost.

use dlogin_core::Exit;
use dlogin_core::setup::Preparation;
use piv_attest::{Serial, Slot, TouchPolicy};
use piv_token::{ManageToken, Pin, Puk, Token};
use virtual_yubikey::{Firmware, Launcher, Settings, TouchMode};

use crate::person::{PIN, Person};
use crate::prepare::{Notes, prepare};

/// More than a setup makes changes; pcscd has room for 16 readers.
const KEYS: u32 = 12;

/// Each key is pulled out with another change: it is carried out, and the
/// answer does not come.
fn at_each_change(firmware: Firmware, test: &str) {
    let launcher = (1..=KEYS).fold(Launcher::new().touch(TouchMode::Auto), |launcher, n| {
        launcher.key(Settings::new(firmware).serial(n))
    });
    let inside = launcher.inside(test).unwrap_or_else(|e| panic!("{e}"));
    let Some(keys) = inside else { return };
    let tells = firmware >= Firmware::new(5, 3, 0);
    let usual = Preparation::usual();
    for n in 1..=KEYS {
        let key = keys.of_key(n);
        let serial = Some(Serial::from(n));
        let mut yubikey = piv_token::open(serial).unwrap();
        key.unplug_with_change(n.into()).unwrap();
        let new = [PIN, PIN];
        let first = if tells { &[][..] } else { &[Pin::FACTORY] };
        let mut person = Person::new(&[first, &new].concat());
        let mut notes = Notes::default();
        let Err(error) = prepare(&mut person, &mut yubikey, &usual, &mut notes) else {
            assert!(n > 8, "a setup makes {} changes", n - 1);
            return;
        };
        let steps = notes.steps.join(", ");
        assert_eq!(error.exit(), Exit::Card, "{n}: {error}");
        assert!(error.to_string().contains("was unplugged"), "{n}: {error}");

        // Until pcscd has seen that it is gone.
        key.unplug().unwrap();
        key.replug().unwrap();
        let mut yubikey = piv_token::open(serial).unwrap();
        person.types = vec![PIN.to_owned(); 3];
        let mut again = Notes::default();
        let finished = prepare(&mut person, &mut yubikey, &usual, &mut again);
        finished.unwrap_or_else(|error| panic!("{n} after {steps}: {error}"));

        yubikey.check_pin(&Pin::new(PIN).unwrap()).unwrap();
        let status = yubikey.management_status().unwrap();
        assert!(status.protected && !status.factory, "{n}: {status:?}");
        for slot in [Slot::AUTHENTICATION, Slot::from_byte(0x82).unwrap()] {
            let attested = yubikey.attest(slot).unwrap();
            assert_eq!(attested.touch_policy(), TouchPolicy::Always);
            // By its certificate ykcs11 and OpenSC find it.
            let certificate = yubikey.inspect(slot).unwrap().certificate;
            let certificate = certificate.unwrap_or_else(|| panic!("{n} after {steps}"));
            let key = attested.public_key().spki_der();
            assert!(certificate.windows(key.len()).any(|part| part == key));
        }
        // The PUK is the last that was shown; or the factory's, where the second
        // run could not tell, which it says.
        let unknown = again.steps.iter().any(|step| step == "puk unknown");
        assert!(!(tells && unknown), "{n}: {:?}", again.steps);
        let shown = again.puk.or(notes.puk);
        let puk = shown.as_deref().unwrap_or(Puk::FACTORY);
        assert!(unknown || shown.is_some(), "{n}");
        let (puk, other) = (Puk::new(puk).unwrap(), Puk::new("31415926").unwrap());
        yubikey.change_puk(&puk, &other).unwrap();
    }
    panic!("more changes than keys");
}

#[test]
fn on_firmware_5_7_the_next_run_finishes() {
    let test = "pulled::on_firmware_5_7_the_next_run_finishes";
    at_each_change(Firmware::V5_7_4, test);
}

#[test]
fn on_firmware_4_3_the_next_run_finishes() {
    let test = "pulled::on_firmware_4_3_the_next_run_finishes";
    at_each_change(Firmware::new(4, 3, 5), test);
}
