//! What any program of the same person sends to `dlogin agent`, and what another agent answers
//! it: the OpenSSH agent protocol, and the messages that are to be signed.
#![no_main]

use dlogin_agent::message::{self, MAX_MESSAGE, Request, Response};
use dlogin_agent::{Content, answers_a_ca, printable};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let (mut stream, mut before) = (bytes, bytes);
    while let Ok(Some(message)) = message::read(&mut stream) {
        assert!(!message.is_empty() && message.len() <= MAX_MESSAGE);
        let mut again = Vec::new();
        message::write(&mut again, &message).expect("it was read");
        assert_eq!(again, before[..before.len() - stream.len()]);
        before = stream;
        whole(&message);
    }
    whole(bytes);
});

fn whole(message: &[u8]) {
    if let Ok(Request::Sign { key, data, .. }) = Request::parse(message) {
        assert!(key.len() + data.len() < message.len());
        content(data);
    }
    if let Ok(all) = message::listed(message)
        && !all.is_empty()
    {
        let again = Response::Identities(all.clone()).encode();
        assert_eq!(message::listed(&again), Ok(all));
    }
    content(message);
}

/// What answers a CA is recognised whatever else it could be, and nothing shown moves a cursor.
fn content(data: &[u8]) {
    let shown = match Content::of(data) {
        Content::Login { user, .. } => user,
        Content::File { namespace } => namespace,
        Content::Unknown => return,
    };
    assert!(!answers_a_ca(data));
    assert!(!printable(shown).chars().any(char::is_control));
}
