//! Keys from a password (RFC 7292 appendix B), and 3DES with them.

use aws_lc_rs::digest::{Context, SHA1_FOR_LEGACY_USE_ONLY};
use des::TdesEde3;
use des::cipher::{Block, BlockCipherEncrypt, KeyInit};
use zeroize::Zeroizing;

use super::ITERATIONS;

/// v of the appendix: the block of SHA-1, in bytes.
const BLOCK: usize = 64;

/// What the bytes are for: the diversifier.
#[derive(Clone, Copy)]
pub(super) enum Purpose {
    Key = 1,
    Iv = 2,
    Mac = 3,
}

/// The password as the appendix takes it: UTF-16, ended by a zero.
pub(super) fn password(text: &str) -> Zeroizing<Vec<u8>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(text.len() * 2 + 2));
    for unit in text.encode_utf16().chain([0]) {
        bytes.extend_from_slice(&unit.to_be_bytes());
    }
    bytes
}

/// Repeats `bytes` to whole blocks.
fn fill(bytes: &[u8], into: &mut Vec<u8>) {
    let length = bytes.len().div_ceil(BLOCK) * BLOCK;
    into.extend(bytes.iter().cycle().take(length));
}

pub(super) fn derive(
    password: &[u8],
    salt: &[u8],
    purpose: Purpose,
    length: usize,
) -> Zeroizing<Vec<u8>> {
    let mut input = Zeroizing::new(Vec::with_capacity(2 * BLOCK + password.len() + salt.len()));
    fill(salt, &mut input);
    fill(password, &mut input);
    let mut out = Zeroizing::new(Vec::with_capacity(length + 20));
    while out.len() < length {
        let mut first = Context::new(&SHA1_FOR_LEGACY_USE_ONLY);
        first.update(&[purpose as u8; BLOCK]);
        first.update(&input);
        let mut hash = first.finish();
        for _ in 1..ITERATIONS {
            hash = aws_lc_rs::digest::digest(&SHA1_FOR_LEGACY_USE_ONLY, hash.as_ref());
        }
        out.extend_from_slice(hash.as_ref());
        for block in input.chunks_exact_mut(BLOCK) {
            add(block, hash.as_ref());
        }
    }
    out.truncate(length);
    out
}

/// block + hash repeated + 1, as one big number.
fn add(block: &mut [u8], hash: &[u8]) {
    let repeated: Vec<_> = hash.iter().copied().cycle().take(block.len()).collect();
    let mut carry = 1;
    for (byte, other) in block.iter_mut().zip(repeated).rev() {
        let sum = u16::from(*byte) + u16::from(other) + carry;
        *byte = u8::try_from(sum & 0xff).unwrap_or_default();
        carry = sum >> 8;
    }
}

/// 3DES in CBC mode with the padding of PKCS#5.
pub(super) fn encrypt(plain: &[u8], password: &[u8], salt: &[u8]) -> Vec<u8> {
    let key = derive(password, salt, Purpose::Key, 24);
    let iv = derive(password, salt, Purpose::Iv, 8);
    let padding = 8 - plain.len() % 8;
    let mut padded = Zeroizing::new(Vec::with_capacity(plain.len() + padding));
    padded.extend_from_slice(plain);
    padded.extend(std::iter::repeat_n(
        u8::try_from(padding).unwrap_or_default(),
        padding,
    ));
    let Ok(cipher) = TdesEde3::new_from_slice(&key) else {
        // The key has 24 bytes.
        return Vec::new();
    };
    let mut last = iv.to_vec();
    let mut out = Vec::with_capacity(padded.len());
    for chunk in padded.chunks_exact(8) {
        let mut block = Block::<TdesEde3>::default();
        for (byte, (a, b)) in block.iter_mut().zip(chunk.iter().zip(&last)) {
            *byte = a ^ b;
        }
        cipher.encrypt_block(&mut block);
        last = block.to_vec();
        out.extend_from_slice(&last);
    }
    out
}
