//! The PIN: wrong, nearly blocked, blocked, missing, not needed, changed.

use piv_attest::{PinPolicy, TouchPolicy};
use piv_token::{Error, ManageToken, Pin, Token};
use virtual_yubikey::{Firmware, Launcher};

use crate::rig::{self, Heard, SLOT};

fn tries(yubikey: &mut piv_token::YubiKey) -> Option<u8> {
    yubikey.pin_status().unwrap().tries_left
}

#[test]
fn a_wrong_pin_is_told_with_the_tries_left() {
    let Some(_keys) = rig::inside("pin::a_wrong_pin_is_told_with_the_tries_left") else {
        return;
    };
    let mut yubikey = rig::open_with_key(PinPolicy::Once, TouchPolicy::Always);
    let signed = rig::sign(&mut yubikey, Some(&rig::wrong_pin()), &mut Heard::default());
    let error = signed.unwrap_err();
    assert_eq!(error, Error::WrongPin { tries_left: 2 });
    assert_eq!(error.to_string(), "wrong PIN, 2 tries left");
    assert_eq!(tries(&mut yubikey), Some(2));
    rig::sign(&mut yubikey, Some(&rig::pin()), &mut Heard::default()).unwrap();
    assert_eq!(tries(&mut yubikey), Some(3));
}

#[test]
fn the_last_try_is_not_spent_unasked() {
    let Some(keys) = rig::inside("pin::the_last_try_is_not_spent_unasked") else {
        return;
    };
    let mut yubikey = rig::open_with_key(PinPolicy::Once, TouchPolicy::Always);
    let mut sign = |pin: &Pin| rig::sign(&mut yubikey, Some(pin), &mut Heard::default());
    let wrong = rig::wrong_pin();
    assert_eq!(sign(&wrong).unwrap_err(), Error::WrongPin { tries_left: 2 });
    assert_eq!(sign(&wrong).unwrap_err(), Error::WrongPin { tries_left: 1 });
    // Neither a wrong nor the right PIN is sent now.
    assert_eq!(sign(&wrong).unwrap_err(), Error::LastPinTry);
    assert_eq!(sign(&rig::pin()).unwrap_err(), Error::LastPinTry);
    assert_eq!(keys.status().unwrap().touch.operations, 0);
    // It is when the person says so.
    sign(&rig::pin().even_the_last_try()).unwrap();
    assert_eq!(tries(&mut yubikey), Some(3));
}

#[test]
fn a_blocked_pin_is_told_with_advice() {
    let Some(_keys) = rig::inside("pin::a_blocked_pin_is_told_with_advice") else {
        return;
    };
    let mut yubikey = rig::open_with_key(PinPolicy::Once, TouchPolicy::Always);
    let mut sign = |pin: &Pin| rig::sign(&mut yubikey, Some(pin), &mut Heard::default());
    let wrong = rig::wrong_pin().even_the_last_try();
    assert_eq!(sign(&wrong).unwrap_err(), Error::WrongPin { tries_left: 2 });
    assert_eq!(sign(&wrong).unwrap_err(), Error::WrongPin { tries_left: 1 });
    let error = sign(&wrong).unwrap_err();
    assert_eq!(error, Error::PinBlocked);
    assert!(error.to_string().contains("ykman piv access unblock-pin"));
    assert_eq!(sign(&rig::pin()).unwrap_err(), Error::PinBlocked);
    assert_eq!(tries(&mut yubikey), Some(0));
}

#[test]
fn a_key_that_needs_the_pin_says_so_before_the_card_is_asked() {
    let test = "pin::a_key_that_needs_the_pin_says_so_before_the_card_is_asked";
    let Some(_keys) = rig::inside(test) else {
        return;
    };
    for policy in [PinPolicy::Once, PinPolicy::Always] {
        let mut yubikey = rig::open_with_key(policy, TouchPolicy::Always);
        let mut heard = Heard::default();
        let error = rig::sign(&mut yubikey, None, &mut heard).unwrap_err();
        assert_eq!(error, Error::PinRequired { slot: SLOT });
        assert_eq!(heard, Heard::default());
        rig::sign(&mut yubikey, Some(&rig::pin()), &mut heard).unwrap();
    }
}

#[test]
fn a_pin_that_is_not_needed_is_not_sent() {
    let Some(_keys) = rig::inside("pin::a_pin_that_is_not_needed_is_not_sent") else {
        return;
    };
    let mut yubikey = rig::open_with_key(PinPolicy::Never, TouchPolicy::Never);
    rig::sign(&mut yubikey, Some(&rig::wrong_pin()), &mut Heard::default()).unwrap();
    assert_eq!(tries(&mut yubikey), Some(3));
}

#[test]
fn the_pin_is_changed_and_the_factory_pin_is_recognised() {
    let test = "pin::the_pin_is_changed_and_the_factory_pin_is_recognised";
    let Some(_keys) = rig::inside(test) else {
        return;
    };
    let mut yubikey = rig::open_with_key(PinPolicy::Once, TouchPolicy::Always);
    assert_eq!(yubikey.pin_status().unwrap().factory, Some(true));
    let new = Pin::new("hunter2!").unwrap();
    let wrong = yubikey.change_pin(&rig::wrong_pin(), &new).unwrap_err();
    assert_eq!(wrong, Error::WrongPin { tries_left: 2 });
    yubikey.change_pin(&rig::pin(), &new).unwrap();
    assert_eq!(yubikey.pin_status().unwrap().factory, Some(false));
    yubikey.check_pin(&new).unwrap();
    rig::sign(&mut yubikey, Some(&new), &mut Heard::default()).unwrap();
}

#[test]
fn old_firmware_does_not_tell_whether_the_pin_is_the_factorys() {
    let launcher = Launcher::new().key(rig::key(Firmware::new(4, 3, 7)));
    let test = "pin::old_firmware_does_not_tell_whether_the_pin_is_the_factorys";
    let Some(_keys) = rig::with(launcher, test) else {
        return;
    };
    let mut yubikey = piv_token::open(None).unwrap();
    let status = yubikey.pin_status().unwrap();
    assert_eq!((status.tries_left, status.factory), (Some(3), None));
}
