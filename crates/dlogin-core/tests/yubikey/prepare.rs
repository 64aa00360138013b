//! `dlogin setup` as a whole: nothing of the factory's is left, nothing is lost
//! unasked, and wherever it is cut short the owner goes on.

use dlogin_core::pin::{Ask, PinEntry};
use dlogin_core::setup::{
    self, ChangePin, ChangePuk, Guide, KeyUse, Occupant, Preparation, Setup, SetupError, Step,
};
use dlogin_core::{Config, Error, Exit};
use piv_attest::{KeyAlgorithm, PinPolicy, Slot, TouchPolicy};
use piv_token::{ManageToken, Pin, Puk, Token, YubiKey};
use virtual_yubikey::Firmware;

use crate::person::{self, PIN, Person};

const PROOF: Slot = Slot::from_byte(0x82).unwrap();

/// Notes the steps, and is told the PUK.
#[derive(Default)]
pub(crate) struct Notes {
    pub(crate) steps: Vec<String>,
    pub(crate) puk: Option<String>,
    /// The screen is gone.
    blind: bool,
}

impl Guide for Notes {
    fn may_lose(&mut self, occupant: &Occupant, ask: &mut dyn Ask) -> Result<bool, SetupError> {
        Ok(ask.confirm(&occupant.to_string()).unwrap_or(false))
    }

    fn done(&mut self, step: Step) {
        self.steps.push(match step {
            Step::Pin => "pin".to_owned(),
            Step::ManagementKey => "management key".to_owned(),
            Step::Made(key_use, made) => format!("made {key_use} {}", made.key.slot()),
            Step::Kept(key_use, key) => format!("kept {key_use} {}", key.slot()),
            Step::Puk => "puk".to_owned(),
            Step::PukBlocked => "puk blocked".to_owned(),
            Step::PukUnknown => "puk unknown".to_owned(),
        });
    }

    fn show(&mut self, puk: &Puk) -> Result<(), SetupError> {
        if self.blind {
            return Err(SetupError::NotShown(std::io::ErrorKind::BrokenPipe.into()));
        }
        self.puk = Some(puk.reveal().to_string());
        Ok(())
    }
}

pub(crate) fn prepare(
    person: &mut Person,
    yubikey: &mut YubiKey,
    wanted: &Preparation,
    notes: &mut Notes,
) -> Result<(), Error> {
    let paths = person.paths();
    let (mut keyboard, touches) = person.at_work();
    let mut pin = PinEntry::new(&mut keyboard);
    setup::prepare(&paths, yubikey, wanted, &mut pin, touches, notes)
}

fn setup_error(result: Result<(), Error>) -> SetupError {
    match result {
        Err(Error::Setup(error)) => error,
        other => panic!("{other:?}"),
    }
}

const ALL: [&str; 5] = [
    "pin",
    "management key",
    "made login 9a",
    "made proof 82",
    "puk",
];

fn one_go(firmware: Firmware, test: &str, asked: &[&str]) {
    let Some(_keys) = person::inside(firmware, test) else {
        return;
    };
    let mut yubikey = piv_token::open(None).unwrap();
    let tells = firmware >= Firmware::new(5, 3, 0);
    let types = if tells {
        vec![PIN, PIN]
    } else {
        vec![Pin::FACTORY, PIN, PIN]
    };
    let mut person = Person::new(&types);
    let mut notes = Notes::default();
    let usual = Preparation::usual();
    prepare(&mut person, &mut yubikey, &usual, &mut notes).unwrap();
    assert_eq!(notes.steps, ALL);
    assert_eq!(person.asked, asked);
    assert!(person.touches.0.is_empty());

    yubikey.check_pin(&Pin::new(PIN).unwrap()).unwrap();
    let status = yubikey.management_status().unwrap();
    assert!(status.protected && !status.factory, "{status:?}");
    for slot in [Slot::AUTHENTICATION, PROOF] {
        let key = yubikey.attest(slot).unwrap();
        assert_eq!(key.pin_policy(), PinPolicy::Once);
        assert_eq!(key.touch_policy(), TouchPolicy::Always);
    }
    // The PUK that was shown is the PUK.
    let puk = notes.puk.unwrap();
    person::run(
        "ykman",
        &["piv", "access", "unblock-pin", "-p", &puk, "-n", PIN],
    );

    // Again: there is nothing left to do.
    let mut again = Notes::default();
    let mut person = Person::new(if tells { &[] } else { &[PIN] });
    prepare(&mut person, &mut yubikey, &usual, &mut again).unwrap();
    let kept = ["kept login 9a", "kept proof 82"];
    if tells {
        assert_eq!(again.steps, kept);
    } else {
        assert_eq!(again.steps, [&kept[..], &["puk unknown"]].concat());
    }
    assert_eq!(again.puk, None);
}

const NEW_PIN: [&str; 2] = ["New PIN (6 to 8 characters): ", "New PIN again: "];

const OLD_AND_NEW: [&str; 3] = [
    "PIN for YubiKey 12345678 (3 tries left): ",
    NEW_PIN[0],
    NEW_PIN[1],
];

#[test]
fn one_go_leaves_nothing_of_the_factorys_on_firmware_5_7() {
    let test = "prepare::one_go_leaves_nothing_of_the_factorys_on_firmware_5_7";
    one_go(Firmware::V5_7_4, test, &NEW_PIN);
}

#[test]
fn one_go_leaves_nothing_of_the_factorys_on_firmware_5_4() {
    let test = "prepare::one_go_leaves_nothing_of_the_factorys_on_firmware_5_4";
    one_go(Firmware::V5_4_3, test, &NEW_PIN);
}

/// Which tells neither whether the PIN is the factory's nor the PUK, like all
/// before 5.3.
#[test]
fn one_go_leaves_nothing_of_the_factorys_on_firmware_4_3() {
    let test = "prepare::one_go_leaves_nothing_of_the_factorys_on_firmware_4_3";
    one_go(Firmware::new(4, 3, 7), test, &OLD_AND_NEW);
}

#[test]
fn one_go_leaves_nothing_of_the_factorys_on_firmware_5_2() {
    let test = "prepare::one_go_leaves_nothing_of_the_factorys_on_firmware_5_2";
    one_go(Firmware::new(5, 2, 7), test, &OLD_AND_NEW);
}

#[test]
fn what_cannot_be_made_is_told_before_anything_is_changed() {
    let test = "prepare::what_cannot_be_made_is_told_before_anything_is_changed";
    let Some(_keys) = person::inside(Firmware::V5_4_3, test) else {
        return;
    };
    let mut yubikey = piv_token::open(None).unwrap();
    for (algorithm, needs) in [
        (
            KeyAlgorithm::Ed25519,
            "an Ed25519 key needs YubiKey firmware 5.7.0",
        ),
        (
            KeyAlgorithm::Rsa3072,
            "an RSA-3072 key needs YubiKey firmware 5.7.0",
        ),
    ] {
        let mut wanted = Preparation::usual();
        for key in &mut wanted.keys {
            key.algorithm = algorithm;
        }
        let mut notes = Notes::default();
        let mut person = Person::new(&[PIN, PIN]);
        let error = setup_error(prepare(&mut person, &mut yubikey, &wanted, &mut notes));
        let text = error.to_string();
        assert!(text.contains(needs) && text.contains("5.4.3"), "{text}");
        assert!(notes.steps.is_empty() && person.asked.is_empty());
    }
    assert_eq!(yubikey.pin_status().unwrap().factory, Some(true));
}

#[test]
fn what_would_be_lost_is_asked_about_before_anything_is_changed() {
    let test = "prepare::what_would_be_lost_is_asked_about_before_anything_is_changed";
    let Some(_keys) = person::inside(Firmware::V5_7_4, test) else {
        return;
    };
    let mut yubikey = piv_token::open(None).unwrap();
    // A key that no touch guards: not fit.
    let unfit = [
        "piv",
        "keys",
        "generate",
        "-m",
        "010203040506070801020304050607080102030405060708",
        "-a",
        "ECCP256",
        "--touch-policy",
        "never",
        "9a",
        "-",
    ];
    person::run("ykman", &unfit);
    let usual = Preparation::usual();
    let before = yubikey.attest(Slot::AUTHENTICATION).unwrap();
    let mut notes = Notes::default();
    let mut person = Person::new(&[]);
    let error = setup_error(prepare(&mut person, &mut yubikey, &usual, &mut notes));
    assert!(
        matches!(error, SetupError::WouldOverwrite { .. }),
        "{error}"
    );
    assert_eq!(error.exit(), Exit::Refused);
    assert!(
        person.asked[0].contains("slot 9a holds a"),
        "{:?}",
        person.asked
    );
    assert!(notes.steps.is_empty());
    let now = yubikey.attest(Slot::AUTHENTICATION).unwrap();
    assert_eq!(now.public_key(), before.public_key());

    let mut person = Person::new(&["yes", PIN, PIN]);
    prepare(&mut person, &mut yubikey, &usual, &mut notes).unwrap();
    assert_eq!(notes.steps, ALL);
    let now = yubikey.attest(Slot::AUTHENTICATION).unwrap();
    assert_ne!(now.public_key(), before.public_key());
}

#[test]
fn cut_short_anywhere_the_next_run_goes_on() {
    let test = "prepare::cut_short_anywhere_the_next_run_goes_on";
    let Some(_keys) = person::inside(Firmware::V5_7_4, test) else {
        return;
    };
    let mut yubikey = piv_token::open(None).unwrap();
    let usual = Preparation::usual();
    // The new PIN is not typed: nothing is changed.
    let mut notes = Notes::default();
    let mut person = Person::new(&[PIN]);
    let error = setup_error(prepare(&mut person, &mut yubikey, &usual, &mut notes));
    assert!(matches!(error, SetupError::Pin(_)), "{error}");
    assert_eq!(yubikey.pin_status().unwrap().factory, Some(true));

    // The PUK cannot be shown: it is not set, and everything else is done.
    notes.blind = true;
    let mut person = Person::new(&[PIN, PIN]);
    let error = setup_error(prepare(&mut person, &mut yubikey, &usual, &mut notes));
    assert!(matches!(error, SetupError::NotShown(_)), "{error}");
    assert_eq!(notes.steps, ALL[..4]);
    assert_eq!(yubikey.management_status().unwrap().factory_puk, Some(true));

    // The next run does the rest, and needs no PIN for it.
    let mut notes = Notes::default();
    let mut person = Person::new(&[]);
    prepare(&mut person, &mut yubikey, &usual, &mut notes).unwrap();
    assert_eq!(notes.steps, ["kept login 9a", "kept proof 82", "puk"]);
    assert!(person.asked.is_empty(), "{:?}", person.asked);
}

#[test]
fn the_puk_is_never_the_pin_nor_the_factorys() {
    let test = "prepare::the_puk_is_never_the_pin_nor_the_factorys";
    let Some(_keys) = person::inside(Firmware::V5_7_4, test) else {
        return;
    };
    let mut yubikey = piv_token::open(None).unwrap();
    let wanted = Preparation {
        keys: Vec::new(),
        puk: ChangePuk::Ask,
        ..Preparation::usual()
    };
    let mut notes = Notes::default();
    let mut try_with = |types: &[&str]| {
        setup_error(prepare(
            &mut Person::new(types),
            &mut yubikey,
            &wanted,
            &mut notes,
        ))
    };
    let error = try_with(&[PIN, PIN, PIN, PIN]);
    assert!(matches!(error, SetupError::PukIsPin), "{error}");
    assert_eq!(error.exit(), Exit::Input);
    // Now the PIN is asked for, to be compared.
    let error = try_with(&[PIN, PIN, PIN]);
    assert!(matches!(error, SetupError::PukIsPin), "{error}");
    let error = try_with(&[PIN, Puk::FACTORY, Puk::FACTORY]);
    assert!(matches!(error, SetupError::PukIsPin), "{error}");
    let error = try_with(&[PIN, "48213309", "48213308"]);
    assert!(matches!(error, SetupError::PuksDiffer), "{error}");
    // Nor is the PIN the factory's PUK.
    let changing = Preparation {
        pin: ChangePin::Always,
        ..wanted.clone()
    };
    let mut person = Person::new(&[PIN, Puk::FACTORY, Puk::FACTORY]);
    let result = prepare(&mut person, &mut yubikey, &changing, &mut Notes::default());
    assert!(matches!(setup_error(result), SetupError::FactoryPin));

    let mut notes = Notes::default();
    let mut person = Person::new(&[PIN, "48213309", "48213309"]);
    prepare(&mut person, &mut yubikey, &wanted, &mut notes).unwrap();
    assert_eq!(notes.steps, ["puk"]);
    let unblock = ["piv", "access", "unblock-pin", "-p", "48213309", "-n", PIN];
    person::run("ykman", &unblock);
}

#[test]
fn what_is_opted_out_of_stays_and_is_warned_of() {
    let test = "prepare::what_is_opted_out_of_stays_and_is_warned_of";
    let Some(_keys) = person::inside(Firmware::V5_7_4, test) else {
        return;
    };
    let mut yubikey = piv_token::open(None).unwrap();
    let wanted = Preparation {
        pin: ChangePin::Never,
        management_key: false,
        puk: ChangePuk::Keep,
        ..Preparation::usual()
    };
    let mut notes = Notes::default();
    let mut person = Person::new(&[]);
    // A key behind a PIN that everybody knows proves nothing.
    let error = setup_error(prepare(&mut person, &mut yubikey, &wanted, &mut notes));
    assert!(matches!(error, SetupError::FactoryPin), "{error}");
    assert!(notes.steps.is_empty());

    let changed = Preparation {
        pin: ChangePin::Factory,
        ..wanted
    };
    let mut person = Person::new(&[PIN, PIN]);
    prepare(&mut person, &mut yubikey, &changed, &mut notes).unwrap();
    assert_eq!(notes.steps, ["pin", "made login 9a", "made proof 82"]);
    let status = yubikey.management_status().unwrap();
    assert!(
        status.factory && status.factory_puk == Some(true),
        "{status:?}"
    );
}

#[test]
fn a_blocked_puk_is_a_choice() {
    let test = "prepare::a_blocked_puk_is_a_choice";
    let Some(_keys) = person::inside(Firmware::V5_7_4, test) else {
        return;
    };
    let mut yubikey = piv_token::open(None).unwrap();
    let wanted = Preparation {
        keys: vec![Setup::new(KeyUse::Login)],
        puk: ChangePuk::Block,
        ..Preparation::usual()
    };
    let mut notes = Notes::default();
    let mut person = Person::new(&[PIN, PIN]);
    prepare(&mut person, &mut yubikey, &wanted, &mut notes).unwrap();
    let steps = ["pin", "management key", "made login 9a", "puk blocked"];
    assert_eq!(notes.steps, steps);
    let old = Puk::new(Puk::FACTORY).unwrap();
    let refused = yubikey.change_puk(&old, &Puk::random().unwrap());
    assert_eq!(refused, Err(piv_token::Error::PukBlocked));
    assert_eq!(Config::load(&person.paths()).unwrap(), Config::default());
}
