//! Just enough DER and BER-TLV to talk to a card and to forge certificates.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair};

/// One element.
pub fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut out = vec![tag];
    match content.len() {
        short @ 0..=127 => out.push(short as u8),
        len @ 128..=255 => out.extend([0x81, len as u8]),
        len => out.extend([0x82, (len >> 8) as u8, len as u8]),
    }
    out.extend_from_slice(content);
    out
}

/// A SEQUENCE.
pub fn sequence(parts: &[&[u8]]) -> Vec<u8> {
    tlv(0x30, &parts.concat())
}

/// The first element of `bytes`: its tag, its content, what follows it.
pub fn first(bytes: &[u8]) -> (u8, &[u8], &[u8]) {
    let (len, head) = match bytes[1] {
        short @ 0..=127 => (usize::from(short), 2),
        0x81 => (usize::from(bytes[2]), 3),
        0x82 => (usize::from(bytes[2]) << 8 | usize::from(bytes[3]), 4),
        other => panic!("length form {other:#x}"),
    };
    (bytes[0], &bytes[head..head + len], &bytes[head + len..])
}

/// The content of an element of this tag.
pub fn content(tag: u8, bytes: &[u8]) -> Vec<u8> {
    let (found, content, _) = first(bytes);
    assert_eq!(found, tag);
    content.to_vec()
}

/// The elements in an element, whole.
pub fn children(bytes: &[u8]) -> Vec<Vec<u8>> {
    let (_, mut rest, _) = first(bytes);
    let mut out = Vec::new();
    while !rest.is_empty() {
        let (_, _, next) = first(rest);
        out.push(rest[..rest.len() - next.len()].to_vec());
        rest = next;
    }
    out
}

/// A P-256 key in software.
pub struct SoftKey {
    pair: EcdsaKeyPair,
}

impl SoftKey {
    pub fn generate() -> Self {
        Self {
            pair: EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap(),
        }
    }

    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        let signature = self.pair.sign(&SystemRandom::new(), message).unwrap();
        signature.as_ref().to_vec()
    }

    pub fn spki(&self) -> Vec<u8> {
        let algorithm = sequence(&[
            &[6, 7, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 2, 1],
            &[6, 8, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 3, 1, 7],
        ]);
        let point = [&[0], self.pair.public_key().as_ref()].concat();
        sequence(&[&algorithm, &tlv(3, &point)])
    }

    /// The private scalar, as a card imports it.
    pub fn secret(&self) -> Vec<u8> {
        use aws_lc_rs::encoding::{AsBigEndian, EcPrivateKeyBin};
        let key = AsBigEndian::<EcPrivateKeyBin<'_>>::as_be_bytes(&self.pair.private_key());
        key.unwrap().as_ref().to_vec()
    }
}

/// ecdsa-with-SHA256.
pub fn ecdsa_sha256() -> Vec<u8> {
    sequence(&[&[6, 8, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 4, 3, 2]])
}

/// A certificate like `like`, for another key and signed by another one. Names, validity and
/// extensions are taken over unless given.
pub fn forge(
    like: &[u8],
    spki: &[u8],
    issuer: Option<&[u8]>,
    sign: impl FnOnce(&[u8]) -> Vec<u8>,
) -> Vec<u8> {
    // version, serial, algorithm, issuer, validity, subject, key, extensions
    let tbs = children(&children(like)[0]);
    assert_eq!(tbs.len(), 8);
    let algorithm = ecdsa_sha256();
    let tbs = sequence(&[
        &tbs[0],
        &tbs[1],
        &algorithm,
        issuer.unwrap_or(&tbs[3]),
        &tbs[4],
        &tbs[5],
        spki,
        &tbs[7],
    ]);
    let signature = [vec![0], sign(&tbs)].concat();
    sequence(&[&tbs, &algorithm, &tlv(3, &signature)])
}

/// The certificate `like` with another key in it: its algorithms and its signature stay.
pub fn swap_key(like: &[u8], spki: &[u8]) -> Vec<u8> {
    let whole = children(like);
    let mut tbs = children(&whole[0]);
    tbs[6] = spki.to_vec();
    let parts: Vec<&[u8]> = tbs.iter().map(Vec::as_slice).collect();
    sequence(&[&sequence(&parts), &whole[1], &whole[2]])
}

/// The subject of a certificate, whole.
pub fn subject(certificate: &[u8]) -> Vec<u8> {
    children(&children(certificate)[0])[5].clone()
}
