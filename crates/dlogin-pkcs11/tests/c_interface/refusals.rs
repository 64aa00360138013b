//! When there is no signature: numbers, and an end to waiting.

use std::time::{Duration, Instant};

use cryptoki_sys::*;
use dlogin_service::Refusal;

use crate::common::agent::{Agent, Manner};
use crate::common::files;
use crate::{HOUR, alone, token_with_key};

#[test]
fn every_refusal_of_the_agent_has_its_number() {
    let test = "every_refusal_of_the_agent_has_its_number";
    let Some(folder) = alone!(test, |_| {}) else {
        return;
    };
    files::in_yubikey(&folder, "tls", HOUR);
    let (token, session, key) = token_with_key();
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
    let Some(folder) = alone!(test, |_| {}) else {
        return;
    };
    files::in_yubikey(&folder, "tls", HOUR);
    let agent = Agent::start(&folder, Manner::Silent);
    let (token, session, key) = token_with_key();
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
