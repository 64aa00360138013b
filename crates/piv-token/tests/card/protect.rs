//! A management key of its own under the PIN, and the PUK: ykman must know them
//! for what they are.

use std::path::Path;
use std::process::Command;

use piv_attest::{KeyAlgorithm, PinPolicy, TouchPolicy};
use piv_token::{Error, Generate, ManageToken, Management, ManagementKey, Pin, Puk, YubiKey};
use virtual_yubikey::{Firmware, Launcher};

use crate::rig::{self, Heard};

const FACTORY: &str = "010203040506070801020304050607080102030405060708";
const PIN: &str = "123456";

fn ykman_by(program: &str, args: &[&str]) -> Result<String, String> {
    let output = Command::new(program)
        .arg("piv")
        .args(args)
        .output()
        .unwrap();
    let printed = [&output.stdout[..], &output.stderr].concat();
    let printed = String::from_utf8_lossy(&printed).into_owned();
    if output.status.success() {
        Ok(printed)
    } else {
        Err(printed)
    }
}

fn ykman(args: &[&str]) -> Result<String, String> {
    ykman_by("ykman", args)
}

/// The one of today, made on first use.
fn ykman_of_today() -> String {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let script = here.join("../virtual-yubikey/tests/ykman-from-pypi");
    let output = Command::new(script)
        .arg(env!("CARGO_TARGET_TMPDIR"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "no ykman from PyPI: {said}");
    String::from_utf8(output.stdout).unwrap().trim_end().into()
}

fn protect(yubikey: &mut YubiKey, old: &Management) -> Result<(), Error> {
    yubikey.protect_management_key(old, &rig::pin(), &mut Heard::default())
}

fn make(yubikey: &mut YubiKey, management: Management) -> Result<(), Error> {
    let usual = rig::request(KeyAlgorithm::P256, PinPolicy::Once, TouchPolicy::Always);
    let request = Generate {
        management,
        ..usual
    };
    yubikey
        .generate(&request, &mut Heard::default())
        .map(|_| ())
}

/// It is used with the PIN alone, by us and by ykman, and the factory's is gone.
fn is_protected(yubikey: &mut YubiKey, ykman: &str) {
    let status = yubikey.management_status().unwrap();
    assert!(status.protected && !status.factory, "{status:?}");
    make(yubikey, Management::Protected(rig::pin())).unwrap();
    let refused = make(yubikey, Management::Factory).unwrap_err();
    assert_eq!(refused, Error::WrongManagementKey);
    let info = ykman_by(ykman, &["info"]).unwrap();
    assert!(
        info.contains("protected by PIN") && info.contains("stored on the YubiKey"),
        "{info}"
    );
    let generate = ["keys", "generate", "-P", PIN, "-a", "ECCP256", "9c", "-"];
    let key = ykman_by(ykman, &generate).unwrap();
    assert!(key.contains("BEGIN PUBLIC KEY"), "{key}");
}

fn protected(firmware: Firmware, test: &str, ykman: impl FnOnce() -> String) {
    let Some(_keys) = rig::with(Launcher::new().key(rig::key(firmware)), test) else {
        return;
    };
    let mut yubikey = piv_token::open(None).unwrap();
    assert!(yubikey.management_status().unwrap().factory);
    protect(&mut yubikey, &Management::Factory).unwrap();
    is_protected(&mut yubikey, &ykman());
    // A second one replaces it.
    protect(&mut yubikey, &Management::Protected(rig::pin())).unwrap();
    is_protected(&mut yubikey, "ykman");
}

#[test]
fn ykman_uses_what_was_protected_on_firmware_4_3() {
    let test = "protect::ykman_uses_what_was_protected_on_firmware_4_3";
    protected(Firmware::new(4, 3, 7), test, || "ykman".to_owned());
}

#[test]
fn ykman_uses_what_was_protected_on_firmware_5_4() {
    let test = "protect::ykman_uses_what_was_protected_on_firmware_5_4";
    protected(Firmware::V5_4_3, test, || "ykman".to_owned());
}

#[test]
fn the_ykman_of_today_uses_what_was_protected_with_aes_on_firmware_5_7() {
    let test = "protect::the_ykman_of_today_uses_what_was_protected_with_aes_on_firmware_5_7";
    protected(Firmware::V5_7_4, test, ykman_of_today);
}

#[test]
fn a_new_pin_does_not_lose_it() {
    let Some(_keys) = rig::inside("protect::a_new_pin_does_not_lose_it") else {
        return;
    };
    let mut yubikey = piv_token::open(None).unwrap();
    protect(&mut yubikey, &Management::Factory).unwrap();
    let new = Pin::new("648219").unwrap();
    yubikey.change_pin(&rig::pin(), &new).unwrap();
    make(&mut yubikey, Management::Protected(new)).unwrap();
}

#[test]
fn a_change_that_was_cut_short_is_finished() {
    let test = "protect::a_change_that_was_cut_short_is_finished";
    let Some(_keys) = rig::inside(test) else {
        return;
    };
    let mut yubikey = piv_token::open(None).unwrap();
    // Nothing was begun.
    assert!(!yubikey.finish_protection(&rig::pin()).unwrap());

    // The new key was put on the card, and the old one still opens it.
    let own = tempfile::NamedTempFile::new().unwrap();
    let begun = [&[0x88, 0x1a, 0x89, 0x18][..], &[7; 24]].concat();
    std::fs::write(own.path(), begun).unwrap();
    let printed = own.path().to_str().unwrap();
    ykman(&["objects", "import", "-m", FACTORY, "0x5fc109", printed]).unwrap();
    assert!(!yubikey.finish_protection(&rig::pin()).unwrap());
    assert!(yubikey.management_status().unwrap().factory);
    protect(&mut yubikey, &Management::Factory).unwrap();

    // It was set, and nobody noted that it is kept.
    let notes = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(notes.path(), [0x80, 0]).unwrap();
    let empty = notes.path().to_str().unwrap();
    ykman(&["objects", "import", "-P", PIN, "0x5fff00", empty]).unwrap();
    let status = yubikey.management_status().unwrap();
    assert!(!status.protected && !status.factory, "{status:?}");
    let wrong = yubikey.finish_protection(&rig::wrong_pin()).unwrap_err();
    assert_eq!(wrong, Error::WrongPin { tries_left: 2 });
    assert!(yubikey.finish_protection(&rig::pin()).unwrap());
    is_protected(&mut yubikey, "ykman");
}

#[test]
fn what_else_is_in_the_object_is_not_overwritten() {
    let test = "protect::what_else_is_in_the_object_is_not_overwritten";
    let Some(_keys) = rig::inside(test) else {
        return;
    };
    let mut yubikey = piv_token::open(None).unwrap();
    let card = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(card.path(), b"\x01\x03Ada\xfe\x00").unwrap();
    let printed = card.path().to_str().unwrap();
    ykman(&["objects", "import", "-m", FACTORY, "0x5fc109", printed]).unwrap();
    let refused = protect(&mut yubikey, &Management::Factory).unwrap_err();
    assert_eq!(refused, Error::PrintedTaken);
    make(&mut yubikey, Management::Factory).unwrap();
}

#[test]
fn a_wrong_management_key_changes_nothing() {
    let Some(_keys) = rig::inside("protect::a_wrong_management_key_changes_nothing") else {
        return;
    };
    let mut yubikey = piv_token::open(None).unwrap();
    let other = ManagementKey::from_hex(&"ab".repeat(24)).unwrap();
    let refused = protect(&mut yubikey, &Management::Key(other)).unwrap_err();
    assert_eq!(refused, Error::WrongManagementKey);
    let wrong = yubikey.protect_management_key(
        &Management::Factory,
        &rig::wrong_pin(),
        &mut Heard::default(),
    );
    assert_eq!(wrong, Err(Error::WrongPin { tries_left: 2 }));
    let status = yubikey.management_status().unwrap();
    assert!(status.factory && !status.protected, "{status:?}");
}

#[test]
fn the_puk_is_changed_and_a_wrong_one_costs_a_try() {
    let test = "protect::the_puk_is_changed_and_a_wrong_one_costs_a_try";
    let Some(_keys) = rig::inside(test) else {
        return;
    };
    let mut yubikey = piv_token::open(None).unwrap();
    let puk = |text| Puk::new(text).unwrap();
    let wrong = yubikey.change_puk(&puk("00000000"), &puk("48213309"));
    assert_eq!(wrong, Err(Error::WrongPuk { tries_left: 2 }));
    assert_eq!(yubikey.management_status().unwrap().factory_puk, Some(true));
    yubikey
        .change_puk(&puk(Puk::FACTORY), &puk("48213309"))
        .unwrap();
    let status = yubikey.management_status().unwrap();
    assert_eq!(status.factory_puk, Some(false));
    ykman(&["access", "unblock-pin", "-p", "48213309", "-n", PIN]).unwrap();
}

#[test]
fn a_blocked_puk_sets_no_pin() {
    let Some(_keys) = rig::inside("protect::a_blocked_puk_sets_no_pin") else {
        return;
    };
    let mut yubikey = piv_token::open(None).unwrap();
    yubikey.block_puk().unwrap();
    ykman(&["access", "unblock-pin", "-p", Puk::FACTORY, "-n", PIN]).unwrap_err();
    let new = Puk::new("48213309").unwrap();
    let refused = yubikey.change_puk(&Puk::new(Puk::FACTORY).unwrap(), &new);
    assert_eq!(refused, Err(Error::PukBlocked));
    yubikey.check_pin(&rig::pin()).unwrap();
}
