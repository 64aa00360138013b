//! `dlogin setup --change-pin`.

use dlogin_core::Exit;
use dlogin_core::pin::PinEntry;
use dlogin_core::setup::{self, SetupError};
use piv_token::{ManageToken, Pin, Token, YubiKey};
use virtual_yubikey::Firmware;

use crate::person::{self, PIN, Person};

fn change(person: &mut Person, yubikey: &mut YubiKey) -> Result<(), SetupError> {
    let (mut keyboard, _) = person.at_work();
    setup::change_pin(yubikey, &mut PinEntry::new(&mut keyboard))
}

#[test]
fn the_factory_pin_is_changed_without_asking_for_it() {
    let test = "change_pin::the_factory_pin_is_changed_without_asking_for_it";
    let Some(_keys) = person::inside(Firmware::V5_7_4, test) else {
        return;
    };
    let mut yubikey = piv_token::open(None).unwrap();
    let mut person = Person::new(&[PIN, PIN]);
    change(&mut person, &mut yubikey).unwrap();
    assert_eq!(
        person.asked,
        ["New PIN (6 to 8 characters): ", "New PIN again: "]
    );
    yubikey.check_pin(&Pin::new(PIN).unwrap()).unwrap();
    assert_eq!(yubikey.pin_status().unwrap().factory, Some(false));
}

#[test]
fn another_pin_is_asked_for_and_the_new_one_must_be_typed_twice_alike() {
    let test = "change_pin::another_pin_is_asked_for_and_the_new_one_must_be_typed_twice_alike";
    let Some(_keys) = person::inside(Firmware::V5_7_4, test) else {
        return;
    };
    let mut yubikey = person::yubikey();
    let mut person = Person::new(&[PIN, "new-pin1", "new-pin2", PIN, "new-pin1", "new-pin1"]);
    let error = change(&mut person, &mut yubikey).unwrap_err();
    assert!(matches!(error, SetupError::PinsDiffer), "{error}");
    assert_eq!(error.exit(), Exit::Input);
    change(&mut person, &mut yubikey).unwrap();
    yubikey.check_pin(&Pin::new("new-pin1").unwrap()).unwrap();
}

#[test]
fn the_factory_pin_is_no_new_pin() {
    let test = "change_pin::the_factory_pin_is_no_new_pin";
    let Some(_keys) = person::inside(Firmware::V5_7_4, test) else {
        return;
    };
    let mut yubikey = person::yubikey();
    let mut person = Person::new(&[PIN, "123456", "123456"]);
    let error = change(&mut person, &mut yubikey).unwrap_err();
    assert!(matches!(error, SetupError::FactoryPin), "{error}");
    yubikey.check_pin(&Pin::new(PIN).unwrap()).unwrap();
}
