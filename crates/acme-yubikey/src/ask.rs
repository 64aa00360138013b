//! What is asked for, reduced to the 32 bytes that are signed.

use sha2::{Digest, Sha256};

use crate::bytes::length_prefixed;

/// What one order asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ask<'a> {
    /// The order's URL, byte by byte as the server gave it in `Location`.
    pub order_url: &'a str,
    /// The order's profile.
    pub profile: &'a str,
    /// The order's `notAfter` in seconds since the epoch; 0 if it has none.
    pub not_after: u64,
    /// SHA-256 of the SubjectPublicKeyInfo (DER) that is to be certified.
    pub spki_sha256: [u8; 32],
}

impl Ask<'_> {
    /// SHA-256 over order URL, profile, notAfter (8 bytes, big-endian) and key hash, each
    /// with its length before it (4 bytes, big-endian).
    #[must_use]
    pub fn detail(&self) -> Detail {
        let mut hash = Sha256::new();
        for part in [
            self.order_url.as_bytes(),
            self.profile.as_bytes(),
            &self.not_after.to_be_bytes(),
            &self.spki_sha256,
        ] {
            hash.update(length_prefixed(part).collect::<Vec<u8>>());
        }
        Detail(hash.finalize().into())
    }
}

/// The digest of an [`Ask`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Detail(pub [u8; 32]);

#[cfg(test)]
mod tests {
    use super::*;

    const ASK: Ask<'static> = Ask {
        order_url: "https://ca.example/order/1",
        profile: "tls",
        not_after: 1,
        spki_sha256: [7; 32],
    };

    #[test]
    fn every_part_counts() {
        let others = [
            Ask {
                order_url: "https://ca.example/order/2",
                ..ASK
            },
            Ask {
                profile: "ssh",
                ..ASK
            },
            Ask {
                not_after: 0,
                ..ASK
            },
            Ask {
                spki_sha256: [8; 32],
                ..ASK
            },
        ];
        for other in others {
            assert_ne!(other.detail(), ASK.detail(), "{other:?}");
        }
    }

    #[test]
    fn a_byte_that_moves_from_one_part_to_the_next_counts() {
        let moved = Ask {
            order_url: "https://ca.example/order/1t",
            profile: "ls",
            ..ASK
        };
        assert_ne!(moved.detail(), ASK.detail());
    }
}
