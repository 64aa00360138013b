//! The server's half: from a response to an answered challenge, one proof after the other.

use piv_attest::{
    Backend, PublicKey, SignatureAlgorithm, UnixTime, VerifiedAttestation, Verifier, claimed_key,
};

use crate::{
    ask::Ask,
    challenge::{ChallengeType, ChallengeValue},
    message::{Message, MessageError},
    response::Response,
};

/// What the server knows about the challenge that is answered. All of it comes from its own
/// store, none from the request.
#[derive(Debug, Clone, Copy)]
pub struct Expected<'a> {
    /// The challenge's value.
    pub value: &'a ChallengeValue,
    /// The URL of the challenge's order.
    pub order_url: &'a str,
    /// The order's profile.
    pub profile: &'a str,
    /// The order's `notAfter` in seconds since the epoch; 0 if it has none.
    pub not_after: u64,
    /// RFC 7638 SHA-256 thumbprint of the key of the account that owns the order.
    pub thumbprint: [u8; 32],
}

impl Response {
    /// Checks, in this order: the message's length and magics; that it is of the challenge's
    /// type; that one entry has the challenge's value and what its order asks for; the account;
    /// the signature under the key that the attestation names.
    ///
    /// Nothing about who the key belongs to is needed for it, and nothing should be looked up
    /// before: whoever cannot sign learns nothing.
    ///
    /// # Errors
    /// [`PossessionError`].
    pub fn prove_possession<B: Backend>(
        self,
        expected: &Expected<'_>,
    ) -> Result<PossessionProof, PossessionError> {
        let message = Message::parse(&self.message)?;
        let kind = expected.value.kind();
        if message.kind() != kind {
            return Err(PossessionError::OtherType {
                expected: kind,
                found: message.kind(),
            });
        }
        // `Message` has no value twice, so that there is at most one.
        let entry = message
            .entries()
            .iter()
            .find(|entry| entry.value == *expected.value)
            .ok_or(PossessionError::OtherChallenge)?;

        let leaf = self
            .attestation
            .first()
            .ok_or(PossessionError::NoAttestation)?;
        let proof_key = claimed_key(leaf).map_err(PossessionError::AttestedKey)?;
        let certified_key = match (kind, &self.public_key) {
            (ChallengeType::Yubikey01, None) => proof_key.clone(),
            (ChallengeType::Yubikey01, Some(_)) => {
                return Err(PossessionError::PublicKeyUnexpected);
            }
            (ChallengeType::Yubikey02, None) => return Err(PossessionError::PublicKeyMissing),
            (ChallengeType::Yubikey02, Some(spki)) => {
                let key = PublicKey::from_spki_der(spki).map_err(PossessionError::PublicKey)?;
                // By the key itself: RSA has two spellings of its algorithm.
                if key.subject_public_key() == proof_key.subject_public_key() {
                    return Err(PossessionError::ProofKeyCertified);
                }
                key
            }
        };
        let algorithm = |key: &PublicKey| {
            SignatureAlgorithm::usual_for(key.algorithm()).ok_or(PossessionError::KeyCannotSign)
        };
        algorithm(&certified_key)?;
        let algorithm = algorithm(&proof_key)?;

        let ask = Ask {
            order_url: expected.order_url,
            profile: expected.profile,
            not_after: expected.not_after,
            spki_sha256: certified_key.spki_sha256(),
        };
        if entry.detail != ask.detail() {
            return Err(PossessionError::OtherAsk);
        }
        if *message.thumbprint() != expected.thumbprint {
            return Err(PossessionError::OtherAccount);
        }
        proof_key
            .verify::<B>(algorithm, message.as_bytes(), &self.signature)
            .map_err(|_| PossessionError::Signature)?;
        Ok(PossessionProof {
            kind,
            chain: self.attestation,
            proof_key,
            certified_key,
        })
    }
}

/// Somebody holds the key that the attestation *names*. Whether that key is in a YubiKey is not
/// known yet: [`verify_attestation`](Self::verify_attestation) says it.
#[derive(Debug, Clone)]
pub struct PossessionProof {
    kind: ChallengeType,
    chain: Vec<Vec<u8>>,
    proof_key: PublicKey,
    certified_key: PublicKey,
}

impl PossessionProof {
    /// The key that signed. Good for looking up a record: whoever sent this can use the key.
    #[must_use]
    pub const fn proof_key(&self) -> &PublicKey {
        &self.proof_key
    }

    /// The key that is to be certified.
    #[must_use]
    pub const fn certified_key(&self) -> &PublicKey {
        &self.certified_key
    }

    /// Verifies that the key which signed is in a YubiKey.
    ///
    /// # Errors
    /// Whatever is wrong with the attestation.
    pub fn verify_attestation<B: Backend>(
        self,
        verifier: &Verifier<B>,
        now: UnixTime,
    ) -> Result<AnsweredChallenge, AttestationError> {
        let (leaf, intermediates) = self.chain.split_first().ok_or(AttestationError::OtherKey)?;
        let intermediates: Vec<&[u8]> = intermediates.iter().map(Vec::as_slice).collect();
        let attestation = verifier.verify(leaf, &intermediates, now)?;
        // The same leaf gave both keys. That must never depend on two readings being alike.
        if attestation.public_key().spki_sha256() != self.proof_key.spki_sha256() {
            return Err(AttestationError::OtherKey);
        }
        Ok(AnsweredChallenge {
            kind: self.kind,
            chain: self.chain,
            attestation,
            certified_key: self.certified_key,
        })
    }
}

/// A challenge that was answered by a key in a YubiKey. Only verification makes one.
///
/// What the key may have is still to be judged: by policy, and by the record of the key.
#[derive(Debug, Clone)]
pub struct AnsweredChallenge {
    kind: ChallengeType,
    chain: Vec<Vec<u8>>,
    attestation: VerifiedAttestation,
    certified_key: PublicKey,
}

impl AnsweredChallenge {
    /// The type of the challenge.
    #[must_use]
    pub const fn kind(&self) -> ChallengeType {
        self.kind
    }

    /// What the attestation says about the key that signed.
    #[must_use]
    pub const fn attestation(&self) -> &VerifiedAttestation {
        &self.attestation
    }

    /// The key that is to be certified: with `yubikey-01` the attested key, with `yubikey-02`
    /// the client's other key.
    #[must_use]
    pub const fn certified_key(&self) -> &PublicKey {
        &self.certified_key
    }

    /// The attestation as it came (DER, leaf first), to be stored and verified again when the
    /// certificate is issued.
    #[must_use]
    pub fn chain(&self) -> &[Vec<u8>] {
        &self.chain
    }

    /// Everything, by value.
    #[must_use]
    pub fn into_parts(self) -> (ChallengeType, VerifiedAttestation, PublicKey, Vec<Vec<u8>>) {
        (self.kind, self.attestation, self.certified_key, self.chain)
    }
}

/// Why a response does not prove possession.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PossessionError {
    /// The message is malformed.
    #[error(transparent)]
    Message(#[from] MessageError),
    /// The message is for the other challenge type.
    #[error("the challenge is {expected}, but the message is for {found}")]
    OtherType {
        /// The challenge's type.
        expected: ChallengeType,
        /// The message's type.
        found: ChallengeType,
    },
    /// No entry has the challenge's value.
    #[error("no entry of the message is for this challenge")]
    OtherChallenge,
    /// There is no certificate.
    #[error("the attestation is empty")]
    NoAttestation,
    /// The leaf's key cannot be read.
    #[error("the attested key cannot be read: {0}")]
    AttestedKey(piv_attest::Error),
    /// `publicKey` with `yubikey-01`, which certifies the attested key.
    #[error("yubikey-01 certifies the attested key; \"publicKey\" must be absent")]
    PublicKeyUnexpected,
    /// No `publicKey` with `yubikey-02`.
    #[error("yubikey-02 needs the key to be certified as \"publicKey\"")]
    PublicKeyMissing,
    /// `publicKey` cannot be read.
    #[error("\"publicKey\" cannot be read: {0}")]
    PublicKey(piv_attest::Error),
    /// The key that vouches is the key that it vouches for.
    #[error("yubikey-02 certifies another key than the one that signs the challenge")]
    ProofKeyCertified,
    /// What was signed for is not what the order asks for.
    #[error(
        "what was signed for is not what this order asks for: order URL, profile, notAfter or key differ"
    )]
    OtherAsk,
    /// The thumbprint is not the account's.
    #[error("the message was signed for another ACME account")]
    OtherAccount,
    /// The attested key, or the one to be certified, is not one that signs.
    #[error("the key is of a kind that cannot sign")]
    KeyCannotSign,
    /// The signature does not verify under the attested key.
    #[error("the signature does not verify under the attested key")]
    Signature,
}

/// Why the attestation of a key does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AttestationError {
    /// The attestation does not verify.
    #[error(transparent)]
    Attestation(#[from] piv_attest::Error),
    /// It attests another key than the one that signed.
    #[error("the attestation is for another key than the one that signed")]
    OtherKey,
}
