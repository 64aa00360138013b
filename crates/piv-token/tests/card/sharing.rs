//! Other programs on the same card: those that hold it, and those that would
//! like to sign on our PIN.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use pcsc::{Card, Context, Disposition, Protocols, Scope, ShareMode};
use piv_attest::{KeyAlgorithm, PinPolicy, Slot, TouchPolicy};
use piv_token::{Error, ManageToken, YubiKey};
use virtual_yubikey::TouchMode;

use crate::rig::{self, Heard};

const SELECT: &[u8] = &[0, 0xa4, 4, 0, 5, 0xa0, 0, 0, 3, 8];
const VERIFY: &[u8] = b"\x00\x20\x00\x80\x08123456\xff\xff";

/// Another program, connected to the only reader.
fn connect(mode: ShareMode) -> Result<Card, pcsc::Error> {
    let context = Context::establish(Scope::User)?;
    let readers = context.list_readers_owned()?;
    context.connect(&readers[0], mode, Protocols::ANY)
}

fn transmit(card: &Card, apdu: &[u8]) -> Result<[u8; 2], pcsc::Error> {
    let mut buffer = [0; 512];
    let answer = card.transmit(apdu, &mut buffer)?;
    Ok([answer[answer.len() - 2], answer[answer.len() - 1]])
}

/// Whether the P-256 key in this slot signs for whoever asks.
fn signs(card: &Card, slot: u8) -> Result<bool, pcsc::Error> {
    let mut apdu = vec![0, 0x87, 0x11, slot, 0x26, 0x7c, 0x24, 0x82, 0, 0x81, 0x20];
    apdu.extend([7; 32]);
    Ok(transmit(card, &apdu)? == [0x90, 0])
}

const ATTACK: &str = "PIV_TOKEN_TEST_ATTACK";

/// Not a test of its own: the second process, which asks for signatures as
/// often as it can, and counts those that it gets.
#[test]
fn attacker() {
    let Some(dir) = std::env::var_os(ATTACK) else {
        return;
    };
    let dir = Path::new(&dir);
    let (mut asked, mut got) = (0, 0);
    let mut card = connect(ShareMode::Shared).unwrap();
    let begin = Instant::now();
    while !dir.join("stop").exists() && begin.elapsed() < rig::PATIENCE {
        for slot in [0x9a, 0x9c] {
            match signs(&card, slot) {
                Ok(signed) => {
                    asked += 1;
                    got += i32::from(signed);
                }
                Err(pcsc::Error::ResetCard) => {
                    let _ =
                        card.reconnect(ShareMode::Shared, Protocols::ANY, Disposition::LeaveCard);
                    let _ = transmit(&card, SELECT);
                }
                Err(_) => {}
            }
        }
        fs::write(dir.join("ready"), "").unwrap();
    }
    fs::write(dir.join("result"), format!("{asked} {got}")).unwrap();
}

/// How often another process asked for a signature while `work` went on, and
/// how often it got one.
fn attacked(work: impl FnOnce()) -> (u32, u32) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().to_str().unwrap();
    let mut attacker = rig::process("sharing::attacker", &[(ATTACK, path)])
        .spawn()
        .unwrap();
    rig::until("the attacker attacks", || dir.path().join("ready").exists());
    work();
    fs::write(dir.path().join("stop"), "").unwrap();
    assert!(attacker.wait().unwrap().success());
    let result = fs::read_to_string(dir.path().join("result")).unwrap();
    let (asked, got) = result.split_once(' ').unwrap();
    (asked.parse().unwrap(), got.parse().unwrap())
}

/// A key in 9a that wants the PIN and no touch: the easiest prey.
fn prey() -> YubiKey {
    rig::open_with_key(PinPolicy::Once, TouchPolicy::Never)
}

#[test]
fn a_second_process_cannot_sign_on_our_pin() {
    let test = "sharing::a_second_process_cannot_sign_on_our_pin";
    let Some(_keys) = rig::inside(test) else {
        return;
    };
    let mut yubikey = prey();
    let (asked, got) = attacked(|| {
        for _ in 0..20 {
            rig::sign(&mut yubikey, Some(&rig::pin()), &mut Heard::default()).unwrap();
        }
        yubikey.check_pin(&rig::pin()).unwrap();
    });
    assert!(asked > 0, "the attacker never asked");
    assert_eq!(got, 0, "of {asked} signatures asked for");
}

#[test]
fn the_attack_works_on_a_card_that_was_not_reset() {
    let test = "sharing::the_attack_works_on_a_card_that_was_not_reset";
    let Some(_keys) = rig::inside(test) else {
        return;
    };
    prey();
    let (_, got) = attacked(|| {
        let mut card = connect(ShareMode::Shared).unwrap();
        let transaction = card.transaction().unwrap();
        assert_eq!(transmit(&transaction, SELECT).unwrap(), [0x90, 0]);
        assert_eq!(transmit(&transaction, VERIFY).unwrap(), [0x90, 0]);
        transaction
            .end(Disposition::LeaveCard)
            .map_err(|(_, e)| e)
            .unwrap();
        // Long enough for a loop without pauses.
        std::thread::sleep(Duration::from_millis(200));
    });
    assert!(got > 0, "then the test above could not fail");
}

const VICTIM: &str = "PIV_TOKEN_TEST_VICTIM";

/// Not a test of its own: a process that is killed while it waits for a touch
/// on the key in 9a.
#[test]
fn victim() {
    if std::env::var_os(VICTIM).is_some() {
        let mut yubikey = piv_token::open(None).unwrap();
        let _ = rig::sign(&mut yubikey, Some(&rig::pin()), &mut Heard::default());
    }
}

#[test]
fn a_process_killed_after_its_pin_leaves_no_open_card() {
    let test = "sharing::a_process_killed_after_its_pin_leaves_no_open_card";
    let Some(keys) = rig::inside(test) else {
        return;
    };
    let mut yubikey = rig::open_with_key(PinPolicy::Once, TouchPolicy::Always);
    let mut other = rig::request(KeyAlgorithm::P256, PinPolicy::Once, TouchPolicy::Never);
    other.slot = Slot::SIGNATURE;
    yubikey.generate(&other, &mut Heard::default()).unwrap();
    keys.set_mode(TouchMode::Manual).unwrap();
    let (asked, got) = attacked(|| {
        let mut victim = rig::process("sharing::victim", &[(VICTIM, "1")])
            .spawn()
            .unwrap();
        keys.wait_until_asked(rig::PATIENCE).unwrap();
        victim.kill().unwrap();
        victim.wait().unwrap();
        // The card gives up waiting for the touch and pcscd notices the death.
        rig::until("the card is free again", || piv_token::open(None).is_ok());
        // Time for the attacker to try the card as it was left.
        std::thread::sleep(Duration::from_millis(200));
    });
    assert!(asked > 0);
    assert_eq!(got, 0, "of {asked} signatures asked for");
}

#[test]
fn a_program_that_holds_the_card_alone_is_told_after_a_deadline() {
    let test = "sharing::a_program_that_holds_the_card_alone_is_told_after_a_deadline";
    let Some(_keys) = rig::inside(test) else {
        return;
    };
    let patience = Duration::from_millis(1200);
    let mut yubikey = piv_token::open_with_patience(None, patience).unwrap();
    rig::made(&mut yubikey, PinPolicy::Once, TouchPolicy::Always);
    let holder = connect(ShareMode::Exclusive).unwrap();
    let begin = Instant::now();
    let signed = rig::sign(&mut yubikey, Some(&rig::pin()), &mut Heard::default());
    let error = signed.unwrap_err();
    assert_eq!(error, Error::Busy { waited_seconds: 1 });
    assert!(error.to_string().contains("gpgconf --kill scdaemon"));
    assert!(begin.elapsed() >= patience && begin.elapsed() < rig::PATIENCE);
    let opened = piv_token::open_with_patience(None, patience);
    assert_eq!(opened.unwrap_err(), Error::Busy { waited_seconds: 1 });
    drop(holder);
    rig::sign(&mut yubikey, Some(&rig::pin()), &mut Heard::default()).unwrap();
}

#[test]
fn a_program_that_lets_go_in_time_is_waited_for() {
    let test = "sharing::a_program_that_lets_go_in_time_is_waited_for";
    let Some(_keys) = rig::inside(test) else {
        return;
    };
    let mut yubikey = prey();
    let holder = connect(ShareMode::Exclusive).unwrap();
    let other = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(300));
        drop(holder);
    });
    rig::sign(&mut yubikey, Some(&rig::pin()), &mut Heard::default()).unwrap();
    other.join().unwrap();
}

#[test]
fn a_transaction_that_does_not_end_is_told_after_a_deadline() {
    let test = "sharing::a_transaction_that_does_not_end_is_told_after_a_deadline";
    let Some(keys) = rig::inside(test) else {
        return;
    };
    let patience = Duration::from_millis(300);
    let mut yubikey = piv_token::open_with_patience(None, patience).unwrap();
    rig::made(&mut yubikey, PinPolicy::Once, TouchPolicy::Never);
    let before = keys.status().unwrap().touch.operations;
    let mut holder = connect(ShareMode::Shared).unwrap();
    let transaction = holder.transaction().unwrap();
    let signed = rig::sign(&mut yubikey, Some(&rig::pin()), &mut Heard::default());
    assert_eq!(signed.unwrap_err(), Error::Busy { waited_seconds: 0 });
    drop(transaction);
    // What was given up does not happen later behind the person's back.
    rig::sign(&mut yubikey, Some(&rig::pin()), &mut Heard::default()).unwrap();
    assert_eq!(keys.status().unwrap().touch.operations, before + 1);
}

#[test]
fn between_two_uses_other_programs_can_have_the_card_for_themselves() {
    let test = "sharing::between_two_uses_other_programs_can_have_the_card_for_themselves";
    let Some(_keys) = rig::inside(test) else {
        return;
    };
    let mut yubikey = prey();
    for _ in 0..3 {
        rig::sign(&mut yubikey, Some(&rig::pin()), &mut Heard::default()).unwrap();
        drop(connect(ShareMode::Exclusive).unwrap());
    }
}
