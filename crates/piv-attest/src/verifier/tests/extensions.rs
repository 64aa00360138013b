//! Extensions: once each, exact lengths, known values.

use super::{after, problem, rule, verify};
use crate::{
    Malformed, Place, Rule,
    test_pki::{Pki, basic_constraints, extension, key_usage, seq, tlv, yubico},
};
use alloc::{string::ToString, vec, vec::Vec};

#[test]
fn extensions_come_once_and_critical_ones_are_known() {
    let with = |extra: Vec<u8>| after(|pki| pki.leaf.extensions.push(extra));
    for (number, contents) in [
        (3, &[5, 4, 3][..]),
        (7, &[2, 1, 1]),
        (8, &[3, 2]),
        (9, &[1]),
    ] {
        let oid = alloc::format!("1.3.6.1.4.1.41482.3.{number}");
        assert_eq!(
            rule(with(yubico(number, contents))),
            Rule::DuplicateExtension { oid }
        );
    }
    let unknown = |critical| with(extension(&[0x2a, 3, 4], critical, &[]));
    assert_eq!(unknown(false), Ok(()));
    let oid = "1.2.3.4".to_string();
    assert_eq!(
        rule(unknown(true)),
        Rule::UnknownCriticalExtension { oid: oid.clone() }
    );
    let twice = after(|pki| {
        let extra = extension(&[0x2a, 3, 4], false, &[]);
        pki.leaf.extensions.extend([extra.clone(), extra]);
    });
    assert_eq!(rule(twice), Rule::DuplicateExtension { oid });
    let many = |count: u8| {
        after(|pki| {
            let extra = (0..count).map(|i| extension(&[0x2a, 3, 4, i], false, &[]));
            pki.leaf.extensions.extend(extra);
        })
    };
    assert_eq!(many(12), Ok(()));
    assert_eq!(rule(many(13)), Rule::TooManyExtensions { max: 16 });
    let critical = |flag: &[u8]| with(seq(&[&[6, 2, 0x2a, 3], flag, &[4, 0]]));
    assert_eq!(problem(critical(&[1, 1, 0])), Malformed::DefaultEncoded);
    assert_eq!(problem(critical(&[1, 1, 1])), Malformed::Boolean);
    assert_eq!(problem(critical(&[1, 0])), Malformed::Boolean);
    assert_eq!(
        problem(with(seq(&[&[6, 2, 0x2a, 3], &[4, 0], &[5, 0]]))),
        Malformed::Trailing
    );
    for oid in [&[][..], &[0x80, 1], &[0x2a, 0x80, 1], &[0x2a, 0x81]] {
        assert_eq!(
            problem(with(extension(oid, false, &[]))),
            Malformed::ObjectIdentifier
        );
    }
    let empty = after(|pki| {
        pki.leaf.extensions.clear();
        pki.leaf.tbs_tail = tlv(0xa3, &seq(&[]));
    });
    assert_eq!(problem(empty), Malformed::Fields);
}

#[test]
fn extensions_of_attestation_have_exact_lengths_and_known_values() {
    let with = |index: usize, number, contents: &[u8]| {
        rule(after(|pki| {
            pki.leaf.extensions[index] = yubico(number, contents)
        }))
    };
    let length = |extension, expected, found| Rule::ExtensionLength {
        extension,
        expected,
        found,
    };
    for found in [0, 1, 2, 4, 5] {
        assert_eq!(with(0, 3, &vec![5; found]), length("firmware", 3, found));
    }
    for found in [0, 1, 3, 200] {
        assert_eq!(
            with(2, 8, &vec![2; found]),
            length("PIN and touch policy", 2, found)
        );
    }
    for found in [0, 2] {
        assert_eq!(with(3, 9, &vec![1; found]), length("form factor", 1, found));
    }
    let value = |extension, value| Rule::ExtensionValue { extension, value };
    for pin in [0, 6, 255] {
        assert_eq!(with(2, 8, &[pin, 2]), value("PIN policy", pin));
    }
    for touch in [0, 4, 255] {
        assert_eq!(with(2, 8, &[2, touch]), value("touch policy", touch));
    }
    for form in [0, 8, 0x43, 0x80, 0x88] {
        assert_eq!(with(3, 9, &[form]), value("form factor", form));
    }
}

#[test]
fn device_serials_are_numbers_of_up_to_64_bits_in_der() {
    let serial = |contents: &[u8]| {
        let mut pki = Pki::new();
        pki.leaf.extensions[1] = yubico(7, contents);
        verify(&pki)
            .map(|found| found.serial().map(|serial| serial.get()))
            .map_err(|error| {
                assert_eq!(error.at(), Place::Leaf);
                match error.rule() {
                    Rule::DeviceSerial { problem } => *problem,
                    other => panic!("{other}"),
                }
            })
    };
    assert_eq!(serial(&[2, 1, 0]), Ok(Some(0)));
    assert_eq!(serial(&[2, 3, 0x4f, 0x8d, 0xf1]), Ok(Some(5_213_681)));
    assert_eq!(serial(&[2, 5, 1, 0, 0, 0, 0]), Ok(Some(1 << 32)));
    assert_eq!(
        serial(&[&[2, 9, 0][..], &[0xff; 8]].concat()),
        Ok(Some(u64::MAX))
    );
    assert_eq!(
        serial(&[&[2, 9, 1][..], &[0; 8]].concat()),
        Err(Malformed::TooLarge)
    );
    assert_eq!(
        serial(&[&[2, 20][..], &[0x7f; 20]].concat()),
        Err(Malformed::TooLarge)
    );
    assert_eq!(
        serial(&[2, 4, 0xf0, 0x0f, 0x14, 0]),
        Err(Malformed::Negative)
    );
    assert_eq!(serial(&[2, 1, 0xff]), Err(Malformed::Negative));
    assert_eq!(serial(&[2, 2, 0, 1]), Err(Malformed::Integer));
    assert_eq!(serial(&[2, 0]), Err(Malformed::Integer));
    assert_eq!(serial(&[2, 1, 1, 0]), Err(Malformed::Trailing));
    assert_eq!(serial(&[2, 4, 1]), Err(Malformed::Truncated));
    assert_eq!(serial(&[]), Err(Malformed::Truncated));
    assert_eq!(
        serial(&[4, 1, 1]),
        Err(Malformed::Type {
            expected: 2,
            found: 4
        })
    );
}

#[test]
fn certifications_are_integers_of_one_byte() {
    let with = |number, contents: &[u8]| {
        let mut pki = Pki::new();
        pki.device.extensions.push(yubico(number, contents));
        verify(&pki).map_err(|error| error.rule().clone())
    };
    for (number, extension) in [(10, "FIPS certification"), (11, "CSPN certification")] {
        assert!(with(number, &[2, 1, 7]).is_ok());
        for found in [0, 1, 2, 4] {
            let expected = Rule::ExtensionLength {
                extension,
                expected: 3,
                found,
            };
            assert_eq!(with(number, &vec![2; found]), Err(expected));
        }
        for bad in [[2, 1, 0x80], [2, 2, 1], [4, 1, 1]] {
            assert!(matches!(
                with(number, &bad),
                Err(Rule::Malformed {
                    problem: Malformed::Integer,
                    ..
                })
            ));
        }
    }
}

#[test]
fn constraints_of_issuers_are_strict_der() {
    let device = |extra: Vec<u8>| {
        let mut pki = Pki::new();
        pki.device.extensions[1] = extra;
        match verify(&pki).expect_err("malformed").rule() {
            Rule::Malformed { problem, .. } => *problem,
            other => panic!("{other}"),
        }
    };
    let constraints = |contents: &[u8]| device(basic_constraints(contents));
    assert_eq!(constraints(&[1, 1, 0]), Malformed::DefaultEncoded);
    assert_eq!(constraints(&[1, 1, 1]), Malformed::Boolean);
    assert_eq!(constraints(&[2, 1, 0]), Malformed::Fields);
    assert_eq!(constraints(&[1, 1, 0xff, 2, 1, 0xff]), Malformed::Negative);
    assert_eq!(constraints(&[1, 1, 0xff, 2, 2, 0, 1]), Malformed::Integer);
    assert_eq!(
        constraints(&[1, 1, 0xff, 2, 9, 1, 0, 0, 0, 0, 0, 0, 0, 0]),
        Malformed::TooLarge
    );
    assert_eq!(
        constraints(&[1, 1, 0xff, 2, 1, 0, 5, 0]),
        Malformed::Trailing
    );
    let bare = extension(&[0x55, 0x1d, 0x13], true, &[0x30, 0, 5, 0]);
    assert_eq!(device(bare), Malformed::Trailing);
    for bits in [
        &[][..],
        &[0],
        &[8, 0x80],
        &[6, 0x80],
        &[0, 0x86],
        &[0, 0, 0],
        &[0, 0x80, 0x80],
        &[1, 0x80, 0x80, 0],
    ] {
        assert_eq!(device(key_usage(bits)), Malformed::UnusedBits, "{bits:?}");
    }
    let trailing = extension(&[0x55, 0x1d, 0x0f], true, &[3, 2, 1, 6, 5, 0]);
    assert_eq!(device(trailing), Malformed::Trailing);
    let mut pki = Pki::new();
    pki.device.extensions.push(key_usage(&[7, 0x04, 0x80]));
    assert!(verify(&pki).is_ok(), "decipherOnly is the ninth bit");
}
