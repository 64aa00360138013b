//! Signatures of each kind of key, judged by `piv-attest`.

use piv_attest::{KeyAlgorithm, PinPolicy, RustCrypto, SignatureAlgorithm, TouchPolicy};
use piv_token::{Error, ManageToken, ToSign, Token};
use sha2::{Digest, Sha256};
use virtual_yubikey::{Firmware, Launcher};

use crate::rig::{self, Heard, SLOT};

/// Generates and signs with each, and verifies under the key that was attested.
fn all_sign(algorithms: &[KeyAlgorithm]) {
    let mut yubikey = piv_token::open(None).unwrap();
    for algorithm in algorithms {
        let request = rig::request(*algorithm, PinPolicy::Once, TouchPolicy::Never);
        let key = yubikey.generate(&request, &mut Heard::default()).unwrap();
        assert_eq!(key.algorithm(), *algorithm);
        assert_eq!(
            (key.pin_policy(), key.touch_policy()),
            (PinPolicy::Once, TouchPolicy::Never)
        );
        let message = [0x5a; 500];
        let signature = yubikey
            .sign(
                SLOT,
                Some(&rig::pin()),
                ToSign::Message(&message),
                &mut Heard::default(),
            )
            .unwrap();
        let kind = SignatureAlgorithm::usual_for(*algorithm).unwrap();
        key.public_key()
            .verify::<RustCrypto>(kind, &message, &signature)
            .unwrap_or_else(|e| panic!("{algorithm}: {e}"));
    }
}

#[test]
fn keys_of_firmware_5_7_sign() {
    let Some(_keys) = rig::inside("signing::keys_of_firmware_5_7_sign") else {
        return;
    };
    use KeyAlgorithm::{Ed25519, P256, P384, Rsa2048, Rsa3072, Rsa4096};
    all_sign(&[P256, P384, Ed25519, Rsa2048, Rsa3072, Rsa4096]);
}

#[test]
fn keys_of_firmware_5_4_sign() {
    let launcher = Launcher::new().key(rig::key(Firmware::V5_4_3));
    let Some(_keys) = rig::with(launcher, "signing::keys_of_firmware_5_4_sign") else {
        return;
    };
    all_sign(&[
        KeyAlgorithm::P256,
        KeyAlgorithm::P384,
        KeyAlgorithm::Rsa2048,
    ]);
}

#[test]
fn keys_of_firmware_4_3_sign() {
    let launcher = Launcher::new().key(rig::key(Firmware::new(4, 3, 7)));
    let Some(_keys) = rig::with(launcher, "signing::keys_of_firmware_4_3_sign") else {
        return;
    };
    all_sign(&[KeyAlgorithm::P256, KeyAlgorithm::Rsa2048]);
}

#[test]
fn a_digest_is_signed_as_it_is() {
    let Some(_keys) = rig::inside("signing::a_digest_is_signed_as_it_is") else {
        return;
    };
    let mut yubikey = rig::open_with_key(PinPolicy::Never, TouchPolicy::Never);
    let digest = Sha256::digest(b"message");
    let mut heard = Heard::default();
    let signature = yubikey
        .sign(SLOT, None, ToSign::Digest(&digest), &mut heard)
        .unwrap();
    let key = yubikey.attest(SLOT).unwrap();
    key.public_key()
        .verify::<RustCrypto>(SignatureAlgorithm::EcdsaP256Sha256, b"message", &signature)
        .unwrap();
    let short = yubikey.sign(SLOT, None, ToSign::Digest(&digest[1..]), &mut heard);
    assert!(matches!(short, Err(Error::Algorithm { .. })));
}

#[test]
fn a_message_too_long_for_the_card_is_refused_here() {
    let test = "signing::a_message_too_long_for_the_card_is_refused_here";
    let Some(_keys) = rig::inside(test) else {
        return;
    };
    let mut yubikey = piv_token::open(None).unwrap();
    let request = rig::request(KeyAlgorithm::Ed25519, PinPolicy::Never, TouchPolicy::Never);
    yubikey.generate(&request, &mut Heard::default()).unwrap();
    let mut sign = |length: usize| {
        let message = vec![1; length];
        yubikey.sign(SLOT, None, ToSign::Message(&message), &mut Heard::default())
    };
    assert_eq!(sign(2048).unwrap().len(), 64);
    assert_eq!(
        sign(2049).unwrap_err(),
        Error::TooLong {
            length: 2049,
            limit: 2048
        }
    );
}

#[test]
fn an_empty_slot_has_no_key() {
    let Some(_keys) = rig::inside("signing::an_empty_slot_has_no_key") else {
        return;
    };
    let mut yubikey = piv_token::open(None).unwrap();
    assert_eq!(
        yubikey.attest(SLOT).unwrap_err(),
        Error::NoKey { slot: SLOT }
    );
    let signed = rig::sign(&mut yubikey, Some(&rig::pin()), &mut Heard::default());
    assert_eq!(signed.unwrap_err(), Error::NoKey { slot: SLOT });
}

#[test]
fn an_imported_key_is_told_apart() {
    let Some(_keys) = rig::inside("signing::an_imported_key_is_told_apart") else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("key.pem");
    let run = |program: &str, args: &[&str]| {
        let output = std::process::Command::new(program)
            .args(args)
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
    };
    let path = file.to_str().unwrap();
    run(
        "openssl",
        &[
            "ecparam",
            "-name",
            "prime256v1",
            "-genkey",
            "-noout",
            "-out",
            path,
        ],
    );
    let management = "010203040506070801020304050607080102030405060708";
    run(
        "ykman",
        &["piv", "keys", "import", "-m", management, "9a", path],
    );
    let mut yubikey = piv_token::open(None).unwrap();
    assert_eq!(
        yubikey.attest(SLOT).unwrap_err(),
        Error::Imported { slot: SLOT }
    );
    let contents = yubikey.inspect(SLOT).unwrap();
    assert!(!contents.key.unwrap().generated);
}

#[test]
fn firmware_that_attests_nothing_is_told() {
    let launcher = Launcher::new().key(rig::key(Firmware::new(4, 2, 8)));
    let Some(_keys) = rig::with(launcher, "signing::firmware_that_attests_nothing_is_told") else {
        return;
    };
    let mut yubikey = piv_token::open(None).unwrap();
    let error = yubikey.attest(SLOT).unwrap_err();
    assert_eq!(
        error.to_string(),
        "attestation needs YubiKey firmware 4.3.0; this one has 4.2.8"
    );
}
