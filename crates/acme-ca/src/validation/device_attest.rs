//! device-attest-01 (draft-ietf-acme-device-attest) with attestation statements of the format
//! `step`: the attested key signs the key authorization.

use acme_wire::base64url;
use piv_attest::{AwsLcRs, UnixTime, Verifier};
use serde::Deserialize;

use super::{Attested, Wrong};

/// Why a payload is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DeviceAttestError {
    /// It has no attestation object.
    #[error("the response is no JSON object with the member \"attObj\"")]
    Json,
    /// The attestation object is not encoded as it should be.
    #[error("\"attObj\" is not canonical base64url without padding")]
    Encoding,
}

#[derive(Deserialize)]
struct Answer {
    #[serde(rename = "attObj")]
    attestation_object: String,
}

/// The message that the attested key signs (RFC 8555 §8.1).
pub(super) fn key_authorization(token: &str, thumbprint: &[u8; 32]) -> String {
    format!("{token}.{}", base64url::encode(thumbprint))
}

/// Verifies the statement in an answer. The key to be certified is the attested one.
pub(super) fn verify(
    verifier: &Verifier<AwsLcRs>,
    key_authorization: &str,
    payload: &[u8],
    now: UnixTime,
) -> Result<Attested, Wrong> {
    let answer: Answer = serde_json::from_slice(payload).map_err(|_| DeviceAttestError::Json)?;
    let object =
        base64url::decode(&answer.attestation_object).map_err(|_| DeviceAttestError::Encoding)?;
    let statement = verifier
        .verify_step(&object, key_authorization.as_bytes(), now)
        .map_err(|error| Wrong::Attestation(error.into()))?;
    let (attestation, chain) = statement.into_parts();
    let certified_key = attestation.public_key().clone();
    Ok((attestation, certified_key, chain))
}
