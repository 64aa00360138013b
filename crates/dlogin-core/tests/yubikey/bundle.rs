//! `dlogin bundle`: what the operator gets, and what does not become one.

use std::fs;
use std::time::SystemTime;

use acme_yubikey::enrolment::{Bundle, BundleError as Refused, Expected};
use dlogin_core::Exit;
use dlogin_core::bundle::{self, BundleError, Request};
use dlogin_core::pin::PinEntry;
use dlogin_core::setup::{self, KeyUse, Setup};
use piv_attest::{KeyAlgorithm, PinPolicy, RustCrypto, Slot, UnixTime, Verifier};
use piv_token::{Error, Token, YubiKey};
use virtual_yubikey::{Control, Firmware, TouchMode};

use crate::person::{self, PIN, Person};

const ROOT: [u8; 32] = [7; 32];

fn setup_key(setup: &Setup) -> YubiKey {
    let mut yubikey = person::yubikey();
    let mut person = Person::new(&[]);
    let paths = person.paths();
    let (mut keyboard, touches) = person.at_work();
    setup::run(
        &paths,
        &mut yubikey,
        setup,
        &mut PinEntry::new(&mut keyboard),
        touches,
    )
    .unwrap();
    yubikey
}

fn request(user: &str) -> Request<'_> {
    Request {
        user,
        root_fingerprint: ROOT,
        slot: Slot::AUTHENTICATION,
        token: None,
    }
}

fn make(
    person: &mut Person,
    yubikey: &mut YubiKey,
    request: &Request<'_>,
) -> Result<Bundle, BundleError> {
    let (mut keyboard, touches) = person.at_work();
    bundle::make(
        yubikey,
        request,
        |_| {},
        &mut PinEntry::new(&mut keyboard),
        touches,
    )
}

/// The operator's side, for whom the virtual root is trusted.
fn judged(keys: &Control, text: &str, root: [u8; 32], user: &str) -> Result<Vec<u8>, Refused> {
    let pem = fs::read_to_string(keys.dir().join("root.pem")).unwrap();
    let (_, root_der) = pem_rfc7468::decode_vec(pem.as_bytes()).unwrap();
    let verifier: Verifier<RustCrypto> = Verifier::builder().root(&root_der).unwrap().build();
    let bundle = Bundle::from_json(text.as_bytes()).unwrap();
    let expected = Expected {
        root_fingerprint: root,
        user,
    };
    let verified = bundle.verify(&expected, &verifier, UnixTime::from(SystemTime::now()))?;
    assert_eq!(verified.user(), user);
    assert_eq!(verified.attestation().slot(), Slot::AUTHENTICATION);
    Ok(verified.nonce().to_vec())
}

#[test]
fn one_pin_and_one_touch_make_a_bundle_that_the_operator_accepts() {
    let test = "bundle::one_pin_and_one_touch_make_a_bundle_that_the_operator_accepts";
    let Some(keys) = person::inside(Firmware::V5_7_4, test) else {
        return;
    };
    for algorithm in [
        KeyAlgorithm::P256,
        KeyAlgorithm::P384,
        KeyAlgorithm::Ed25519,
    ] {
        let mut setup = Setup::new(KeyUse::Login);
        setup.algorithm = algorithm;
        setup.overwrite = true;
        let mut yubikey = match algorithm {
            KeyAlgorithm::P256 => setup_key(&setup),
            _ => {
                let mut yubikey = piv_token::open(None).unwrap();
                let mut person = Person::new(&[]);
                let paths = person.paths();
                let (mut keyboard, touches) = person.at_work();
                let mut pin = PinEntry::new(&mut keyboard);
                setup::run(&paths, &mut yubikey, &setup, &mut pin, touches).unwrap();
                yubikey
            }
        };
        let before = keys.status().unwrap().touch.touches;
        let mut person = Person::new(&[PIN]);
        let made = make(&mut person, &mut yubikey, &request("ada")).unwrap();
        let nonce = judged(&keys, &made.to_json(), ROOT, "ada").unwrap();
        assert_eq!(nonce.len(), 32);
        assert_eq!((person.asked.len(), person.touches.0.len()), (1, 1));
        assert_eq!(keys.status().unwrap().touch.touches, before + 1);
    }
}

#[test]
fn it_is_worth_nothing_to_another_ca_or_for_another_user() {
    let test = "bundle::it_is_worth_nothing_to_another_ca_or_for_another_user";
    let Some(keys) = person::inside(Firmware::V5_7_4, test) else {
        return;
    };
    let mut yubikey = setup_key(&Setup::new(KeyUse::Login));
    let made = make(&mut Person::new(&[PIN]), &mut yubikey, &request("ada")).unwrap();
    let text = made.to_json();
    let refused = judged(&keys, &text, [8; 32], "ada").unwrap_err();
    assert!(matches!(refused, Refused::OtherCa { .. }), "{refused}");
    let refused = judged(&keys, &text, ROOT, "eve").unwrap_err();
    assert!(matches!(refused, Refused::OtherUser { .. }), "{refused}");
    // And it cannot be made out to somebody else afterwards.
    let forged = text.replace("\"ada\"", "\"eve\"");
    let refused = judged(&keys, &forged, ROOT, "eve").unwrap_err();
    assert!(matches!(refused, Refused::Signature), "{refused}");
}

#[test]
fn an_enrolment_token_is_used_as_it_is() {
    let test = "bundle::an_enrolment_token_is_used_as_it_is";
    let Some(keys) = person::inside(Firmware::V5_7_4, test) else {
        return;
    };
    let mut yubikey = setup_key(&Setup::new(KeyUse::Login));
    let asked = Request {
        token: Some(vec![3; 24]),
        ..request("ada")
    };
    let made = make(&mut Person::new(&[PIN]), &mut yubikey, &asked).unwrap();
    assert_eq!(
        judged(&keys, &made.to_json(), ROOT, "ada").unwrap(),
        [3; 24]
    );
}

#[test]
fn a_name_that_is_none_costs_neither_pin_nor_touch() {
    let test = "bundle::a_name_that_is_none_costs_neither_pin_nor_touch";
    let Some(_keys) = person::inside(Firmware::V5_7_4, test) else {
        return;
    };
    let mut yubikey = setup_key(&Setup::new(KeyUse::Login));
    let mut person = Person::new(&[PIN]);
    let error = make(&mut person, &mut yubikey, &request("")).unwrap_err();
    assert!(
        matches!(error, BundleError::Format(Refused::User)),
        "{error}"
    );
    assert_eq!(error.exit(), Exit::Usage);
    assert!(person.asked.is_empty() && person.touches.0.is_empty());
}

#[test]
fn without_a_touch_there_is_no_bundle() {
    let test = "bundle::without_a_touch_there_is_no_bundle";
    let Some(keys) = person::inside(Firmware::V5_7_4, test) else {
        return;
    };
    let mut yubikey = setup_key(&Setup::new(KeyUse::Login));
    keys.set_mode(TouchMode::Manual).unwrap();
    let mut person = Person::new(&[PIN]);
    let error = make(&mut person, &mut yubikey, &request("ada")).unwrap_err();
    let untouched = matches!(
        error,
        BundleError::Pin(dlogin_core::pin::PinError::Card(Error::NotTouched))
    );
    assert!(untouched, "{error}");
    assert_eq!(error.exit(), Exit::Card);
    assert_eq!(keys.status().unwrap().touch.operations, 0);
}

#[test]
fn a_key_that_needs_no_pin_asks_for_none() {
    let test = "bundle::a_key_that_needs_no_pin_asks_for_none";
    let Some(keys) = person::inside(Firmware::V5_7_4, test) else {
        return;
    };
    let mut setup = Setup::new(KeyUse::Login);
    setup.pin_policy = PinPolicy::Never;
    let mut yubikey = setup_key(&setup);
    let mut person = Person::new(&[]);
    let made = make(&mut person, &mut yubikey, &request("ada")).unwrap();
    judged(&keys, &made.to_json(), ROOT, "ada").unwrap();
    assert!(person.asked.is_empty());
}

#[test]
fn an_empty_slot_makes_no_bundle() {
    let test = "bundle::an_empty_slot_makes_no_bundle";
    let Some(_keys) = person::inside(Firmware::V5_7_4, test) else {
        return;
    };
    let mut yubikey = person::yubikey();
    let error = make(&mut Person::new(&[]), &mut yubikey, &request("ada")).unwrap_err();
    assert!(
        matches!(error, BundleError::Card(Error::NoKey { .. })),
        "{error}"
    );
    assert!(error.to_string().contains("dlogin setup"), "{error}");
    assert_eq!(yubikey.pin_status().unwrap().tries_left, Some(3));
}
