//! Names and times.

use super::{after, problem, rule};
use crate::{
    Malformed, Rule,
    test_pki::{CN, generalized, name_as, seq, tlv, utc},
};
use alloc::vec::Vec;

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
