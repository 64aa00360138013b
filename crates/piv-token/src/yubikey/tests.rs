use piv_attest::{Firmware, Serial};
use proptest::prelude::*;
use zeroize::Zeroizing;

use super::*;
use crate::reader;

/// Answers from a list, then with "instruction not supported".
struct Script {
    answers: std::vec::IntoIter<Vec<u8>>,
    sent: Vec<u8>,
}

impl Script {
    fn new(answers: Vec<Vec<u8>>) -> Self {
        Self {
            answers: answers.into_iter(),
            sent: Vec::new(),
        }
    }
}

impl Channel for Script {
    fn exchange(&mut self, apdu: &[u8]) -> Result<Zeroizing<Vec<u8>>, pcsc::Error> {
        self.sent.push(apdu[1]);
        let answer = self.answers.next().unwrap_or_else(|| vec![0x6d, 0x00]);
        Ok(Zeroizing::new(answer))
    }
}

fn ours() -> TokenInfo {
    TokenInfo {
        reader: "reader".to_owned(),
        serial: Some(Serial::new(1)),
        firmware: Firmware::new(5, 7, 4),
    }
}

#[test]
fn another_yubikey_in_our_place_is_recognised_before_a_pin_is_sent() {
    let serial = vec![0, 0, 0, 2, 0x90, 0];
    let mut card = Script::new(vec![vec![0x90, 0], serial]);
    let found = enter(&mut card, &ours()).err();
    assert_eq!(
        found,
        Some(Error::Exchanged {
            expected: Some(Serial::new(1)),
            found: Some(Serial::new(2)),
        })
    );
    // SELECT and GET SERIAL, no VERIFY.
    assert_eq!(card.sent, [0xa4, 0xf8]);
}

#[test]
fn a_card_without_piv_in_our_place_is_recognised() {
    let mut card = Script::new(vec![vec![0x6a, 0x82]]);
    assert!(matches!(
        enter(&mut card, &ours()).err(),
        Some(Error::Exchanged { found: None, .. })
    ));
}

#[test]
fn an_attestation_that_is_none_is_an_error() {
    let object = [&[0x53, 0x04, 0x70, 0x02, 0x30, 0x00][..], &[0x90, 0]].concat();
    let answers = vec![
        vec![0x90, 0],
        vec![0, 0, 0, 1, 0x90, 0],
        vec![0x30, 0, 0x90, 0],
        object,
    ];
    let mut card = Script::new(answers);
    let mut applet = enter(&mut card, &ours()).unwrap();
    let attested = attest(&mut applet, Slot::AUTHENTICATION);
    assert_eq!(attested.unwrap_err(), Error::Answer { command: "ATTEST" });
}

proptest! {
    #[test]
    fn no_answer_of_a_card_makes_us_panic(
        mut answers in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..12),
        agree in any::<bool>(),
    ) {
        if agree {
            for answer in &mut answers {
                answer.extend([0x90, 0x00]);
            }
        }
        let card = || Script::new(answers.clone());
        let _ = reader::identify(&mut card(), String::new());
        let mut channel = card();
        let Ok(Some(mut applet)) = Applet::select(&mut channel) else { return Ok(()) };
        let _ = applet.pin_status();
        let _ = attest(&mut applet, Slot::AUTHENTICATION);
        let _ = inspect(&mut applet, Slot::AUTHENTICATION);
        let _ = sign(&mut applet, Slot::AUTHENTICATION, 0x11, &[0; 32], true, true);
        if let Ok(lock) = Lock::read(&mut applet) {
            let _ = lock.status(&mut applet);
        }
    }
}
