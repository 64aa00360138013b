//! The language of the signing service: frames, requests as the agent reads them, answers as its
//! clients do. What is read stays within its bounds and comes out as it went in.
#![no_main]

use dlogin_service::{
    Answer, Input, MAX_FRAME, MAX_INPUT, MAX_PATIENCE, MAX_TEXT, Request, read_frame, write_frame,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let (mut stream, mut before) = (bytes, bytes);
    while let Ok(Some(frame)) = read_frame(&mut stream) {
        assert!(frame.len() <= MAX_FRAME);
        let mut again = Vec::new();
        write_frame(&mut again, &frame).expect("it was read");
        assert_eq!(again, before[..before.len() - stream.len()]);
        before = stream;
        message(&frame);
    }
    message(bytes);
});

fn message(bytes: &[u8]) {
    if let Ok(request) = Request::from_bytes(bytes) {
        if let Request::Sign(sign) = &request {
            assert!(sign.purpose.len() <= MAX_TEXT && sign.patience <= MAX_PATIENCE);
            assert!(sign.peer.as_ref().is_none_or(|peer| peer.len() <= MAX_TEXT));
            match &sign.input {
                Input::Digest(digest) => {
                    assert_eq!(sign.algorithm.digest_len(), Some(digest.len()));
                }
                Input::Message(message) => assert!(message.len() <= MAX_INPUT),
            }
        }
        assert_eq!(Request::from_bytes(&request.to_bytes()), Ok(request));
    }
    if let Ok(answer) = Answer::from_bytes(bytes) {
        assert_eq!(Answer::from_bytes(&answer.to_bytes()), Ok(answer));
    }
}
