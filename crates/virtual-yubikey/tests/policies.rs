//! PIN and touch are really asked for, and nothing signs without them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

#[path = "host/host.rs"]
mod host;

use std::time::{Duration, Instant};

use host::*;
use virtual_yubikey::{Firmware, Settings, TouchMode};

const DIGEST: [u8; 32] = [7; 32];
const NOT_SATISFIED: u16 = 0x6982;
const LONG: Duration = Duration::from_secs(30);

fn key_in(slot: u8, pin: u8, touch: u8) -> Host {
    let patience = Duration::from_millis(200);
    let mut host = Host::new(Settings::new(Firmware::V5_7_4).touch_timeout(patience));
    host.manage().unwrap();
    host.generate(slot, P256, pin, touch).unwrap();
    host
}

fn signs(host: &mut Host, slot: u8) -> bool {
    match host.sign(slot, P256, &DIGEST) {
        Ok(_) => true,
        Err(NOT_SATISFIED) => false,
        Err(other) => panic!("unexpected status {other:04x}"),
    }
}

#[test]
fn pin_once_lasts_until_the_power_goes() {
    let mut host = key_in(0x9A, PIN_ONCE, NEVER);
    assert!(!signs(&mut host, 0x9A));
    host.verify(PIN).unwrap();
    assert!(signs(&mut host, 0x9A));
    assert!(signs(&mut host, 0x9A));
    host.power_cycle();
    assert!(!signs(&mut host, 0x9A));
}

#[test]
fn pin_always_is_one_pin_for_one_signature() {
    let mut host = key_in(0x9A, PIN_ALWAYS, NEVER);
    assert!(!signs(&mut host, 0x9A));
    host.verify(PIN).unwrap();
    assert!(signs(&mut host, 0x9A));
    assert!(!signs(&mut host, 0x9A));
}

#[test]
fn a_pin_shown_for_one_key_is_spent_for_another_with_policy_always() {
    let mut host = key_in(0x9A, PIN_ALWAYS, NEVER);
    host.generate(0x9D, P256, PIN_ONCE, NEVER).unwrap();
    host.verify(PIN).unwrap();
    assert!(signs(&mut host, 0x9D));
    assert!(!signs(&mut host, 0x9A));
}

#[test]
fn a_failed_operation_spends_the_pin_too() {
    let mut host = key_in(0x9A, PIN_ALWAYS, NEVER);
    host.verify(PIN).unwrap();
    assert_eq!(host.sign(0x9A, P256, &[1; 33]), Err(0x6A80));
    assert!(!signs(&mut host, 0x9A));
}

#[test]
fn pin_never_needs_none() {
    let mut host = key_in(0x9A, NEVER, NEVER);
    assert!(signs(&mut host, 0x9A));
}

#[test]
fn the_default_policy_is_always_in_9c_never_in_9e_and_once_elsewhere() {
    for (slot, expected) in [(0x9A, 2), (0x9C, 3), (0x9D, 2), (0x9E, 1), (0x82, 2)] {
        let mut host = key_in(slot, DEFAULT, DEFAULT);
        let metadata = host.send(0xF7, 0, slot, &[]).unwrap();
        assert_eq!(metadata[3..7], [2, 2, expected, 1], "{slot:02x}");
    }
}

#[test]
fn selecting_another_application_forgets_the_pin_and_selecting_piv_again_does_not() {
    let mut host = key_in(0x9A, PIN_ONCE, NEVER);
    host.verify(PIN).unwrap();
    host.select().unwrap();
    assert!(signs(&mut host, 0x9A));
    host.send(0xA4, 4, 0, &[0xA0, 0, 0, 5, 0x27, 0x47, 0x11, 0x17])
        .unwrap();
    host.select().unwrap();
    assert!(!signs(&mut host, 0x9A));
}

#[test]
fn a_wrong_pin_forgets_the_right_one() {
    let mut host = key_in(0x9A, PIN_ONCE, NEVER);
    host.verify(PIN).unwrap();
    assert_eq!(host.verify(b"999999\xFF\xFF"), Err(0x63C2));
    assert!(!signs(&mut host, 0x9A));
}

#[test]
fn nothing_signs_untouched() {
    let mut host = key_in(0x9A, NEVER, TOUCH_ALWAYS);
    let touch = host.card.touch();
    touch.set_mode(TouchMode::Manual);
    let begin = Instant::now();
    assert!(!signs(&mut host, 0x9A));
    assert!(begin.elapsed() >= Duration::from_millis(200), "it waited");
    touch.set_mode(TouchMode::Deny);
    assert!(!signs(&mut host, 0x9A));
    let status = touch.status();
    assert_eq!(
        (status.operations, status.touches, status.untouched),
        (0, 0, 2)
    );
}

#[test]
fn the_patience_is_15_seconds_unless_set() {
    let settings = Settings::new(Firmware::V5_7_4);
    assert_eq!(settings.touch_timeout, Duration::from_secs(15));
}

#[test]
fn touch_always_is_one_touch_for_one_signature() {
    let mut host = Host::v5_7_4();
    host.manage().unwrap();
    host.generate(0x9A, P256, NEVER, TOUCH_ALWAYS).unwrap();
    let touch = host.card.touch();
    touch.set_mode(TouchMode::Manual);
    for _ in 0..2 {
        let finger = touch.clone();
        let person = std::thread::spawn(move || finger.touch_when_asked(LONG));
        assert!(signs(&mut host, 0x9A));
        person.join().unwrap().unwrap();
    }
    let status = touch.status();
    assert_eq!((status.operations, status.touches), (2, 2));
}

#[test]
fn a_cached_touch_serves_for_its_time_and_no_longer() {
    let mut host = key_in(0x9A, NEVER, TOUCH_CACHED);
    let touch = host.card.touch();
    let first = Instant::now();
    assert!(signs(&mut host, 0x9A));
    touch.set_mode(TouchMode::Deny);
    let mut served = true;
    while first.elapsed() < Duration::from_millis(150) {
        served &= signs(&mut host, 0x9A);
    }
    assert!(served || first.elapsed() >= Duration::from_millis(200));
    while first.elapsed() < Duration::from_millis(1000) {
        std::thread::yield_now();
    }
    assert!(!signs(&mut host, 0x9A), "after its time");
    assert_eq!(touch.status().touches, 1);
}

#[test]
fn the_pin_is_asked_for_before_the_touch() {
    let mut host = key_in(0x9A, PIN_ONCE, TOUCH_ALWAYS);
    assert!(!signs(&mut host, 0x9A));
    let status = host.card.touch().status();
    assert_eq!((status.touches, status.untouched), (0, 0));
}

#[test]
fn a_management_key_may_want_a_touch() {
    let mut host = Host::v5_7_4();
    host.manage().unwrap();
    let data = [&[0x0A, 0x9B, 24][..], &MANAGEMENT_KEY].concat();
    host.send(0xFF, 0xFF, 0xFE, &data).unwrap();
    host.power_cycle();
    host.card.touch().set_mode(TouchMode::Deny);
    assert_eq!(host.manage(), Err(NOT_SATISFIED));
    assert_eq!(host.generate(0x9A, P256, 0, 0), Err(NOT_SATISFIED));
    host.card.touch().set_mode(TouchMode::Auto);
    host.manage().unwrap();
    host.generate(0x9A, P256, 0, 0).unwrap();
}

#[test]
fn a_slot_that_does_not_fit_the_algorithm_or_is_empty_is_refused() {
    let mut host = key_in(0x9A, NEVER, NEVER);
    assert_eq!(host.sign(0x9A, P384, &DIGEST), Err(0x6A80));
    assert_eq!(host.sign(0x9C, P256, &DIGEST), Err(0x6A80));
    assert_eq!(host.sign(0x77, P256, &DIGEST), Err(0x6A86));
}

#[test]
fn the_attestation_key_signs_nothing_but_attestations() {
    let mut host = Host::v5_7_4();
    host.verify(PIN).unwrap();
    assert_eq!(host.sign(0xF9, RSA2048, &[1; 256]), Err(0x6A80));
}
