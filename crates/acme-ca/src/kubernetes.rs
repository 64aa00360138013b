//! kubernetes-01: a pod shows who it is with a service-account token that its cluster made for
//! one challenge (`docs/protocol.md`, section 15).
//!
//! [`Clusters::verify`] is the one call. What it returns, a [`Pod`], is the proof that a cluster
//! of the settings vouches for a service account, for this challenge and this ACME account. Which
//! names it may have follows from the templates of the operator alone ([`Pod::names`]).

use std::sync::Arc;

use base64ct::{Base64UrlUnpadded, Encoding};
use sha2::{Digest, Sha256};

use crate::config::{CaUrl, Cluster};

mod error;
mod fetch;
mod keys;
mod template;
mod token;

pub use error::{FetchError, KubernetesError};
pub use template::{BadTemplate, NameTemplate};
pub use token::{ServiceAccount, UnverifiedToken, VerifiedToken};

use fetch::Fetcher;
use keys::Keys;

/// The challenge's type on the wire.
pub const CHALLENGE: &str = "kubernetes-01";

/// The clusters of the settings, and the keys that they sign with.
#[derive(Debug)]
pub struct Clusters {
    /// The CA's URL: the first audience of every token.
    audience: String,
    clusters: Vec<Known>,
}

#[derive(Debug)]
struct Known {
    settings: Arc<Cluster>,
    keys: Keys,
}

/// A service account that its cluster vouches for, for one challenge. Only [`Clusters::verify`]
/// makes one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pod {
    cluster: String,
    namespace: String,
    service_account: String,
    pod: Option<String>,
    names: Vec<String>,
}

impl Pod {
    /// The cluster, as the settings name it.
    #[must_use]
    pub fn cluster(&self) -> &str {
        &self.cluster
    }

    /// The namespace.
    #[must_use]
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// The service account.
    #[must_use]
    pub fn service_account(&self) -> &str {
        &self.service_account
    }

    /// The pod, if the token is bound to one.
    #[must_use]
    pub fn pod(&self) -> Option<&str> {
        self.pod.as_deref()
    }

    /// Every name that it may have, lower case.
    #[must_use]
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Whether it may have `name`.
    ///
    /// # Errors
    /// [`KubernetesError::OtherName`].
    pub fn check_name(&self, name: &str) -> Result<(), KubernetesError> {
        if self.names.iter().any(|own| own.eq_ignore_ascii_case(name)) {
            return Ok(());
        }
        Err(KubernetesError::OtherName {
            ordered: name.to_owned(),
            names: self.names.clone(),
        })
    }
}

/// The second audience of a token: the digest of the key authorization (RFC 8555 §8.1), as dns-01
/// has it.
#[must_use]
pub fn digest(key_authorization: &str) -> String {
    Base64UrlUnpadded::encode_string(&Sha256::digest(key_authorization))
}

impl Clusters {
    /// For the CA at `url`.
    ///
    /// # Errors
    /// [`rustls::Error`] if no TLS client can be made.
    pub fn new(url: &CaUrl, clusters: &[Arc<Cluster>]) -> Result<Self, rustls::Error> {
        let known = |settings: &Arc<Cluster>| -> Result<_, rustls::Error> {
            Ok(Known {
                settings: Arc::clone(settings),
                keys: Keys::new(Fetcher::new(&settings.jwks_url, &settings.roots)?),
            })
        };
        Ok(Self {
            audience: url.to_string(),
            clusters: clusters.iter().map(known).collect::<Result<_, _>>()?,
        })
    }

    /// Verifies a token for the challenge with this key authorization, at `now` (seconds since
    /// 1970). Issuer and audience come first, since they need nothing from the network: only a
    /// token for this very challenge can have the keys of a cluster fetched.
    ///
    /// # Errors
    /// [`KubernetesError`].
    pub async fn verify(
        &self,
        token: &str,
        key_authorization: &str,
        now: i64,
    ) -> Result<Pod, KubernetesError> {
        let token = UnverifiedToken::parse(token)?;
        let known = self
            .clusters
            .iter()
            .find(|known| known.settings.issuer == token.issuer())
            .ok_or_else(|| KubernetesError::Issuer {
                found: error::short(token.issuer()),
            })?;
        let settings = &*known.settings;
        token.check_audiences(&self.audience, &digest(key_authorization))?;
        token.check_algorithm(&settings.algorithms)?;
        let keys = known.keys.with_id(token.key_id(), now).await?;
        let verified = token.verify(&keys)?;
        verified.check_times(settings.max_lifetime, now)?;
        let account = verified.service_account()?;
        if !settings.namespaces.is_empty() && !settings.namespaces.contains(&account.namespace) {
            let namespace = account.namespace;
            return Err(KubernetesError::Namespace { namespace });
        }
        let names = settings
            .names
            .iter()
            .map(|template| template.render(&account.namespace, &account.name))
            .collect::<Result<_, _>>()?;
        Ok(Pod {
            cluster: settings.name.clone(),
            namespace: account.namespace,
            service_account: account.name,
            pod: account.pod,
            names,
        })
    }
}
