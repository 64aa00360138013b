//! OpenSSH user certificates.

use std::num::NonZeroU64;

use sshcert_acme::{
    FieldError, KeyError, KeyId, KeyKind, MEDIA_TYPE, Principals, ReadError, ReceivedCertificate,
    SshPublicKey, ToBeSigned, UserCertificate, Validity,
};

use super::lint::Finding;
use super::permit::{Draft, Linted};
use super::{IssueError, Issuer, OrderFacts};
use crate::config::SshProfile;
use crate::entitlement::Entitlement;
use crate::pki::SshAuthority;
use crate::store::{CertificateKind, Intent};

/// Why an SSH certificate cannot be built.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SshError {
    /// A field.
    #[error(transparent)]
    Field(#[from] FieldError),
    /// A key or signature.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// What was built cannot be read back.
    #[error("what was built cannot be read back: {0}")]
    Read(#[from] ReadError),
    /// There is no SSH CA.
    #[error("there is no SSH CA")]
    NoAuthority,
}

impl Issuer {
    pub(super) fn draft_ssh(
        &self,
        entitlement: &Entitlement,
        order: &OrderFacts,
        profile: &SshProfile,
        not_after: i64,
    ) -> Result<Draft<'_>, IssueError> {
        let authority = self
            .hierarchy
            .ssh_users
            .first()
            .ok_or(SshError::NoAuthority)?;
        let not_before = order.now - self.config.lifetimes.backdate.0;
        let serial = random_serial()?;
        let certificate = UserCertificate {
            serial,
            key_id: key_id(entitlement, order)?,
            principals: Principals::new(entitlement.names().iter().cloned())
                .map_err(SshError::from)?,
            validity: Validity::new(
                u64::try_from(not_before).unwrap_or(0),
                u64::try_from(not_after).unwrap_or(0),
            )
            .map_err(SshError::from)?,
            critical_options: profile.critical_options.clone(),
            extensions: profile.extensions.clone(),
        };
        let subject = SshPublicKey::from_spki_der(entitlement.certified_key().spki_der())
            .map_err(SshError::from)?;
        let mut nonce = [0; 32];
        aws_lc_rs::rand::fill(&mut nonce).map_err(|_| IssueError::Random)?;
        let unsigned = certificate
            .to_be_signed(&subject, authority.public_key(), nonce)
            .map_err(SshError::from)?;
        let longest = entitlement.profile().max_validity.0 + self.config.lifetimes.backdate.0;
        let linted = lint(&unsigned, &certificate, &subject, authority, longest)?;
        let subject_key = self.subject_key(entitlement)?;
        let id = super::random_id()?;
        let decision = Self::decision(entitlement, order, not_after)
            .fact("serial", serial)
            .fact("issuer", authority.fingerprint())
            .fact("key_id", &certificate.key_id);
        let intent = |tbs| Intent {
            id,
            issuer: authority.fingerprint(),
            serial: serial.to_string(),
            kind: CertificateKind::Ssh,
            profile: entitlement.profile().name.clone(),
            user: Some(entitlement.user().to_string()),
            key: Some(entitlement.key()),
            order_id: Some(order.id.clone()),
            account: Some(order.account.clone()),
            subject_key,
            names: entitlement.names().to_vec(),
            not_before,
            not_after,
            tbs,
            at: order.now,
        };
        Ok(linted.draft(
            intent,
            decision,
            authority.signer(),
            MEDIA_TYPE,
            |_, signature| {
                let mut line = unsigned.assemble(signature).map_err(SshError::from)?;
                line.push('\n');
                Ok(line.into_bytes())
            },
        ))
    }
}

/// What sshd logs: user, YubiKey and order.
fn key_id(entitlement: &Entitlement, order: &OrderFacts) -> Result<KeyId, SshError> {
    let key = match entitlement.serial() {
        Some(serial) => format!("yubikey {serial}"),
        None => format!("key {}", entitlement.key()),
    };
    let text = format!("{} {key} order {}", entitlement.user(), order.id);
    Ok(KeyId::new(text)?)
}

/// Random, and never zero, which would mean "no serial".
fn random_serial() -> Result<NonZeroU64, IssueError> {
    loop {
        let mut bytes = [0; 8];
        aws_lc_rs::rand::fill(&mut bytes).map_err(|_| IssueError::Random)?;
        if let Some(serial) = NonZeroU64::new(u64::from_be_bytes(bytes)) {
            return Ok(serial);
        }
    }
}

/// Reads back what is to be signed, under a signature that cannot be anybody's, and compares
/// all of it.
fn lint(
    unsigned: &ToBeSigned,
    meant: &UserCertificate,
    subject: &SshPublicKey,
    authority: &SshAuthority,
    longest: i64,
) -> Result<Linted, IssueError> {
    let nobody: &[u8] = match authority.public_key().kind() {
        KeyKind::Ed25519 => &[1; 64],
        // Ecdsa-Sig-Value with r = s = 1.
        _ => &[0x30, 6, 2, 1, 1, 2, 1, 1],
    };
    let line = unsigned.clone().assemble(nobody).map_err(SshError::from)?;
    let found = ReceivedCertificate::read(&line).map_err(SshError::from)?;
    let mut findings = Vec::new();
    let mut field = |good: bool, field: &'static str| {
        if !good {
            findings.push(Finding::Field { field });
        }
    };
    field(found.subject() == subject, "public key");
    field(found.ca() == authority.public_key(), "signature key");
    field(found.serial() == meant.serial.get(), "serial");
    field(found.key_id() == &meant.key_id, "key id");
    field(
        found.principals() == meant.principals.as_slice(),
        "valid principals",
    );
    field(found.validity() == meant.validity, "validity");
    field(
        found.critical_options() == &meant.critical_options,
        "critical options",
    );
    field(found.extensions() == &meant.extensions, "extensions");
    if found.principals().is_empty() {
        findings.push(Finding::NoPrincipals);
    }
    if subject == authority.public_key() {
        findings.push(Finding::IssuerKey);
    }
    let life = meant.validity.before() - meant.validity.after();
    let life = i64::try_from(life).unwrap_or(i64::MAX);
    if life > longest {
        findings.push(Finding::TooLong {
            found: life,
            most: longest,
        });
    }
    if findings.is_empty() {
        Ok(Linted {
            tbs: unsigned.as_bytes().to_vec(),
        })
    } else {
        Err(IssueError::Lint(findings))
    }
}
