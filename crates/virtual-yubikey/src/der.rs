//! DER, as far as an attestation certificate needs it.
//!
//! Written by hand so that every byte is what Yubico's firmware puts there, and
//! so that no library is on both sides of a test.

use crate::tlv::{self, tlv};

pub(crate) const RSA_ENCRYPTION: &[u8] = &[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 1, 1];
pub(crate) const SHA256_WITH_RSA: &[u8] = &[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 1, 11];
pub(crate) const EC_PUBLIC_KEY: &[u8] = &[0x2A, 0x86, 0x48, 0xCE, 0x3D, 2, 1];
pub(crate) const P256: &[u8] = &[0x2A, 0x86, 0x48, 0xCE, 0x3D, 3, 1, 7];
pub(crate) const P384: &[u8] = &[0x2B, 0x81, 4, 0, 34];
pub(crate) const ECDSA_SHA256: &[u8] = &[0x2A, 0x86, 0x48, 0xCE, 0x3D, 4, 3, 2];
pub(crate) const ED25519: &[u8] = &[0x2B, 0x65, 0x70];
pub(crate) const X25519: &[u8] = &[0x2B, 0x65, 0x6E];
pub(crate) const COMMON_NAME: &[u8] = &[0x55, 4, 3];
pub(crate) const BASIC_CONSTRAINTS: &[u8] = &[0x55, 0x1D, 0x13];
pub(crate) const KEY_USAGE: &[u8] = &[0x55, 0x1D, 0x0F];

/// 1.3.6.1.4.1.41482.3.`last`: Yubico's extensions.
pub(crate) fn yubico_oid(last: u8) -> Vec<u8> {
    tlv(0x06, &[0x2B, 6, 1, 4, 1, 0x82, 0xC4, 0x0A, 3, last])
}

pub(crate) fn sequence(parts: &[Vec<u8>]) -> Vec<u8> {
    tlv(0x30, &parts.concat())
}

pub(crate) fn oid(encoded: &[u8]) -> Vec<u8> {
    tlv(0x06, encoded)
}

pub(crate) fn null() -> Vec<u8> {
    tlv(0x05, &[])
}

pub(crate) fn octet_string(bytes: &[u8]) -> Vec<u8> {
    tlv(0x04, bytes)
}

pub(crate) fn bit_string(bytes: &[u8]) -> Vec<u8> {
    tlv(0x03, &[&[0], bytes].concat())
}

/// A number that is not negative: without superfluous zeros, with the one that
/// keeps it positive.
pub(crate) fn unsigned(big_endian: &[u8]) -> Vec<u8> {
    let start = big_endian
        .iter()
        .position(|b| *b != 0)
        .unwrap_or(big_endian.len());
    let digits = big_endian.get(start..).unwrap_or_default();
    match digits.first() {
        None => tlv(0x02, &[0]),
        Some(first) if first & 0x80 != 0 => tlv(0x02, &[&[0], digits].concat()),
        Some(_) => tlv(0x02, digits),
    }
}

/// A name that is one common name.
pub(crate) fn common_name(text: &str) -> Vec<u8> {
    let attribute = sequence(&[oid(COMMON_NAME), tlv(0x0C, text.as_bytes())]);
    sequence(&[tlv(0x31, &attribute)])
}

/// An extension that is not critical.
pub(crate) fn extension(oid: Vec<u8>, value: &[u8]) -> Vec<u8> {
    sequence(&[oid, octet_string(value)])
}

pub(crate) fn critical_extension(oid: Vec<u8>, value: &[u8]) -> Vec<u8> {
    sequence(&[oid, tlv(0x01, &[0xFF]), octet_string(value)])
}

/// Parts of a certificate that the card copies from its f9 certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CertificateParts {
    pub(crate) subject: Vec<u8>,
    pub(crate) validity: Vec<u8>,
}

/// Finds subject and validity in a certificate, as they stand there.
pub(crate) fn certificate_parts(certificate: &[u8]) -> Option<CertificateParts> {
    let outer = tlv::first(certificate).filter(|e| e.tag == 0x30)?;
    let tbs = tlv::first(outer.value).filter(|e| e.tag == 0x30)?;
    let mut fields = tlv::all(tbs.value)?.into_iter().peekable();
    fields.next_if(|e| e.tag == 0xA0);
    // serialNumber, signature, issuer
    let mut fields = fields.skip(3);
    let validity = fields.next().filter(|e| e.tag == 0x30)?;
    let subject = fields.next().filter(|e| e.tag == 0x30)?;
    Some(CertificateParts {
        subject: subject.whole.to_vec(),
        validity: validity.whole.to_vec(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_minimal_and_positive() {
        assert_eq!(unsigned(&[]), [2, 1, 0]);
        assert_eq!(unsigned(&[0, 0]), [2, 1, 0]);
        assert_eq!(unsigned(&[0, 0x7F]), [2, 1, 0x7F]);
        assert_eq!(unsigned(&[0x80]), [2, 2, 0, 0x80]);
    }
}
