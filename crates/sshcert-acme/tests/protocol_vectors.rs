//! The SSH certificate vector of `docs/protocol.md`, read from the document and recomputed both ways.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

#[path = "../../acme-yubikey/tests/support/document.rs"]
#[allow(dead_code)]
mod document;
#[path = "support/keys.rs"]
#[allow(dead_code)]
mod keys;

use std::num::NonZeroU64;

use document::Vector;
use p256::ecdsa::{Signature, SigningKey, signature::Signer};
use sshcert_acme::{
    CriticalOptions, Extensions, KeyId, Principals, ReceivedCertificate, SshPublicKey,
    UserCertificate, Validity,
};

#[test]
fn an_ssh_user_certificate() {
    let vector = Vector::read("ssh-certificate");
    let ca_key = SigningKey::from_slice(&vector.hex("ca_key")).unwrap();
    let point = ca_key.verifying_key().to_sec1_point(false);
    let spki_head = "3059301306072a8648ce3d020106082a8648ce3d030107034200";
    let head = (0..spki_head.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&spki_head[at..at + 2], 16).unwrap());
    let ca_spki: Vec<u8> = head.chain(point.as_bytes().iter().copied()).collect();
    let ca = SshPublicKey::from_spki_der(&ca_spki).unwrap();
    vector.check_text("ca_public_key", &ca.to_openssh());

    let subject = SshPublicKey::from_spki_der(&vector.hex("subject_spki")).unwrap();
    vector.check_text("subject_public_key", &subject.to_openssh());
    let principals = vector.text("principals");
    let extensions = vector.text("extensions");
    let template = UserCertificate {
        serial: NonZeroU64::new(vector.int("serial")).unwrap(),
        key_id: KeyId::new(vector.text("key_id")).unwrap(),
        principals: Principals::new(principals.split(',')).unwrap(),
        validity: Validity::new(vector.int("valid_after"), vector.int("valid_before")).unwrap(),
        critical_options: CriticalOptions::none()
            .source_addresses([vector.text("source_address")])
            .unwrap(),
        extensions: Extensions::flags(extensions.split(',')).unwrap(),
    };
    let tbs = template
        .to_be_signed(&subject, &ca, vector.bytes("nonce"))
        .unwrap();
    vector.check_hex("to_be_signed", tbs.as_bytes());
    let signature: Signature = ca_key.sign(tbs.as_bytes());
    vector.check_hex("signature", signature.to_der().as_bytes());
    let line = tbs.assemble(signature.to_der().as_bytes()).unwrap();
    vector.check_text("line", &line);

    // The client's side, from the printed line alone.
    let received = ReceivedCertificate::read(&vector.text("line")).unwrap();
    let serial = received
        .check(&subject, vector.int("valid_after"), keys::verify)
        .unwrap();
    assert_eq!(serial, template.serial);
    assert_eq!(received.principals(), template.principals.as_slice());
    assert_eq!(received.extensions(), &template.extensions);
    assert_eq!(received.critical_options(), &template.critical_options);
    assert_eq!(received.key_id(), &template.key_id);
    assert_eq!(received.ca(), &ca);
}
