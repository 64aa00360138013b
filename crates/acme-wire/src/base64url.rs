//! base64url without padding (RFC 4648 §5, RFC 7515 §2), canonical on both sides.
//!
//! One string for each byte string: padding, whitespace, characters of the
//! other alphabet and non-zero trailing bits are all refused, so that a value
//! cannot be presented twice under two spellings.

use base64ct::{Base64UrlUnpadded, Encoding};

/// Encodes `bytes` without padding.
#[must_use]
pub fn encode(bytes: &[u8]) -> String {
    Base64UrlUnpadded::encode_string(bytes)
}

/// Decodes the one canonical spelling of a byte string.
///
/// # Errors
/// [`NotBase64Url`] for anything that [`encode`] would not have written.
pub fn decode(text: &str) -> Result<Vec<u8>, NotBase64Url> {
    Base64UrlUnpadded::decode_vec(text).map_err(|_| NotBase64Url)
}

/// The text is not canonical base64url without padding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not canonical base64url without padding")]
pub struct NotBase64Url;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_canonical_spelling_decodes() {
        assert_eq!(decode("").unwrap(), b"");
        assert_eq!(decode("AA").unwrap(), b"\0");
        assert_eq!(decode("-_8").unwrap(), [0xfb, 0xff]);
        for bad in ["AA==", "A", "AB", "+/8", "A A", "AA\n", " AA", "AAB", "ä"] {
            assert_eq!(decode(bad), Err(NotBase64Url), "{bad:?}");
        }
    }
}
