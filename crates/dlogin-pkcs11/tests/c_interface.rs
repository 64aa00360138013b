//! The module through its C functions, each test in a process of its own.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]
#![allow(unsafe_code, reason = "calls a C interface, as C programs do")]

mod common;

use std::ptr::null_mut;
use std::time::{Duration, Instant};

use common::agent::{Agent, Manner};
use common::token::{SLOT, Token, call};
use common::{alone, files};
use cryptoki_sys::*;
use dlogin_pkcs11::ffi::{C_GetInterface, C_GetInterfaceList};
use dlogin_service::{Input, Refusal};
use p256::ecdsa::signature::Verifier;
use p256::ecdsa::signature::hazmat::PrehashVerifier;
use p256::ecdsa::{Signature, VerifyingKey};
use p256::pkcs8::DecodePublicKey;

const HOUR: i64 = 3600;

/// The public key of a private key object, as the token tells it.
fn public(token: Token, session: CK_SESSION_HANDLE, key: CK_OBJECT_HANDLE) -> VerifyingKey {
    let spki = token.attribute(session, key, CKA_PUBLIC_KEY_INFO).unwrap();
    VerifyingKey::from_public_key_der(&spki).unwrap()
}

#[test]
fn the_newest_interface_comes_first_and_unknown_ones_are_refused() {
    let get = |name: Option<&std::ffi::CStr>, version: Option<(u8, u8)>, flags| {
        let mut version = version.map(|(major, minor)| CK_VERSION { major, minor });
        let mut interface = null_mut();
        // SAFETY: all pointers are null or good.
        let rv = unsafe {
            C_GetInterface(
                name.map_or(null_mut(), |name| name.as_ptr().cast_mut().cast()),
                version.as_mut().map_or(null_mut(), std::ptr::from_mut),
                &raw mut interface,
                flags,
            )
        };
        if rv != CKR_OK {
            return Err(rv);
        }
        // SAFETY: set, and every table begins with its version.
        let version = unsafe { *(*interface).pFunctionList.cast::<CK_VERSION>() };
        Ok((version.major, version.minor))
    };
    assert_eq!(get(None, None, 0), Ok((3, 0)));
    assert_eq!(get(Some(c"PKCS 11"), None, 0), Ok((3, 0)));
    assert_eq!(get(Some(c"PKCS 11"), Some((2, 40)), 0), Ok((2, 40)));
    assert!(get(Some(c"PKCS 11"), Some((3, 2)), 0).is_err());
    assert!(get(Some(c"Vendor NSS FIPS Interface"), None, 0).is_err());
    assert!(get(None, None, CKF_INTERFACE_FORK_SAFE).is_err());
    let mut count = 0;
    // SAFETY: asks for the number alone.
    let rv = unsafe { C_GetInterfaceList(null_mut(), &raw mut count) };
    assert_eq!((rv, count), (CKR_OK, 2));
}

#[test]
fn every_entry_of_both_tables_is_filled() {
    let mut interface = null_mut();
    // SAFETY: a good pointer.
    let rv = unsafe { C_GetInterface(null_mut(), null_mut(), &raw mut interface, 0) };
    assert_eq!(rv, CKR_OK);
    // SAFETY: the newest is of 3.0.
    let newer = unsafe { *(*interface).pFunctionList.cast::<CK_FUNCTION_LIST_3_0>() };
    let text = format!("{newer:?}{:?}", Token::load().table);
    assert_eq!(text.matches("Some(").count(), 92 + 68);
    assert!(!text.contains("None"), "{text}");
}

#[test]
fn certificate_and_keys_share_their_id_and_the_token_asks_for_no_login() {
    let test = "certificate_and_keys_share_their_id_and_the_token_asks_for_no_login";
    let Some(_) = alone(test, |folder| {
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
fn a_digest_is_signed_by_the_agent() {
    let Some(folder) = alone("a_digest_is_signed_by_the_agent", |_| {}) else {
        return;
    };
    let key = files::in_yubikey(&folder, "tls", HOUR);
    let agent = Agent::start(&folder, Manner::Sign(key));
    let token = Token::start();
    let session = token.session();
    let key = token.class(session, CKO_PRIVATE_KEY)[0];
    assert!(agent.asked().is_empty(), "nothing but a signature asks it");
    let digest = [7; 32];
    let raw = token.sign(session, CKM_ECDSA, key, &digest).unwrap();
    let signature = Signature::from_slice(&raw).unwrap();
    public(token, session, key)
        .verify_prehash(&digest, &signature)
        .unwrap();
    let asked = agent.asked();
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0].input, Input::Digest(digest.to_vec()));
    let id = token.attribute(session, key, CKA_ID).unwrap();
    assert_eq!(asked[0].key.0.to_vec(), id);
}

#[test]
fn a_message_reaches_the_agent_whole_also_in_parts() {
    let test = "a_message_reaches_the_agent_whole_also_in_parts";
    let Some(folder) = alone(test, |_| {}) else {
        return;
    };
    let key = files::in_yubikey(&folder, "tls", HOUR);
    let agent = Agent::start(&folder, Manner::Sign(key));
    let token = Token::start();
    let session = token.session();
    let key = token.class(session, CKO_PRIVATE_KEY)[0];
    let verify = |message: &[u8], raw: &[u8]| {
        let signature = Signature::from_slice(raw).unwrap();
        public(token, session, key)
            .verify(message, &signature)
            .unwrap();
    };
    let raw = token
        .sign(session, CKM_ECDSA_SHA256, key, b"hello")
        .unwrap();
    verify(b"hello", &raw);

    assert_eq!(token.sign_init(session, CKM_ECDSA_SHA256, key), CKR_OK);
    for mut part in [*b"he", *b"ll"] {
        let rv = call!(token, C_SignUpdate(session, part.as_mut_ptr(), 2));
        assert_eq!(rv, CKR_OK);
    }
    let (mut raw, mut room) = ([0; 64], 64);
    let rv = call!(token, C_SignFinal(session, raw.as_mut_ptr(), &raw mut room));
    assert_eq!((rv, room), (CKR_OK, 64));
    verify(b"hell", &raw);
    let asked: Vec<_> = agent.asked().into_iter().map(|sign| sign.input).collect();
    assert_eq!(
        asked,
        [b"hello".as_slice(), b"hell"].map(|text| Input::Message(text.to_vec()))
    );
}

#[test]
fn a_key_on_disk_signs_without_an_agent() {
    let Some(_) = alone("a_key_on_disk_signs_without_an_agent", |folder| {
        files::on_disk(folder, "disk", HOUR);
    }) else {
        return;
    };
    let token = Token::start();
    let session = token.session();
    let key = token.class(session, CKO_PRIVATE_KEY)[0];
    for mechanism in [CKM_ECDSA_SHA256, CKM_ECDSA_SHA384, CKM_ECDSA_SHA512] {
        token.sign(session, mechanism, key, b"hello").unwrap();
    }
    let raw = token.sign(session, CKM_ECDSA, key, &[9; 32]).unwrap();
    public(token, session, key)
        .verify_prehash(&[9; 32], &Signature::from_slice(&raw).unwrap())
        .unwrap();
}

#[test]
fn asking_for_the_length_and_a_small_buffer_cost_no_signature() {
    let test = "asking_for_the_length_and_a_small_buffer_cost_no_signature";
    let Some(folder) = alone(test, |_| {}) else {
        return;
    };
    let key = files::in_yubikey(&folder, "tls", HOUR);
    let agent = Agent::start(&folder, Manner::Sign(key));
    let token = Token::start();
    let session = token.session();
    let key = token.class(session, CKO_PRIVATE_KEY)[0];
    assert_eq!(token.sign_init(session, CKM_ECDSA, key), CKR_OK);
    assert_eq!(
        token.sign_init(session, CKM_ECDSA, key),
        CKR_OPERATION_ACTIVE
    );
    let (mut digest, mut signature) = ([1; 32], [0; 64]);
    let mut sign = |to: *mut u8, room: &mut CK_ULONG| {
        call!(token, C_Sign(session, digest.as_mut_ptr(), 32, to, room))
    };
    let mut room = 0;
    assert_eq!(sign(null_mut(), &mut room), CKR_OK);
    assert_eq!(room, 64);
    room = 63;
    let small = sign(signature.as_mut_ptr(), &mut room);
    assert_eq!((small, room), (CKR_BUFFER_TOO_SMALL, 64));
    assert!(agent.asked().is_empty());
    assert_eq!(sign(signature.as_mut_ptr(), &mut room), CKR_OK);
    assert_eq!(agent.asked().len(), 1);
    assert_eq!(
        sign(signature.as_mut_ptr(), &mut room),
        CKR_OPERATION_NOT_INITIALIZED
    );
}

#[test]
fn two_hundred_threads_sign() {
    let Some(folder) = alone("two_hundred_threads_sign", |_| {}) else {
        return;
    };
    let key = files::in_yubikey(&folder, "tls", HOUR);
    let agent = Agent::start(&folder, Manner::Sign(key));
    let token = Token::start();
    let threads: Vec<_> = (0..200u8)
        .map(|number| {
            std::thread::spawn(move || {
                let session = token.session();
                let key = token.class(session, CKO_PRIVATE_KEY)[0];
                let digest = [number; 32];
                let raw = token.sign(session, CKM_ECDSA, key, &digest).unwrap();
                public(token, session, key)
                    .verify_prehash(&digest, &Signature::from_slice(&raw).unwrap())
                    .unwrap();
                assert_eq!(call!(token, C_CloseSession(session)), CKR_OK);
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    assert_eq!(agent.asked().len(), 200);
}

#[test]
fn a_renewed_certificate_is_there_at_once_and_its_key_keeps_its_handle() {
    let test = "a_renewed_certificate_is_there_at_once_and_its_key_keeps_its_handle";
    let Some(folder) = alone(test, |_| {}) else {
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
    let Some(folder) = alone(test, |_| {}) else {
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
    let Some(folder) = alone(test, |folder| {
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
    let Some(folder) = alone(test, |folder| {
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
    let Some(folder) = alone(test, |_| {}) else {
        return;
    };
    std::fs::remove_dir(&folder).unwrap();
    let token = Token::start();
    assert!(token.find(token.session(), &[]).is_empty());
}

#[test]
fn every_refusal_of_the_agent_has_its_number() {
    let test = "every_refusal_of_the_agent_has_its_number";
    let Some(folder) = alone(test, |_| {}) else {
        return;
    };
    files::in_yubikey(&folder, "tls", HOUR);
    let token = Token::start();
    let session = token.session();
    let key = token.class(session, CKO_PRIVATE_KEY)[0];
    let sign = || token.sign(session, CKM_ECDSA, key, &[1; 32]).unwrap_err();
    assert_eq!(sign(), CKR_TOKEN_NOT_PRESENT, "no agent");
    let socket = folder.join("service.sock");
    drop(std::os::unix::net::UnixListener::bind(&socket).unwrap());
    assert_eq!(sign(), CKR_TOKEN_NOT_PRESENT, "a socket left behind");
    std::fs::remove_file(socket).unwrap();

    let agent = Agent::start(&folder, Manner::HangUp);
    assert_eq!(sign(), CKR_DEVICE_ERROR);
    let text = || "why".to_owned();
    for (refusal, number) in [
        (Refusal::Cancelled, CKR_FUNCTION_REJECTED),
        (Refusal::Locked, CKR_FUNCTION_REJECTED),
        (Refusal::Forbidden, CKR_FUNCTION_REJECTED),
        (Refusal::UnknownKey, CKR_FUNCTION_REJECTED),
        (Refusal::Expired, CKR_FUNCTION_REJECTED),
        (Refusal::Pin(text()), CKR_FUNCTION_REJECTED),
        (Refusal::NotTouched, CKR_FUNCTION_CANCELED),
        (Refusal::Late, CKR_FUNCTION_CANCELED),
        (Refusal::NoCard(text()), CKR_DEVICE_REMOVED),
        (Refusal::Unsupported, CKR_MECHANISM_INVALID),
        (Refusal::Busy, CKR_FUNCTION_FAILED),
        (Refusal::Failed(text()), CKR_FUNCTION_FAILED),
    ] {
        agent.change(Manner::Refuse(refusal.clone()));
        assert_eq!(sign(), number, "{refusal:?}");
    }
    for babble in [
        &b"{}"[..],
        b"\xff\x00",
        br#"{"signature":"AAAA"}"#,
        br#"{"signature":""}"#,
    ] {
        agent.change(Manner::Babble(babble.to_vec()));
        assert_eq!(sign(), CKR_DEVICE_ERROR, "{babble:?}");
    }
}

#[test]
fn a_signature_is_given_up_before_browsers_give_up_the_handshake() {
    let test = "a_signature_is_given_up_before_browsers_give_up_the_handshake";
    let Some(folder) = alone(test, |_| {}) else {
        return;
    };
    files::in_yubikey(&folder, "tls", HOUR);
    let agent = Agent::start(&folder, Manner::Silent);
    let token = Token::start();
    let session = token.session();
    let key = token.class(session, CKO_PRIVATE_KEY)[0];
    let began = Instant::now();
    assert_eq!(
        token.sign(session, CKM_ECDSA, key, &[1; 32]),
        Err(CKR_FUNCTION_CANCELED)
    );
    let took = began.elapsed();
    assert!(
        took > Duration::from_secs(20) && took < Duration::from_secs(30),
        "{took:?}"
    );
    assert!(agent.asked()[0].patience < Duration::from_secs(25));
}

// SAFETY: as POSIX declares them.
unsafe extern "C" {
    fn fork() -> i32;
    fn waitpid(process: i32, status: *mut i32, options: i32) -> i32;
    fn _exit(status: i32) -> !;
}

#[test]
fn a_child_of_fork_starts_anew_and_leaves_its_parent_alone() {
    let test = "a_child_of_fork_starts_anew_and_leaves_its_parent_alone";
    let Some(_) = alone(test, |folder| {
        files::on_disk(folder, "disk", HOUR);
    }) else {
        return;
    };
    let token = Token::start();
    let session = token.session();
    let key = token.class(session, CKO_PRIVATE_KEY)[0];
    // Other threads work in the module meanwhile: the child must not wait for
    // a lock that one of them had.
    let stop = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let session = token.session();
                while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                    token.class(session, CKO_PRIVATE_KEY);
                }
            });
        }
        for _ in 0..20 {
            // SAFETY: the child ends with `_exit` and touches nothing of the
            // test harness.
            let child = unsafe { fork() };
            if child == 0 {
                let inherited = token.sign_init(session, CKM_ECDSA, key);
                let good = inherited == CKR_CRYPTOKI_NOT_INITIALIZED
                    && call!(token, C_Initialize(null_mut())) == CKR_OK
                    && call!(token, C_Initialize(null_mut())) == CKR_CRYPTOKI_ALREADY_INITIALIZED
                    && {
                        let session = token.session();
                        let key = token.class(session, CKO_PRIVATE_KEY)[0];
                        token.sign(session, CKM_ECDSA, key, &[3; 32]).is_ok()
                    };
                // SAFETY: ends this process.
                unsafe { _exit(i32::from(!good)) };
            }
            let mut status = -1;
            // SAFETY: `child` is ours, `status` a good pointer.
            assert_eq!(unsafe { waitpid(child, &raw mut status, 0) }, child);
            assert_eq!(status, 0);
        }
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
    });
    token.sign(session, CKM_ECDSA, key, &[3; 32]).unwrap();
}

#[test]
fn initialize_and_finalize_take_turns() {
    let Some(_) = alone("initialize_and_finalize_take_turns", |_| {}) else {
        return;
    };
    let token = Token::load();
    let mut session = 0;
    let mut open = || {
        call!(
            token,
            C_OpenSession(SLOT, CKF_SERIAL_SESSION, null_mut(), None, &raw mut session)
        )
    };
    assert_eq!(open(), CKR_CRYPTOKI_NOT_INITIALIZED);
    assert_eq!(
        call!(token, C_Finalize(null_mut())),
        CKR_CRYPTOKI_NOT_INITIALIZED
    );
    for _ in 0..3 {
        assert_eq!(call!(token, C_Initialize(null_mut())), CKR_OK);
        assert_eq!(
            call!(token, C_Initialize(null_mut())),
            CKR_CRYPTOKI_ALREADY_INITIALIZED
        );
        assert_eq!(open(), CKR_OK);
        assert_eq!(call!(token, C_Finalize(null_mut())), CKR_OK);
        assert_eq!(open(), CKR_CRYPTOKI_NOT_INITIALIZED);
    }
    // Locks of the program alone: ours are the system's.
    // SAFETY: plain data, to be filled.
    let mut arguments: CK_C_INITIALIZE_ARGS = unsafe { std::mem::zeroed() };
    unsafe extern "C" fn mutex(_: *mut std::ffi::c_void) -> CK_RV {
        CKR_OK
    }
    unsafe extern "C" fn make(_: *mut *mut std::ffi::c_void) -> CK_RV {
        CKR_OK
    }
    arguments.CreateMutex = Some(make);
    let start = |arguments: &mut CK_C_INITIALIZE_ARGS| {
        call!(token, C_Initialize(std::ptr::from_mut(arguments).cast()))
    };
    assert_eq!(start(&mut arguments), CKR_ARGUMENTS_BAD);
    arguments.DestroyMutex = Some(mutex);
    arguments.LockMutex = Some(mutex);
    arguments.UnlockMutex = Some(mutex);
    assert_eq!(start(&mut arguments), CKR_CANT_LOCK);
    // As both browsers do.
    arguments.flags = CKF_OS_LOCKING_OK | CKF_LIBRARY_CANT_CREATE_OS_THREADS;
    assert_eq!(start(&mut arguments), CKR_OK);
}

#[test]
fn nonsense_is_an_error_and_never_a_crash() {
    let Some(_) = alone("nonsense_is_an_error_and_never_a_crash", |folder| {
        files::on_disk(folder, "disk", HOUR);
    }) else {
        return;
    };
    let token = Token::start();
    let session = token.session();
    let key = token.class(session, CKO_PRIVATE_KEY)[0];
    let bad = CKR_ARGUMENTS_BAD;
    assert_eq!(call!(token, C_GetInfo(null_mut())), bad);
    assert_eq!(call!(token, C_GetFunctionList(null_mut())), bad);
    assert_eq!(call!(token, C_GetSlotList(1, null_mut(), null_mut())), bad);
    assert_eq!(call!(token, C_GetSlotInfo(SLOT, null_mut())), bad);
    assert_eq!(call!(token, C_GetTokenInfo(SLOT, null_mut())), bad);
    assert_eq!(
        call!(token, C_GetTokenInfo(SLOT + 1, null_mut())),
        CKR_SLOT_ID_INVALID
    );
    assert_eq!(
        call!(token, C_GetMechanismInfo(SLOT, CKM_ECDSA, null_mut())),
        bad
    );
    assert_eq!(
        call!(token, C_GetMechanismInfo(SLOT, CKM_RSA_PKCS, null_mut())),
        CKR_MECHANISM_INVALID
    );
    assert_eq!(
        call!(
            token,
            C_OpenSession(SLOT, CKF_SERIAL_SESSION, null_mut(), None, null_mut())
        ),
        bad
    );
    let mut handle = 0;
    assert_eq!(
        call!(
            token,
            C_OpenSession(SLOT, 0, null_mut(), None, &raw mut handle)
        ),
        CKR_SESSION_PARALLEL_NOT_SUPPORTED
    );
    assert_eq!(call!(token, C_GetSessionInfo(session, null_mut())), bad);
    assert_eq!(call!(token, C_FindObjectsInit(session, null_mut(), 3)), bad);
    let mut wanted = CK_ATTRIBUTE {
        type_: CKA_ID,
        pValue: null_mut(),
        ulValueLen: CK_ULONG::MAX,
    };
    assert_eq!(
        call!(token, C_FindObjectsInit(session, &raw mut wanted, 1)),
        bad
    );
    assert_eq!(
        call!(
            token,
            C_FindObjectsInit(session, &raw mut wanted, CK_ULONG::MAX)
        ),
        bad
    );
    let mut count = 0;
    assert_eq!(
        call!(token, C_FindObjects(session, null_mut(), 1, &raw mut count)),
        bad
    );
    assert_eq!(
        call!(
            token,
            C_FindObjects(session, &raw mut handle, 1, &raw mut count)
        ),
        CKR_OPERATION_NOT_INITIALIZED
    );
    assert_eq!(
        call!(token, C_GetAttributeValue(session, key, null_mut(), 1)),
        bad
    );
    assert_eq!(
        call!(token, C_GetAttributeValue(session, 999, &raw mut wanted, 1)),
        CKR_OBJECT_HANDLE_INVALID
    );
    let mut short = [0; 3];
    wanted.pValue = short.as_mut_ptr().cast();
    wanted.ulValueLen = 3;
    assert_eq!(
        call!(token, C_GetAttributeValue(session, key, &raw mut wanted, 1)),
        CKR_BUFFER_TOO_SMALL
    );
    assert_eq!(short, [0; 3]);
    assert_eq!(
        token.sign_init(session, CKM_RSA_PKCS, key),
        CKR_MECHANISM_INVALID
    );
    assert_eq!(
        token.sign_init(session, CKM_ECDSA, 999),
        CKR_KEY_HANDLE_INVALID
    );
    let certificate = token.class(session, CKO_CERTIFICATE)[0];
    assert_eq!(
        token.sign_init(session, CKM_ECDSA, certificate),
        CKR_KEY_HANDLE_INVALID
    );
    let (mut signature, mut room) = ([0; 64], 64);
    for (data, length, expected) in [
        (null_mut(), 32, bad),
        (signature.as_mut_ptr(), CK_ULONG::MAX, CKR_DATA_LEN_RANGE),
        (signature.as_mut_ptr(), 0, CKR_DATA_LEN_RANGE),
    ] {
        assert_eq!(token.sign_init(session, CKM_ECDSA, key), CKR_OK);
        let mut to = [0; 64];
        let rv = call!(
            token,
            C_Sign(session, data, length, to.as_mut_ptr(), &raw mut room)
        );
        assert_eq!(rv, expected);
    }
    assert_eq!(token.sign_init(session, CKM_ECDSA, key), CKR_OK);
    let data = signature.as_mut_ptr();
    assert_eq!(
        call!(token, C_Sign(session, data, 32, null_mut(), null_mut())),
        bad
    );
    // Every function of the session with one that is not there.
    let none = CKR_SESSION_HANDLE_INVALID;
    assert_eq!(call!(token, C_CloseSession(999)), none);
    assert_eq!(call!(token, C_FindObjectsFinal(999)), none);
    assert_eq!(call!(token, C_SignInit(999, null_mut(), key)), none);
    assert_eq!(
        call!(token, C_Sign(999, null_mut(), 0, null_mut(), null_mut())),
        none
    );
    assert_eq!(call!(token, C_GenerateRandom(999, null_mut(), 1)), none);
    assert_eq!(call!(token, C_Login(999, CKU_USER, null_mut(), 0)), none);
    assert_eq!(call!(token, C_GenerateRandom(session, null_mut(), 1)), bad);
    let mut random = [0; 5000];
    assert_eq!(
        call!(token, C_GenerateRandom(session, random.as_mut_ptr(), 5000)),
        CKR_OK
    );
    assert_ne!(random[4900..], [0; 100]);
    // A PIN is never taken.
    let mut pin = *b"123456";
    assert_eq!(
        call!(token, C_Login(session, CKU_USER, pin.as_mut_ptr(), 6)),
        CKR_USER_PIN_NOT_INITIALIZED
    );
    assert_eq!(
        call!(token, C_DestroyObject(session, key)),
        CKR_FUNCTION_NOT_SUPPORTED
    );
}

#[test]
fn sessions_have_an_end() {
    let Some(_) = alone("sessions_have_an_end", |_| {}) else {
        return;
    };
    let token = Token::start();
    let mut rv = CKR_OK;
    let mut opened = 0;
    while rv == CKR_OK && opened < 10_000 {
        let mut session = 0;
        rv = call!(
            token,
            C_OpenSession(SLOT, CKF_SERIAL_SESSION, null_mut(), None, &raw mut session)
        );
        opened += 1;
    }
    assert_eq!(rv, CKR_SESSION_COUNT);
    assert_eq!(call!(token, C_CloseAllSessions(SLOT)), CKR_OK);
    token.session();
}
