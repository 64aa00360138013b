//! The OpenSSH agent protocol: golden messages, and nothing that comes in hurts.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use dlogin_agent::message::{Bind, Listed, MAX_MESSAGE, Request, Response, listed, read, write};
use dlogin_agent::{Content, answers_a_ca, printable};
use proptest::prelude::*;

#[test]
fn requests_are_read_as_the_draft_has_them() {
    assert_eq!(Request::parse(&[11]), Ok(Request::Identities));
    assert_eq!(
        Request::parse(b"\x0d\0\0\0\x01k\0\0\0\x02da\0\0\0\x04"),
        Ok(Request::Sign {
            key: b"k",
            data: b"da",
            flags: 4
        })
    );
    assert_eq!(
        Request::parse(
            b"\x1b\0\0\0\x18session-bind@openssh.com\0\0\0\x01h\0\0\0\x01s\0\0\0\x01g\x01"
        ),
        Ok(Request::SessionBind(Bind {
            host_key: b"h",
            session: b"s",
            signature: b"g",
            forwarding: true
        }))
    );
    assert_eq!(Request::parse(b"\x1b\0\0\0\x05query"), Ok(Request::Query));
    assert_eq!(
        Request::parse(b"\x1b\0\0\0\x01xtail"),
        Ok(Request::OtherExtension)
    );
    assert_eq!(Request::parse(&[17, 1]), Ok(Request::Other));
}

#[test]
fn what_is_cut_off_or_goes_on_is_malformed() {
    let whole = b"\x0d\0\0\0\x01k\0\0\0\x02da\0\0\0\x04";
    for end in 0..whole.len() {
        assert!(Request::parse(&whole[..end]).is_err(), "{end}");
    }
    assert!(Request::parse(&[&whole[..], &[0]].concat()).is_err());
}

#[test]
fn answers_are_written_as_the_draft_has_them() {
    let keys = vec![Listed {
        key: b"k".to_vec(),
        comment: "c".to_owned(),
    }];
    for (answer, golden) in [
        (Response::Failure, &b"\x05"[..]),
        (Response::Success, b"\x06"),
        (
            Response::Identities(keys),
            b"\x0c\0\0\0\x01\0\0\0\x01k\0\0\0\x01c",
        ),
        (Response::Signature(b"sig".to_vec()), b"\x0e\0\0\0\x03sig"),
        (Response::ExtensionFailure, b"\x1c"),
        (
            Response::Extensions(vec!["query"]),
            b"\x1d\0\0\0\x05query\0\0\0\x05query",
        ),
    ] {
        assert_eq!(answer.encode(), golden);
    }
}

#[test]
fn a_message_longer_than_any_is_not_read() {
    let announced = (MAX_MESSAGE as u32 + 1).to_be_bytes();
    assert!(read(&mut &announced[..]).is_err());
    assert!(read(&mut &[0, 0, 0, 0][..]).is_err());
    assert!(read(&mut &[0, 0, 0, 2, 1][..]).is_err());
    assert!(read(&mut &[][..]).unwrap().is_none());
    let mut out = Vec::new();
    assert!(write(&mut out, &vec![0; MAX_MESSAGE + 1]).is_err());
}

proptest! {
    #[test]
    fn nothing_that_a_client_sends_makes_a_parser_panic(
        kind in prop_oneof![Just(13u8), Just(22), Just(23), Just(27), any::<u8>()],
        body in proptest::collection::vec(any::<u8>(), 0..400),
    ) {
        let message = [&[kind][..], &body].concat();
        let _ = Request::parse(&message);
        let _ = listed(&message);
        let _ = Content::of(&body);
        let _ = read(&mut &body[..]);
    }

    #[test]
    fn what_another_agent_lists_is_read_back(
        keys in proptest::collection::vec(
            (proptest::collection::vec(any::<u8>(), 0..50), "[a-z]{0,9}"), 0..9),
    ) {
        let keys: Vec<_> = keys
            .into_iter()
            .map(|(key, comment)| Listed { key, comment })
            .collect();
        let message = Response::Identities(keys.clone()).encode();
        prop_assert_eq!(listed(&message).unwrap(), keys);
    }

    #[test]
    fn no_login_is_taken_for_an_answer_to_a_ca(session in proptest::collection::vec(any::<u8>(), 0..128)) {
        let length = (session.len() as u32).to_be_bytes();
        let message = [&length[..], &session].concat();
        prop_assert!(!answers_a_ca(&message));
    }

    #[test]
    fn nothing_shown_moves_the_cursor(text in any::<String>()) {
        prop_assert!(!printable(&text).chars().any(char::is_control));
    }
}
