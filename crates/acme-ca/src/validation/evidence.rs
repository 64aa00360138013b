//! What proved a challenge, kept until its order is finalized.

/// The attestation that came with an answer, and the key that was signed for. Proves nothing by
/// itself: it is verified and judged again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence {
    /// The SubjectPublicKeyInfo to be certified, DER.
    pub certified_spki: Vec<u8>,
    /// The attestation, DER, leaf first.
    pub chain: Vec<Vec<u8>>,
}

/// Stored evidence that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EvidenceError {
    /// There is none.
    #[error("the order has no evidence")]
    Absent,
    /// It ends in the middle.
    #[error("the evidence is damaged")]
    Truncated,
    /// Its key cannot be read.
    #[error("the key in the evidence cannot be read: {0}")]
    Key(piv_attest::Error),
}

impl Evidence {
    /// For the store: each part with its length before it, 4 bytes big-endian.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for part in std::iter::once(&self.certified_spki).chain(&self.chain) {
            // Every part came in a request of bounded size.
            let length = u32::try_from(part.len()).unwrap_or(u32::MAX);
            bytes.extend_from_slice(&length.to_be_bytes());
            bytes.extend_from_slice(part);
        }
        bytes
    }

    /// From the store.
    ///
    /// # Errors
    /// [`EvidenceError::Truncated`].
    pub fn from_bytes(mut bytes: &[u8]) -> Result<Self, EvidenceError> {
        let mut parts = Vec::new();
        while !bytes.is_empty() {
            let (length, rest) = bytes
                .split_first_chunk::<4>()
                .ok_or(EvidenceError::Truncated)?;
            let length = usize::try_from(u32::from_be_bytes(*length))
                .map_err(|_| EvidenceError::Truncated)?;
            let (part, rest) = rest
                .split_at_checked(length)
                .ok_or(EvidenceError::Truncated)?;
            parts.push(part.to_vec());
            bytes = rest;
        }
        if parts.len() < 2 {
            return Err(EvidenceError::Truncated);
        }
        let certified_spki = parts.remove(0);
        Ok(Self {
            certified_spki,
            chain: parts,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn evidence_comes_back_as_it_was() {
        let evidence = Evidence {
            certified_spki: vec![1; 91],
            chain: vec![vec![2; 700], vec![], vec![3]],
        };
        assert_eq!(Evidence::from_bytes(&evidence.to_bytes()), Ok(evidence));
    }

    #[test]
    fn damaged_evidence_is_none() {
        let bytes = Evidence {
            certified_spki: vec![1; 91],
            chain: vec![vec![2; 700]],
        }
        .to_bytes();
        for end in 0..bytes.len() {
            assert_eq!(
                Evidence::from_bytes(&bytes[..end]),
                Err(EvidenceError::Truncated),
                "{end}"
            );
        }
    }
}
