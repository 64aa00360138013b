//! Enrolment: a bundle becomes the record of a key.
//!
//! [`examine`] verifies the bundle and judges it, and returns what would be recorded, so that
//! the operator can be shown it; [`Proposal::record`] writes it down.

use acme_yubikey::enrolment::{Bundle, Expected};
use piv_attest::{AcceptedAttestation, Record, UnixTime};

use crate::Ca;
use crate::audit::{Decision, OPERATOR, Outcome};
use crate::config::{ProfileKind, certificate_name};
use crate::entitlement::use_fits;
use crate::records::{Grant, KeyRecord, KeyUse, NewKey, TlsProfiles, UserName};
use crate::store::{Records, StoreError};

mod refusal;

pub use refusal::EnrolRefusal;

/// The longest bundle, in bytes.
pub const MAX_BUNDLE: u64 = acme_yubikey::enrolment::MAX_LEN as u64;

/// The most names or principals of one grant: sshd reads no more of a certificate.
pub const MAX_NAMES: usize = sshcert_acme::MAX_PRINCIPALS;

/// What the operator asks for.
#[derive(Debug, Clone)]
pub struct Request {
    /// Whose key it is.
    pub user: UserName,
    /// What it is for.
    pub usage: KeyUse,
    /// What it may have.
    pub grants: Vec<Grant>,
    /// The bundle's file.
    pub bundle: Vec<u8>,
}

/// Why a key is not recorded.
#[derive(Debug, thiserror::Error)]
pub enum EnrolError {
    /// It was refused, for all of these reasons.
    #[error("{}", lines(.0))]
    Refused(Vec<EnrolRefusal>),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

fn lines(refusals: &[EnrolRefusal]) -> String {
    let texts: Vec<String> = refusals.iter().map(ToString::to_string).collect();
    texts.join("; ")
}

/// What would be recorded. Only [`examine`] makes one.
#[derive(Debug)]
pub struct Proposal {
    request: Request,
    attestation: AcceptedAttestation,
    chain: Vec<Vec<u8>>,
    now: i64,
}

/// Verifies and judges a bundle. A refusal is written down.
///
/// # Errors
/// [`EnrolError::Refused`] with every reason, [`EnrolError::Store`].
pub async fn examine(ca: &Ca, request: Request, now: i64) -> Result<Proposal, EnrolError> {
    match judge(ca, request.clone(), now).await {
        Err(EnrolError::Refused(refusals)) => {
            let decision = Decision::new(
                Outcome::Refused,
                "key.add",
                OPERATOR,
                format!("user {}", request.user),
                now,
            )
            .because_all(&refusals);
            crate::audit::record(ca.store(), decision).await?;
            Err(EnrolError::Refused(refusals))
        }
        judged => judged,
    }
}

async fn judge(ca: &Ca, mut request: Request, now: i64) -> Result<Proposal, EnrolError> {
    let mut refusals = Vec::new();
    match ca.store().user(&request.user).await? {
        None => refusals.push(EnrolRefusal::NoUser {
            user: request.user.clone(),
        }),
        Some(user) if user.disabled.is_some() => refusals.push(EnrolRefusal::UserDisabled {
            user: request.user.clone(),
        }),
        Some(_) => {}
    }
    refusals.extend(judge_grants(ca, &mut request).await?);
    let expected = Expected {
        root_fingerprint: ca.hierarchy().root_fingerprint(),
        user: request.user.as_str(),
    };
    let verified = Bundle::from_json(&request.bundle)
        .and_then(|bundle| bundle.verify(&expected, ca.verifier(), UnixTime::from_secs(now)));
    let bundle = match verified {
        Ok(bundle) => bundle,
        Err(error) => {
            refusals.push(error.into());
            return Err(EnrolError::Refused(refusals));
        }
    };
    let key = bundle.attestation().public_key().spki_sha256();
    if let Some((known, _)) = ca.store().key_by_spki(&key).await? {
        refusals.push(EnrolRefusal::Known {
            id: known.id,
            user: known.user,
            state: known.state.as_str(),
        });
    }
    let policy = &ca.config().policy.attestation;
    match policy.judge(bundle.attestation().clone()) {
        Ok(attestation) if refusals.is_empty() => Ok(Proposal {
            request,
            attestation,
            chain: bundle.chain().to_vec(),
            now,
        }),
        Ok(_) => Err(EnrolError::Refused(refusals)),
        Err(refusal) => {
            let violations = refusal.violations().iter().cloned();
            refusals.extend(violations.map(EnrolRefusal::Policy));
            Err(EnrolError::Refused(refusals))
        }
    }
}

/// Checks grants, and puts their names into the form under which they are stored.
async fn judge_grants(ca: &Ca, request: &mut Request) -> Result<Vec<EnrolRefusal>, StoreError> {
    let mut refusals = Vec::new();
    if request.grants.is_empty() {
        refusals.push(EnrolRefusal::NoGrant);
    }
    let mut seen: Vec<String> = Vec::new();
    let tls = tls_profiles(ca);
    // The request's own names, with their profiles: its grants are recorded together.
    let mut own: Vec<(String, (UserName, String))> = Vec::new();
    for grant in &mut request.grants {
        if seen.contains(&grant.profile) {
            refusals.push(EnrolRefusal::GrantedTwice {
                profile: grant.profile.clone(),
            });
        }
        seen.push(grant.profile.clone());
        let Some(profile) = ca.config().profile(&grant.profile) else {
            refusals.push(EnrolRefusal::NoProfile {
                profile: grant.profile.clone(),
            });
            continue;
        };
        let Some(challenge) = profile.yubikey() else {
            refusals.push(EnrolRefusal::NotForKeys {
                profile: profile.name.clone(),
            });
            continue;
        };
        if !use_fits(request.usage, challenge.alike(), &ca.config().policy) {
            refusals.push(EnrolRefusal::OtherUse {
                profile: profile.name.clone(),
                challenge,
                usage: request.usage,
            });
        }
        if grant.names.len() > MAX_NAMES {
            refusals.push(EnrolRefusal::TooManyNames {
                profile: profile.name.clone(),
                count: grant.names.len(),
                most: MAX_NAMES,
            });
            continue;
        }
        let mut names = Vec::new();
        for name in &grant.names {
            match certificate_name(profile, name) {
                Ok(name) => {
                    let stored = ca.store().name_holders(&name).await?;
                    let here = own
                        .iter()
                        .filter(|(other, _)| other.eq_ignore_ascii_case(&name));
                    let holders = stored.iter().chain(here.map(|(_, holder)| holder));
                    let clashes = tls.clashes(&request.user, &profile.name, &name, holders);
                    refusals.extend(clashes.into_iter().map(EnrolRefusal::from));
                    own.push((name.clone(), (request.user.clone(), profile.name.clone())));
                    if !names.contains(&name) {
                        names.push(name);
                    }
                }
                Err(bad) => refusals.push(bad.into()),
            }
        }
        grant.names = names;
    }
    Ok(refusals)
}

fn tls_profiles(ca: &Ca) -> TlsProfiles {
    let tls = ca.config().profiles.values();
    let tls = tls.filter(|profile| matches!(profile.kind, ProfileKind::X509(_)));
    TlsProfiles::new(
        tls.filter_map(|profile| Some((profile.name.clone(), profile.yubikey()?.alike()))),
    )
}

/// What would be recorded, as data.
#[derive(Debug, serde::Serialize)]
pub struct Summary<'a> {
    user: &'a UserName,
    #[serde(rename = "use")]
    usage: KeyUse,
    attested: Record,
    root: &'a str,
    grants: &'a [Grant],
    warnings: Vec<String>,
}

impl Proposal {
    /// Whose key it is.
    #[must_use]
    pub fn user(&self) -> &UserName {
        &self.request.user
    }

    /// What it is for.
    #[must_use]
    pub fn usage(&self) -> KeyUse {
        self.request.usage
    }

    /// What it may have.
    #[must_use]
    pub fn grants(&self) -> &[Grant] {
        &self.request.grants
    }

    /// What its attestation says.
    #[must_use]
    pub fn attestation(&self) -> &AcceptedAttestation {
        &self.attestation
    }

    /// SHA-256 of its SubjectPublicKeyInfo, hex.
    #[must_use]
    pub fn key_sha256(&self) -> String {
        hex::encode(self.attestation.public_key().spki_sha256())
    }

    /// What would be recorded, as data.
    #[must_use]
    pub fn summary(&self) -> Summary<'_> {
        Summary {
            user: &self.request.user,
            usage: self.request.usage,
            attested: Record::of(&self.attestation),
            root: self.attestation.root().name(),
            grants: &self.request.grants,
            warnings: self.warnings(),
        }
    }

    /// Advisories that the policy tolerates, for a person.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        let warnings = self.attestation.warnings().iter();
        warnings.map(ToString::to_string).collect()
    }

    /// Writes the key down.
    ///
    /// # Errors
    /// The store's; [`StoreError::Exists`] or [`StoreError::Conflict`] if something was recorded
    /// meanwhile that stands against it. Such a refusal is written down.
    pub async fn record(self, ca: &Ca) -> Result<KeyRecord, StoreError> {
        let attested = Record::of(&self.attestation);
        let key = self.attestation.public_key();
        let new = NewKey {
            user: self.request.user,
            usage: self.request.usage,
            attested,
            spki: key.spki_der().to_vec(),
            spki_sha256: key.spki_sha256(),
            chain: self.chain,
            grants: self.request.grants,
            tls: tls_profiles(ca),
            added: self.now,
        };
        let decision = Decision::new(
            Outcome::Done,
            "key.add",
            OPERATOR,
            format!("user {}", new.user),
            self.now,
        )
        .because_all(self.attestation.warnings())
        .fact("use", new.usage)
        .fact("spki_sha256", hex::encode(new.spki_sha256))
        .fact("slot", self.attestation.slot())
        .fact("firmware", self.attestation.firmware())
        .fact("root", self.attestation.root().name())
        .fact(
            "grants",
            serde_json::to_string(&new.grants).unwrap_or_default(),
        );
        let decision = match self.attestation.serial() {
            Some(serial) => decision.fact("serial", serial),
            None => decision,
        };
        match ca.store().add_key(new, decision.clone()).await {
            Err(error) if error.is_refusal() => {
                let mut refused = decision;
                refused.outcome = Outcome::Refused;
                refused.reasons = vec![error.to_string()];
                crate::audit::record(ca.store(), refused).await?;
                Err(error)
            }
            recorded => recorded,
        }
    }
}
