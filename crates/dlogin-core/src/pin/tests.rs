use std::path::Path;

use piv_attest::{Firmware, Serial, Slot};
use piv_token::{Attestation, Error, PinStatus, ToSign, TouchPrompt};

use super::*;

/// Knows its PIN and counts what it is sent; it can do nothing else.
struct Card {
    info: TokenInfo,
    pin: &'static str,
    tries: u8,
    sent: usize,
    looks: usize,
}

impl Card {
    fn new(pin: &'static str, tries: u8) -> Self {
        Self {
            info: TokenInfo {
                reader: "reader".to_owned(),
                serial: Some(Serial::new(12_345_678)),
                firmware: Firmware::new(5, 7, 4),
            },
            pin,
            tries,
            sent: 0,
            looks: 0,
        }
    }

    fn verify(&mut self, pin: &Pin) -> Result<(), Error> {
        self.sent += 1;
        if self.tries == 0 {
            return Err(Error::PinBlocked);
        }
        if *pin == Pin::new(self.pin).unwrap() {
            self.tries = 3;
            return Ok(());
        }
        self.tries -= 1;
        match self.tries {
            0 => Err(Error::PinBlocked),
            tries_left => Err(Error::WrongPin { tries_left }),
        }
    }
}

impl Token for Card {
    fn info(&self) -> &TokenInfo {
        &self.info
    }

    fn pin_status(&mut self) -> Result<PinStatus, Error> {
        self.looks += 1;
        Ok(PinStatus {
            tries_left: Some(self.tries),
            factory: Some(false),
        })
    }

    fn attest(&mut self, slot: Slot) -> Result<Attestation, Error> {
        Err(Error::NoKey { slot })
    }

    fn sign(
        &mut self,
        slot: Slot,
        _: Option<&Pin>,
        _: ToSign<'_>,
        _: &mut dyn TouchPrompt,
    ) -> Result<Vec<u8>, Error> {
        Err(Error::NoKey { slot })
    }
}

/// Types these, in this order, and remembers what it was asked.
struct Typist {
    answers: Vec<&'static str>,
    confirms: bool,
    asked: Vec<String>,
}

impl Typist {
    fn new(answers: &[&'static str], confirms: bool) -> Self {
        Self {
            answers: answers.to_vec(),
            confirms,
            asked: Vec::new(),
        }
    }
}

impl Ask for Typist {
    fn secret(&mut self, text: &str) -> Result<Zeroizing<String>, AskError> {
        self.asked.push(text.to_owned());
        if self.answers.is_empty() {
            return Err(AskError::Nobody);
        }
        Ok(Zeroizing::new(self.answers.remove(0).to_owned()))
    }

    fn confirm(&mut self, text: &str) -> Result<bool, AskError> {
        self.asked.push(text.to_owned());
        Ok(self.confirms)
    }
}

#[test]
fn the_pin_is_asked_for_once_and_kept() {
    let mut card = Card::new("654321", 3);
    let mut typist = Typist::new(&["654321"], false);
    let mut entry = PinEntry::new(&mut typist);
    entry.with(&mut card, Card::verify).unwrap();
    entry.with(&mut card, Card::verify).unwrap();
    assert_eq!(typist.asked, ["PIN for YubiKey 12345678 (3 tries left): "]);
    assert_eq!(card.sent, 2);
}

/// Knows this PIN; types those that are asked for.
struct Knowing(&'static str, Typist);

impl Ask for Knowing {
    fn known(&mut self) -> Option<Zeroizing<String>> {
        Some(Zeroizing::new(self.0.to_owned()))
    }

    fn secret(&mut self, text: &str) -> Result<Zeroizing<String>, AskError> {
        self.1.secret(text)
    }

    fn confirm(&mut self, text: &str) -> Result<bool, AskError> {
        self.1.confirm(text)
    }
}

#[test]
fn a_pin_that_is_known_costs_no_question_and_once_refused_is_not_sent_again() {
    let mut card = Card::new("654321", 3);
    let mut ask = Knowing("654321", Typist::new(&[], false));
    PinEntry::new(&mut ask)
        .with(&mut card, Card::verify)
        .unwrap();
    assert_eq!((card.sent, card.looks), (1, 0));

    let mut card = Card::new("654321", 3);
    let mut ask = Knowing("111111", Typist::new(&["111111", "654321"], false));
    let mut entry = PinEntry::new(&mut ask);
    let refused = entry.with(&mut card, Card::verify);
    assert!(matches!(refused, Err(PinError::Wrong { .. })));
    entry.with(&mut card, Card::verify).unwrap();
    assert_eq!(card.sent, 2, "the wrong one once, the right one once");
    let asked = &ask.1.asked;
    assert_eq!(asked.len(), 2);
    assert!(asked.iter().all(|text| text.contains("Wrong PIN")));
}

#[test]
fn a_wrong_pin_is_followed_by_a_question_with_the_tries_left() {
    let mut card = Card::new("654321", 3);
    let mut typist = Typist::new(&["111111", "654321"], false);
    PinEntry::new(&mut typist)
        .with(&mut card, Card::verify)
        .unwrap();
    assert_eq!(
        typist.asked[1],
        "Wrong PIN. PIN for YubiKey 12345678 (2 tries left): "
    );
}

#[test]
fn a_refused_pin_is_never_sent_again() {
    let mut card = Card::new("654321", 3);
    let mut typist = Typist::new(&["111111", "111111", "111111"], true);
    let error = PinEntry::new(&mut typist)
        .with(&mut card, Card::verify)
        .unwrap_err();
    assert!(
        matches!(
            error,
            PinError::Wrong {
                tries_left: Some(2)
            }
        ),
        "{error}"
    );
    assert_eq!(error.to_string(), "wrong PIN: 2 tries left");
    assert_eq!((card.sent, card.tries), (1, 2));
}

#[test]
fn a_pin_of_which_the_card_said_nothing_counts_as_neither_right_nor_wrong() {
    let mut card = Card::new("654321", 3);
    let mut typist = Typist::new(&["111111", "111111", "654321"], false);
    let mut entry = PinEntry::new(&mut typist);
    let unplugged = entry.with(&mut card, |_, _| Err::<(), _>(Error::Unplugged));
    assert!(matches!(unplugged, Err(PinError::Card(Error::Unplugged))));
    assert!(!entry.knows(|_| true));
    entry.with(&mut card, Card::verify).unwrap();
    assert_eq!(typist.asked.len(), 3);
    assert_eq!(card.sent, 2, "the wrong one once, the right one once");
}

#[test]
fn a_pin_is_right_where_only_the_touch_was_missing() {
    let mut card = Card::new("654321", 3);
    let mut typist = Typist::new(&["654321"], false);
    let mut entry = PinEntry::new(&mut typist);
    let untouched = entry.with(&mut card, |card, pin| {
        card.verify(pin)?;
        Err::<(), _>(Error::NotTouched)
    });
    assert!(matches!(untouched, Err(PinError::Card(Error::NotTouched))));
    entry.with(&mut card, Card::verify).unwrap();
    assert_eq!(typist.asked.len(), 1);
}

#[test]
fn a_pin_that_was_right_and_is_refused_is_not_sent_again() {
    let mut card = Card::new("654321", 3);
    let mut typist = Typist::new(&["654321", "654321"], false);
    let mut entry = PinEntry::new(&mut typist);
    entry.with(&mut card, Card::verify).unwrap();
    card.pin = "111111";
    let refused = entry.with(&mut card, Card::verify);
    assert!(matches!(refused, Err(PinError::Wrong { .. })));
    assert_eq!(entry.refused_at(), Some(2));
    assert_eq!((card.sent, card.tries), (2, 2));
}

#[test]
fn a_refused_pin_may_become_right_once_the_card_took_another() {
    let mut card = Card::new("654321", 3);
    let mut typist = Typist::new(&["111111", "654321", "111111"], false);
    let mut entry = PinEntry::new(&mut typist);
    entry.with(&mut card, Card::verify).unwrap();
    assert_eq!(entry.refused_at(), None);
    card.pin = "111111";
    entry.forget();
    entry.with(&mut card, Card::verify).unwrap();
    assert_eq!(card.sent, 3);
}

#[test]
fn what_never_came_to_the_card_changes_nothing_about_the_tries_it_was_refused_at() {
    let mut card = Card::new("654321", 3);
    let mut typist = Typist::new(&["111111", "111111", "111111"], false);
    let mut entry = PinEntry::new(&mut typist);
    for tries in [2, 3] {
        let refused = entry.with(&mut card, Card::verify);
        assert!(matches!(refused, Err(PinError::Wrong { .. })));
        assert_eq!((card.tries, entry.refused_at()), (tries, Some(2)));
        // Another program gave the right one.
        card.tries = 3;
    }
    assert_eq!(card.sent, 1);
}

#[test]
fn the_last_try_is_not_spent_unasked() {
    let mut card = Card::new("654321", 1);
    let mut typist = Typist::new(&["654321"], false);
    let error = PinEntry::new(&mut typist)
        .with(&mut card, Card::verify)
        .unwrap_err();
    assert!(matches!(error, PinError::LastTry), "{error}");
    assert_eq!(card.sent, 0);
    assert!(
        typist.asked[0].contains("one PIN try left"),
        "{:?}",
        typist.asked
    );
}

#[test]
fn the_last_try_is_spent_when_the_person_says_so() {
    let mut card = Card::new("654321", 1);
    let mut typist = Typist::new(&["654321"], true);
    PinEntry::new(&mut typist)
        .with(&mut card, Card::verify)
        .unwrap();
    assert_eq!(card.sent, 1);
}

#[test]
fn two_wrong_pins_stop_before_the_last_try() {
    let mut card = Card::new("654321", 3);
    let mut typist = Typist::new(&["111111", "222222", "333333"], false);
    let error = PinEntry::new(&mut typist)
        .with(&mut card, Card::verify)
        .unwrap_err();
    assert!(matches!(error, PinError::LastTry), "{error}");
    assert_eq!((card.sent, card.tries), (2, 1));
}

#[test]
fn a_blocked_pin_asks_nobody() {
    let mut card = Card::new("654321", 0);
    let mut typist = Typist::new(&["654321"], true);
    let error = PinEntry::new(&mut typist)
        .with(&mut card, Card::verify)
        .unwrap_err();
    assert!(
        matches!(error, PinError::Card(Error::PinBlocked)),
        "{error}"
    );
    assert!(typist.asked.is_empty());
}

#[test]
fn what_cannot_be_a_pin_costs_no_try() {
    let mut card = Card::new("654321", 3);
    let mut typist = Typist::new(&["123"], true);
    let error = PinEntry::new(&mut typist)
        .with(&mut card, Card::verify)
        .unwrap_err();
    assert!(matches!(error, PinError::Format(_)), "{error}");
    assert_eq!(card.sent, 0);
}

/// A program that runs this line of shell.
fn program(dir: &Path, line: &str) -> Askpass {
    let path = dir.join("askpass");
    // Written by another process: a program that is open for writing in this one could not be
    // run, and a test beside this one that starts a process keeps it open for a moment (ETXTBSY).
    let written = std::process::Command::new("sh")
        .args([
            "-c",
            "printf '#!/bin/sh\\n%s\\n' \"$2\" >\"$1\" && chmod 700 \"$1\"",
            "sh",
        ])
        .arg(&path)
        .arg(line)
        .status();
    assert!(written.unwrap().success());
    Askpass::from_lookup(|_| Some(path.clone().into_os_string())).unwrap()
}

#[test]
fn askpass_gets_the_question_as_its_argument_and_answers_in_a_line() {
    let dir = tempfile::tempdir().unwrap();
    let mut ask = program(dir.path(), "printf '%s\\n' \"$1\"; echo more");
    assert_eq!(
        *ask.secret("PIN (3 tries left): ").unwrap(),
        "PIN (3 tries left): "
    );
}

#[test]
fn askpass_that_fails_gives_no_pin() {
    let dir = tempfile::tempdir().unwrap();
    let mut ask = program(dir.path(), "echo 654321; exit 1");
    assert!(matches!(ask.secret("?"), Err(AskError::Cancelled { .. })));
    assert!(!ask.confirm("?").unwrap());
}

#[test]
fn askpass_is_not_read_without_end() {
    let dir = tempfile::tempdir().unwrap();
    let mut ask = program(dir.path(), "exec yes");
    assert!(matches!(ask.secret("?"), Err(AskError::Answer { .. })));
}

#[test]
fn askpass_that_is_not_there_is_named() {
    let mut ask = Askpass::from_lookup(|_| Some("/nowhere/askpass".into())).unwrap();
    let error = ask.secret("?").unwrap_err().to_string();
    assert!(
        error.contains("DLOGIN_ASKPASS (/nowhere/askpass)"),
        "{error}"
    );
}

#[test]
fn askpass_that_only_prints_the_pin_does_not_say_yes() {
    let dir = tempfile::tempdir().unwrap();
    assert!(
        !program(dir.path(), "echo 654321")
            .confirm("Spend it?")
            .unwrap()
    );
    assert!(
        program(
            dir.path(),
            "[ \"$SSH_ASKPASS_PROMPT\" = confirm ] && echo yes"
        )
        .confirm("?")
        .unwrap()
    );
}

#[test]
fn an_empty_variable_names_no_program() {
    assert!(Askpass::from_lookup(|_| None).is_none());
    assert!(Askpass::from_lookup(|_| Some("".into())).is_none());
}
