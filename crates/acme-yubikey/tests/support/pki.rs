//! A small attestation PKI, written byte by byte, and keys that sign as a YubiKey does.

use aws_lc_rs::{
    encoding::AsDer,
    rand::SystemRandom,
    rsa,
    signature::{self as sig, KeyPair},
};
use p256::ecdsa::{Signature, SigningKey, signature::Signer};

type Sign = Box<dyn Fn(&[u8]) -> Vec<u8>>;

/// A private key.
pub(crate) struct Key {
    pub(crate) spki: Vec<u8>,
    sign: Sign,
}

impl Key {
    /// A P-256 key from its scalar; signs deterministically (RFC 6979).
    pub(crate) fn fixed(scalar: [u8; 32]) -> Self {
        let key = SigningKey::from_slice(&scalar).unwrap();
        let point = key.verifying_key().to_sec1_point(false);
        let spki = tlv(
            0x30,
            &[
                tlv(
                    0x30,
                    &[&oid("1.2.840.10045.2.1")[..], &oid("1.2.840.10045.3.1.7")].concat(),
                ),
                tlv(0x03, &[&[0], point.as_bytes()].concat()),
            ]
            .concat(),
        );
        let sign = move |message: &[u8]| {
            let signature: Signature = key.sign(message);
            signature.to_der().as_bytes().to_vec()
        };
        Self {
            spki,
            sign: Box::new(sign),
        }
    }

    /// A P-256 key whose scalar is this byte, 32 times.
    pub(crate) fn p256(byte: u8) -> Self {
        Self::fixed([byte; 32])
    }

    pub(crate) fn p384() -> Self {
        let pair = sig::EcdsaKeyPair::generate(&sig::ECDSA_P384_SHA384_ASN1_SIGNING).unwrap();
        let spki = pair.public_key().as_der().unwrap().as_ref().to_vec();
        let sign = move |message: &[u8]| {
            pair.sign(&SystemRandom::new(), message)
                .unwrap()
                .as_ref()
                .to_vec()
        };
        Self {
            spki,
            sign: Box::new(sign),
        }
    }

    pub(crate) fn ed25519() -> Self {
        let pair = sig::Ed25519KeyPair::generate().unwrap();
        let spki = pair.public_key().as_der().unwrap().as_ref().to_vec();
        Self {
            spki,
            sign: Box::new(move |message| pair.sign(message).as_ref().to_vec()),
        }
    }

    pub(crate) fn rsa2048() -> Self {
        let pair = rsa::KeyPair::generate(rsa::KeySize::Rsa2048).unwrap();
        let spki = pair.public_key().as_der().unwrap().as_ref().to_vec();
        let sign = move |message: &[u8]| {
            let mut signature = vec![0; pair.public_modulus_len()];
            let random = SystemRandom::new();
            pair.sign(&sig::RSA_PKCS1_SHA256, &random, message, &mut signature)
                .unwrap();
            signature
        };
        Self {
            spki,
            sign: Box::new(sign),
        }
    }

    pub(crate) fn sign(&self, message: &[u8]) -> Vec<u8> {
        (self.sign)(message)
    }
}

/// A root, and the device under it.
pub(crate) struct Pki {
    pub(crate) root: Vec<u8>,
    pub(crate) f9: Vec<u8>,
    f9_key: Key,
}

impl Pki {
    pub(crate) fn new() -> Self {
        Self::with_keys(Key::p256(0x11), Key::p256(0x12))
    }

    /// The same names with other keys: what the owner of a device who replaced f9 would have.
    pub(crate) fn with_keys(root_key: Key, f9_key: Key) -> Self {
        let authority = || {
            vec![extension(
                "2.5.29.19",
                true,
                &tlv(0x30, &[0x01, 0x01, 0xff]),
            )]
        };
        let root = certificate(ROOT, ROOT, &root_key.spki, authority(), &root_key);
        let f9 = certificate(ROOT, F9, &f9_key.spki, authority(), &root_key);
        Self { root, f9, f9_key }
    }

    /// The chain of a key generated in slot 9a (PIN once, touch always) of a 5.4.3 with the
    /// serial number 9681620.
    pub(crate) fn attest(&self, spki: &[u8]) -> Vec<Vec<u8>> {
        self.attest_in("9a", spki)
    }

    /// The same for another slot.
    pub(crate) fn attest_in(&self, slot: &str, spki: &[u8]) -> Vec<Vec<u8>> {
        let yubico = |last: u8, value: &[u8]| {
            extension(&format!("1.3.6.1.4.1.41482.3.{last}"), false, value)
        };
        let extensions = vec![
            yubico(3, &[5, 4, 3]),
            yubico(7, &tlv(0x02, &9_681_620_u32.to_be_bytes())[..]),
            yubico(8, &[2, 2]),
            yubico(9, &[1]),
        ];
        let leaf = certificate(
            F9,
            &format!("{LEAF} {slot}"),
            spki,
            extensions,
            &self.f9_key,
        );
        vec![leaf, self.f9.clone()]
    }
}

const ROOT: &str = "Test Attestation Root";
const F9: &str = "Yubico PIV Attestation";
const LEAF: &str = "YubiKey PIV Attestation";

fn certificate(
    issuer: &str,
    subject: &str,
    spki: &[u8],
    extensions: Vec<Vec<u8>>,
    key: &Key,
) -> Vec<u8> {
    let ecdsa_with_sha256 = tlv(0x30, &oid("1.2.840.10045.4.3.2"));
    let tbs = tlv(
        0x30,
        &[
            tlv(0xa0, &tlv(0x02, &[2])),
            tlv(0x02, &[1]),
            ecdsa_with_sha256.clone(),
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
    tlv(0x30, &[tbs, ecdsa_with_sha256, signature].concat())
}

fn name(common_name: &str) -> Vec<u8> {
    let attribute = [oid("2.5.4.3"), tlv(0x0c, common_name.as_bytes())].concat();
    tlv(0x30, &tlv(0x31, &tlv(0x30, &attribute)))
}

fn extension(id: &str, critical: bool, value: &[u8]) -> Vec<u8> {
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

fn tlv(tag: u8, value: &[u8]) -> Vec<u8> {
    let length = match value.len() {
        len @ 0..0x80 => vec![len as u8],
        len @ 0x80..0x100 => vec![0x81, len as u8],
        len => vec![0x82, (len >> 8) as u8, len as u8],
    };
    [&[tag], &length[..], value].concat()
}
