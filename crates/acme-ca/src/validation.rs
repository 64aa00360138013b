//! The decision about an answer to a `yubikey-01`, `yubikey-02` or `device-attest-01` challenge.
//!
//! Three steps, each asking for the result of the one before: possession of the key, its
//! attestation, what the records let it have. Whoever cannot sign learns nothing about records
//! and raises no alarm. When an order is finalized the last two are taken again from the stored
//! [`Evidence`], because a key can be retired in between.

use acme_wire::order::Identifier;
use acme_yubikey::{
    AttestationError, ChallengeType, ChallengeValue, ChallengeValueError, Expected,
    PossessionError, Response, ResponseError,
};
use piv_attest::{AwsLcRs, PublicKey, UnixTime, VerifiedAttestation, Verifier};

use crate::config::{Config, KeyChallenge};
use crate::entitlement::{self, Entitlement, JudgeError, Question, Refusal};
use crate::orders::AuthorizationStatus;
use crate::store::orders::{Authorization, Challenge, Order};
use crate::store::{Records, StoreError};

mod device_attest;
mod evidence;

pub use device_attest::DeviceAttestError;
pub use evidence::{Evidence, EvidenceError};

/// Why an answer is wrong.
#[derive(Debug, thiserror::Error)]
pub enum Wrong {
    /// It comes too late: the challenge expired, or its order is over.
    #[error(
        "the challenge can no longer be answered, its authorization is {status}: make a new order"
    )]
    Late {
        /// Of the authorization.
        status: AuthorizationStatus,
    },
    /// It is not an answer at all.
    #[error(transparent)]
    Response(#[from] ResponseError),
    /// It is no answer to device-attest-01.
    #[error(transparent)]
    DeviceAttest(#[from] DeviceAttestError),
    /// It does not prove possession of a key.
    #[error(transparent)]
    Possession(#[from] PossessionError),
    /// The key is not attested.
    #[error("the attestation is not acceptable: {0}")]
    Attestation(#[from] AttestationError),
    /// The key may not have what was ordered; all reasons.
    #[error("refused: {}", reasons(.0))]
    Refused(Vec<Refusal>),
}

fn reasons(refusals: &[Refusal]) -> String {
    let reasons: Vec<String> = refusals.iter().map(ToString::to_string).collect();
    reasons.join("; ")
}

/// Why an answer could not be judged.
#[derive(Debug, thiserror::Error)]
pub enum ValidationError {
    /// It was judged, and is wrong.
    #[error(transparent)]
    Wrong(#[from] Wrong),
    /// The records could not be read; nothing is decided.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The stored challenge has no value that its type could have.
    #[error("the stored challenge is damaged: {0}")]
    Token(#[from] ChallengeValueError),
    /// The stored evidence cannot be read.
    #[error(transparent)]
    Evidence(#[from] EvidenceError),
}

impl From<JudgeError> for ValidationError {
    fn from(error: JudgeError) -> Self {
        match error {
            JudgeError::Refused(refusals) => Wrong::Refused(refusals).into(),
            JudgeError::Store(error) => Self::Store(error),
        }
    }
}

impl Wrong {
    /// Whether somebody should look at this now.
    #[must_use]
    pub fn is_alarm(&self) -> bool {
        matches!(self, Self::Refused(refusals) if refusals.iter().any(Refusal::is_alarm))
    }

    /// Every reason.
    #[must_use]
    pub fn reasons(&self) -> Vec<String> {
        match self {
            Self::Refused(refusals) => refusals.iter().map(ToString::to_string).collect(),
            other => vec![other.to_string()],
        }
    }
}

/// What judging needs besides the answer.
#[derive(Clone, Copy)]
pub struct Judge<'a, R: Records + ?Sized> {
    /// Verifies attestations.
    pub verifier: &'a Verifier<AwsLcRs>,
    /// The settings.
    pub config: &'a Config,
    /// People and keys.
    pub records: &'a R,
    /// Seconds since 1970.
    pub now: i64,
}

/// What an answer proved: the attestation, the key to be certified, and the certificates.
type Attested = (VerifiedAttestation, PublicKey, Vec<Vec<u8>>);

/// What an answer is for: one challenge of an order.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// The order.
    pub order: &'a Order,
    /// The authorization.
    pub authorization: &'a Authorization,
    /// The challenge.
    pub challenge: &'a Challenge,
    /// The order's URL.
    pub order_url: &'a str,
    /// RFC 7638, of the account that owns the order.
    pub thumbprint: [u8; 32],
}

impl<R: Records + ?Sized> Judge<'_, R> {
    /// Judges an answer: its time, possession, attestation, records and policy, in this order.
    ///
    /// # Errors
    /// [`ValidationError::Wrong`] spends the challenge; the others do not.
    pub async fn answer(
        &self,
        asked: Asked<'_>,
        payload: &[u8],
    ) -> Result<(Entitlement, Evidence), ValidationError> {
        let status = asked.authorization.status_at(self.now);
        if status != AuthorizationStatus::Pending {
            return Err(Wrong::Late { status }.into());
        }
        let kind = kind_of(asked.challenge)?;
        let (attestation, certified_key, chain) = match kind {
            KeyChallenge::Yubikey(kind) => self.yubikey(kind, asked, payload)?,
            KeyChallenge::DeviceAttest => {
                let key_authorization =
                    device_attest::key_authorization(&asked.challenge.token, &asked.thumbprint);
                let now = UnixTime::from_secs(self.now);
                device_attest::verify(self.verifier, &key_authorization, payload, now)?
            }
        };
        let evidence = Evidence {
            certified_spki: certified_key.spki_der().to_vec(),
            chain,
        };
        let question = Question {
            profile: asked.order.profile.clone(),
            identifier: identifier(asked.authorization),
            answered: kind,
            attestation,
            certified_key,
        };
        let entitlement = entitlement::judge(self.records, self.config, question).await?;
        Ok((entitlement, evidence))
    }

    /// Possession and attestation as `yubikey-01` and `yubikey-02` show them.
    fn yubikey(
        &self,
        kind: ChallengeType,
        asked: Asked<'_>,
        payload: &[u8],
    ) -> Result<Attested, ValidationError> {
        let value = ChallengeValue::from_token(kind, &asked.challenge.token)?;
        let expected = Expected {
            value: &value,
            order_url: asked.order_url,
            profile: &asked.order.profile,
            not_after: asked_not_after(asked.order),
            thumbprint: asked.thumbprint,
        };
        let answered = Response::from_json(payload)
            .map_err(Wrong::Response)?
            .prove_possession::<AwsLcRs>(&expected)
            .map_err(Wrong::Possession)?
            .verify_attestation(self.verifier, UnixTime::from_secs(self.now))
            .map_err(Wrong::Attestation)?;
        let (_, attestation, certified_key, chain) = answered.into_parts();
        Ok((attestation, certified_key, chain))
    }

    /// Judges again what was judged when the challenge was answered.
    ///
    /// # Errors
    /// [`ValidationError::Wrong`] when attestation, records or policy no longer allow it.
    pub async fn again(
        &self,
        order: &Order,
        authorization: &Authorization,
        challenge: &Challenge,
        evidence: &Evidence,
    ) -> Result<Entitlement, ValidationError> {
        let (leaf, intermediates) = evidence
            .chain
            .split_first()
            .ok_or(EvidenceError::Truncated)?;
        let intermediates: Vec<&[u8]> = intermediates.iter().map(Vec::as_slice).collect();
        let attestation = self
            .verifier
            .verify(leaf, &intermediates, UnixTime::from_secs(self.now))
            .map_err(|error| Wrong::Attestation(error.into()))?;
        let certified_key =
            PublicKey::from_spki_der(&evidence.certified_spki).map_err(EvidenceError::Key)?;
        let question = Question {
            profile: order.profile.clone(),
            identifier: identifier(authorization),
            answered: kind_of(challenge)?,
            attestation,
            certified_key,
        };
        Ok(entitlement::judge(self.records, self.config, question).await?)
    }
}

/// `notAfter` as it is signed: 0 if the order has none.
fn asked_not_after(order: &Order) -> u64 {
    order
        .not_after
        .and_then(|seconds| u64::try_from(seconds).ok())
        .unwrap_or(0)
}

fn identifier(authorization: &Authorization) -> Identifier {
    Identifier {
        kind: authorization.kind.clone().into(),
        value: authorization.value.clone(),
    }
}

fn kind_of(challenge: &Challenge) -> Result<KeyChallenge, StoreError> {
    challenge.kind.parse().map_err(|_| StoreError::Corrupt {
        column: "challenges.kind",
    })
}
