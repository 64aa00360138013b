//! A PKI like Yubico's, declared field by field, so that a test can change one thing and leave the
//! rest as it belongs. It has its own DER writer, which writes whatever it is told to.

use alloc::{vec, vec::Vec};

/// One element.
pub(crate) fn tlv(tag: u8, contents: &[u8]) -> Vec<u8> {
    let length = contents.len();
    let mut out = match length {
        0..=0x7f => vec![tag, length as u8],
        0x80..=0xff => vec![tag, 0x81, length as u8],
        _ => vec![tag, 0x82, (length >> 8) as u8, length as u8],
    };
    out.extend_from_slice(contents);
    out
}

pub(crate) fn seq(parts: &[&[u8]]) -> Vec<u8> {
    tlv(0x30, &parts.concat())
}

pub(crate) const CN: &[u8] = &[0x06, 0x03, 0x55, 0x04, 0x03];

/// A name with a common name alone, as a string of this type.
pub(crate) fn name_as(tag: u8, common_name: &str) -> Vec<u8> {
    seq(&[&tlv(0x31, &seq(&[CN, &tlv(tag, common_name.as_bytes())]))])
}

pub(crate) fn name(common_name: &str) -> Vec<u8> {
    name_as(0x0c, common_name)
}

pub(crate) fn utc(text: &str) -> Vec<u8> {
    tlv(0x17, text.as_bytes())
}

pub(crate) fn generalized(text: &str) -> Vec<u8> {
    tlv(0x18, text.as_bytes())
}

/// An Extension, not critical unless said so.
pub(crate) fn extension(oid: &[u8], critical: bool, contents: &[u8]) -> Vec<u8> {
    let flag: &[u8] = if critical { &[0x01, 0x01, 0xff] } else { &[] };
    seq(&[&tlv(0x06, oid), flag, &tlv(0x04, contents)])
}

/// An extension under Yubico's arc for PIV.
pub(crate) fn yubico(number: u8, contents: &[u8]) -> Vec<u8> {
    extension(
        &[0x2b, 6, 1, 4, 1, 0x82, 0xc4, 0x0a, 3, number],
        false,
        contents,
    )
}

/// Critical basicConstraints with these contents.
pub(crate) fn basic_constraints(contents: &[u8]) -> Vec<u8> {
    extension(&[0x55, 0x1d, 0x13], true, &tlv(0x30, contents))
}

/// Critical keyUsage with this BIT STRING.
pub(crate) fn key_usage(bits: &[u8]) -> Vec<u8> {
    extension(&[0x55, 0x1d, 0x0f], true, &tlv(0x03, bits))
}

pub(crate) const CA: &[u8] = &[0x01, 0x01, 0xff];
pub(crate) const CA_PATH_0: &[u8] = &[0x01, 0x01, 0xff, 0x02, 0x01, 0x00];
pub(crate) const CA_PATH_1: &[u8] = &[0x01, 0x01, 0xff, 0x02, 0x01, 0x01];

/// A key made of one repeated byte.
#[derive(Clone, Copy)]
pub(crate) enum Key {
    P256(u8),
    P384(u8),
    Ed25519(u8),
}

pub(crate) const ECDSA_SHA256: &[u8] = &[
    0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02,
];
pub(crate) const ECDSA_SHA384: &[u8] = &[
    0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x03,
];
pub(crate) const ED25519: &[u8] = &[0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70];

impl Key {
    /// AlgorithmIdentifier of its signatures.
    pub(crate) fn algorithm(self) -> Vec<u8> {
        match self {
            Self::P256(_) => ECDSA_SHA256.to_vec(),
            Self::P384(_) => ECDSA_SHA384.to_vec(),
            Self::Ed25519(_) => ED25519.to_vec(),
        }
    }

    pub(crate) fn spki(self) -> Vec<u8> {
        match self {
            Self::P256(byte) => {
                let key = p256::ecdsa::SigningKey::from_slice(&[byte; 32]).expect("a scalar");
                ec_spki(true, key.verifying_key().to_sec1_point(false).as_bytes())
            }
            Self::P384(byte) => {
                let key = p384::ecdsa::SigningKey::from_slice(&[byte; 48]).expect("a scalar");
                ec_spki(false, key.verifying_key().to_sec1_point(false).as_bytes())
            }
            Self::Ed25519(byte) => {
                let key = ed25519_dalek::SigningKey::from_bytes(&[byte; 32]);
                raw_spki(0x70, key.verifying_key().as_bytes())
            }
        }
    }

    pub(crate) fn sign(self, message: &[u8]) -> Vec<u8> {
        use signature::Signer;
        match self {
            Self::P256(byte) => {
                let key = p256::ecdsa::SigningKey::from_slice(&[byte; 32]).expect("a scalar");
                let signature: p256::ecdsa::Signature = key.sign(message);
                signature.to_der().as_bytes().to_vec()
            }
            Self::P384(byte) => {
                let key = p384::ecdsa::SigningKey::from_slice(&[byte; 48]).expect("a scalar");
                let signature: p384::ecdsa::Signature = key.sign(message);
                signature.to_der().as_bytes().to_vec()
            }
            Self::Ed25519(byte) => {
                let key = ed25519_dalek::SigningKey::from_bytes(&[byte; 32]);
                key.sign(message).to_bytes().to_vec()
            }
        }
    }
}

/// SubjectPublicKeyInfo of P-256 or P-384 with this point, whatever it is.
pub(crate) fn ec_spki(is_p256: bool, point: &[u8]) -> Vec<u8> {
    let curve: &[u8] = if is_p256 {
        &[0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07]
    } else {
        &[0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22]
    };
    let oid = [0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
    seq(&[&seq(&[&oid, curve]), &bits(point)])
}

/// SubjectPublicKeyInfo under 1.3.101: 0x70 Ed25519, 0x6e X25519.
pub(crate) fn raw_spki(last_arc: u8, key: &[u8]) -> Vec<u8> {
    seq(&[&seq(&[&[0x06, 0x03, 0x2b, 0x65, last_arc]]), &bits(key)])
}

/// SubjectPublicKeyInfo of RSA with this modulus and exponent.
pub(crate) fn rsa_spki(modulus: &[u8], exponent: &[u8]) -> Vec<u8> {
    let positive = |magnitude: &[u8]| {
        let lead: &[u8] = if magnitude.first().is_some_and(|b| *b >= 0x80) {
            &[0]
        } else {
            &[]
        };
        tlv(0x02, &[lead, magnitude].concat())
    };
    let oid = tlv(0x06, crate::key::RSA_ENCRYPTION);
    seq(&[
        &seq(&[&oid, &[5, 0]]),
        &bits(&seq(&[&positive(modulus), &positive(exponent)])),
    ])
}

/// BIT STRING of whole bytes.
pub(crate) fn bits(bytes: &[u8]) -> Vec<u8> {
    tlv(0x03, &[&[0], bytes].concat())
}

/// A certificate, each field as its DER.
#[derive(Clone)]
pub(crate) struct Spec {
    pub(crate) version: Vec<u8>,
    pub(crate) serial: Vec<u8>,
    pub(crate) algorithm: Vec<u8>,
    /// The unsigned one, if it is not the same.
    pub(crate) outer_algorithm: Option<Vec<u8>>,
    pub(crate) issuer: Vec<u8>,
    pub(crate) not_before: Vec<u8>,
    pub(crate) not_after: Vec<u8>,
    pub(crate) subject: Vec<u8>,
    pub(crate) spki: Vec<u8>,
    /// What stands between key and extensions.
    pub(crate) unique_ids: Vec<u8>,
    pub(crate) extensions: Vec<Vec<u8>>,
    /// What stands after the extensions.
    pub(crate) tbs_tail: Vec<u8>,
    /// Unused bits of the signature.
    pub(crate) unused: u8,
    pub(crate) signer: Key,
}

impl Spec {
    fn new(issuer: &str, subject: &str, key: Key, signer: Key) -> Self {
        Self {
            version: tlv(0xa0, &[2, 1, 2]),
            serial: tlv(0x02, &[0x01, 0xae, 0x6a]),
            algorithm: signer.algorithm(),
            outer_algorithm: None,
            issuer: name(issuer),
            not_before: utc("160314000000Z"),
            not_after: generalized("20520417000000Z"),
            subject: name(subject),
            spki: key.spki(),
            unique_ids: Vec::new(),
            extensions: Vec::new(),
            tbs_tail: Vec::new(),
            unused: 0,
            signer,
        }
    }

    pub(crate) fn tbs(&self) -> Vec<u8> {
        let list: Vec<&[u8]> = self.extensions.iter().map(Vec::as_slice).collect();
        let extensions = if list.is_empty() {
            Vec::new()
        } else {
            tlv(0xa3, &seq(&list))
        };
        seq(&[
            &self.version,
            &self.serial,
            &self.algorithm,
            &self.issuer,
            &seq(&[&self.not_before, &self.not_after]),
            &self.subject,
            &self.spki,
            &self.unique_ids,
            &extensions,
            &self.tbs_tail,
        ])
    }

    pub(crate) fn der(&self) -> Vec<u8> {
        let tbs = self.tbs();
        let outer = self.outer_algorithm.as_ref().unwrap_or(&self.algorithm);
        let signature = tlv(
            0x03,
            &[&[self.unused][..], &self.signer.sign(&tbs)].concat(),
        );
        seq(&[&tbs, outer, &signature])
    }
}

/// A root, a device under it, and a key in slot 9a of the device.
#[derive(Clone)]
pub(crate) struct Pki {
    pub(crate) root: Spec,
    pub(crate) device: Spec,
    pub(crate) leaf: Spec,
}

pub(crate) const ROOT_KEY: Key = Key::P256(1);
pub(crate) const DEVICE_KEY: Key = Key::P256(2);
pub(crate) const LEAF_KEY: Key = Key::P256(3);

impl Pki {
    /// Firmware 5.4.3, serial number 15732500, PIN once, touch always, USB-C nano.
    pub(crate) fn new() -> Self {
        let mut root = Spec::new("Test PIV Root CA", "Test PIV Root CA", ROOT_KEY, ROOT_KEY);
        root.extensions = vec![basic_constraints(CA_PATH_1), key_usage(&[1, 0x06])];
        let device = "Yubico PIV Attestation";
        let mut device = Spec::new("Test PIV Root CA", device, DEVICE_KEY, ROOT_KEY);
        device.extensions = vec![yubico(3, &[5, 4, 3]), basic_constraints(CA_PATH_0)];
        let leaf = "YubiKey PIV Attestation 9a";
        let mut leaf = Spec::new("Yubico PIV Attestation", leaf, LEAF_KEY, DEVICE_KEY);
        leaf.extensions = vec![
            yubico(3, &[5, 4, 3]),
            yubico(7, &[2, 4, 0, 0xf0, 0x0f, 0x14]),
            yubico(8, &[2, 2]),
            yubico(9, &[4]),
        ];
        Self { root, device, leaf }
    }

    /// All of one firmware.
    pub(crate) fn of_firmware(major: u8, minor: u8, patch: u8) -> Self {
        let mut pki = Self::new();
        pki.device.extensions[0] = yubico(3, &[major, minor, patch]);
        pki.leaf.extensions[0] = yubico(3, &[major, minor, patch]);
        pki
    }

    /// The same, with other keys for root and device.
    pub(crate) fn with_keys(root: Key, device: Key) -> Self {
        let mut pki = Self::new();
        for spec in [&mut pki.root, &mut pki.device] {
            spec.signer = root;
            spec.algorithm = root.algorithm();
        }
        pki.root.spki = root.spki();
        pki.device.spki = device.spki();
        pki.leaf.signer = device;
        pki.leaf.algorithm = device.algorithm();
        pki
    }
}

/// A certificate signing request, each field as its DER.
#[derive(Clone)]
pub(crate) struct CsrSpec {
    pub(crate) version: Vec<u8>,
    pub(crate) spki: Vec<u8>,
    pub(crate) algorithm: Vec<u8>,
    pub(crate) extensions: Vec<Vec<u8>>,
    /// Attributes beside the extension request.
    pub(crate) attributes: Vec<Vec<u8>>,
    pub(crate) unused: u8,
    pub(crate) signer: Key,
}

/// Attribute extensionRequest with these values.
pub(crate) fn extension_request(values: &[u8]) -> Vec<u8> {
    let oid = [6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 0x0e];
    seq(&[&oid, &tlv(0x31, values)])
}

impl CsrSpec {
    /// For the key of the leaf, with the attestation as yubico-piv-tool puts it there.
    pub(crate) fn of(pki: &Pki) -> Self {
        Self {
            version: vec![2, 1, 0],
            spki: LEAF_KEY.spki(),
            algorithm: LEAF_KEY.algorithm(),
            extensions: vec![yubico(11, &pki.leaf.der()), yubico(2, &pki.device.der())],
            attributes: Vec::new(),
            unused: 0,
            signer: LEAF_KEY,
        }
    }

    pub(crate) fn der(&self) -> Vec<u8> {
        let list: Vec<&[u8]> = self.extensions.iter().map(Vec::as_slice).collect();
        let request = extension_request(&seq(&list));
        let attributes = tlv(0xa0, &[&request[..], &self.attributes.concat()].concat());
        let subject = name("somebody");
        let info = seq(&[&self.version, &subject, &self.spki, &attributes]);
        let signature = tlv(
            0x03,
            &[&[self.unused][..], &self.signer.sign(&info)].concat(),
        );
        seq(&[&info, &self.algorithm, &signature])
    }
}

/// One CBOR byte string of up to 65,535 bytes.
fn cbor_bytes(bytes: &[u8]) -> Vec<u8> {
    let length = bytes.len();
    let mut out = match length {
        0..=23 => vec![0x40 | length as u8],
        24..=0xff => vec![0x58, length as u8],
        _ => vec![0x59, (length >> 8) as u8, length as u8],
    };
    out.extend_from_slice(bytes);
    out
}

/// An attestation object of the format `step` over a key authorization.
pub(crate) fn step(pki: &Pki, signer: Key, key_authorization: &[u8]) -> Vec<u8> {
    let alg: &[u8] = match signer {
        Key::P256(_) => &[0x26],
        Key::P384(_) => &[0x38, 0x22],
        Key::Ed25519(_) => &[0x27],
    };
    [
        &b"\xa2\x63fmt\x64step\x67attStmt\xa3\x63x5c\x82"[..],
        &cbor_bytes(&pki.leaf.der()),
        &cbor_bytes(&pki.device.der()),
        b"\x63alg",
        alg,
        b"\x63sig",
        &cbor_bytes(&cbor_bytes(&signer.sign(key_authorization))),
    ]
    .concat()
}
