//! TLS client certificates, and what every X.509 certificate of an order goes through.

use super::{IssueError, Issued, Issuer, OrderFacts, PEM_CHAIN, lint};
use crate::audit::Decision;
use crate::config::{Profile, SanKind};
use crate::entitlement::Entitlement;
use crate::pki::{Authority, Purpose, San, Template, assemble, common_name, random_serial};
use crate::records::KeyId;
use crate::store::{CertificateKind, Intent};

/// The longest common name (RFC 5280 appendix A.1, ub-common-name).
const MAX_COMMON_NAME: usize = 64;

/// Whose a certificate is, and what it is for, on record.
pub(super) struct Whose {
    /// The person, if it is somebody's.
    pub(super) user: Option<String>,
    /// Their key's record.
    pub(super) key: Option<KeyId>,
    /// The names in it.
    pub(super) names: Vec<String>,
}

impl Issuer {
    pub(super) async fn issue_x509(
        &self,
        entitlement: &Entitlement,
        order: &OrderFacts,
        san: SanKind,
        not_after: i64,
    ) -> Result<Issued, IssueError> {
        let authority = &self.hierarchy.clients;
        let names = entitlement.names();
        let template = Template {
            purpose: Purpose::Client,
            subject: subject(names)?,
            names: names.iter().map(|name| general_name(san, name)).collect(),
            spki: entitlement.certified_key().spki_der().to_vec(),
            checked_by: self.revocation_check(entitlement.profile(), authority),
            serial: random_serial().ok_or(IssueError::Random)?,
            not_before: order.now - self.config.lifetimes.backdate.0,
            not_after,
        };
        let decision = Self::decision(entitlement, order, not_after);
        let whose = Whose {
            user: Some(entitlement.user().to_string()),
            key: Some(entitlement.key()),
            names: names.to_vec(),
        };
        self.sign_x509(
            authority,
            entitlement.profile(),
            order,
            &template,
            whose,
            decision,
        )
        .await
    }

    /// From a template to the certificate of an order: lint, intent, signature. The decision
    /// gets the serial number and the issuer.
    pub(super) async fn sign_x509(
        &self,
        authority: &Authority,
        profile: &Profile,
        order: &OrderFacts,
        template: &Template,
        whose: Whose,
        decision: Decision,
    ) -> Result<Issued, IssueError> {
        let longest = profile.max_validity.0 + self.config.lifetimes.backdate.0;
        let linted = lint::lint(authority.tbs(template)?, template, authority, longest)
            .map_err(IssueError::Lint)?;
        let serial = hex::encode(template.serial);
        let id = super::random_id()?;
        let permit = linted
            .intend(self.store.as_ref(), |tbs| Intent {
                id,
                issuer: authority.name().to_string(),
                serial: serial.clone(),
                kind: CertificateKind::X509,
                profile: profile.name.clone(),
                user: whose.user,
                key: whose.key,
                order_id: Some(order.id.clone()),
                account: Some(order.account.clone()),
                names: whose.names,
                not_before: template.not_before,
                not_after: template.not_after,
                tbs,
                at: order.now,
            })
            .await?;
        let decision = decision
            .fact("serial", &serial)
            .fact("issuer", authority.name());
        let (id, body) = permit
            .sign(
                authority.signer(),
                self.store.as_ref(),
                decision,
                |tbs, signature| chain(authority, tbs, signature),
            )
            .await?;
        Ok(Issued {
            id,
            body,
            media_type: PEM_CHAIN,
            serial,
            not_after: template.not_after,
        })
    }
}

/// The certificate and the intermediate, PEM. The root is what relying parties have.
fn chain(authority: &Authority, tbs: &[u8], signature: &[u8]) -> Result<Vec<u8>, IssueError> {
    let der = assemble(tbs, authority.signer().algorithm(), signature)?;
    let mut pem = crate::pki::pem_certificate(&der)?;
    pem.push_str(&crate::pki::pem_certificate(authority.certificate_der())?);
    Ok(pem.into_bytes())
}

/// CN repeats the first name that fits; without one the subject is empty, and the names are a
/// critical extension.
pub(super) fn subject(names: &[String]) -> Result<x509_cert::name::Name, IssueError> {
    match names.iter().find(|name| name.len() <= MAX_COMMON_NAME) {
        Some(name) => Ok(common_name(name)?),
        None => Ok(x509_cert::name::Name::default()),
    }
}

fn general_name(kind: SanKind, name: &str) -> San {
    match kind {
        SanKind::Dns => San::Dns(name.to_owned()),
        SanKind::Uri => San::Uri(name.to_owned()),
        SanKind::Email => San::Email(name.to_owned()),
    }
}
