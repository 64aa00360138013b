//! Making keys: the management key in all its forms, what is in the way, and
//! what other programs see afterwards.

use std::process::Command;

use piv_attest::{KeyAlgorithm, PinPolicy, TouchPolicy};
use piv_token::{Error, Generate, ManageToken, Management, ManagementKey, Token};
use virtual_yubikey::{Firmware, Launcher};

use crate::rig::{self, Heard, SLOT};

const FACTORY: &str = "010203040506070801020304050607080102030405060708";
const OTHER: &str = "0f0e0d0c0b0a09080706050403020100f0e0d0c0b0a09080";

fn by(management: Management) -> Generate {
    let usual = rig::request(KeyAlgorithm::P256, PinPolicy::Once, TouchPolicy::Always);
    Generate {
        management,
        ..usual
    }
}

fn key(hex: &str) -> Management {
    Management::Key(ManagementKey::from_hex(hex).unwrap())
}

fn run(program: &str, args: &[&str]) -> String {
    let output = Command::new(program).args(args).output().unwrap();
    let printed = [&output.stdout[..], &output.stderr].concat();
    let printed = String::from_utf8_lossy(&printed).into_owned();
    assert!(output.status.success(), "{program} {args:?}: {printed}");
    printed
}

fn change_management_key(args: &[&str]) {
    let change = [
        "piv",
        "access",
        "change-management-key",
        "--force",
        "-m",
        FACTORY,
    ];
    run("ykman", &[&change[..], args].concat());
}

fn made_with_the_factorys_key(firmware: Firmware, test: &str) {
    let Some(_keys) = rig::with(Launcher::new().key(rig::key(firmware)), test) else {
        return;
    };
    let mut yubikey = piv_token::open(None).unwrap();
    let status = yubikey.management_status().unwrap();
    assert!(status.factory && !status.protected, "{status:?}");
    let made = yubikey
        .generate(&by(Management::Factory), &mut Heard::default())
        .unwrap();
    assert_eq!(
        made.public_key(),
        yubikey.attest(SLOT).unwrap().public_key()
    );
}

#[test]
fn a_key_is_made_with_the_factorys_3des_key() {
    let test = "manage::a_key_is_made_with_the_factorys_3des_key";
    made_with_the_factorys_key(Firmware::V5_4_3, test);
}

#[test]
fn a_key_is_made_with_the_factorys_aes_key() {
    let test = "manage::a_key_is_made_with_the_factorys_aes_key";
    made_with_the_factorys_key(Firmware::V5_7_4, test);
}

/// Before 5.3 a card does not say which management key it has.
#[test]
fn a_key_is_made_where_the_card_does_not_tell_of_its_management_key() {
    let test = "manage::a_key_is_made_where_the_card_does_not_tell_of_its_management_key";
    made_with_the_factorys_key(Firmware::new(4, 3, 7), test);
}

#[test]
fn a_management_key_of_ones_own_is_used() {
    let Some(_keys) = rig::inside("manage::a_management_key_of_ones_own_is_used") else {
        return;
    };
    let mut yubikey = piv_token::open(None).unwrap();
    change_management_key(&["-n", OTHER]);
    assert!(!yubikey.management_status().unwrap().factory);
    let mut make = |management| yubikey.generate(&by(management), &mut Heard::default());
    assert_eq!(
        make(Management::Factory).unwrap_err(),
        Error::WrongManagementKey
    );
    assert_eq!(make(key(FACTORY)).unwrap_err(), Error::WrongManagementKey);
    let short = make(key(&OTHER[..32])).unwrap_err();
    assert_eq!(
        short,
        Error::ManagementKeyLength {
            expected: 24,
            found: 16
        }
    );
    make(key(OTHER)).unwrap();
}

#[test]
fn management_keys_of_other_ciphers_are_used() {
    let test = "manage::management_keys_of_other_ciphers_are_used";
    let Some(_keys) = rig::inside(test) else {
        return;
    };
    let mut yubikey = piv_token::open(None).unwrap();
    let mut old = FACTORY.to_owned();
    for (cipher, new) in [
        ("AES256", "ab".repeat(32)),
        ("AES128", "cd".repeat(16)),
        ("TDES", OTHER.to_owned()),
    ] {
        let change = [
            "piv",
            "access",
            "change-management-key",
            "--force",
            "-m",
            &old,
        ];
        run(
            "ykman",
            &[&change[..], &["-a", cipher, "-n", &new]].concat(),
        );
        yubikey
            .generate(&by(key(&new)), &mut Heard::default())
            .unwrap();
        old = new;
    }
}

#[test]
fn a_management_key_that_ykman_put_under_the_pin_is_found() {
    let test = "manage::a_management_key_that_ykman_put_under_the_pin_is_found";
    let Some(_keys) = rig::inside(test) else {
        return;
    };
    let mut yubikey = piv_token::open(None).unwrap();
    change_management_key(&["--generate", "--protect", "-P", "123456"]);
    let status = yubikey.management_status().unwrap();
    assert!(status.protected && !status.factory, "{status:?}");
    let mut make = |pin| yubikey.generate(&by(Management::Protected(pin)), &mut Heard::default());
    let wrong = make(rig::wrong_pin()).unwrap_err();
    assert_eq!(wrong, Error::WrongPin { tries_left: 2 });
    make(rig::pin()).unwrap();
}

#[test]
fn a_card_that_keeps_no_management_key_says_so() {
    let test = "manage::a_card_that_keeps_no_management_key_says_so";
    let Some(_keys) = rig::inside(test) else {
        return;
    };
    let mut yubikey = piv_token::open(None).unwrap();
    let protected = by(Management::Protected(rig::pin()));
    let made = yubikey.generate(&protected, &mut Heard::default());
    assert_eq!(made.unwrap_err(), Error::NoProtectedManagementKey);
}

#[test]
fn a_management_key_that_wants_a_touch_is_announced() {
    let test = "manage::a_management_key_that_wants_a_touch_is_announced";
    let Some(_keys) = rig::inside(test) else {
        return;
    };
    change_management_key(&["-n", OTHER, "--touch"]);
    let mut yubikey = piv_token::open(None).unwrap();
    let mut heard = Heard::default();
    yubikey.generate(&by(key(OTHER)), &mut heard).unwrap();
    assert_eq!(heard.needs.len(), 1);
}

#[test]
fn a_slot_that_holds_something_is_left_alone() {
    let test = "manage::a_slot_that_holds_something_is_left_alone";
    let Some(_keys) = rig::inside(test) else {
        return;
    };
    let mut yubikey = piv_token::open(None).unwrap();
    assert!(yubikey.inspect(SLOT).unwrap().is_empty());
    let first = Generate {
        overwrite: false,
        ..by(Management::Factory)
    };
    let made = yubikey.generate(&first, &mut Heard::default()).unwrap();
    let again = yubikey.generate(&first, &mut Heard::default());
    assert_eq!(again.unwrap_err(), Error::SlotTaken { slot: SLOT });
    let contents = yubikey.inspect(SLOT).unwrap();
    let key = contents.key.unwrap();
    assert_eq!(key.public_key.as_ref(), Some(made.public_key()));
    assert_eq!(
        (key.pin_policy, key.touch_policy),
        (Some(PinPolicy::Once), Some(TouchPolicy::Always))
    );
    assert_eq!(contents.certificate.as_deref(), Some(made.leaf()));
    let over = yubikey
        .generate(&by(Management::Factory), &mut Heard::default())
        .unwrap();
    assert_ne!(over.public_key(), made.public_key());
}

#[test]
fn what_the_firmware_cannot_make_is_refused_before_anything_is_changed() {
    let launcher = Launcher::new().key(rig::key(Firmware::V5_4_3));
    let test = "manage::what_the_firmware_cannot_make_is_refused_before_anything_is_changed";
    let Some(_keys) = rig::with(launcher, test) else {
        return;
    };
    let mut yubikey = piv_token::open(None).unwrap();
    let request = rig::request(KeyAlgorithm::Ed25519, PinPolicy::Once, TouchPolicy::Always);
    let error = yubikey
        .generate(&request, &mut Heard::default())
        .unwrap_err();
    assert!(matches!(error, Error::Firmware { .. }));
    assert_eq!(
        error.to_string(),
        "an Ed25519 key needs YubiKey firmware 5.7.0; this one has 5.4.3"
    );
    assert!(yubikey.inspect(SLOT).unwrap().is_empty());
}

/// ykcs11 and OpenSC know a key by the certificate in its slot, and we put the
/// attestation there.
#[test]
fn pkcs11_modules_find_the_key_that_was_made() {
    let test = "manage::pkcs11_modules_find_the_key_that_was_made";
    let launcher = Launcher::new().key(rig::key(Firmware::V5_4_3));
    let Some(_keys) = rig::with(launcher, test) else {
        return;
    };
    let modules = ["libykcs11.so", "opensc-pkcs11.so"];
    let list = |module: &str| {
        let path = format!("/usr/lib/x86_64-linux-gnu/{module}");
        run(
            "pkcs11-tool",
            &["--module", &path, "--list-objects", "--type", "pubkey"],
        )
    };
    for module in modules {
        let found = list(module);
        assert!(
            !found.contains("PIV AUTH") && !found.contains("PIV Authentication"),
            "{found}"
        );
    }
    rig::open_with_key(PinPolicy::Once, TouchPolicy::Always);
    for module in modules {
        let found = list(module);
        assert!(found.contains("EC_POINT"), "{module}: {found}");
    }
}
