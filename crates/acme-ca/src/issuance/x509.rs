//! TLS client certificates, and what every X.509 certificate of an order goes through.

use super::permit::Draft;
use super::{IssueError, Issuer, OrderFacts, PEM_CHAIN, lint};
use crate::audit::Decision;
use crate::config::{Profile, SanKind};
use crate::entitlement::Entitlement;
use crate::pki::{Authority, Purpose, San, Template, assemble, common_name, random_serial};
use crate::records::KeyId;
use crate::store::{CertificateKind, Intent, SubjectKey};

/// The longest common name (RFC 5280 appendix A.1, ub-common-name).
const MAX_COMMON_NAME: usize = 64;

/// Whose a certificate is, and what it is for, on record.
pub(super) struct Whose {
    /// The person, if it is somebody's.
    pub(super) user: Option<String>,
    /// Their key's record.
    pub(super) key: Option<KeyId>,
    /// The key in it, where nothing else may use that.
    pub(super) subject_key: Option<SubjectKey>,
    /// The names in it.
    pub(super) names: Vec<String>,
}

impl Issuer {
    pub(super) fn draft_x509(
        &self,
        entitlement: &Entitlement,
        order: &OrderFacts,
        san: SanKind,
        not_after: i64,
    ) -> Result<Draft<'_>, IssueError> {
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
            subject_key: self.subject_key(entitlement)?,
            names: names.to_vec(),
        };
        self.draft_certificate(
            authority,
            entitlement.profile(),
            order,
            &template,
            whose,
            decision,
        )
    }

    /// From a template to the draft of an order's certificate, linted. The decision gets the
    /// serial number and the issuer.
    pub(super) fn draft_certificate<'a>(
        &self,
        authority: &'a Authority,
        profile: &Profile,
        order: &OrderFacts,
        template: &Template,
        whose: Whose,
        decision: Decision,
    ) -> Result<Draft<'a>, IssueError> {
        let longest = profile.max_validity.0 + self.config.lifetimes.backdate.0;
        let linted = lint::lint(authority.tbs(template)?, template, authority, longest)
            .map_err(IssueError::Lint)?;
        let serial = hex::encode(template.serial);
        let id = super::random_id()?;
        let decision = decision
            .fact("serial", &serial)
            .fact("issuer", authority.name());
        let intent = |tbs| Intent {
            id,
            issuer: authority.name().to_string(),
            serial,
            kind: CertificateKind::X509,
            profile: profile.name.clone(),
            user: whose.user,
            key: whose.key,
            order_id: Some(order.id.clone()),
            account: Some(order.account.clone()),
            subject_key: whose.subject_key,
            names: whose.names,
            not_before: template.not_before,
            not_after: template.not_after,
            tbs,
            at: order.now,
        };
        Ok(linted.draft(
            intent,
            decision,
            authority.signer(),
            PEM_CHAIN,
            |tbs, signature| chain(authority, tbs, signature),
        ))
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
