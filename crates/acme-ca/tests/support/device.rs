//! Devices that never were: an attestation hierarchy written byte by byte, whose every fact a
//! test can choose, and keys that sign as a YubiKey does.
#![allow(dead_code)]

use acme_yubikey::enrolment::{Bundle, EnrolmentMessage};
use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa;
use aws_lc_rs::signature::{self as sig, KeyPair};

enum Pair {
    P256(sig::EcdsaKeyPair),
    Rsa(rsa::KeyPair),
}

/// A private key.
pub(crate) struct TestKey {
    pub(crate) spki: Vec<u8>,
    pair: Pair,
}

impl TestKey {
    /// A new P-256 key.
    pub(crate) fn p256() -> Self {
        let pair = sig::EcdsaKeyPair::generate(&sig::ECDSA_P256_SHA256_ASN1_SIGNING).unwrap();
        let spki = pair.public_key().as_der().unwrap().as_ref().to_vec();
        Self {
            spki,
            pair: Pair::P256(pair),
        }
    }

    /// A new RSA key of 2048 bits.
    pub(crate) fn rsa() -> Self {
        let pair = rsa::KeyPair::generate(rsa::KeySize::Rsa2048).unwrap();
        let spki = pair.public_key().as_der().unwrap().as_ref().to_vec();
        Self {
            spki,
            pair: Pair::Rsa(pair),
        }
    }

    /// ECDSA with SHA-256 in DER, or RSA PKCS#1 with SHA-256.
    pub(crate) fn sign(&self, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match &self.pair {
            Pair::P256(pair) => pair.sign(&random, message).unwrap().as_ref().to_vec(),
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&sig::RSA_PKCS1_SHA256, &random, message, &mut signature)
                    .unwrap();
                signature
            }
        }
    }

    /// PKCS#8 in DER, of a P-256 key.
    pub(crate) fn pkcs8(&self) -> Vec<u8> {
        match &self.pair {
            Pair::P256(pair) => pair.to_pkcs8v1().unwrap().as_ref().to_vec(),
            Pair::Rsa(_) => panic!("not needed"),
        }
    }

    /// The signature algorithm's AlgorithmIdentifier.
    pub(crate) fn algorithm(&self) -> Vec<u8> {
        match &self.pair {
            Pair::P256(_) => tlv(0x30, &oid("1.2.840.10045.4.3.2")),
            Pair::Rsa(_) => tlv(
                0x30,
                &[oid("1.2.840.113549.1.1.11"), tlv(0x05, &[])].concat(),
            ),
        }
    }
}

/// What an attestation says.
#[derive(Clone)]
pub(crate) struct Facts {
    pub(crate) slot: &'static str,
    pub(crate) serial: Option<u32>,
    pub(crate) firmware: [u8; 3],
    pub(crate) pin_policy: u8,
    pub(crate) touch_policy: u8,
    pub(crate) form_factor: Option<u8>,
}

/// The serial number of a key in good order.
pub(crate) const SERIAL: u32 = 9_681_620;

impl Default for Facts {
    /// Slot 9a, PIN once, touch always, on a 5.4.3.
    fn default() -> Self {
        Self {
            slot: "9a",
            serial: Some(SERIAL),
            firmware: [5, 4, 3],
            pin_policy: 2,
            touch_policy: 2,
            form_factor: Some(1),
        }
    }
}

/// A root, and a device under it.
pub(crate) struct Device {
    pub(crate) root: Vec<u8>,
    pub f9: Vec<u8>,
    f9_key: TestKey,
    root_name: String,
}

const F9: &str = "Yubico PIV Attestation";

impl Device {
    /// A device of a new maker.
    pub(crate) fn new() -> Self {
        Self::of("Test Attestation Root", &TestKey::p256())
    }

    fn of(root_name: &str, root_key: &TestKey) -> Self {
        let f9_key = TestKey::p256();
        let root = certificate(root_name, root_name, &root_key.spki, &[ca()], root_key);
        let f9 = certificate(root_name, F9, &f9_key.spki, &[ca()], root_key);
        Self {
            root,
            f9,
            f9_key,
            root_name: root_name.to_owned(),
        }
    }

    /// The same names with other keys: what the owner of a device who replaced f9 would have.
    pub(crate) fn with_replaced_f9(&self) -> Self {
        let mut other = Self::of(&self.root_name, &TestKey::p256());
        other.root.clone_from(&self.root);
        other
    }

    /// The chain of a key.
    pub(crate) fn attest(&self, key: &TestKey, facts: &Facts) -> Vec<Vec<u8>> {
        let leaf = attestation(&key.spki, facts, &self.f9_key);
        vec![leaf, self.f9.clone()]
    }

    /// A chain whose issuer is a slot's certificate instead of f9.
    pub(crate) fn attest_by_slot(&self, slot_key: &TestKey, key: &TestKey) -> Vec<Vec<u8>> {
        let issuer = self.attest(slot_key, &Facts::default());
        let leaf = attestation(&key.spki, &Facts::default(), slot_key);
        let mut chain = vec![leaf];
        chain.extend(issuer);
        chain
    }

    /// The root as PEM.
    pub(crate) fn root_pem(&self) -> String {
        acme_ca::pki::pem_certificate(&self.root).unwrap()
    }
}

/// A bundle by a key over its own attestation.
pub(crate) fn bundle(
    root_fingerprint: [u8; 32],
    user: &str,
    key: &TestKey,
    chain: &[Vec<u8>],
) -> Vec<u8> {
    bundle_signed_by(root_fingerprint, user, key, key, chain)
}

/// A bundle that another key signed.
pub(crate) fn bundle_signed_by(
    root_fingerprint: [u8; 32],
    user: &str,
    key: &TestKey,
    signer: &TestKey,
    chain: &[Vec<u8>],
) -> Vec<u8> {
    let nonce = [7; 32];
    let spki_sha256 = piv_attest::PublicKey::from_spki_der(&key.spki)
        .unwrap()
        .spki_sha256();
    let message = EnrolmentMessage::new(root_fingerprint, user, &nonce, spki_sha256).unwrap();
    let signature = signer.sign(message.as_bytes());
    Bundle::new(
        root_fingerprint,
        user,
        nonce.to_vec(),
        chain.to_vec(),
        signature,
    )
    .unwrap()
    .to_json()
    .into()
}

/// A CSR (RFC 2986) by a key, with a common name and DNS names.
pub(crate) fn csr(key: &TestKey, common_name: Option<&str>, dns: &[&str]) -> Vec<u8> {
    csr_signed_by(key, key, common_name, dns)
}

/// A CSR that another key signed.
pub(crate) fn csr_signed_by(
    key: &TestKey,
    signer: &TestKey,
    common_name: Option<&str>,
    dns: &[&str],
) -> Vec<u8> {
    let names: Vec<u8> = dns
        .iter()
        .flat_map(|name| tlv(0x82, name.as_bytes()))
        .collect();
    let mut extensions = Vec::new();
    if !dns.is_empty() {
        extensions.push(extension("2.5.29.17", false, &tlv(0x30, &names)));
    }
    csr_with(key, signer, common_name, &extensions)
}

/// A CSR that asks for extensions.
pub(crate) fn csr_with(
    key: &TestKey,
    signer: &TestKey,
    common_name: Option<&str>,
    extensions: &[Vec<u8>],
) -> Vec<u8> {
    let attributes = if extensions.is_empty() {
        Vec::new()
    } else {
        let requested = tlv(0x31, &tlv(0x30, &extensions.concat()));
        tlv(0x30, &[oid("1.2.840.113549.1.9.14"), requested].concat())
    };
    let info = tlv(
        0x30,
        &[
            tlv(0x02, &[0]),
            common_name.map_or_else(|| tlv(0x30, &[]), name),
            key.spki.clone(),
            tlv(0xa0, &attributes),
        ]
        .concat(),
    );
    let signature = tlv(0x03, &[&[0], &signer.sign(&info)[..]].concat());
    tlv(0x30, &[info, signer.algorithm(), signature].concat())
}

fn attestation(spki: &[u8], facts: &Facts, issuer: &TestKey) -> Vec<u8> {
    let yubico =
        |last: u8, value: &[u8]| extension(&format!("1.3.6.1.4.1.41482.3.{last}"), false, value);
    let mut extensions = vec![yubico(3, &facts.firmware)];
    if let Some(serial) = facts.serial {
        let bytes = serial.to_be_bytes();
        let first = bytes.iter().position(|byte| *byte != 0).unwrap_or(3);
        let mut magnitude = bytes[first..].to_vec();
        if magnitude[0] & 0x80 != 0 {
            magnitude.insert(0, 0);
        }
        extensions.push(yubico(7, &tlv(0x02, &magnitude)));
    }
    extensions.push(yubico(8, &[facts.pin_policy, facts.touch_policy]));
    if let Some(form) = facts.form_factor {
        extensions.push(yubico(9, &[form]));
    }
    let subject = format!("YubiKey PIV Attestation {}", facts.slot);
    certificate(F9, &subject, spki, &extensions, issuer)
}

fn ca() -> Vec<u8> {
    extension("2.5.29.19", true, &tlv(0x30, &[0x01, 0x01, 0xff]))
}

fn certificate(
    issuer: &str,
    subject: &str,
    spki: &[u8],
    extensions: &[Vec<u8>],
    key: &TestKey,
) -> Vec<u8> {
    let tbs = tlv(
        0x30,
        &[
            tlv(0xa0, &tlv(0x02, &[2])),
            tlv(0x02, &[1]),
            key.algorithm(),
            name(issuer),
            tlv(
                0x30,
                &[tlv(0x17, b"160314000000Z"), tlv(0x18, b"99991231235959Z")].concat(),
            ),
            name(subject),
            spki.to_vec(),
            tlv(0xa3, &tlv(0x30, &extensions.concat())),
        ]
        .concat(),
    );
    let signature = tlv(0x03, &[&[0], &key.sign(&tbs)[..]].concat());
    tlv(0x30, &[tbs, key.algorithm(), signature].concat())
}

fn name(common_name: &str) -> Vec<u8> {
    let attribute = [oid("2.5.4.3"), tlv(0x0c, common_name.as_bytes())].concat();
    tlv(0x30, &tlv(0x31, &tlv(0x30, &attribute)))
}

/// An extension (RFC 5280 §4.2).
pub(crate) fn extension(id: &str, critical: bool, value: &[u8]) -> Vec<u8> {
    let critical: &[u8] = if critical { &[0x01, 0x01, 0xff] } else { &[] };
    tlv(0x30, &[&oid(id)[..], critical, &tlv(0x04, value)].concat())
}

fn oid(text: &str) -> Vec<u8> {
    let arcs: Vec<u64> = text.split('.').map(|arc| arc.parse().unwrap()).collect();
    let mut body = vec![u8::try_from(arcs[0] * 40 + arcs[1]).unwrap()];
    for arc in &arcs[2..] {
        let mut digits = vec![(arc & 0x7f) as u8];
        let mut rest = arc >> 7;
        while rest > 0 {
            digits.push((rest & 0x7f) as u8 | 0x80);
            rest >>= 7;
        }
        digits.reverse();
        body.extend(digits);
    }
    tlv(0x06, &body)
}

/// One DER element.
pub(crate) fn tlv(tag: u8, value: &[u8]) -> Vec<u8> {
    let length = match value.len() {
        len @ 0..0x80 => vec![len as u8],
        len @ 0x80..0x100 => vec![0x81, len as u8],
        len => vec![0x82, (len >> 8) as u8, len as u8],
    };
    [&[tag], &length[..], value].concat()
}
