//! `dlogin setup`.

use dlogin_core::pin::{PinEntry, PinError};
use dlogin_core::setup::{self, KeyUse, Made, Setup, SetupError, Warning};
use dlogin_core::{Config, Error, Exit};
use piv_attest::{KeyAlgorithm, PinPolicy, Slot, TouchPolicy};
use piv_token::{ManageToken, Token, YubiKey};
use virtual_yubikey::Firmware;

use crate::person::{self, PIN, Person};

const FACTORY_MANAGEMENT_KEY: &str = "010203040506070801020304050607080102030405060708";
const PROOF: Slot = Slot::from_byte(0x82).unwrap();

fn run(person: &mut Person, yubikey: &mut YubiKey, setup: &Setup) -> Result<Made, Error> {
    let paths = person.paths();
    let (mut keyboard, touches) = person.at_work();
    setup::run(
        &paths,
        yubikey,
        setup,
        &mut PinEntry::new(&mut keyboard),
        touches,
    )
}

fn setup_error(result: Result<Made, Error>) -> SetupError {
    match result {
        Err(Error::Setup(error)) => error,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_login_key_is_made_as_most_people_want_it() {
    let test = "setup::a_login_key_is_made_as_most_people_want_it";
    let Some(_keys) = person::inside(Firmware::V5_7_4, test) else {
        return;
    };
    let (mut person, mut yubikey) = (Person::new(&[]), person::yubikey());
    let made = run(&mut person, &mut yubikey, &Setup::new(KeyUse::Login)).unwrap();
    assert_eq!(made.key.slot(), Slot::AUTHENTICATION);
    assert_eq!(made.key.algorithm(), KeyAlgorithm::P256);
    assert_eq!(made.key.pin_policy(), PinPolicy::Once);
    assert_eq!(made.key.touch_policy(), TouchPolicy::Always);
    assert_eq!(made.replaced, None);
    assert_eq!(
        made.warnings,
        [Warning::FactoryManagementKey, Warning::FactoryPuk]
    );
    // Neither PIN nor touch: the factory's management key opens the card.
    assert!(person.asked.is_empty() && person.touches.0.is_empty());
    // Programs that look for certificates find it.
    let contents = yubikey.inspect(Slot::AUTHENTICATION).unwrap();
    assert_eq!(contents.certificate.as_deref(), Some(made.key.leaf()));
}

#[test]
fn a_proof_key_gets_a_slot_of_its_own() {
    let test = "setup::a_proof_key_gets_a_slot_of_its_own";
    let Some(_keys) = person::inside(Firmware::V5_7_4, test) else {
        return;
    };
    let (mut person, mut yubikey) = (Person::new(&[]), person::yubikey());
    let made = run(&mut person, &mut yubikey, &Setup::new(KeyUse::Proof)).unwrap();
    assert_eq!(made.key.slot(), PROOF);
    let mut same = Setup::new(KeyUse::Proof);
    same.slot = Some(Slot::AUTHENTICATION);
    let error = setup_error(run(&mut person, &mut yubikey, &same));
    assert!(
        matches!(error, SetupError::SlotOfOtherUse { .. }),
        "{error}"
    );
    assert_eq!(error.exit(), Exit::Usage);
    assert!(yubikey.inspect(Slot::AUTHENTICATION).unwrap().is_empty());
}

#[test]
fn another_slot_is_remembered() {
    let test = "setup::another_slot_is_remembered";
    let Some(_keys) = person::inside(Firmware::V5_7_4, test) else {
        return;
    };
    let (mut person, mut yubikey) = (Person::new(&[]), person::yubikey());
    let mut setup = Setup::new(KeyUse::Login);
    setup.slot = Some(Slot::SIGNATURE);
    setup.algorithm = KeyAlgorithm::P384;
    let made = run(&mut person, &mut yubikey, &setup).unwrap();
    assert_eq!(
        (made.key.slot(), made.key.algorithm()),
        (Slot::SIGNATURE, KeyAlgorithm::P384)
    );
    let keys = Config::load(&person.paths()).unwrap().keys;
    assert_eq!((keys.login.as_str(), keys.proof.as_str()), ("9c", "82"));
}

#[test]
fn the_factory_pin_is_refused_with_advice() {
    let test = "setup::the_factory_pin_is_refused_with_advice";
    let Some(_keys) = person::inside(Firmware::V5_7_4, test) else {
        return;
    };
    let mut yubikey = piv_token::open(None).unwrap();
    let mut person = Person::new(&[]);
    let error = setup_error(run(&mut person, &mut yubikey, &Setup::new(KeyUse::Login)));
    assert!(matches!(error, SetupError::FactoryPin), "{error}");
    assert!(
        error.to_string().contains("dlogin setup --change-pin"),
        "{error}"
    );
    assert_eq!(error.exit(), Exit::Refused);
    assert!(yubikey.inspect(Slot::AUTHENTICATION).unwrap().is_empty());
}

#[test]
fn where_the_card_does_not_tell_the_person_is_asked_and_the_factory_pin_is_not_sent() {
    let test =
        "setup::where_the_card_does_not_tell_the_person_is_asked_and_the_factory_pin_is_not_sent";
    let Some(_keys) = person::inside(Firmware::new(4, 3, 7), test) else {
        return;
    };
    let mut yubikey = person::yubikey();
    let mut person = Person::new(&["123456", PIN]);
    let setup = Setup::new(KeyUse::Login);
    let error = setup_error(run(&mut person, &mut yubikey, &setup));
    assert!(matches!(error, SetupError::FactoryPin), "{error}");
    // 123456 was not the PIN, and it cost no try.
    assert_eq!(yubikey.pin_status().unwrap().tries_left, Some(3));
    run(&mut person, &mut yubikey, &setup).unwrap();
    assert_eq!(
        person.asked,
        ["PIN for YubiKey 12345678 (3 tries left): "; 2]
    );
}

#[test]
fn what_would_be_lost_is_shown_and_kept() {
    let test = "setup::what_would_be_lost_is_shown_and_kept";
    let Some(_keys) = person::inside(Firmware::V5_7_4, test) else {
        return;
    };
    let (mut person, mut yubikey) = (Person::new(&[]), person::yubikey());
    let mut setup = Setup::new(KeyUse::Login);
    let first = run(&mut person, &mut yubikey, &setup).unwrap();
    let error = setup_error(run(&mut person, &mut yubikey, &setup));
    let text = error.to_string();
    assert!(text.contains("slot 9a holds"), "{text}");
    assert!(text.contains("made on the YubiKey"), "{text}");
    assert!(text.contains("CN=YubiKey PIV Attestation 9a"), "{text}");
    assert!(text.contains("--overwrite"), "{text}");
    assert_eq!(error.exit(), Exit::Refused);
    let kept = yubikey.attest(Slot::AUTHENTICATION).unwrap();
    assert_eq!(kept.public_key(), first.key.public_key());

    setup.overwrite = true;
    let second = run(&mut person, &mut yubikey, &setup).unwrap();
    assert_ne!(second.key.public_key(), first.key.public_key());
    assert!(
        second
            .replaced
            .unwrap()
            .to_string()
            .contains("made on the YubiKey")
    );
}

#[test]
fn a_management_key_kept_under_the_pin_costs_the_pin_alone() {
    let test = "setup::a_management_key_kept_under_the_pin_costs_the_pin_alone";
    let Some(_keys) = person::inside(Firmware::V5_7_4, test) else {
        return;
    };
    let mut yubikey = person::yubikey();
    let change = [
        "piv",
        "access",
        "change-management-key",
        "--force",
        "-m",
        FACTORY_MANAGEMENT_KEY,
    ];
    person::run(
        "ykman",
        &[&change[..], &["--generate", "--protect", "-P", PIN]].concat(),
    );
    let puk = [
        "piv",
        "access",
        "change-puk",
        "-p",
        "12345678",
        "-n",
        "87654321",
    ];
    person::run("ykman", &puk);
    let mut person = Person::new(&["999999", PIN]);
    let made = run(&mut person, &mut yubikey, &Setup::new(KeyUse::Login)).unwrap();
    assert_eq!(made.warnings, []);
    assert_eq!(
        person.asked,
        [
            "PIN for YubiKey 12345678 (3 tries left): ",
            "Wrong PIN. PIN for YubiKey 12345678 (2 tries left): "
        ]
    );
}

#[test]
fn a_management_key_of_ones_own_is_asked_for() {
    let test = "setup::a_management_key_of_ones_own_is_asked_for";
    let Some(_keys) = person::inside(Firmware::V5_7_4, test) else {
        return;
    };
    let mut yubikey = person::yubikey();
    let own = "ab".repeat(24);
    let change = [
        "piv",
        "access",
        "change-management-key",
        "--force",
        "-m",
        FACTORY_MANAGEMENT_KEY,
    ];
    person::run("ykman", &[&change[..], &["-n", &own]].concat());
    let mut person = Person::new(&["no hex", &"00".repeat(24), &own]);
    let setup = Setup::new(KeyUse::Login);
    let error = setup_error(run(&mut person, &mut yubikey, &setup));
    assert!(matches!(error, SetupError::ManagementKey(_)), "{error}");
    assert_eq!(error.exit(), Exit::Input);
    let error = setup_error(run(&mut person, &mut yubikey, &setup));
    assert!(
        matches!(
            error,
            SetupError::Card(piv_token::Error::WrongManagementKey)
        ),
        "{error}"
    );
    run(&mut person, &mut yubikey, &setup).unwrap();
    assert_eq!(
        person.asked,
        ["Management key of the YubiKey (hexadecimal): "; 3]
    );
}

#[test]
fn a_wrong_pin_given_twice_is_sent_once() {
    let test = "setup::a_wrong_pin_given_twice_is_sent_once";
    let Some(_keys) = person::inside(Firmware::new(4, 3, 7), test) else {
        return;
    };
    let mut yubikey = person::yubikey();
    let mut person = Person::new(&["999999", "999999", "999999"]);
    let error = setup_error(run(&mut person, &mut yubikey, &Setup::new(KeyUse::Login)));
    let wrong = matches!(
        error,
        SetupError::Pin(PinError::Wrong {
            tries_left: Some(2)
        })
    );
    assert!(wrong, "{error}");
    assert_eq!(yubikey.pin_status().unwrap().tries_left, Some(2));
}

#[test]
fn policies_that_a_ca_refuses_are_warned_of() {
    let test = "setup::policies_that_a_ca_refuses_are_warned_of";
    let Some(_keys) = person::inside(Firmware::V5_4_3, test) else {
        return;
    };
    let (mut person, mut yubikey) = (Person::new(&[]), person::yubikey());
    let mut setup = Setup::new(KeyUse::Login);
    setup.pin_policy = PinPolicy::Never;
    setup.touch_policy = TouchPolicy::Cached;
    let made = run(&mut person, &mut yubikey, &setup).unwrap();
    assert_eq!(
        made.warnings,
        [
            Warning::FactoryManagementKey,
            Warning::FactoryPuk,
            Warning::PinPolicy(PinPolicy::Never),
            Warning::TouchPolicy(TouchPolicy::Cached),
            Warning::Eucleak(piv_attest::Firmware::new(5, 4, 3)),
        ]
    );
}

#[test]
fn a_pulled_key_changes_nothing() {
    let test = "setup::a_pulled_key_changes_nothing";
    let Some(keys) = person::inside(Firmware::V5_7_4, test) else {
        return;
    };
    let (mut person, mut yubikey) = (Person::new(&[]), person::yubikey());
    keys.unplug().unwrap();
    let mut setup = Setup::new(KeyUse::Login);
    setup.slot = Some(Slot::SIGNATURE);
    let error = setup_error(run(&mut person, &mut yubikey, &setup));
    assert!(
        matches!(error, SetupError::Card(piv_token::Error::Unplugged)),
        "{error}"
    );
    assert_eq!(error.exit(), Exit::Card);
    assert_eq!(Config::load(&person.paths()).unwrap(), Config::default());
}
