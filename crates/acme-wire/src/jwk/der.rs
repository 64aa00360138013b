//! The few DER structures that turn a key into a SubjectPublicKeyInfo (RFC 5280 §4.1.2.7).

/// AlgorithmIdentifier of id-ecPublicKey on secp256r1.
pub(super) const P256: &[u8] = &[
    0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48,
    0xce, 0x3d, 0x03, 0x01, 0x07,
];
/// AlgorithmIdentifier of id-ecPublicKey on secp384r1.
pub(super) const P384: &[u8] = &[
    0x30, 0x10, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x05, 0x2b, 0x81, 0x04,
    0x00, 0x22,
];
/// AlgorithmIdentifier of rsaEncryption with NULL (RFC 3279 §2.3.1).
pub(super) const RSA: &[u8] = &[
    0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00,
];
/// AlgorithmIdentifier of id-Ed25519 (RFC 8410).
pub(super) const ED25519: &[u8] = &[0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70];

pub(super) fn spki(algorithm: &[u8], public_key: &[u8]) -> Vec<u8> {
    let bits = tlv(0x03, &[&[0], public_key].concat());
    tlv(0x30, &[algorithm, &bits].concat())
}

pub(super) fn rsa_public_key(n: &[u8], e: &[u8]) -> Vec<u8> {
    tlv(0x30, &[integer(n), integer(e)].concat())
}

/// An unsigned INTEGER; a zero keeps the first bit from being a sign.
fn integer(magnitude: &[u8]) -> Vec<u8> {
    match magnitude.first() {
        Some(first) if first & 0x80 != 0 => tlv(0x02, &[&[0], magnitude].concat()),
        _ => tlv(0x02, magnitude),
    }
}

fn tlv(tag: u8, value: &[u8]) -> Vec<u8> {
    let length = value.len().to_be_bytes();
    let short = length
        .iter()
        .position(|b| *b != 0)
        .unwrap_or(length.len() - 1);
    let length = length.get(short..).unwrap_or_default();
    let mut out = vec![tag];
    if value.len() >= 0x80 {
        // A length has at most eight bytes.
        out.push(0x80 | length.len() as u8);
    }
    out.extend_from_slice(length);
    out.extend_from_slice(value);
    out
}
