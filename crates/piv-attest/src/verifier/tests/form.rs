//! The form of a certificate: strict DER of X.509 version 3.

use super::{after, after_bytes, problem, rule};
use crate::{
    Malformed, Place, Rule,
    test_pki::{ECDSA_SHA384, Pki, extension, name_as, tlv, utc},
};
use alloc::{vec, vec::Vec};

const LEAF: Place = Place::Leaf;

#[test]
fn sizes_are_bounded() {
    assert_eq!(rule(after_bytes(Vec::clear)), Rule::Empty);
    let long = after_bytes(|leaf| leaf.resize(4_097, 0));
    assert_eq!(
        rule(long),
        Rule::TooLong {
            max: 4_096,
            found: 4_097
        }
    );
    let padded = after(|pki| {
        pki.leaf
            .extensions
            .push(extension(&[0x2a, 3], false, &[0; 4_000]))
    });
    assert!(matches!(rule(padded), Rule::TooLong { max: 4_096, .. }));
    let megabyte = after_bytes(|leaf| leaf.resize(1 << 20, 0x30));
    assert_eq!(
        rule(megabyte),
        Rule::TooLong {
            max: 4_096,
            found: 1 << 20
        }
    );
    // Nested without end: there is no recursion to exhaust.
    let nested = after_bytes(|leaf| *leaf = [0x30, 0x80].repeat(2_000));
    assert_eq!(problem(nested), Malformed::Length);
    let chain = vec![&[0u8][..]; 10_000];
    let verifier = crate::Verifier::yubico();
    let error = verifier
        .verify(&[], &chain, super::NOW)
        .expect_err("too many");
    let (at, rule) = (error.at(), error.rule());
    assert_eq!(
        (at, rule),
        (
            Place::Chain,
            &Rule::TooMany {
                max: 16,
                found: 10_000
            }
        )
    );
    let verifier = crate::Verifier::builder().max_intermediates(1_000).build();
    let error = verifier
        .verify(&[], &chain, super::NOW)
        .expect_err("too many");
    assert_eq!(
        error.rule(),
        &Rule::TooMany {
            max: 256,
            found: 10_000
        }
    );
}

#[test]
fn every_certificate_given_must_be_well_formed() {
    let pki = Pki::new();
    let verifier = crate::Verifier::builder()
        .root(&pki.root.der())
        .expect("a root")
        .build();
    let (leaf, device) = (pki.leaf.der(), pki.device.der());
    let chain = [&device[..], &device[..device.len() - 1]];
    for warm in [false, true] {
        let error = verifier.verify(&leaf, &chain, super::NOW).expect_err("cut");
        assert_eq!(error.at(), Place::Intermediate(1), "{warm}");
    }
    let error = verifier
        .verify(&leaf, &[&device, &[]], super::NOW)
        .expect_err("empty");
    assert_eq!(
        (error.at(), error.rule()),
        (Place::Intermediate(1), &Rule::Empty)
    );
    assert!(
        verifier
            .verify(&leaf, &[&device, &leaf, &pki.root.der()], super::NOW)
            .is_ok()
    );
}

#[test]
fn every_truncation_is_told() {
    let length = Pki::new().leaf.der().len();
    for keep in 1..length {
        let cut = after_bytes(|leaf| leaf.truncate(keep));
        assert_eq!(problem(cut), Malformed::Truncated, "{keep}");
    }
}

#[test]
fn nothing_may_follow() {
    assert_eq!(
        problem(after_bytes(|leaf| leaf.push(0))),
        Malformed::Trailing
    );
    // Inside the outermost element.
    let inside = after_bytes(|leaf| {
        leaf.extend([5, 0]);
        let length = leaf.len() - 4;
        leaf[2] = (length >> 8) as u8;
        leaf[3] = length as u8;
    });
    assert_eq!(problem(inside), Malformed::Trailing);
    assert_eq!(
        problem(after(|pki| pki.leaf.tbs_tail = vec![5, 0])),
        Malformed::Fields
    );
    let in_validity = after(|pki| {
        let third = utc("300101000000Z");
        pki.leaf.not_after.extend(third);
    });
    assert_eq!(problem(in_validity), Malformed::Trailing);
    assert_eq!(
        problem(after(|pki| pki.leaf.version = tlv(0xa0, &[2, 1, 2, 5, 0]))),
        Malformed::Trailing
    );
}

#[test]
fn headers_that_are_not_signed_say_nothing_of_their_own() {
    let outer = |algorithm: &[u8]| after(|pki| pki.leaf.outer_algorithm = Some(algorithm.to_vec()));
    assert_eq!(rule(outer(ECDSA_SHA384)), Rule::AlgorithmsDiffer);
    assert_eq!(rule(outer(&[0x30, 0])), Rule::AlgorithmsDiffer);
    let with_null = [&[0x30, 0x0c], &crate::test_pki::ECDSA_SHA256[2..], &[5, 0]].concat();
    assert_eq!(rule(outer(&with_null)), Rule::AlgorithmsDiffer);
    for unused in [1, 7, 8, 255] {
        assert_eq!(
            problem(after(|pki| pki.leaf.unused = unused)),
            Malformed::UnusedBits
        );
    }
}

#[test]
fn lengths_are_in_their_shortest_form() {
    // The outer length, which no signature covers, in more bytes than it needs.
    let longer = after_bytes(|leaf| {
        leaf[1] = 0x83;
        leaf.insert(2, 0);
    });
    assert_eq!(problem(longer), Malformed::Length);
    let indefinite = after_bytes(|leaf| {
        leaf.splice(1..4, [0x80]);
        leaf.extend([0, 0]);
    });
    assert_eq!(problem(indefinite), Malformed::Length);
    let short_in_long = after(|pki| pki.leaf.serial = vec![2, 0x81, 1, 1]);
    assert_eq!(problem(short_in_long), Malformed::Length);
    let in_two = after(|pki| pki.leaf.serial = vec![2, 0x82, 0, 1, 1]);
    assert_eq!(problem(in_two), Malformed::Length);
    let four_bytes = after_bytes(|leaf| {
        leaf[1] = 0x84;
        leaf.splice(2..2, [0, 0]);
    });
    assert_eq!(problem(four_bytes), Malformed::Length);
    let reserved = after(|pki| pki.leaf.serial = vec![2, 0xff, 1, 1]);
    assert_eq!(problem(reserved), Malformed::Length);
}

#[test]
fn types_are_those_of_x509() {
    let found = |found| Malformed::Type {
        expected: 0x30,
        found,
    };
    assert_eq!(problem(after_bytes(|leaf| leaf[0] = 0x31)), found(0x31));
    assert_eq!(problem(after_bytes(|leaf| leaf[0] = 0x3f)), found(0x3f));
    let serial = after(|pki| pki.leaf.serial = vec![0x0a, 1, 1]);
    assert_eq!(
        problem(serial),
        Malformed::Type {
            expected: 2,
            found: 0x0a
        }
    );
    let high_tag = after(|pki| pki.leaf.not_before = vec![0x1f, 0x20, 0]);
    assert_eq!(
        problem(high_tag),
        Malformed::Type {
            expected: 0,
            found: 0x1f
        }
    );
}

#[test]
fn the_place_of_a_fault_is_counted_from_the_start_of_its_certificate() {
    // 4 + 4 bytes of headers, 5 of version: the serial number is at 13.
    let serial = after(|pki| pki.leaf.serial = vec![2, 0]);
    assert_eq!(
        serial,
        Err((
            LEAF,
            Rule::Malformed {
                offset: 13,
                problem: Malformed::Integer
            }
        ))
    );
    let pki = Pki::new();
    let at = pki
        .leaf
        .der()
        .windows(5)
        .position(|w| w == [6, 3, 0x55, 4, 3])
        .expect("a CN")
        + 5;
    let wrong = after(|pki| pki.leaf.issuer = name_as(0x14, "Yubico PIV Attestation"));
    assert_eq!(
        wrong,
        Err((
            LEAF,
            Rule::Malformed {
                offset: at,
                problem: Malformed::Text
            }
        ))
    );
}

#[test]
fn only_version_3_is_read() {
    let version = |der: Vec<u8>| rule(after(|pki| pki.leaf.version = der));
    assert_eq!(version(Vec::new()), Rule::Version);
    assert_eq!(version(tlv(0xa0, &[2, 1, 0])), Rule::Version);
    assert_eq!(version(tlv(0xa0, &[2, 1, 1])), Rule::Version);
    assert_eq!(version(tlv(0xa0, &[2, 1, 3])), Rule::Version);
}

#[test]
fn certificate_serials_are_positive_and_at_most_20_bytes() {
    let serial = |contents: &[u8]| after(|pki| pki.leaf.serial = tlv(2, contents));
    assert_eq!(serial(&[0x7f; 20]), Ok(()));
    assert_eq!(serial(&[&[0, 0xff][..], &[1; 18]].concat()), Ok(()));
    assert_eq!(rule(serial(&[0x7f; 21])), Rule::CertificateSerial);
    assert_eq!(
        rule(serial(&[&[0, 0xff][..], &[1; 19]].concat())),
        Rule::CertificateSerial
    );
    assert_eq!(rule(serial(&[0x80])), Rule::CertificateSerial);
    assert_eq!(
        rule(serial(&[0xff; 20])),
        Rule::Malformed {
            offset: 13,
            problem: Malformed::Integer
        }
    );
    assert_eq!(rule(serial(&[0])), Rule::CertificateSerial);
    assert_eq!(problem(serial(&[0, 1])), Malformed::Integer);
    assert_eq!(problem(serial(&[])), Malformed::Integer);
}

#[test]
fn unique_identifiers_are_refused() {
    for tag in [0x81, 0x82] {
        let with = after(|pki| pki.leaf.unique_ids = tlv(tag, &[0, 1]));
        assert_eq!(problem(with), Malformed::Fields);
    }
}
