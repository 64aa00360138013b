//! Bytes as text: canonical base64url without padding (RFC 4648 §5), lowercase hex.

use base64ct::{Base64UrlUnpadded, Encoding};

pub(crate) fn to_base64url(bytes: &[u8]) -> String {
    Base64UrlUnpadded::encode_string(bytes)
}

/// `None` for padding, whitespace, another alphabet, and trailing bits that are not zero: each
/// byte string has one spelling only.
pub(crate) fn from_base64url(text: &str) -> Option<Vec<u8>> {
    Base64UrlUnpadded::decode_vec(text).ok()
}

pub(crate) fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// `None` unless the text is exactly 64 lowercase hexadecimal digits.
pub(crate) fn digest_from_hex(text: &str) -> Option<[u8; 32]> {
    let digit = |c: u8| match c {
        b'0'..=b'9' => Some(c - b'0'),
        b'a'..=b'f' => Some(c - b'a' + 10),
        _ => None,
    };
    if text.len() != 64 {
        return None;
    }
    let mut digest = [0; 32];
    for (byte, pair) in digest.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        if let &[high, low] = pair {
            *byte = digit(high)? << 4 | digit(low)?;
        }
    }
    Some(digest)
}

/// The next part of a length-prefixed encoding: its length as u32, big-endian, then itself.
pub(crate) fn length_prefixed(part: &[u8]) -> impl Iterator<Item = u8> + '_ {
    // Callers bound their parts far below 2³² bytes.
    let length = u32::try_from(part.len()).unwrap_or(u32::MAX);
    length.to_be_bytes().into_iter().chain(part.iter().copied())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hex_digests_are_64_lowercase_digits() {
        let digest = [0xa5; 32];
        assert_eq!(digest_from_hex(&to_hex(&digest)), Some(digest));
        let bad = [
            "",
            "a5",
            &"A5".repeat(32),
            &"g5".repeat(32),
            &"a5".repeat(33),
            &"é".repeat(32),
        ];
        for text in bad {
            assert_eq!(digest_from_hex(text), None, "{text}");
        }
    }

    #[test]
    fn base64url_has_one_spelling() {
        assert_eq!(from_base64url("-_8"), Some(vec![0xfb, 0xff]));
        for bad in ["-_8=", "+/8", "-_9", "-_8\n", "A"] {
            assert_eq!(from_base64url(bad), None, "{bad:?}");
        }
    }
}
