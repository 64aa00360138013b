//! Requests and statements that carry attestations, as they are found in the field.

use crate::{corpus, genuine::NOW};
use base64ct::{Base64, Base64UrlUnpadded, Encoding};
use piv_attest::{
    Backend, Error, Malformed, Place, Rule, RustCrypto, VerifiedStatement, Verifier,
    certificates_from_pem,
};
use serde_json::Value;

fn csr() -> Vec<u8> {
    let text = String::from_utf8(corpus::read("csr/tamemycerts-5_2_7.pem")).unwrap();
    let base64: String = text
        .lines()
        .filter(|line| !line.starts_with("-----"))
        .collect();
    Base64::decode_vec(&base64).unwrap()
}

#[test]
fn a_request_made_by_yubico_piv_tool_verifies() {
    let verified = Verifier::yubico().verify_csr(&csr(), NOW).expect("genuine");
    assert_eq!(verified.firmware().to_string(), "5.2.7");
    assert_eq!(verified.slot().to_string(), "9a");
    assert_eq!(verified.root().name(), "Yubico PIV Root CA Serial 263751");
    assert_eq!(verified.public_key().algorithm().to_string(), "RSA-2048");
    assert_eq!(verified.clone().into_attestation(), *verified);
}

/// Where a byte string is, the only time.
fn find(within: &[u8], part: &[u8]) -> usize {
    let found: Vec<_> = within
        .windows(part.len())
        .enumerate()
        .filter(|(_, w)| *w == part)
        .map(|(i, _)| i)
        .collect();
    assert_eq!(found.len(), 1);
    found[0]
}

#[test]
fn the_older_identifier_is_read_too_and_the_signature_covers_it() {
    // .3.1 instead of .3.11: read, so that the request gets as far as its own signature.
    let mut csr = csr();
    let leaf = [0x2b, 6, 1, 4, 1, 0x82, 0xc4, 0x0a, 3, 11];
    let at = find(&csr, &leaf);
    csr[at + 9] = 1;
    let error = Verifier::yubico()
        .verify_csr(&csr, NOW)
        .expect_err("changed");
    assert_eq!((error.at(), error.rule()), (Place::Csr, &Rule::Signature));
    // Another arc altogether is no attestation.
    csr[at + 9] = 12;
    let error = Verifier::yubico()
        .verify_csr(&csr, NOW)
        .expect_err("no attestation");
    assert_eq!(
        (error.at(), error.rule()),
        (Place::Csr, &Rule::NoAttestation)
    );
    // The device's certificate in the place of the leaf: two of one kind.
    csr[at + 9] = 2;
    let error = Verifier::yubico().verify_csr(&csr, NOW).expect_err("two");
    assert_eq!(
        (error.at(), error.rule()),
        (Place::Csr, &Rule::TwoAttestations)
    );
}

#[test]
fn a_request_for_another_key_is_refused() {
    let mut csr = csr();
    // The key of the request comes first, that of the attested leaf second.
    let modulus = [0x00, 0xab, 0xaf, 0xdb, 0x93, 0x12];
    let at = csr.windows(6).position(|w| w == modulus).unwrap();
    csr[at + 3] ^= 1;
    let error = Verifier::yubico()
        .verify_csr(&csr, NOW)
        .expect_err("another key");
    assert_eq!((error.at(), error.rule()), (Place::Csr, &Rule::KeyDiffers));
}

struct Sample {
    object: Vec<u8>,
    key_authorization: String,
    verifier: Verifier,
}

fn sample(name: &str) -> Sample {
    let json: Value =
        serde_json::from_slice(&corpus::read(&format!("device-attest/{name}.json"))).unwrap();
    let text = |field: &str| json[field].as_str().unwrap();
    let object = Base64UrlUnpadded::decode_vec(text("attObj")).unwrap();
    assert_eq!(object, corpus::read(&format!("device-attest/{name}.cbor")));
    let root = certificates_from_pem(text("root_pem").as_bytes()).unwrap();
    Sample {
        object,
        key_authorization: text("keyAuthorization").to_owned(),
        verifier: Verifier::builder().root(&root[0]).unwrap().build(),
    }
}

impl Sample {
    fn verify(&self) -> Result<VerifiedStatement, Error> {
        self.verifier
            .verify_step(&self.object, self.key_authorization.as_bytes(), NOW)
    }

    fn rule(&self) -> (Place, Rule) {
        let error = self.verify().expect_err("must be refused");
        (error.at(), error.rule().clone())
    }
}

#[test]
fn step_statements_verify_under_their_root_and_under_no_other() {
    for (name, key) in [
        ("step-es256-ok", "P-256"),
        ("step-rs256-ok", "RSA-2048"),
        ("step-ed25519-ok", "Ed25519"),
    ] {
        let mut sample = sample(name);
        let verified = sample.verify().expect(name);
        assert_eq!(verified.public_key().algorithm().to_string(), key);
        assert_eq!(verified.serial().unwrap().to_string(), "15732500");
        assert_eq!(verified.root().name(), "SYNTHETIC PIV Root CA");
        assert_eq!(verified.clone().into_attestation(), *verified);
        sample.verifier = Verifier::yubico();
        let (place, rule) = sample.rule();
        assert_eq!(place, Place::Intermediate(0));
        assert!(matches!(rule, Rule::UntrustedIssuer { .. }), "{rule}");
    }
}

#[test]
fn step_statements_that_are_wrong_are_refused_each_by_its_rule() {
    let at = |rule| (Place::Statement, rule);
    assert_eq!(sample("step-empty-x5c").rule(), at(Rule::NoAttestation));
    assert_eq!(
        sample("step-no-x5c").rule(),
        at(Rule::MissingField { field: "x5c" })
    );
    assert_eq!(sample("step-unknown-fmt").rule(), at(Rule::StatementFormat));
    assert_eq!(
        sample("step-es256-wrong-keyauth").rule(),
        at(Rule::Possession)
    );
    assert!(matches!(
        sample("step-es256-sig-not-cbor-wrapped").rule(),
        (
            Place::Statement,
            Rule::Malformed {
                problem: Malformed::Type { .. } | Malformed::Trailing,
                ..
            }
        )
    ));
}

#[test]
fn step_statements_changed_in_one_field_are_refused_each_by_its_rule() {
    let good = sample("step-es256-ok");
    let replaced = |from: &[u8], to: &[u8]| {
        let at = find(&good.object, from);
        let mut object = good.object.clone();
        object.splice(at..at + from.len(), to.iter().copied());
        Sample {
            object,
            ..sample("step-es256-ok")
        }
        .rule()
    };
    let at = |rule| (Place::Statement, rule);
    let alg = |alg| {
        at(Rule::CoseAlgorithm {
            alg,
            key: piv_attest::KeyAlgorithm::P256,
        })
    };
    assert_eq!(replaced(b"\x63alg\x26", b"\x63alg\x27"), alg(-8));
    assert_eq!(replaced(b"\x63alg\x26", b"\x63alg\x38\x22"), alg(-35));
    assert_eq!(replaced(b"\x63alg\x26", b"\x63alg\x39\x01\x00"), alg(-257));
    assert_eq!(
        replaced(b"\x63alg\x26", b"\x63alx\x26"),
        at(Rule::UnexpectedField)
    );
    assert_eq!(
        replaced(b"\x63x5c", b"\x63alg"),
        at(Rule::Malformed {
            offset: find(&good.object, b"\x63x5c") + 4,
            problem: Malformed::Type {
                expected: 1,
                found: 4
            },
        })
    );
    assert_eq!(
        replaced(b"\xa3\x63x5c", b"\xa4\x63alg\x26\x63x5c"),
        at(Rule::UnexpectedField)
    );
    assert_eq!(
        replaced(b"\xa2\x63fmt", b"\xa3\x63fmt\x64step\x63fmt"),
        at(Rule::UnexpectedField)
    );
    assert_eq!(
        replaced(b"\xa2\x63fmt", b"\xa3\x63fmu\x40\x63fmt"),
        at(Rule::UnexpectedField)
    );
    let many = [&b"\x63x5c\x98\x41"[..], &[0x40; 65]].concat();
    assert_eq!(
        replaced(b"\x63x5c\x82", &many),
        at(Rule::TooMany { max: 64, found: 65 })
    );
    let long = vec![0; piv_attest::MAX_STATEMENT + 1];
    let error = good
        .verifier
        .verify_step(&long, b"", NOW)
        .expect_err("long");
    let (max, found) = (long.len() - 1, long.len());
    assert_eq!(*error.rule(), Rule::TooLong { max, found });
    let with_auth_data = |object: &mut Vec<u8>| {
        let at = find(object, b"\xa2\x63fmt");
        object.splice(at..=at, *b"\xa3\x68authData\x41\x07");
    };
    let mut changed = sample("step-es256-ok");
    with_auth_data(&mut changed.object);
    assert!(changed.verify().is_ok(), "WebAuthn's authData is allowed");
    changed.object.push(0);
    assert!(matches!(
        changed.rule(),
        (
            Place::Statement,
            Rule::Malformed {
                problem: Malformed::Trailing,
                ..
            }
        )
    ));
}

#[test]
fn a_signature_over_another_key_authorization_proves_nothing() {
    let sample = sample("step-es256-ok");
    let error = sample
        .verifier
        .verify_step(&sample.object, b"another", NOW)
        .expect_err("other");
    assert_eq!(
        (error.at(), error.rule()),
        (Place::Statement, &Rule::Possession)
    );
}

#[test]
fn pem_bundles_verify_leaf_first() {
    fn check<B: Backend>(verifier: &Verifier<B>) {
        let entry = &corpus::entries("leaves/")[0];
        let (_, device) = entry.root_and_device();
        let (leaf, device) = (corpus::read(&entry.file), corpus::read(&device.file));
        let bundle = [&leaf[..], b"\n", &device].concat();
        assert!(verifier.verify_pem(&bundle, NOW).is_ok());
        let reversed = [&device[..], b"\n", &leaf].concat();
        let error = verifier
            .verify_pem(&reversed, NOW)
            .expect_err("device first");
        assert_eq!(
            (error.at(), error.rule()),
            (Place::Leaf, &Rule::NotAnAttestation)
        );
        let error = verifier.verify_pem(b"", NOW).expect_err("empty");
        assert_eq!((error.at(), error.rule()), (Place::Pem, &Rule::Empty));
    }
    check::<RustCrypto>(&Verifier::yubico());
}
