//! Who may have what: from a verified attestation and the records to an [`Entitlement`], or to
//! every reason why not.
//!
//! The record is that of the public key that answered, never one that a serial number or a name
//! in the order points to. It is judged twice: when a challenge is answered, and again when the
//! order is finalized, because a key can be retired in between.

use std::sync::Arc;

use acme_wire::order::{Identifier, IdentifierType};
use acme_yubikey::ChallengeType;
use piv_attest::{KeyAlgorithm, PublicKey, Serial, VerifiedAttestation};

use crate::config::{Config, KeyChallenge, Profile, ProfileKind, ProvenBy, SitePolicy};
use crate::records::{KeyId, KeyRecord, KeyState, KeyUse, User, UserName};
use crate::store::{Records, StoreError};

mod refusal;

pub use refusal::Refusal;

/// What is asked: an answered challenge, and the order that it belongs to.
#[derive(Debug, Clone)]
pub struct Question {
    /// The profile ordered.
    pub profile: String,
    /// The order's one identifier.
    pub identifier: Identifier,
    /// The type of the challenge that was answered.
    pub answered: KeyChallenge,
    /// What the answering key's attestation says.
    pub attestation: VerifiedAttestation,
    /// The key to be certified.
    pub certified_key: PublicKey,
}

/// The right to one certificate. Only [`judge`] makes one, and issuing uses it up.
#[derive(Debug)]
pub struct Entitlement {
    profile: Arc<Profile>,
    user: UserName,
    key: KeyId,
    serial: Option<Serial>,
    names: Vec<String>,
    identifier: Identifier,
    certified_key: PublicKey,
    certifies_attested_key: bool,
    warnings: Vec<String>,
}

impl Entitlement {
    /// The profile.
    #[must_use]
    pub fn profile(&self) -> &Profile {
        &self.profile
    }

    /// The person.
    #[must_use]
    pub fn user(&self) -> &UserName {
        &self.user
    }

    /// The record of the key that answered.
    #[must_use]
    pub fn key(&self) -> KeyId {
        self.key
    }

    /// The YubiKey's serial number, if it states one.
    #[must_use]
    pub fn serial(&self) -> Option<Serial> {
        self.serial
    }

    /// The names or principals that the certificate carries; never empty.
    #[must_use]
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The order's identifier.
    #[must_use]
    pub fn identifier(&self) -> &Identifier {
        &self.identifier
    }

    /// The key to be certified.
    #[must_use]
    pub fn certified_key(&self) -> &PublicKey {
        &self.certified_key
    }

    /// Whether that is the attested key itself, whose record was judged, and no other.
    #[must_use]
    pub fn certifies_attested_key(&self) -> bool {
        self.certifies_attested_key
    }

    /// Advisories that the policy tolerates, for people and the log.
    #[must_use]
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }
}

/// Why there is no entitlement.
#[derive(Debug, thiserror::Error)]
pub enum JudgeError {
    /// It was refused, for all of these reasons.
    #[error("refused: {}", list(.0))]
    Refused(Vec<Refusal>),
    /// The records could not be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

fn list(refusals: &[Refusal]) -> String {
    let texts: Vec<String> = refusals.iter().map(ToString::to_string).collect();
    texts.join("; ")
}

/// Judges an answered challenge against the records and the site's policy.
///
/// # Errors
/// [`JudgeError::Refused`] with every reason, [`JudgeError::Store`].
pub async fn judge(
    records: &(impl Records + ?Sized),
    config: &Config,
    question: Question,
) -> Result<Entitlement, JudgeError> {
    let record = records
        .key_by_spki(&question.attestation.public_key().spki_sha256())
        .await?;
    decide(record, config, question).map_err(JudgeError::Refused)
}

/// The judgement itself, on what the records say.
fn decide(
    record: Option<(KeyRecord, User)>,
    config: &Config,
    question: Question,
) -> Result<Entitlement, Vec<Refusal>> {
    let mut refusals = Vec::new();
    let profile = config.profile(&question.profile);
    if profile.is_none() {
        refusals.push(Refusal::NoProfile {
            profile: question.profile.clone(),
        });
    }
    let mut names = Vec::new();
    if let Some((key, user)) = &record {
        refusals.extend(standing(key, user));
        refusals.extend(
            key.attested
                .compare(&question.attestation)
                .into_iter()
                .map(Refusal::Differs),
        );
        if let Some(profile) = profile {
            refusals.extend(fitness(key, profile, &config.policy, question.answered));
            match granted(key, profile, &question) {
                Ok(granted) => names = granted,
                Err(refusal) => refusals.push(refusal),
            }
        }
    } else {
        refusals.push(Refusal::NotEnrolled);
    }
    if question.answered == KeyChallenge::Yubikey(ChallengeType::Yubikey02) {
        refusals.extend(weakness(&question.certified_key));
    }
    let accepted = match config.policy.attestation.judge(question.attestation) {
        Ok(accepted) => Some(accepted),
        Err(refusal) => {
            refusals.extend(refusal.violations().iter().cloned().map(Refusal::Policy));
            None
        }
    };
    match (record, profile, accepted) {
        (Some((key, user)), Some(profile), Some(accepted)) if refusals.is_empty() => {
            Ok(Entitlement {
                profile: Arc::clone(profile),
                user: user.name,
                key: key.id,
                serial: accepted.serial(),
                names,
                identifier: question.identifier,
                certifies_attested_key: question.certified_key.spki_sha256() == key.spki_sha256,
                certified_key: question.certified_key,
                warnings: accepted
                    .warnings()
                    .iter()
                    .map(ToString::to_string)
                    .collect(),
            })
        }
        _ => Err(refusals),
    }
}

/// Whether key and person are in good standing.
fn standing(key: &KeyRecord, user: &User) -> Vec<Refusal> {
    let state = match key.state {
        KeyState::Active => None,
        KeyState::Retired { since } => Some(Refusal::Retired { since }),
        KeyState::Revoked { since } => Some(Refusal::Revoked { since }),
    };
    let disabled = user.disabled.map(|since| Refusal::UserDisabled { since });
    state.into_iter().chain(disabled).collect()
}

/// Whether the key is for this profile's challenge.
fn fitness(
    key: &KeyRecord,
    profile: &Profile,
    policy: &SitePolicy,
    answered: KeyChallenge,
) -> Vec<Refusal> {
    let mut refusals = Vec::new();
    let wanted = match &profile.proven_by {
        ProvenBy::Yubikey(challenge) => Some(*challenge),
        ProvenBy::Names(_) => None,
    };
    if wanted != Some(answered) {
        refusals.push(Refusal::OtherChallenge {
            profile: profile.name.clone(),
            wanted: wanted.map_or("control of names", KeyChallenge::as_str),
            answered: answered.as_str(),
        });
    }
    if !use_fits(key.usage, answered.alike(), policy) {
        refusals.push(Refusal::OtherUse {
            wanted: use_for(answered.alike()),
            found: key.usage,
            challenge: answered.as_str(),
        });
    }
    refusals
}

/// What a challenge type wants a key to be for.
pub(crate) fn use_for(challenge: ChallengeType) -> KeyUse {
    match challenge {
        ChallengeType::Yubikey01 => KeyUse::Login,
        ChallengeType::Yubikey02 => KeyUse::Proof,
    }
}

/// A proof key never answers yubikey-01: its certificates would be for a key that no program
/// may use. The other way round is the site's choice.
pub(crate) fn use_fits(usage: KeyUse, challenge: ChallengeType, policy: &SitePolicy) -> bool {
    let wanted = use_for(challenge);
    usage == wanted || (wanted == KeyUse::Proof && policy.one_key_for_both)
}

/// The names that the order may have from the key's grant.
fn granted(
    key: &KeyRecord,
    profile: &Profile,
    question: &Question,
) -> Result<Vec<String>, Refusal> {
    let identifier = &question.identifier;
    let grant = key
        .grants
        .iter()
        .find(|grant| grant.profile == profile.name)
        .filter(|grant| !grant.names.is_empty());
    if identifier.kind == IdentifierType::PermanentIdentifier {
        let found = question.attestation.serial();
        if found.map(|serial| serial.to_string()).as_deref() != Some(&identifier.value) {
            return Err(Refusal::OtherSerial {
                ordered: identifier.value.clone(),
                found,
            });
        }
    } else if identifier.kind != IdentifierType::Dns {
        return Err(Refusal::IdentifierType {
            kind: identifier.kind.as_str().to_owned(),
        });
    }
    let Some(grant) = grant else {
        return Err(Refusal::NotGranted {
            profile: profile.name.clone(),
        });
    };
    let mut names = grant.names.clone();
    if identifier.kind == IdentifierType::Dns {
        // An order for one name gets that name and no other (RFC 8555 §7.4).
        names.retain(|name| name_matches(profile, name, &identifier.value));
        if names.is_empty() {
            return Err(Refusal::NameNotGranted {
                name: identifier.value.clone(),
                profile: profile.name.clone(),
            });
        }
    }
    names
        .iter()
        .map(|name| crate::config::certificate_name(profile, name).map_err(Refusal::BadName))
        .collect()
}

/// DNS names are compared without regard to case, principals as they are.
fn name_matches(profile: &Profile, granted: &str, ordered: &str) -> bool {
    match profile.kind {
        ProfileKind::X509(_) | ProfileKind::X509Server => granted.eq_ignore_ascii_case(ordered),
        ProfileKind::SshUser(_) => granted == ordered,
    }
}

/// A key on disk is not attested, so it is judged by itself alone. A CSR must have this key.
fn weakness(key: &PublicKey) -> Option<Refusal> {
    if key.has_roca_fingerprint() {
        return Some(Refusal::RocaKey);
    }
    if let Some(how) = key.rsa_modulus().and_then(crate::factors::weakness) {
        return Some(Refusal::FactoredKey { how });
    }
    match key.algorithm() {
        KeyAlgorithm::P256
        | KeyAlgorithm::P384
        | KeyAlgorithm::Ed25519
        | KeyAlgorithm::Rsa2048
        | KeyAlgorithm::Rsa3072
        | KeyAlgorithm::Rsa4096 => None,
        algorithm => Some(Refusal::WeakKey { algorithm }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// SubjectPublicKeyInfo of RSA-2048 up to the modulus, and from the exponent on.
    const HEAD: &str = "30820122300d06092a864886f70d01010105000382010f003082010a0282010100";
    const EXPONENT: &str = "0203010001";
    /// The last bytes of a modulus that has the fingerprint; the first byte is 0x80.
    const TAIL: &str = "0371f3ddc73a9355505d856060b04b3bd036fae2683bb906ac38b461";

    fn rsa(tail: &str) -> PublicKey {
        let modulus = format!("80{tail:0>510}");
        let spki = hex::decode(format!("{HEAD}{modulus}{EXPONENT}")).unwrap();
        PublicKey::from_spki_der(&spki).unwrap()
    }

    #[test]
    fn a_disk_key_that_can_be_factored_is_refused() {
        assert!(matches!(weakness(&rsa(TAIL)), Some(Refusal::RocaKey)));
        // Divisible by 17.
        let small = TAIL.replace("b461", "b463");
        let refused = weakness(&rsa(&small));
        assert!(matches!(refused, Some(Refusal::FactoredKey { .. })));
        let other = TAIL.replace("b461", "b475");
        assert!(weakness(&rsa(&other)).is_none());
    }
}
