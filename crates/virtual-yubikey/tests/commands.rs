//! The commands beside signing and attesting: PINs, objects, keys, reset, and
//! what a stranger might send.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

#[path = "host/host.rs"]
mod host;

use host::*;
use virtual_yubikey::{Error, Firmware, Root, Settings, VirtualYubiKey};

const CERTIFICATE_9A: &[u8] = &[0x5F, 0xC1, 0x05];

#[test]
fn three_wrong_pins_block_and_the_puk_unblocks() {
    let mut host = Host::v5_7_4();
    for expected in [0x63C2, 0x63C1, 0x6983, 0x6983] {
        assert_eq!(host.verify(b"999999\xFF\xFF"), Err(expected));
    }
    assert_eq!(
        host.verify(PIN),
        Err(0x6983),
        "the right one comes too late"
    );
    assert_eq!(host.verify(&[]), Err(0x6983));
    let both = [*PUK, *b"654321\xFF\xFF"].concat();
    host.send(0x2C, 0, 0x80, &both).unwrap();
    host.verify(b"654321\xFF\xFF").unwrap();
}

#[test]
fn a_right_pin_restores_the_tries() {
    let mut host = Host::v5_7_4();
    assert_eq!(host.verify(b"999999\xFF\xFF"), Err(0x63C2));
    host.verify(PIN).unwrap();
    assert_eq!(host.verify(b"999999\xFF\xFF"), Err(0x63C2));
}

#[test]
fn asking_for_the_tries_costs_none() {
    let mut host = Host::v5_7_4();
    for _ in 0..5 {
        assert_eq!(host.verify(&[]), Err(0x63C3));
    }
    host.verify(PIN).unwrap();
    assert_eq!(host.verify(&[]), Ok(vec![]));
    host.send(0x20, 0xFF, 0x80, &[]).unwrap();
    assert_eq!(host.verify(&[]), Err(0x63C3), "forgotten on request");
}

#[test]
fn a_new_pin_must_look_like_one() {
    let mut host = Host::v5_7_4();
    for wrong in [*b"12345\xFF\xFF\xFF", *b"123456\xFF7", [0xFF; 8]] {
        let both = [*PIN, wrong].concat();
        assert_eq!(host.send(0x24, 0, 0x80, &both), Err(0x6A80));
    }
    assert_eq!(
        host.send(0x24, 0, 0x80, PIN),
        Err(0x6A80),
        "one PIN is no two"
    );
    host.verify(PIN).unwrap();
}

#[test]
fn retry_counters_need_pin_and_management_key_and_bring_the_factory_pins_back() {
    let mut host = Host::v5_7_4();
    assert_eq!(host.send(0xFA, 5, 6, &[]), Err(0x6982));
    host.manage().unwrap();
    assert_eq!(host.send(0xFA, 5, 6, &[]), Err(0x6982));
    let both = [*PIN, *b"654321\xFF\xFF"].concat();
    host.send(0x24, 0, 0x80, &both).unwrap();
    host.verify(b"654321\xFF\xFF").unwrap();
    assert_eq!(host.send(0xFA, 0, 6, &[]), Err(0x6A86));
    host.send(0xFA, 5, 6, &[]).unwrap();
    assert_eq!(host.verify(&[]), Err(0x63C5));
    host.verify(PIN).unwrap();
    assert_eq!(host.send(0xF7, 0, 0x81, &[]).unwrap()[6..], [6, 2, 6, 6]);
}

#[test]
fn nothing_is_changed_without_the_management_key() {
    let mut host = Host::v5_7_4();
    host.verify(PIN).unwrap();
    let key = [&[0x0A, 0x9B, 24][..], &MANAGEMENT_KEY].concat();
    for refused in [
        host.generate(0x9A, P256, 0, 0),
        host.import_p256(0x9A, &[3; 32]),
        host.put_object(CERTIFICATE_9A, &[1]),
        host.send(0xF6, 0xFF, 0xF9, &[]),
        host.send(0xFF, 0xFF, 0xFF, &key),
    ] {
        assert_eq!(refused, Err(0x6982));
    }
}

#[test]
fn a_wrong_management_key_is_refused_and_a_challenge_serves_once() {
    for firmware in [Firmware::V5_4_3, Firmware::V5_7_4] {
        let mut host = Host::new(Settings::new(firmware));
        let mut wrong = MANAGEMENT_KEY;
        wrong[0] ^= 0x10;
        assert_eq!(host.manage_with(&wrong), Err(0x6982), "{firmware}");
        assert_eq!(host.put_object(CERTIFICATE_9A, &[1]), Err(0x6982));
        host.manage().unwrap();
        host.put_object(CERTIFICATE_9A, &[1]).unwrap();
        // An answer to nothing that was asked.
        let size = if firmware == Firmware::V5_4_3 { 8 } else { 16 };
        let algorithm = if size == 8 { 0x03 } else { 0x0A };
        let stale = [tlv(0x80, &vec![0; size]), tlv(0x81, &vec![0; size])].concat();
        let answer = host.send(0x87, algorithm, 0x9B, &tlv(0x7C, &stale));
        assert_eq!(answer, Err(0x6985));
        assert_eq!(host.put_object(CERTIFICATE_9A, &[1]), Err(0x6982));
    }
}

#[test]
fn the_management_key_has_the_cipher_it_was_set_with() {
    let mut host = Host::v5_7_4();
    assert_eq!(
        host.send(0x87, 0x03, 0x9B, &[0x7C, 2, 0x80, 0]),
        Err(0x6A86)
    );
    host.manage().unwrap();
    for (data, expected) in [
        ([&[0x0C, 0x9B, 32][..], &[9; 32]].concat(), Ok(vec![])),
        ([&[0x0C, 0x9B, 24][..], &[9; 24]].concat(), Err(0x6A80)),
        ([&[0x08, 0x9B, 16][..], &[9; 15]].concat(), Err(0x6A80)),
        ([&[0x09, 0x9B, 16][..], &[9; 16]].concat(), Err(0x6A80)),
    ] {
        assert_eq!(host.send(0xFF, 0xFF, 0xFF, &data), expected);
    }
    assert_eq!(host.send(0xF7, 0, 0x9B, &[]).unwrap()[..3], [1, 1, 0x0C]);
}

#[test]
fn objects_are_kept_whole_and_removed_by_writing_nothing() {
    let mut host = Host::v5_7_4();
    host.manage().unwrap();
    let content = vec![0xC5; 3000];
    assert_eq!(host.object(CERTIFICATE_9A), Err(0x6A82));
    host.put_object(CERTIFICATE_9A, &content).unwrap();
    assert_eq!(host.object(CERTIFICATE_9A).unwrap(), tlv(0x53, &content));
    host.put_object(CERTIFICATE_9A, &[]).unwrap();
    assert_eq!(host.object(CERTIFICATE_9A), Err(0x6A82));
    assert_eq!(
        host.put_object(CERTIFICATE_9A, &vec![0; 3053]),
        Err(0x6A80),
        "too large"
    );
    assert_eq!(
        host.put_object(&[0x7E], &[1]),
        Err(0x6A80),
        "not to be written"
    );
}

#[test]
fn memory_is_finite() {
    let mut host = Host::v5_7_4();
    host.manage().unwrap();
    let full = (0..=0xFF)
        .map(|i| host.put_object(&[0x5F, 0xFF, i], &vec![1; 3000]))
        .find(Result::is_err);
    assert_eq!(full, Some(Err(0x6A84)));
}

#[test]
fn printed_information_is_read_with_the_pin_only() {
    let mut host = Host::v5_7_4();
    host.manage().unwrap();
    let printed = &[0x5F, 0xC1, 0x09];
    host.put_object(printed, b"secret").unwrap();
    assert_eq!(host.object(printed), Err(0x6982));
    host.verify(PIN).unwrap();
    assert_eq!(host.object(printed).unwrap(), tlv(0x53, b"secret"));
}

#[test]
fn short_commands_are_chained_and_long_answers_fetched_in_parts() {
    let mut host = Host::v5_7_4();
    host.manage().unwrap();
    let content: Vec<u8> = (0..700).map(|i| i as u8).collect();
    let data = [tlv(0x5C, CERTIFICATE_9A), tlv(0x53, &content)].concat();
    let mut parts = data.chunks(255).peekable();
    while let Some(part) = parts.next() {
        let class = if parts.peek().is_some() { 0x10 } else { 0 };
        let mut apdu = vec![class, 0xDB, 0x3F, 0xFF, part.len() as u8];
        apdu.extend(part);
        assert_eq!(host.raw(&apdu), (vec![], 0x9000));
    }
    let mut whole = Vec::new();
    let (part, mut status) = host.raw(&[0, 0xCB, 0x3F, 0xFF, 5, 0x5C, 3, 0x5F, 0xC1, 0x05, 0]);
    assert_eq!((part.len(), status), (256, 0x6100));
    whole.extend(part);
    while status != 0x9000 {
        let (part, next) = host.raw(&[0, 0xC0, 0, 0, 0]);
        whole.extend(part);
        status = next;
    }
    assert_eq!(whole, tlv(0x53, &content));
}

#[test]
fn a_chain_that_another_command_interrupts_is_dropped() {
    let mut host = Host::v5_7_4();
    host.raw(&[0x10, 0x20, 0, 0x80, 4, b'1', b'2', b'3', b'4']);
    host.raw(&[0, 0xFD, 0, 0, 0]);
    let (_, status) = host.raw(&[0, 0x20, 0, 0x80, 4, b'5', b'6', 0xFF, 0xFF]);
    assert_eq!(status, 0x6A80);
}

#[test]
fn a_chain_without_end_is_cut_off() {
    let mut host = Host::v5_7_4();
    host.manage().unwrap();
    let mut apdu = vec![0x10, 0xDB, 0x3F, 0xFF, 0xFF];
    apdu.resize(5 + 0xFF, 0);
    let cut = (0..100).find(|_| host.raw(&apdu).1 != 0x9000);
    assert_eq!(cut, Some(16), "after 4096 bytes");
}

#[test]
fn keys_are_moved_and_deleted_from_5_7_on() {
    let mut host = Host::v5_7_4();
    host.manage().unwrap();
    host.generate(0x9A, P256, NEVER, NEVER).unwrap();
    host.generate(0x9C, P256, NEVER, NEVER).unwrap();
    assert_eq!(host.send(0xF6, 0x9C, 0x9A, &[]), Err(0x6A80), "taken");
    assert_eq!(host.send(0xF6, 0xF9, 0x9A, &[]), Err(0x6A86), "not into f9");
    host.send(0xF6, 0x82, 0x9A, &[]).unwrap();
    assert_eq!(host.sign(0x9A, P256, &[1; 32]), Err(0x6A80));
    host.sign(0x82, P256, &[1; 32]).unwrap();
    host.send(0xF6, 0xFF, 0x82, &[]).unwrap();
    assert_eq!(host.sign(0x82, P256, &[1; 32]), Err(0x6A80));
    assert_eq!(host.send(0xF6, 0xFF, 0x82, &[]), Err(0x6A88));
    let mut older = Host::new(Settings::new(Firmware::V5_4_3));
    older.manage().unwrap();
    assert_eq!(older.send(0xF6, 0x82, 0x9A, &[]), Err(0x6D00));
}

#[test]
fn algorithms_of_5_7_are_unknown_before() {
    let mut host = Host::new(Settings::new(Firmware::V5_4_3));
    host.manage().unwrap();
    for algorithm in [0x05, 0x16, 0xE0, 0xE1, 0x42] {
        assert_eq!(
            host.generate(0x9A, algorithm, 0, 0),
            Err(0x6A80),
            "{algorithm:02x}"
        );
    }
    host.generate(0x9A, P256, 0, 0).unwrap();
}

#[test]
fn policies_that_do_not_exist_are_refused() {
    let mut host = Host::v5_7_4();
    host.manage().unwrap();
    assert_eq!(host.generate(0x9A, P256, 4, 0), Err(0x6A80));
    assert_eq!(host.generate(0x9A, P256, 0, 4), Err(0x6A80));
    assert_eq!(host.attest(0x9A), Err(0x6A88), "nothing was made");
}

#[test]
fn metadata_of_what_is_not_there_is_6a88() {
    let mut host = Host::v5_7_4();
    for key in [0x9A, 0x96, 0x00, 0xFF] {
        assert_eq!(host.send(0xF7, 0, key, &[]), Err(0x6A88), "{key:02x}");
    }
    assert_eq!(host.send(0xF7, 0, 0xF9, &[]).unwrap()[..3], [1, 1, 7]);
}

#[test]
fn only_a_key_that_nobody_can_open_is_reset() {
    let mut host = Host::v5_7_4();
    host.manage().unwrap();
    host.generate(0x9A, P256, 0, 0).unwrap();
    host.put_object(CERTIFICATE_9A, &[1]).unwrap();
    let attested = host.attest(0x9A).is_ok();
    assert_eq!(host.send(0xFB, 0, 0, &[]), Err(0x6985));
    host.block_everything();
    host.send(0xFB, 0, 0, &[]).unwrap();
    assert_eq!((attested, host.attest(0x9A)), (true, Err(0x6A88)));
    assert_eq!(host.object(CERTIFICATE_9A), Err(0x6A82));
    assert_eq!(host.put_object(CERTIFICATE_9A, &[1]), Err(0x6982));
    host.verify(PIN).unwrap();
    host.manage().unwrap();
    host.generate(0x9A, P256, 0, 0).unwrap();
    host.attest(0x9A).unwrap();
}

#[test]
fn applications_that_are_not_there_leave_the_selected_one() {
    let mut host = Host::v5_7_4();
    for aid in [&[0xA0, 0, 0, 6, 0x47, 0x2F, 0, 1][..], &[0xA0, 0, 0], &[]] {
        assert_eq!(host.send(0xA4, 4, 0, aid), Err(0x6A82));
    }
    assert_eq!(host.send(0xFD, 0, 0, &[]), Ok(vec![5, 7, 4]));
}

#[test]
fn before_anything_is_selected_nothing_works() {
    let root = Root::generate().unwrap();
    let mut card = VirtualYubiKey::new(Settings::new(Firmware::V5_7_4), &root).unwrap();
    assert_eq!(card.transmit(&[0, 0xFD, 0, 0, 0]), [0x6D, 0]);
}

#[test]
fn the_folder_keeps_keys_pins_and_spent_tries() {
    let dir = tempfile::tempdir().unwrap();
    let root = Root::open(dir.path()).unwrap();
    let settings = Settings::new(Firmware::V5_7_4).serial(7);
    let open = || Host::of(VirtualYubiKey::open(settings.clone(), &root, dir.path()).unwrap());
    let mut host = open();
    host.manage().unwrap();
    let public = host.generate(0x9A, P256, PIN_ONCE, TOUCH_ALWAYS).unwrap();
    host.put_object(CERTIFICATE_9A, b"kept").unwrap();
    assert_eq!(host.verify(b"999999\xFF\xFF"), Err(0x63C2));
    drop(host);

    let mut host = open();
    assert_eq!(host.verify(&[]), Err(0x63C2), "a try spent stays spent");
    let metadata = host.send(0xF7, 0, 0x9A, &[]).unwrap();
    assert!(metadata.ends_with(&public[public.len() - 65..]));
    assert_eq!(host.object(CERTIFICATE_9A).unwrap(), tlv(0x53, b"kept"));
    host.attest(0x9A).unwrap();
    assert_eq!(Root::open(dir.path()).unwrap().der(), root.der());

    let other = Settings::new(Firmware::V5_4_3).serial(7);
    let error = VirtualYubiKey::open(other, &root, dir.path()).unwrap_err();
    assert!(matches!(error, Error::OtherFirmware { .. }), "{error}");
}

#[test]
fn secrets_in_the_folder_are_for_their_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let root = Root::open(dir.path()).unwrap();
    VirtualYubiKey::open(Settings::new(Firmware::V5_7_4).serial(7), &root, dir.path()).unwrap();
    for name in ["root.key", "key-7.json"] {
        let mode = dir
            .path()
            .join(name)
            .metadata()
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
}

#[test]
fn a_damaged_folder_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let root = Root::open(dir.path()).unwrap();
    let file = dir.path().join("key-7.json");
    std::fs::write(&file, b"{}").unwrap();
    let settings = Settings::new(Firmware::V5_7_4).serial(7);
    let error = VirtualYubiKey::open(settings, &root, dir.path()).unwrap_err();
    assert!(
        error.to_string().contains("key-7.json is damaged"),
        "{error}"
    );
}

#[test]
fn no_bytes_whatever_make_the_card_fall_over() {
    // Each command with every kind of mangled data; a panic fails the test.
    let mut host = Host::v5_7_4();
    host.manage().unwrap();
    host.verify(PIN).unwrap();
    let mut noise = 0x2545_F491_4F6C_DD1D_u64;
    for _ in 0..20_000 {
        noise ^= noise << 13;
        noise ^= noise >> 7;
        noise ^= noise << 17;
        let bytes = noise.to_le_bytes();
        let instructions = [
            0x20, 0x24, 0x2C, 0x87, 0xCB, 0xDB, 0xF6, 0xF7, 0xF9, 0xFA, 0xFE, 0xFF, 0xC0, 0xA4,
        ];
        let mut apdu = vec![
            if bytes[0] & 7 == 0 { 0x10 } else { 0 },
            instructions[bytes[1] as usize % instructions.len()],
            bytes[2],
            [0x80, 0x9A, 0x9B, 0xF9, bytes[3]][bytes[4] as usize % 5],
        ];
        apdu.extend(&bytes[3..3 + (bytes[5] % 6) as usize]);
        let response = host.card.transmit(&apdu);
        assert!(response.len() >= 2);
    }
}
