//! Touches: announced when one is needed, never otherwise; nothing is signed without.

use std::time::Duration;

use piv_attest::{PinPolicy, TouchPolicy};
use piv_token::{Error, TouchNeed};
use virtual_yubikey::TouchMode;

use crate::rig::{self, Heard};

#[test]
fn a_touch_is_announced_when_the_policy_is_always() {
    let test = "touch::a_touch_is_announced_when_the_policy_is_always";
    let Some(keys) = rig::inside(test) else {
        return;
    };
    let mut yubikey = rig::open_with_key(PinPolicy::Once, TouchPolicy::Always);
    let mut heard = Heard::default();
    rig::sign(&mut yubikey, Some(&rig::pin()), &mut heard).unwrap();
    assert_eq!(heard.needs, [TouchNeed::Certain]);
    assert_eq!(heard.overs, [true]);
    assert_eq!(keys.status().unwrap().touch.touches, 1);
}

#[test]
fn a_touch_is_announced_as_possible_when_the_policy_is_cached() {
    let test = "touch::a_touch_is_announced_as_possible_when_the_policy_is_cached";
    let Some(_keys) = rig::inside(test) else {
        return;
    };
    let mut yubikey = rig::open_with_key(PinPolicy::Once, TouchPolicy::Cached);
    let mut heard = Heard::default();
    rig::sign(&mut yubikey, Some(&rig::pin()), &mut heard).unwrap();
    assert_eq!(heard.needs, [TouchNeed::Possible]);
}

#[test]
fn no_touch_is_announced_when_none_is_needed() {
    let test = "touch::no_touch_is_announced_when_none_is_needed";
    let Some(keys) = rig::inside(test) else {
        return;
    };
    let mut yubikey = rig::open_with_key(PinPolicy::Once, TouchPolicy::Never);
    let mut heard = Heard::default();
    rig::sign(&mut yubikey, Some(&rig::pin()), &mut heard).unwrap();
    assert_eq!(heard, Heard::default());
    assert_eq!(keys.status().unwrap().touch.touches, 0);
}

#[test]
fn no_touch_is_announced_when_the_pin_is_wrong() {
    let test = "touch::no_touch_is_announced_when_the_pin_is_wrong";
    let Some(_keys) = rig::inside(test) else {
        return;
    };
    let mut yubikey = rig::open_with_key(PinPolicy::Once, TouchPolicy::Always);
    let mut heard = Heard::default();
    rig::sign(&mut yubikey, Some(&rig::wrong_pin()), &mut heard).unwrap_err();
    assert_eq!(heard, Heard::default());
}

#[test]
fn it_is_announced_before_the_touch() {
    let test = "touch::it_is_announced_before_the_touch";
    let Some(keys) = rig::inside(test) else {
        return;
    };
    let mut yubikey = rig::open_with_key(PinPolicy::Once, TouchPolicy::Always);
    keys.set_mode(TouchMode::Manual).unwrap();
    // The finger comes only after the announcement.
    let announced = std::sync::Arc::new(std::sync::Barrier::new(2));
    let finger = std::thread::spawn({
        let announced = announced.clone();
        move || {
            announced.wait();
            keys.touch_when_asked(rig::PATIENCE).unwrap();
        }
    });
    let mut prompt = |_: TouchNeed| {
        announced.wait();
    };
    use piv_token::Token;
    let what = piv_token::ToSign::Message(b"message");
    let signed = yubikey.sign(rig::SLOT, Some(&rig::pin()), what, &mut prompt);
    finger.join().unwrap();
    assert!(signed.is_ok(), "{signed:?}");
}

#[test]
fn without_a_touch_in_time_nothing_is_signed() {
    let test = "touch::without_a_touch_in_time_nothing_is_signed";
    let Some(keys) = rig::inside(test) else {
        return;
    };
    let mut yubikey = rig::open_with_key(PinPolicy::Once, TouchPolicy::Always);
    keys.set_mode(TouchMode::Manual).unwrap();
    let mut heard = Heard::default();
    let error = rig::sign(&mut yubikey, Some(&rig::pin()), &mut heard).unwrap_err();
    assert_eq!(error, Error::NotTouched);
    assert_eq!(heard.overs, [false]);
    let touch = keys.status().unwrap().touch;
    assert_eq!((touch.operations, touch.untouched), (0, 1));
    // The next one works as if nothing had been.
    keys.set_mode(TouchMode::Auto).unwrap();
    rig::sign(&mut yubikey, Some(&rig::pin()), &mut heard).unwrap();
}

#[test]
fn a_touch_may_take_longer_than_the_patience_with_other_programs() {
    let test = "touch::a_touch_may_take_longer_than_the_patience_with_other_programs";
    let settings = virtual_yubikey::Settings::new(virtual_yubikey::Firmware::V5_7_4);
    let Some(keys) = rig::with(virtual_yubikey::Launcher::new().key(settings), test) else {
        return;
    };
    let mut yubikey = piv_token::open_with_patience(None, Duration::from_millis(100)).unwrap();
    rig::made(&mut yubikey, PinPolicy::Once, TouchPolicy::Always);
    keys.set_mode(TouchMode::Manual).unwrap();
    let finger = std::thread::spawn(move || {
        keys.wait_until_asked(rig::PATIENCE).unwrap();
        std::thread::sleep(Duration::from_millis(500));
        keys.touch().unwrap();
    });
    rig::sign(&mut yubikey, Some(&rig::pin()), &mut Heard::default()).unwrap();
    finger.join().unwrap();
}
