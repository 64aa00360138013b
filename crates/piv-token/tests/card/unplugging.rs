//! The key is pulled: before it is used, while it waits, and put back.

use piv_attest::{PinPolicy, TouchPolicy};
use piv_token::{Error, Token};
use virtual_yubikey::TouchMode;

use crate::rig::{self, Heard, SLOT};

#[test]
fn a_key_unplugged_before_it_is_used_is_told() {
    let Some(keys) = rig::inside("unplugging::a_key_unplugged_before_it_is_used_is_told") else {
        return;
    };
    let mut yubikey = rig::open_with_key(PinPolicy::Once, TouchPolicy::Always);
    keys.unplug().unwrap();
    let mut heard = Heard::default();
    let error = rig::sign(&mut yubikey, Some(&rig::pin()), &mut heard).unwrap_err();
    assert_eq!(error, Error::Unplugged);
    assert_eq!(heard, Heard::default());
    assert_eq!(yubikey.attest(SLOT).unwrap_err(), Error::Unplugged);
    assert_eq!(yubikey.pin_status().unwrap_err(), Error::Unplugged);
}

#[test]
fn a_key_unplugged_while_it_waits_for_a_touch_is_told() {
    let test = "unplugging::a_key_unplugged_while_it_waits_for_a_touch_is_told";
    let settings = virtual_yubikey::Settings::new(virtual_yubikey::Firmware::V5_7_4);
    let Some(keys) = rig::with(virtual_yubikey::Launcher::new().key(settings), test) else {
        return;
    };
    let mut yubikey = rig::open_with_key(PinPolicy::Once, TouchPolicy::Always);
    keys.set_mode(TouchMode::Manual).unwrap();
    let hand = std::thread::spawn(move || {
        keys.wait_until_asked(rig::PATIENCE).unwrap();
        keys.unplug().unwrap();
        keys
    });
    let mut heard = Heard::default();
    let error = rig::sign(&mut yubikey, Some(&rig::pin()), &mut heard).unwrap_err();
    assert_eq!(error, Error::Unplugged);
    assert_eq!(heard.overs, [false]);
    let keys = hand.join().unwrap();
    // Put back, it is the same key and works.
    keys.replug().unwrap();
    keys.set_mode(TouchMode::Auto).unwrap();
    rig::sign(&mut yubikey, Some(&rig::pin()), &mut heard).unwrap();
}
