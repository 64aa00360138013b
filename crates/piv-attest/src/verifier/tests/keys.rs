//! Algorithms and keys: the kinds that devices have, in their one form.

use super::{after, problem, rule, verify};
use crate::{
    Malformed, Rule,
    test_pki::{Key, Pki, bits, ec_spki, raw_spki, rsa_spki, seq, tlv},
};
use alloc::{string::ToString, vec, vec::Vec};

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
