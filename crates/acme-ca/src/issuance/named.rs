//! TLS server certificates for names of servers.

use piv_attest::PublicKey;

use super::csr::{NamedKey, check_names};
use super::permit::Draft;
use super::x509::{Whose, subject};
use super::{CsrError, IssueError, Issuer, OrderFacts};
use crate::audit::{Decision, Outcome};
use crate::names::{NamesAuthorized, ServerName};
use crate::pki::{Purpose, San, Template, random_serial};
use crate::store::{StoreError, SubjectKey};

/// The right to names, and a CSR for exactly those, by a key that may have them. Only
/// [`Issuer::server_request`] makes one, and issuing uses it up.
#[derive(Debug)]
pub struct ServerRequest {
    authorized: NamesAuthorized,
    csr: NamedKey,
    /// The CSR's key, which was used for nothing else. Asked again when the intent is recorded.
    key: SubjectKey,
}

/// Why there is no [`ServerRequest`].
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    /// The CSR; the order can be finalized with a better one.
    #[error(transparent)]
    Csr(#[from] CsrError),
    /// The records could not be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Issuer {
    /// Checks that a CSR names exactly these and is signed by its own key, which must be a good
    /// one. Whether the key is used for something else is a question to the records:
    /// [`server_request`](Self::server_request) asks it.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn check_named_csr(csr: &[u8], names: &[ServerName]) -> Result<PublicKey, CsrError> {
        check_names(csr, names).map(|csr| csr.key)
    }

    /// Joins the right to names with the CSR that came for them.
    ///
    /// # Errors
    /// [`RequestError`].
    pub async fn server_request(
        &self,
        authorized: NamesAuthorized,
        csr: &[u8],
    ) -> Result<ServerRequest, RequestError> {
        let csr = check_names(csr, authorized.names())?;
        let key = self.separate_key(&csr.key)?;
        if let Some(used) = self.store.key_use(&key).await? {
            let what = used.as_str();
            return Err(CsrError::ReusedKey { what }.into());
        }
        Ok(ServerRequest {
            authorized,
            csr,
            key,
        })
    }

    pub(super) fn draft_named(
        &self,
        request: ServerRequest,
        order: &OrderFacts,
    ) -> Result<Draft<'_>, IssueError> {
        let ServerRequest {
            authorized,
            csr,
            key,
        } = request;
        let authority = &self.hierarchy.servers;
        let profile = authorized.profile();
        let not_after = profile.not_after(order.not_after, order.now)?;
        let names: Vec<String> = common_name_first(authorized.names(), csr.common_name.as_ref())
            .map(ToString::to_string)
            .collect();
        let template = Template {
            purpose: Purpose::Server,
            subject: subject(&names)?,
            names: authorized.names().iter().map(san).collect(),
            spki: csr.key.spki_der().to_vec(),
            checked_by: self.revocation_check(profile, authority),
            serial: random_serial().ok_or(IssueError::Random)?,
            not_before: order.now - self.config.lifetimes.backdate.0,
            not_after: not_after.min(authority.not_after()),
        };
        let decision = Decision::new(
            Outcome::Done,
            "certificate.issue",
            format!("account {}", order.account),
            format!("order {}", order.id),
            order.now,
        )
        .fact("profile", &profile.name)
        .fact("names", names.join(","))
        .fact("not_after", crate::time_text(template.not_after));
        let whose = Whose {
            user: None,
            key: None,
            subject_key: Some(key),
            names,
        };
        self.draft_certificate(authority, profile, order, &template, whose, decision)
    }
}

/// The names, that of the CSR's common name first.
fn common_name_first<'a>(
    names: &'a [ServerName],
    wanted: Option<&'a ServerName>,
) -> impl Iterator<Item = &'a ServerName> {
    let others = names.iter().filter(move |name| Some(*name) != wanted);
    wanted.into_iter().chain(others)
}

fn san(name: &ServerName) -> San {
    match name {
        ServerName::Dns { .. } => San::Dns(name.to_string()),
        ServerName::Ip(ip) => San::Ip(*ip),
    }
}
