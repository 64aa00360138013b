//! The form of a certificate: strict DER, and the extensions of attestation with exact lengths.

use super::{after, after_bytes, verify};
use crate::{
    Malformed, Place, Rule,
    test_pki::{
        CN, ECDSA_SHA384, Key, Pki, basic_constraints, bits, ec_spki, extension, generalized,
        key_usage, name_as, raw_spki, rsa_spki, seq, tlv, utc, yubico,
    },
};
use alloc::{string::ToString, vec, vec::Vec};

const LEAF: Place = Place::Leaf;

/// The problem of a change to the leaf that makes it malformed.
#[track_caller]
fn problem(result: Result<(), (Place, Rule)>) -> Malformed {
    match result {
        Err((LEAF, Rule::Malformed { problem, .. })) => problem,
        other => panic!("{other:?}"),
    }
}

/// The rule that a change to the leaf breaks.
#[track_caller]
fn rule(result: Result<(), (Place, Rule)>) -> Rule {
    match result {
        Err((LEAF, rule)) => rule,
        other => panic!("{other:?}"),
    }
}

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
fn unknown_algorithms_and_foreign_parameters_are_refused() {
    let algorithm = |der: Vec<u8>| rule(after(|pki| pki.leaf.algorithm = der));
    let sha1 = seq(&[
        &[6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 5],
        &[5, 0],
    ]);
    let oid = |oid: &str| Rule::SignatureAlgorithm {
        oid: oid.to_string(),
    };
    assert_eq!(algorithm(sha1), oid("1.2.840.113549.1.1.5"));
    let parameters = |oid: &str| Rule::AlgorithmParameters {
        oid: oid.to_string(),
    };
    let ecdsa = &crate::test_pki::ECDSA_SHA256[2..];
    assert_eq!(
        algorithm(seq(&[ecdsa, &[5, 0]])),
        parameters("1.2.840.10045.4.3.2")
    );
    let rsa = [6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 11];
    assert_eq!(
        algorithm(seq(&[&rsa, &[5, 1, 0]])),
        parameters("1.2.840.113549.1.1.11")
    );
    assert_eq!(
        algorithm(seq(&[&rsa, &[2, 1, 0]])),
        parameters("1.2.840.113549.1.1.11")
    );
    // Deviation rsa-parameters-absent: both forms are read, and get as far as the issuer's key.
    let mismatch = Rule::AlgorithmMismatch {
        key: crate::KeyAlgorithm::P256,
    };
    assert_eq!(algorithm(seq(&[&rsa])), mismatch);
    assert_eq!(algorithm(seq(&[&rsa, &[5, 0]])), mismatch);
    let trailing = after(|pki| pki.leaf.algorithm = seq(&[&rsa, &[5, 0], &[5, 0]]));
    assert_eq!(problem(trailing), Malformed::Trailing);
}

#[test]
fn names_are_lists_of_attributes_with_strings_of_known_types() {
    let issuer = |der: Vec<u8>| after(|pki| pki.leaf.issuer = der);
    for tag in [0x14, 0x16, 0x1c, 0x1e, 0x12, 0x04] {
        let wrong = issuer(name_as(tag, "Yubico PIV Attestation"));
        assert_eq!(problem(wrong), Malformed::Text, "{tag:#x}");
    }
    assert_eq!(problem(issuer(name_as(0x13, "Yubico*"))), Malformed::Text);
    assert_eq!(problem(issuer(name_as(0x0c, ""))), Malformed::Text);
    let invalid = seq(&[&tlv(0x31, &seq(&[CN, &[0x0c, 1, 0xff]]))]);
    assert_eq!(problem(issuer(invalid)), Malformed::Text);
    assert_eq!(problem(issuer(seq(&[&[0x31, 0]]))), Malformed::Fields);
    let attribute = |text: &str| seq(&[CN, &tlv(0x0c, text.as_bytes())]);
    let set = |members: &[Vec<u8>]| tlv(0x31, &members.concat());
    assert_eq!(
        problem(issuer(seq(&[
            &set(&[attribute("a")]),
            &set(&[attribute("b")])
        ]))),
        Malformed::Fields
    );
    let other = |byte: u8| seq(&[&[6, 3, 0x55, 4, byte], &tlv(0x0c, b"x")]);
    assert_eq!(
        problem(issuer(seq(&[&set(&[other(11), other(10)])]))),
        Malformed::SetOrder
    );
    assert!(matches!(
        rule(issuer(seq(&[&set(&[other(10), other(11)])]))),
        Rule::IssuerMissing { .. }
    ));
    let one = set(&[other(10)]);
    let many: Vec<&[u8]> = core::iter::repeat_n(&one[..], 17).collect();
    assert_eq!(problem(issuer(seq(&many))), Malformed::Fields);
    assert!(matches!(
        rule(issuer(seq(&many[..16]))),
        Rule::IssuerMissing { .. }
    ));
    assert!(matches!(rule(issuer(seq(&[]))), Rule::IssuerMissing { .. }));
    let long = seq(&[&tlv(0x31, &seq(&[CN, &tlv(0x0c, b"x"), &[5, 0]]))]);
    assert_eq!(problem(issuer(long)), Malformed::Trailing);
}

#[test]
fn what_is_printed_of_a_name_cannot_fool_a_terminal() {
    let escape = "\u{1b}[2J".repeat(30);
    let Rule::IssuerMissing { issuer } =
        rule(after(|pki| pki.leaf.issuer = name_as(0x0c, &escape)))
    else {
        panic!("another rule")
    };
    assert!(
        issuer.chars().count() == 64 && !issuer.chars().any(char::is_control),
        "{issuer}"
    );
}

#[test]
fn times_are_utc_with_seconds_in_the_form_of_their_year() {
    let time = |der: Vec<u8>| after(|pki| pki.leaf.not_before = der);
    for good in [
        "160314000000Z",
        "500101000000Z",
        "491231235959Z",
        "160229000000Z",
        "000229000000Z",
    ] {
        let result = time(utc(good));
        assert!(
            !matches!(result, Err((_, Rule::Malformed { .. }))),
            "{good}: {result:?}"
        );
    }
    for bad in [
        "1603140000Z",
        "160314000000",
        "160314000000z",
        "160314000000+0000",
        "161314000000Z",
        "160014000000Z",
        "160300000000Z",
        "160332000000Z",
        "160431000000Z",
        "150229000000Z",
        "160314240000Z",
        "160314006000Z",
        "160314000060Z",
        "16031400000aZ",
        "1603140000 0Z",
        "160314000000ZZ",
        "",
    ] {
        assert_eq!(problem(time(utc(bad))), Malformed::Time, "{bad}");
    }
    for good in ["19491231235959Z", "18000101000000Z", "00000101000000Z"] {
        assert_eq!(time(generalized(good)), Ok(()), "{good}");
    }
    for bad in [
        "20160314000000Z",
        "19500101000000Z",
        "20491231235959Z",
        "20520417000000.0Z",
        "20520417000000",
        "205204170000Z",
        "19000229000000Z",
        "2052-417000000Z",
    ] {
        assert_eq!(problem(time(generalized(bad))), Malformed::Time, "{bad}");
    }
    assert_eq!(problem(time(tlv(0x0c, b"160314000000Z"))), Malformed::Time);
    let reversed = after(|pki| pki.leaf.not_after = utc("160313235959Z"));
    assert_eq!(rule(reversed), Rule::Validity);
}

#[test]
fn keys_are_of_the_kinds_that_devices_make() {
    let spki = |der: Vec<u8>| after(|pki| pki.leaf.spki = der);
    for size in [128, 256, 384, 512] {
        let found = {
            let mut pki = Pki::new();
            pki.leaf.spki = rsa_spki(&vec![0xc1; size], &[1, 0, 1]);
            verify(&pki).expect("verifies")
        };
        let key = found.public_key();
        assert_eq!(key.algorithm().as_str(), alloc::format!("RSA-{}", size * 8));
        assert_eq!(key.rsa_modulus(), Some(&vec![0xc1; size][..]));
        assert_eq!(key.raw(), None);
    }
    let rsa = |modulus: &[u8], exponent: &[u8]| rule(spki(rsa_spki(modulus, exponent)));
    assert_eq!(rsa(&[0x41; 256], &[1, 0, 1]), Rule::RsaKey { bits: 2_047 });
    assert_eq!(rsa(&[0xc1; 255], &[1, 0, 1]), Rule::RsaKey { bits: 2_040 });
    assert_eq!(rsa(&[0xc2; 256], &[1, 0, 1]), Rule::RsaKey { bits: 2_048 });
    assert_eq!(rsa(&[0xc1; 256], &[3]), Rule::RsaKey { bits: 2_048 });
    assert_eq!(
        rsa(&[0xc1; 256], &[1, 0, 1, 0]),
        Rule::RsaKey { bits: 2_048 }
    );
    assert_eq!(rsa(&[0], &[1, 0, 1]), Rule::RsaKey { bits: 0 });
    let negative = seq(&[
        &seq(&[&tlv(6, crate::key::RSA_ENCRYPTION), &[5, 0]]),
        &bits(&seq(&[&tlv(2, &[0xc1; 256]), &[2, 3, 1, 0, 1]])),
    ]);
    assert_eq!(problem(spki(negative)), Malformed::Negative);
    let point = |is_p256, point: &[u8]| rule(spki(ec_spki(is_p256, point)));
    assert_eq!(point(true, &[&[4][..], &[1; 63]].concat()), Rule::Point);
    assert_eq!(point(true, &[&[2][..], &[1; 32]].concat()), Rule::Point);
    assert_eq!(point(true, &[0]), Rule::Point);
    assert_eq!(point(true, &[&[4][..], &[1; 96]].concat()), Rule::Point);
    assert_eq!(point(true, &[&[6][..], &[1; 64]].concat()), Rule::Point);
    assert_eq!(point(false, &[&[4][..], &[1; 64]].concat()), Rule::Point);
    assert_eq!(rule(spki(raw_spki(0x70, &[1; 31]))), Rule::Point);
    assert_eq!(rule(spki(raw_spki(0x6e, &[1; 33]))), Rule::Point);
    let ed448 = Rule::KeyAlgorithm {
        oid: "1.3.101.113".to_string(),
    };
    assert_eq!(rule(spki(raw_spki(0x71, &[1; 57]))), ed448);
    let p521 = seq(&[
        &seq(&[
            &[6, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1],
            &[6, 5, 0x2b, 0x81, 4, 0, 0x23],
        ]),
        &bits(&[4; 133]),
    ]);
    assert_eq!(
        rule(spki(p521)),
        Rule::KeyAlgorithm {
            oid: "1.3.132.0.35".to_string()
        }
    );
    let explicit = seq(&[
        &seq(&[&[6, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1], &[0x30, 0]]),
        &bits(&[4; 65]),
    ]);
    assert_eq!(
        rule(spki(explicit)),
        Rule::AlgorithmParameters {
            oid: "1.2.840.10045.2.1".to_string()
        }
    );
    let bare = seq(&[
        &seq(&[&[6, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1]]),
        &bits(&[4; 65]),
    ]);
    assert_eq!(
        rule(spki(bare)),
        Rule::AlgorithmParameters {
            oid: "1.2.840.10045.2.1".to_string()
        }
    );
    let with_null = seq(&[&seq(&[&[6, 3, 0x2b, 0x65, 0x70], &[5, 0]]), &bits(&[1; 32])]);
    assert_eq!(
        rule(spki(with_null)),
        Rule::AlgorithmParameters {
            oid: "1.3.101.112".to_string()
        }
    );
    let rsa_without_null = seq(&[
        &seq(&[&tlv(6, crate::key::RSA_ENCRYPTION)]),
        &rsa_spki(&[0xc1; 256], &[1, 0, 1])[19..],
    ]);
    assert_eq!(spki(rsa_without_null), Ok(()));
    let mut unused = Key::P256(3).spki();
    unused[25] = 1;
    assert_eq!(problem(spki(unused)), Malformed::UnusedBits);
}

#[test]
fn unique_identifiers_are_refused() {
    for tag in [0x81, 0x82] {
        let with = after(|pki| pki.leaf.unique_ids = tlv(tag, &[0, 1]));
        assert_eq!(problem(with), Malformed::Fields);
    }
}

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
                assert_eq!(error.at(), LEAF);
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
