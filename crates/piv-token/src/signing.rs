//! What the card is given to sign, for each kind of key.

use crate::{Error, ToSign, algorithm};
use piv_attest::{KeyAlgorithm, Slot};
use sha2::{Digest, Sha256, Sha384, Sha512};

/// The most that an Ed25519 key is given; the card keeps the whole message.
const MESSAGE_LIMIT: usize = 2048;

/// The DigestInfo of SHA-256, up to its digest (RFC 8017, 9.2 note 1).
const SHA256_INFO: [u8; 19] = [
    0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05,
    0x00, 0x04, 0x20,
];

/// The same of SHA-512.
const SHA512_INFO: [u8; 19] = [
    0x30, 0x51, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x03, 0x05,
    0x00, 0x04, 0x40,
];

/// The bytes for GENERAL AUTHENTICATE: hashed, and padded for RSA.
pub(crate) fn input(slot: Slot, key: KeyAlgorithm, what: ToSign<'_>) -> Result<Vec<u8>, Error> {
    let cannot = || Error::Algorithm {
        slot,
        algorithm: key.to_string(),
    };
    let kind = algorithm::kind(key).ok_or_else(cannot)?;
    match (kind, what) {
        (algorithm::Kind::P256, ToSign::Message(m)) => Ok(Sha256::digest(m).to_vec()),
        (algorithm::Kind::P384, ToSign::Message(m)) => Ok(Sha384::digest(m).to_vec()),
        (algorithm::Kind::P256, ToSign::Digest(d)) if d.len() == 32 => Ok(d.to_vec()),
        (algorithm::Kind::P384, ToSign::Digest(d)) if d.len() == 48 => Ok(d.to_vec()),
        (algorithm::Kind::Rsa { bytes }, ToSign::Message(m)) => {
            pkcs1(bytes, &SHA256_INFO, &Sha256::digest(m)).ok_or_else(cannot)
        }
        (algorithm::Kind::Rsa { bytes }, ToSign::MessageSha512(m)) => {
            pkcs1(bytes, &SHA512_INFO, &Sha512::digest(m)).ok_or_else(cannot)
        }
        (algorithm::Kind::Ed25519, ToSign::Message(m)) if m.len() > MESSAGE_LIMIT => {
            Err(Error::TooLong {
                length: m.len(),
                limit: MESSAGE_LIMIT,
            })
        }
        (algorithm::Kind::Ed25519, ToSign::Message(m)) => Ok(m.to_vec()),
        (_, ToSign::Digest(_) | ToSign::MessageSha512(_)) => Err(cannot()),
    }
}

/// EMSA-PKCS1-v1_5 (RFC 8017, 9.2) for a modulus of `length` bytes.
fn pkcs1(length: usize, info: &[u8], digest: &[u8]) -> Option<Vec<u8>> {
    let filling = length.checked_sub(3 + info.len() + digest.len())?;
    if filling < 8 {
        return None;
    }
    let mut block = vec![0x00, 0x01];
    block.resize(2 + filling, 0xff);
    block.push(0x00);
    block.extend_from_slice(info);
    block.extend_from_slice(digest);
    Some(block)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rsa_blocks_carry_the_hash_that_was_asked_for() {
        let block = |what| input(Slot::AUTHENTICATION, KeyAlgorithm::Rsa2048, what).unwrap();
        let short = block(ToSign::Message(b"m"));
        assert_eq!((short.len(), &short[..3]), (256, &[0, 1, 0xff][..]));
        assert!(short.ends_with(&[&SHA256_INFO[..], &Sha256::digest(b"m")].concat()));
        let long = block(ToSign::MessageSha512(b"m"));
        assert!(long.ends_with(&[&[0][..], &SHA512_INFO, &Sha512::digest(b"m")].concat()));
        assert_eq!(long.len(), 256);
    }

    #[test]
    fn sha_512_is_for_rsa_alone() {
        for key in [
            KeyAlgorithm::P256,
            KeyAlgorithm::P384,
            KeyAlgorithm::Ed25519,
        ] {
            assert!(input(Slot::AUTHENTICATION, key, ToSign::MessageSha512(b"m")).is_err());
        }
    }
}
