//! Signatures by the agent and by keys on disk.

use std::ptr::null_mut;

use cryptoki_sys::*;
use dlogin_service::Input;
use p256::ecdsa::signature::Verifier;
use p256::ecdsa::signature::hazmat::PrehashVerifier;
use p256::ecdsa::{Signature, VerifyingKey};
use p256::pkcs8::DecodePublicKey;

use crate::common::agent::{Agent, Manner};
use crate::common::files;
use crate::common::token::{Token, call};
use crate::{HOUR, alone, token_with_key};

/// The public key of a private key object, as the token tells it.
fn public(token: Token, session: CK_SESSION_HANDLE, key: CK_OBJECT_HANDLE) -> VerifyingKey {
    let spki = token.attribute(session, key, CKA_PUBLIC_KEY_INFO).unwrap();
    VerifyingKey::from_public_key_der(&spki).unwrap()
}

#[test]
fn a_digest_is_signed_by_the_agent() {
    let Some(folder) = alone!("a_digest_is_signed_by_the_agent", |_| {}) else {
        return;
    };
    let key = files::in_yubikey(&folder, "tls", HOUR);
    let agent = Agent::start(&folder, Manner::Sign(key));
    let (token, session, key) = token_with_key();
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
    let Some(folder) = alone!(test, |_| {}) else {
        return;
    };
    let key = files::in_yubikey(&folder, "tls", HOUR);
    let agent = Agent::start(&folder, Manner::Sign(key));
    let (token, session, key) = token_with_key();
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
    let Some(_) = alone!("a_key_on_disk_signs_without_an_agent", |folder| {
        files::on_disk(folder, "disk", HOUR);
    }) else {
        return;
    };
    let (token, session, key) = token_with_key();
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
    let Some(folder) = alone!(test, |_| {}) else {
        return;
    };
    let key = files::in_yubikey(&folder, "tls", HOUR);
    let agent = Agent::start(&folder, Manner::Sign(key));
    let (token, session, key) = token_with_key();
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
    let Some(folder) = alone!("two_hundred_threads_sign", |_| {}) else {
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
