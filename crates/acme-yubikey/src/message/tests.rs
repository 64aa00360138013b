use proptest::prelude::*;

use super::*;

fn entry(kind: ChallengeType, byte: u8) -> Entry {
    Entry {
        value: ChallengeValue::new(kind, [byte; 48]),
        detail: Detail([byte; 32]),
    }
}

fn entries(count: u8) -> Vec<Entry> {
    (0..count)
        .map(|byte| entry(ChallengeType::Yubikey01, byte))
        .collect()
}

#[test]
fn a_message_is_its_entries_and_the_thumbprint() {
    let message = Message::new(entries(2), [9; 32]).unwrap();
    let bytes = message.as_bytes();
    assert_eq!(bytes.len(), 2 * 96 + 32);
    assert_eq!(&bytes[..16], ChallengeType::Yubikey01.magic());
    assert_eq!(bytes[64..96], [0; 32]);
    assert_eq!(&bytes[96..112], ChallengeType::Yubikey01.magic());
    assert_eq!(bytes[160..192], [1; 32]);
    assert_eq!(bytes[192..], [9; 32]);
    assert_eq!(Message::parse(bytes), Ok(message));
}

#[test]
fn one_to_sixteen_entries() {
    assert_eq!(
        Message::new(entries(0), [0; 32]),
        Err(MessageError::NoEntry)
    );
    assert!(Message::new(entries(1), [0; 32]).is_ok());
    let most = Message::new(entries(16), [0; 32]).unwrap();
    assert_eq!(most.as_bytes().len(), Message::MAX_LEN);
    let error = MessageError::TooManyEntries { count: 17 };
    assert_eq!(Message::new(entries(17), [0; 32]), Err(error));
}

#[test]
fn a_message_of_no_entry_or_17_is_not_read() {
    assert_eq!(Message::parse(&[0; 32]), Err(MessageError::NoEntry));
    let mut bytes: Vec<u8> = (0..17)
        .flat_map(|byte| {
            [
                &entry(ChallengeType::Yubikey01, byte).value.to_bytes()[..],
                &[0; 32],
            ]
            .concat()
        })
        .collect();
    bytes.extend([0; 32]);
    assert_eq!(
        Message::parse(&bytes),
        Err(MessageError::TooManyEntries { count: 17 })
    );
}

#[test]
fn a_wrong_length_is_refused() {
    let message = Message::new(entries(2), [9; 32]).unwrap();
    for len in [0, 1, 31, 33, 64, 127, 129, 223] {
        let error = MessageError::Length { len };
        let bytes = message.as_bytes().get(..len).unwrap();
        assert_eq!(Message::parse(bytes), Err(error));
    }
    let longer = [message.as_bytes(), &[0]].concat();
    assert_eq!(
        Message::parse(&longer),
        Err(MessageError::Length { len: 225 })
    );
}

#[test]
fn every_entry_needs_a_magic() {
    let message = Message::new(entries(3), [9; 32]).unwrap();
    for index in 0..3 {
        let mut bytes = message.as_bytes().to_vec();
        bytes[index * 96] ^= 1;
        let error = MessageError::Value {
            index,
            error: ChallengeValueError::Magic,
        };
        assert_eq!(Message::parse(&bytes), Err(error));
    }
}

#[test]
fn mixed_types_are_refused() {
    let mixed = vec![
        entry(ChallengeType::Yubikey01, 1),
        entry(ChallengeType::Yubikey02, 2),
    ];
    let error = MessageError::MixedTypes { index: 1 };
    assert_eq!(Message::new(mixed, [0; 32]), Err(error));

    let mut bytes = Message::new(entries(3), [0; 32])
        .unwrap()
        .as_bytes()
        .to_vec();
    bytes[192..208].copy_from_slice(ChallengeType::Yubikey02.magic());
    assert_eq!(
        Message::parse(&bytes),
        Err(MessageError::MixedTypes { index: 2 })
    );
}

#[test]
fn a_challenge_in_two_entries_is_refused_even_with_another_detail() {
    let first = entry(ChallengeType::Yubikey01, 1);
    let again = Entry {
        detail: Detail([2; 32]),
        ..first
    };
    let other = entry(ChallengeType::Yubikey01, 3);
    let error = MessageError::EntryTwice { index: 2 };
    assert_eq!(Message::new(vec![first, other, again], [0; 32]), Err(error));

    let mut bytes = Message::new(entries(2), [0; 32])
        .unwrap()
        .as_bytes()
        .to_vec();
    bytes.copy_within(..64, 96);
    assert_eq!(
        Message::parse(&bytes),
        Err(MessageError::EntryTwice { index: 1 })
    );
}

proptest! {
    #[test]
    fn what_is_read_is_what_was_there(bytes in any::<Vec<u8>>()) {
        if let Ok(message) = Message::parse(&bytes) {
            prop_assert_eq!(message.as_bytes(), &bytes[..]);
        }
    }

    #[test]
    fn messages_survive(count in 1_u8..=16, second in any::<bool>(), thumbprint in any::<[u8; 32]>()) {
        let kind = if second { ChallengeType::Yubikey02 } else { ChallengeType::Yubikey01 };
        let entries = (0..count).map(|byte| entry(kind, byte)).collect();
        let message = Message::new(entries, thumbprint).unwrap();
        prop_assert_eq!(Message::parse(message.as_bytes()), Ok(message));
    }

    #[test]
    fn a_flipped_bit_is_never_read_as_the_same_message(
        index in any::<prop::sample::Index>(),
        bit in 0..8_u8,
    ) {
        let message = Message::new(entries(3), [9; 32]).unwrap();
        let mut bytes = message.as_bytes().to_vec();
        let at = index.index(bytes.len());
        bytes[at] ^= 1 << bit;
        prop_assert_ne!(Message::parse(&bytes), Ok(message));
    }
}
