//! Which YubiKey: none, one, several, one that is not there.

use piv_attest::{Firmware as Version, Serial};
use piv_token::{Error, Token, TokenInfo};
use virtual_yubikey::{Firmware, Launcher, Settings};

use crate::rig::{self, SERIAL, serial};

#[test]
fn the_only_key_is_opened_without_a_name() {
    let Some(_keys) = rig::inside("finding::the_only_key_is_opened_without_a_name") else {
        return;
    };
    let yubikey = piv_token::open(None).unwrap();
    assert_eq!(yubikey.info().serial, Some(serial()));
    assert_eq!(yubikey.info().firmware, Version::new(5, 7, 4));
    assert_eq!(piv_token::list().unwrap(), [yubikey.info().clone()]);
}

#[test]
fn the_serial_of_an_old_key_is_read_from_its_otp_application() {
    let launcher = Launcher::new().key(Settings::new(Firmware::new(4, 3, 7)).serial(SERIAL));
    let test = "finding::the_serial_of_an_old_key_is_read_from_its_otp_application";
    let Some(_keys) = rig::with(launcher, test) else {
        return;
    };
    assert_eq!(piv_token::open(None).unwrap().info().serial, Some(serial()));
}

#[test]
fn a_key_without_serial_is_opened_when_it_is_the_only_one() {
    let launcher = Launcher::new().key(Settings::new(Firmware::V5_4_3).no_serial());
    let test = "finding::a_key_without_serial_is_opened_when_it_is_the_only_one";
    let Some(_keys) = rig::with(launcher, test) else {
        return;
    };
    assert_eq!(piv_token::open(None).unwrap().info().serial, None);
}

fn two() -> Launcher {
    let key = |serial| Settings::new(Firmware::V5_7_4).serial(serial);
    Launcher::new().key(key(20_000_001)).key(key(20_000_002))
}

#[test]
fn of_two_keys_one_must_be_named_and_the_error_lists_both() {
    let test = "finding::of_two_keys_one_must_be_named_and_the_error_lists_both";
    let Some(_keys) = rig::with(two(), test) else {
        return;
    };
    let error = piv_token::open(None).unwrap_err();
    let both = [20_000_001, 20_000_002].map(|s: u32| Some(Serial::from(s)));
    assert_eq!(
        error,
        Error::SeveralYubiKeys {
            serials: both.to_vec()
        }
    );
    assert_eq!(
        error.to_string(),
        "2 YubiKeys are plugged in: choose one with --serial (20000001, 20000002)"
    );
    for serial in both {
        assert_eq!(piv_token::open(serial).unwrap().info().serial, serial);
    }
    let serials = |info: TokenInfo| info.serial;
    let listed: Vec<_> = piv_token::list()
        .unwrap()
        .into_iter()
        .map(serials)
        .collect();
    assert_eq!(listed, both);
}

#[test]
fn a_serial_that_is_not_there_is_told_with_what_is() {
    let test = "finding::a_serial_that_is_not_there_is_told_with_what_is";
    let Some(_keys) = rig::inside(test) else {
        return;
    };
    let error = piv_token::open(Some(Serial::from(7_u32))).unwrap_err();
    assert_eq!(
        error,
        Error::NoSuchSerial {
            wanted: Serial::from(7_u32),
            found: vec![Some(serial())]
        }
    );
}

#[test]
fn no_key_in_any_reader_is_told_as_such() {
    let Some(keys) = rig::inside("finding::no_key_in_any_reader_is_told_as_such") else {
        return;
    };
    keys.unplug().unwrap();
    assert_eq!(piv_token::open(None).unwrap_err(), Error::NoReader);
    assert_eq!(piv_token::list().unwrap(), []);
}

#[test]
fn no_pcscd_is_told_with_advice() {
    const INSIDE: &str = "PIV_TOKEN_TEST_WITHOUT_PCSCD";
    if std::env::var_os(INSIDE).is_none() {
        let dir = tempfile::tempdir().unwrap();
        let socket = dir.path().join("nobody");
        let env = [
            (INSIDE, "1"),
            ("PCSCLITE_CSOCK_NAME", socket.to_str().unwrap()),
        ];
        let test = rig::process("finding::no_pcscd_is_told_with_advice", &env).output();
        rig::passed(&test.unwrap());
        return;
    }
    let error = piv_token::open(None).unwrap_err();
    assert_eq!(error, Error::NoPcscd);
    assert!(error.to_string().contains("systemctl start pcscd.socket"));
    assert_eq!(piv_token::list().unwrap_err(), Error::NoPcscd);
}
