//! The language: what goes in comes out, and nothing that comes in hurts.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use dlogin_service::{
    Algorithm, Answer, Client, Covers, Error, FrameError, Identity, Input, KeyId, KeyPlace,
    MAX_FRAME, MAX_TEXT, Malformed, Refusal, Request, Sign, read_frame, write_frame,
};
use proptest::prelude::*;
use std::os::unix::net::UnixListener;
use std::time::Duration;

fn sign() -> Sign {
    Sign {
        key: KeyId([7; 32]),
        algorithm: Algorithm::EcdsaP256Sha256,
        input: Input::Digest(vec![1; 32]),
        purpose: "TLS".to_owned(),
        peer: Some("intranet.example.net".to_owned()),
        patience: Duration::from_millis(25_000),
    }
}

fn identity() -> Identity {
    Identity {
        profile: "tls".to_owned(),
        key: KeyId([9; 32]),
        spki: vec![0x30, 0],
        algorithm: Algorithm::EcdsaP384Sha384,
        place: KeyPlace::Yubikey,
        covers: Covers::Tls {
            chain: vec![vec![1, 2], vec![3]],
            names: vec!["alice.example.net".to_owned()],
        },
        not_after: 1_800_000_000,
    }
}

#[test]
fn requests_and_answers_survive_the_wire() {
    for request in [Request::List, Request::Sign(sign())] {
        assert_eq!(Request::from_bytes(&request.to_bytes()), Ok(request));
    }
    let ssh = Identity {
        covers: Covers::Ssh {
            line: "ssh-ed25519-cert-v01@openssh.com AAAA".to_owned(),
            key_id: "alice".to_owned(),
            principals: vec!["alice".to_owned()],
        },
        place: KeyPlace::Disk("/k.key".into()),
        ..identity()
    };
    for answer in [
        Answer::Identities(vec![identity(), ssh]),
        Answer::Signature(vec![1, 2, 3]),
        Answer::Refused(Refusal::Locked),
        Answer::Refused(Refusal::NoCard("no YubiKey".to_owned())),
    ] {
        assert_eq!(Answer::from_bytes(&answer.to_bytes()), Ok(answer));
    }
}

#[test]
fn the_golden_request_stays_as_it_is() {
    let golden = r#"{"version":1,"request":{"sign":{"key":"BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc","algorithm":"ecdsa-p256-sha256","input":{"digest":"AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE"},"purpose":"TLS","peer":"intranet.example.net","patience_ms":25000}}}"#;
    assert_eq!(
        String::from_utf8(Request::Sign(sign()).to_bytes()).unwrap(),
        golden
    );
}

#[test]
fn another_version_is_told_and_nothing_unknown_is_skipped() {
    let newer = br#"{"version":2,"request":{"dance":{}}}"#;
    assert_eq!(
        Request::from_bytes(newer),
        Err(Malformed::Version { found: 2 })
    );
    for bad in [
        &br#"{"version":1,"request":"dance"}"#[..],
        br#"{"version":1,"request":"list","more":1}"#,
        br#"{"request":"list"}"#,
        b"",
        b"[]",
    ] {
        assert_eq!(Request::from_bytes(bad), Err(Malformed::Json));
    }
}

#[test]
fn texts_digests_and_times_have_their_lengths() {
    let refused = |change: fn(&mut Sign)| {
        let mut sign = sign();
        change(&mut sign);
        Request::from_bytes(&Request::Sign(sign).to_bytes()).unwrap_err()
    };
    assert_eq!(
        refused(|sign| sign.purpose = "x".repeat(MAX_TEXT + 1)),
        Malformed::TooLong("purpose")
    );
    assert_eq!(
        refused(|sign| sign.patience = Duration::from_secs(301)),
        Malformed::TooLong("patience")
    );
    assert_eq!(
        refused(|sign| sign.input = Input::Digest(vec![0; 31])),
        Malformed::Digest
    );
    assert_eq!(
        refused(|sign| sign.algorithm = Algorithm::Ed25519),
        Malformed::Digest
    );
}

#[test]
fn a_frame_that_is_too_long_is_refused_before_it_is_read() {
    let mut announced = &(MAX_FRAME as u32 + 1).to_be_bytes()[..];
    assert!(matches!(
        read_frame(&mut announced),
        Err(FrameError::TooLong { .. })
    ));
    let mut nothing = &[][..];
    assert!(read_frame(&mut nothing).unwrap().is_none());
    let mut half = &[0, 0, 0, 9, 1][..];
    assert!(read_frame(&mut half).is_err());
}

#[test]
fn no_agent_and_a_socket_left_behind_are_one_clear_error() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("service.sock");
    assert!(matches!(Client::connect(&path), Err(Error::NoAgent { .. })));
    drop(UnixListener::bind(&path).unwrap());
    assert!(matches!(Client::connect(&path), Err(Error::NoAgent { .. })));
}

#[test]
fn a_client_gets_its_answers_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("service.sock");
    let listener = UnixListener::bind(&path).unwrap();
    let agent = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let answers = [
            Answer::Identities(vec![identity()]),
            Answer::Signature(vec![5]),
            Answer::Refused(Refusal::NotTouched),
        ];
        for answer in answers {
            read_frame(&mut stream).unwrap().unwrap();
            write_frame(&mut stream, &answer.to_bytes()).unwrap();
        }
    });
    let mut client = Client::connect(&path).unwrap();
    assert_eq!(client.list().unwrap(), [identity()]);
    assert_eq!(client.sign(&sign()).unwrap(), [5]);
    assert!(matches!(
        client.sign(&sign()),
        Err(Error::Refused(Refusal::NotTouched))
    ));
    agent.join().unwrap();
    assert!(matches!(client.list(), Err(Error::Frame(_))));
}

proptest! {
    #[test]
    fn no_bytes_make_the_parsers_panic(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        let _ = Request::from_bytes(&bytes);
        let _ = Answer::from_bytes(&bytes);
        let _ = read_frame(&mut &bytes[..]);
    }

    #[test]
    fn no_text_makes_the_parsers_panic(text in "\\PC{0,300}") {
        let _ = Request::from_bytes(text.as_bytes());
        let _ = Answer::from_bytes(text.as_bytes());
    }
}
