//! TLS server certificates for names of servers.

use acme_wire::Jwk;
use piv_attest::{KeyAlgorithm, PublicKey};

use super::csr::{NamedKey, check_names};
use super::permit::Draft;
use super::x509::{Whose, subject};
use super::{CsrError, IssueError, Issuer, OrderFacts, lint};
use crate::audit::{Decision, Outcome};
use crate::names::{NamesAuthorized, ServerName};
use crate::pki::{Purpose, San, Template, random_serial};
use crate::store::StoreError;

/// The right to names, and a CSR for exactly those, by a key that may have them. Only
/// [`Issuer::server_request`] makes one, and issuing uses it up.
#[derive(Debug)]
pub struct ServerRequest {
    authorized: NamesAuthorized,
    csr: NamedKey,
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
        if let Some(finding) = self.misuse(&csr.key).await? {
            return Err(finding.into());
        }
        Ok(ServerRequest { authorized, csr })
    }

    /// What a key must not be besides the key of a server.
    async fn misuse(&self, key: &PublicKey) -> Result<Option<CsrError>, StoreError> {
        let reused = |what| Some(CsrError::ReusedKey { what });
        let Some(jwk) = jwk(key) else {
            let algorithm = key.algorithm();
            return Ok(Some(CsrError::WeakKey { algorithm }));
        };
        if self.hierarchy.has_key(key.spki_der()) {
            return Ok(reused("a key of this CA"));
        }
        if self
            .store
            .account_by_key(&jwk.thumbprint())
            .await?
            .is_some()
        {
            return Ok(reused("the key of an ACME account"));
        }
        let digest = key.spki_sha256();
        if self.store.key_by_spki(&digest).await?.is_some() {
            return Ok(reused("a person's key"));
        }
        if self.store.key_is_compromised(&digest).await? {
            return Ok(reused("known to others, as a revocation says"));
        }
        Ok(None)
    }

    pub(super) async fn draft_named(
        &self,
        request: ServerRequest,
        order: &OrderFacts,
    ) -> Result<Draft<'_>, IssueError> {
        let ServerRequest { authorized, csr } = request;
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
        // Judged before, and again in the moment: an alarm, if it differs now.
        if self.misuse(&csr.key).await?.is_some() {
            return Err(IssueError::Lint(vec![lint::Finding::ReusedKey]));
        }
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

/// The key as accounts have theirs; `None` for one of a kind that is not certified.
fn jwk(key: &PublicKey) -> Option<Jwk> {
    match key.algorithm() {
        KeyAlgorithm::P256 => Jwk::p256(key.raw()?).ok(),
        KeyAlgorithm::P384 => Jwk::p384(key.raw()?).ok(),
        KeyAlgorithm::Ed25519 => Jwk::ed25519(key.raw()?.try_into().ok()?).ok(),
        KeyAlgorithm::Rsa2048 | KeyAlgorithm::Rsa3072 | KeyAlgorithm::Rsa4096 => {
            // 65537 is the one exponent that such a key can have here.
            Jwk::rsa(key.rsa_modulus()?, &[1, 0, 1]).ok()
        }
        _ => None,
    }
}
