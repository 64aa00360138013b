//! What is on the token, as the files of certificates come, change and go.

use std::time::{Duration, Instant};

use cryptoki_sys::*;

use crate::common::files;
use crate::common::token::{SLOT, Token, call};
use crate::{HOUR, alone};

#[test]
fn certificate_and_keys_share_their_id_and_the_token_asks_for_no_login() {
    let test = "certificate_and_keys_share_their_id_and_the_token_asks_for_no_login";
    let Some(_) = alone!(test, |folder| {
        files::in_yubikey(folder, "tls", HOUR);
        files::on_disk(folder, "disk", HOUR);
    }) else {
        return;
    };
    let token = Token::start();
    // SAFETY: plain data, to be filled.
    let mut info: CK_TOKEN_INFO = unsafe { std::mem::zeroed() };
    assert_eq!(call!(token, C_GetTokenInfo(SLOT, &raw mut info)), CKR_OK);
    assert_eq!(info.flags & CKF_LOGIN_REQUIRED, 0);
    let session = token.session();
    let ids = |class| -> Vec<_> {
        token
            .class(session, class)
            .into_iter()
            .map(|object| token.attribute(session, object, CKA_ID).unwrap())
            .collect()
    };
    let certificates = ids(CKO_CERTIFICATE);
    assert_eq!(certificates.len(), 2);
    assert_eq!(certificates, ids(CKO_PRIVATE_KEY));
    assert_eq!(certificates, ids(CKO_PUBLIC_KEY));
    // The YubiKey's first, whatever the alphabet says.
    let first = token.class(session, CKO_PRIVATE_KEY)[0];
    assert_eq!(token.attribute(session, first, CKA_LABEL).unwrap(), b"tls");
    assert_eq!(
        token.attribute(session, first, CKA_VALUE),
        Err(CKR_ATTRIBUTE_SENSITIVE)
    );
}

#[test]
fn a_renewed_certificate_is_there_at_once_and_its_key_keeps_its_handle() {
    let test = "a_renewed_certificate_is_there_at_once_and_its_key_keeps_its_handle";
    let Some(folder) = alone!(test, |_| {}) else {
        return;
    };
    let key = files::in_yubikey(&folder, "tls", HOUR);
    let token = Token::start();
    let session = token.session();
    let (old, private) = (
        token.class(session, CKO_CERTIFICATE),
        token.class(session, CKO_PRIVATE_KEY),
    );
    files::renew(&folder, "tls", &key);
    let new = token.class(session, CKO_CERTIFICATE);
    assert_eq!(new.len(), 1);
    assert_ne!(new, old, "another object, another handle");
    assert_eq!(
        token.attribute(session, old[0], CKA_VALUE),
        Err(CKR_OBJECT_HANDLE_INVALID)
    );
    assert_eq!(token.class(session, CKO_PRIVATE_KEY), private);
    assert_eq!(private.len(), 1);
}

#[test]
fn an_expired_certificate_disappears_and_its_key_with_it() {
    let test = "an_expired_certificate_disappears_and_its_key_with_it";
    let Some(folder) = alone!(test, |_| {}) else {
        return;
    };
    files::on_disk(&folder, "gone", -5);
    files::on_disk(&folder, "soon", 15);
    let token = Token::start();
    let session = token.session();
    let keys = token.class(session, CKO_PRIVATE_KEY);
    assert_eq!(keys.len(), 1, "what has expired already is not there");
    token.sign(session, CKM_ECDSA, keys[0], &[1; 32]).unwrap();
    let end = Instant::now() + Duration::from_secs(30);
    // The handle is still known: nobody has searched. The time decides.
    while token.sign(session, CKM_ECDSA, keys[0], &[1; 32]) != Err(CKR_FUNCTION_REJECTED) {
        assert!(Instant::now() < end, "it never expires");
        std::thread::sleep(Duration::from_millis(100));
    }
    assert!(token.find(session, &[]).is_empty());
    assert_eq!(
        token.sign(session, CKM_ECDSA, keys[0], &[1; 32]),
        Err(CKR_KEY_HANDLE_INVALID)
    );
}

#[test]
fn what_nobody_has_is_answered_at_once() {
    let test = "what_nobody_has_is_answered_at_once";
    let Some(folder) = alone!(test, |folder| {
        files::on_disk(folder, "disk", HOUR);
    }) else {
        return;
    };
    let token = Token::start();
    let session = token.session();
    // NSS looks for trust (CKO_NSS_TRUST) hundreds of times for one page. The
    // files are gone, and nobody notices: they are not read.
    let before = token.find(session, &[]);
    assert_eq!(before.len(), 3);
    std::fs::remove_file(folder.join("disk.pem")).unwrap();
    for class in [0xce53_4353, CKO_DATA, CKO_SECRET_KEY, CKO_PROFILE] {
        assert!(token.class(session, class).is_empty());
    }
    let disk = token.attribute(session, before[0], CKA_LABEL).unwrap();
    assert_eq!(disk, b"disk", "still as it was read");
    assert!(token.class(session, CKO_CERTIFICATE).is_empty());
}

#[test]
fn files_that_are_not_certificates_hurt_nobody() {
    let test = "files_that_are_not_certificates_hurt_nobody";
    let Some(folder) = alone!(test, |folder| {
        files::on_disk(folder, "good", HOUR);
        let pem = std::fs::read_to_string(folder.join("good.pem")).unwrap();
        let cut = &pem[..pem.len() / 2];
        for (name, content) in [
            ("empty.pem", ""),
            ("text.pem", "hello"),
            ("cut.pem", cut),
            ("begin.pem", "-----BEGIN CERTIFICATE-----"),
            ("long.pem", &pem.repeat(9)),
            ("huge.pem", &"x".repeat(2 << 20)),
            (".hidden.pem", &pem),
        ] {
            std::fs::write(folder.join(name), content).unwrap();
        }
        std::fs::create_dir(folder.join("folder.pem")).unwrap();
        let pipe = folder.join("pipe.pem");
        let made = std::process::Command::new("mkfifo").arg(pipe).status();
        assert!(made.unwrap().success());
    }) else {
        return;
    };
    let token = Token::start();
    let session = token.session();
    assert_eq!(token.class(session, CKO_CERTIFICATE).len(), 1);
    // A key file that belongs to something else signs nothing.
    let key = token.class(session, CKO_PRIVATE_KEY)[0];
    files::on_disk(&folder, "other", HOUR);
    std::fs::rename(folder.join("other.key"), folder.join("good.key")).unwrap();
    assert_eq!(
        token.sign(session, CKM_ECDSA, key, &[1; 32]),
        Err(CKR_KEY_HANDLE_INVALID)
    );
    std::fs::write(folder.join("good.key"), "x".repeat(10_000)).unwrap();
    assert_eq!(
        token.sign(session, CKM_ECDSA, key, &[1; 32]),
        Err(CKR_FUNCTION_FAILED)
    );
}

#[test]
fn without_a_folder_the_token_is_empty() {
    let test = "without_a_folder_the_token_is_empty";
    let Some(folder) = alone!(test, |_| {}) else {
        return;
    };
    std::fs::remove_dir(&folder).unwrap();
    let token = Token::start();
    assert!(token.find(token.session(), &[]).is_empty());
}
