//! Issuing: a [`Proof`] becomes a certificate.
//!
//! The order is fixed by types: a draft is linted, a linted draft is recorded as an intent, only
//! a recorded intent yields a permit to sign, and a permit signs once. So every certificate that
//! exists is on record, and none was signed that its lint had refused.

use std::sync::Arc;

use acme_wire::order::Identifier;

use crate::audit::{Decision, Outcome};
use crate::config::{BadValidity, CheckedBy, Config, Profile};
use crate::entitlement::Entitlement;
use crate::pki::{Authority, Hierarchy, RevocationCheck};
use crate::store::{CertificateRow, Store, StoreError};

mod csr;
mod lint;
mod named;
mod permit;
mod server;
mod ssh;
mod subject_key;
mod x509;

pub use csr::{CsrError, MAX_CSR};
pub use lint::Finding;
pub use named::{RequestError, ServerRequest};
pub(crate) use permit::{Draft, Permit};
pub use server::ServerCertificate;
pub use ssh::SshError;

/// What is issued as PEM (RFC 8555 §9.1).
pub const PEM_CHAIN: &str = "application/pem-certificate-chain";

/// The right to one certificate; issuing uses it up.
#[derive(Debug)]
pub enum Proof {
    /// What the record of a key grants, after its YubiKey has answered.
    Entitled(Entitlement),
    /// Names of servers, with a CSR for them.
    Names(ServerRequest),
}

impl From<Entitlement> for Proof {
    fn from(entitlement: Entitlement) -> Self {
        Self::Entitled(entitlement)
    }
}

impl From<ServerRequest> for Proof {
    fn from(request: ServerRequest) -> Self {
        Self::Names(request)
    }
}

/// What of an order matters for its certificate.
#[derive(Debug, Clone)]
pub struct OrderFacts {
    /// The order's number in this CA.
    pub id: String,
    /// Its URL.
    pub url: String,
    /// The account's number or URL.
    pub account: String,
    /// `notAfter` asked for, in seconds since 1970.
    pub not_after: Option<i64>,
    /// The CSR, DER; `None` or empty if none was sent. Names of servers have theirs in the
    /// [`ServerRequest`].
    pub csr: Option<Vec<u8>>,
    /// What time it is, in seconds since 1970.
    pub now: i64,
}

/// A certificate that was issued and recorded.
#[derive(Debug, Clone)]
pub struct Issued {
    /// Its number in this CA.
    pub id: String,
    /// What the client downloads.
    pub body: Vec<u8>,
    /// The media type of that.
    pub media_type: &'static str,
    /// The serial number as the certificate shows it: hex for X.509, decimal for SSH.
    pub serial: String,
    /// When it ends, in seconds since 1970.
    pub not_after: i64,
}

/// Why nothing was issued.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IssueError {
    /// The CSR; nothing was recorded, and the order can be finalized with a better one.
    #[error(transparent)]
    Csr(#[from] CsrError),
    /// The life asked for; it may have passed since the order was made.
    #[error(transparent)]
    Validity(#[from] BadValidity),
    /// The profile certifies names of servers, not what a key was granted.
    #[error("the profile is not one that a key's record can grant")]
    OtherKind,
    /// The certificate would have been wrong. An alarm: the CA itself made it.
    #[error("the certificate failed its lint: {}", findings(.0))]
    Lint(Vec<Finding>),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The key did not sign.
    #[error(transparent)]
    Sign(#[from] crate::signer::SignError),
    /// The operating system gave no randomness.
    #[error("the operating system gave no randomness")]
    Random,
    /// The certificate could not be built.
    #[error("the certificate could not be built: {0}")]
    Build(#[from] x509_cert::builder::Error),
    /// The certificate could not be encoded.
    #[error("the certificate could not be encoded: {0}")]
    Der(#[from] der::Error),
    /// The SSH certificate could not be built.
    #[error("the SSH certificate could not be built: {0}")]
    Ssh(#[from] SshError),
}

fn findings(findings: &[Finding]) -> String {
    let texts: Vec<String> = findings.iter().map(ToString::to_string).collect();
    texts.join("; ")
}

/// Issues certificates.
pub struct Issuer {
    hierarchy: Arc<Hierarchy>,
    store: Arc<dyn Store>,
    config: Arc<Config>,
}

impl std::fmt::Debug for Issuer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Issuer")
            .field("hierarchy", &self.hierarchy)
            .finish_non_exhaustive()
    }
}

impl Issuer {
    /// From the CA's keys, store and settings.
    #[must_use]
    pub fn new(hierarchy: Arc<Hierarchy>, store: Arc<dyn Store>, config: Arc<Config>) -> Self {
        Self {
            hierarchy,
            store,
            config,
        }
    }

    /// Checks the CSR of an order as [`issue`](Self::issue) does, so that a bad one can be
    /// refused before the order is taken. `None` or empty if none was sent.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn check_csr(csr: Option<&[u8]>, entitlement: &Entitlement) -> Result<(), CsrError> {
        csr::check(csr, entitlement)
    }

    /// Issues the one certificate that a proof is the right to.
    ///
    /// # Errors
    /// [`IssueError`]. After [`IssueError::Sign`] or [`IssueError::Store`] the order can be
    /// tried again; it will get another serial number.
    pub async fn issue(
        &self,
        proof: impl Into<Proof>,
        order: OrderFacts,
    ) -> Result<Issued, IssueError> {
        let draft = self.draft(proof.into(), &order)?;
        let store = self.store.as_ref();
        draft.intend(store).await?.sign(store).await
    }

    /// All of issuing that can be done before anything is recorded.
    pub(crate) fn draft(&self, proof: Proof, order: &OrderFacts) -> Result<Draft<'_>, IssueError> {
        match proof {
            Proof::Entitled(entitlement) => self.draft_entitled(&entitlement, order),
            Proof::Names(request) => self.draft_named(request, order),
        }
    }

    fn draft_entitled(
        &self,
        entitlement: &Entitlement,
        order: &OrderFacts,
    ) -> Result<Draft<'_>, IssueError> {
        csr::check(order.csr.as_deref(), entitlement)?;
        let not_after = entitlement
            .profile()
            .not_after(order.not_after, order.now)?;
        match &entitlement.profile().kind {
            crate::config::ProfileKind::X509(san) => {
                self.draft_x509(entitlement, order, *san, not_after)
            }
            crate::config::ProfileKind::SshUser(ssh) => {
                self.draft_ssh(entitlement, order, ssh, not_after)
            }
            // No key is granted such a profile.
            crate::config::ProfileKind::X509Server => Err(IssueError::OtherKind),
        }
    }

    /// To be called once, before serving: revokes the intents that an earlier run left without a
    /// certificate, and returns them, so that their orders can go on with a new serial number.
    ///
    /// # Errors
    /// The store's.
    pub async fn recover(&self, now: i64) -> Result<Vec<CertificateRow>, StoreError> {
        self.store.revoke_abandoned(None, now).await
    }

    /// What a certificate of a profile says about revocation.
    fn revocation_check(&self, profile: &Profile, authority: &Authority) -> RevocationCheck {
        match profile.checked_by {
            CheckedBy::Silent => RevocationCheck::Silent,
            CheckedBy::Crl => self.crl_of(authority),
            CheckedBy::NoRevAvail => RevocationCheck::NoRevAvail,
        }
    }

    /// Where the CRL of an authority is, if that is set.
    fn crl_of(&self, authority: &Authority) -> RevocationCheck {
        let name = self.hierarchy.name_of(authority);
        match self.config.revocation.crl(name) {
            Some(url) => RevocationCheck::Crl(url),
            None => RevocationCheck::Silent,
        }
    }

    /// The decision that goes on record with a certificate.
    fn decision(entitlement: &Entitlement, order: &OrderFacts, not_after: i64) -> Decision {
        let decision = Decision::new(
            Outcome::Done,
            "certificate.issue",
            format!("account {}", order.account),
            format!("order {}", order.id),
            order.now,
        )
        .fact("profile", &entitlement.profile().name)
        .fact("user", entitlement.user())
        .fact("key", entitlement.key())
        .fact("names", entitlement.names().join(","))
        .fact("not_after", crate::time_text(not_after))
        .fact("identifier", identifier(entitlement.identifier()));
        match entitlement.warnings() {
            [] => decision,
            warnings => decision.fact("warnings", warnings.join("; ")),
        }
    }
}

fn identifier(identifier: &Identifier) -> String {
    format!("{}:{}", identifier.kind.as_str(), identifier.value)
}

/// 128 random bits in hex: a certificate's number in this CA.
fn random_id() -> Result<String, IssueError> {
    let mut bytes = [0_u8; 16];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| IssueError::Random)?;
    Ok(hex::encode(bytes))
}
