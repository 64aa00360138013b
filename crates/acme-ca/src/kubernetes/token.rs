//! Service-account tokens: a JWT in the compact form (RFC 7515 §7.1, RFC 7519).

use acme_wire::base64url;
use acme_wire::json::unique_object;
use acme_wire::jwk::{Algorithm, Jwk};
use serde_json::{Map, Value};

use super::KubernetesError;
use super::error::short;
use crate::config::Seconds;

/// Longer tokens are not read; those of clusters have one or two thousand bytes.
const MOST: usize = 16 * 1024;
/// How far ahead the cluster's clock may be.
const SKEW: i64 = 30;
/// What a header may have. `jku`, `jwk`, `x5u` and `x5c` would bring a key, `crit` and `b64` would
/// change the meaning; a cluster sends none of them.
const HEADER: [&str; 3] = ["alg", "kid", "typ"];

/// A token that can be read and that nobody has verified.
#[derive(Debug, Clone)]
pub struct UnverifiedToken {
    algorithm: Algorithm,
    key_id: String,
    issuer: String,
    audiences: Vec<String>,
    claims: Map<String, Value>,
    signed: String,
    signature: Vec<u8>,
}

/// A token that a key of its cluster signed. Only [`UnverifiedToken::verify`] makes one.
#[derive(Debug, Clone)]
pub struct VerifiedToken {
    claims: Map<String, Value>,
}

/// Whom a token speaks of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceAccount {
    /// The namespace.
    pub namespace: String,
    /// The name.
    pub name: String,
    /// The pod, if the token is bound to one.
    pub pod: Option<String>,
}

impl UnverifiedToken {
    /// Reads a token.
    ///
    /// # Errors
    /// [`KubernetesError`], the first thing that is wrong.
    pub fn parse(token: &str) -> Result<Self, KubernetesError> {
        if token.len() > MOST {
            let (found, most) = (token.len(), MOST);
            return Err(KubernetesError::TooLong { found, most });
        }
        let (signed, signature) = token.rsplit_once('.').ok_or(KubernetesError::NotCompact)?;
        let (header, payload) = signed.split_once('.').ok_or(KubernetesError::NotCompact)?;
        let bytes = |part| base64url::decode(part).map_err(|_| KubernetesError::NotCompact);
        let header = object("header", &bytes(header)?)?;
        let claims = object("payload", &bytes(payload)?)?;
        let signature = bytes(signature)?;
        if let Some(member) = header.keys().find(|name| !HEADER.contains(&name.as_str())) {
            let member = short(member);
            return Err(KubernetesError::HeaderMember { member });
        }
        let name = text(&header, "alg")?;
        let algorithm = Algorithm::from_name(name)
            .ok_or_else(|| KubernetesError::Algorithm { found: short(name) })?;
        Ok(Self {
            algorithm,
            key_id: text(&header, "kid")?.to_owned(),
            issuer: text(&claims, "iss")?.to_owned(),
            audiences: audiences(&claims)?,
            claims,
            signed: signed.to_owned(),
            signature,
        })
    }

    /// `iss`.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// `kid`.
    #[must_use]
    pub fn key_id(&self) -> &str {
        &self.key_id
    }

    /// Whether it is for these two audiences and no other. One audience more could use the token
    /// elsewhere, or have got it there.
    ///
    /// # Errors
    /// [`KubernetesError::Audiences`].
    pub fn check_audiences(&self, url: &str, digest: &str) -> Result<(), KubernetesError> {
        let good = match self.audiences.as_slice() {
            [one, two] => (one == url && two == digest) || (one == digest && two == url),
            _ => false,
        };
        if good {
            return Ok(());
        }
        Err(KubernetesError::Audiences {
            expected: [url.to_owned(), digest.to_owned()],
            found: self.audiences.iter().take(4).map(|a| short(a)).collect(),
        })
    }

    /// Whether its algorithm is one of the settings.
    ///
    /// # Errors
    /// [`KubernetesError::Algorithm`].
    pub fn check_algorithm(&self, accepted: &[Algorithm]) -> Result<(), KubernetesError> {
        if accepted.contains(&self.algorithm) {
            return Ok(());
        }
        let found = self.algorithm.as_str().to_owned();
        Err(KubernetesError::Algorithm { found })
    }

    /// Verifies the signature under the keys that have its `kid`. A key has one algorithm, and it
    /// must be the token's.
    ///
    /// # Errors
    /// [`KubernetesError::Signature`].
    pub fn verify(self, keys: &[Jwk]) -> Result<VerifiedToken, KubernetesError> {
        keys.iter()
            .filter(|key| key.algorithm() == self.algorithm)
            .any(|key| key.verify(self.signed.as_bytes(), &self.signature).is_ok())
            .then_some(VerifiedToken {
                claims: self.claims,
            })
            .ok_or(KubernetesError::Signature)
    }
}

impl VerifiedToken {
    /// Whether it is valid at `now`, and lives no longer than `most`.
    ///
    /// # Errors
    /// [`KubernetesError::Expired`], [`KubernetesError::Early`], [`KubernetesError::LongLived`],
    /// [`KubernetesError::Member`].
    pub fn check_times(&self, most: Seconds, now: i64) -> Result<(), KubernetesError> {
        let time = |member| {
            self.claims
                .get(member)
                .and_then(Value::as_i64)
                // Until the year 9999, so that sums stay far from overflow.
                .filter(|time| (0..=253_402_300_799).contains(time))
                .ok_or(KubernetesError::Member { member })
        };
        let (issued, begins, ends) = (time("iat")?, time("nbf")?, time("exp")?);
        if ends <= now {
            return Err(KubernetesError::Expired { at: ends });
        }
        let latest = begins.max(issued);
        if latest > now.saturating_add(SKEW) {
            return Err(KubernetesError::Early { at: latest });
        }
        let found = Seconds(ends.saturating_sub(issued));
        if found > most {
            return Err(KubernetesError::LongLived { found, most });
        }
        Ok(())
    }

    /// Whom it speaks of: `sub` and the claims under `kubernetes.io`, which must agree.
    ///
    /// # Errors
    /// [`KubernetesError::Subject`], [`KubernetesError::Disagree`], [`KubernetesError::Member`].
    pub fn service_account(&self) -> Result<ServiceAccount, KubernetesError> {
        let subject = text(&self.claims, "sub")?;
        let (namespace, name) = subject
            .strip_prefix("system:serviceaccount:")
            .and_then(|rest| rest.split_once(':'))
            .filter(|(namespace, name)| {
                !namespace.is_empty() && !name.is_empty() && !name.contains(':')
            })
            .ok_or_else(|| KubernetesError::Subject {
                found: short(subject),
            })?;
        let member = |member| KubernetesError::Member { member };
        let private = self
            .claims
            .get("kubernetes.io")
            .and_then(Value::as_object)
            .ok_or(member("kubernetes.io"))?;
        if text(private, "namespace").ok() != Some(namespace) {
            let claim = "kubernetes.io/namespace";
            return Err(KubernetesError::Disagree { claim });
        }
        let account = private.get("serviceaccount").and_then(Value::as_object);
        if account.and_then(|account| text(account, "name").ok()) != Some(name) {
            let claim = "kubernetes.io/serviceaccount/name";
            return Err(KubernetesError::Disagree { claim });
        }
        let pod = match private.get("pod") {
            None => None,
            Some(pod) => Some(
                pod.as_object()
                    .and_then(|pod| text(pod, "name").ok())
                    .map(short)
                    .ok_or(member("kubernetes.io/pod/name"))?,
            ),
        };
        Ok(ServiceAccount {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            pod,
        })
    }
}

fn object(part: &'static str, bytes: &[u8]) -> Result<Map<String, Value>, KubernetesError> {
    unique_object(bytes).map_err(|error| KubernetesError::Json {
        part,
        reason: short(&error.to_string()),
    })
}

fn text<'a>(
    members: &'a Map<String, Value>,
    member: &'static str,
) -> Result<&'a str, KubernetesError> {
    members
        .get(member)
        .and_then(Value::as_str)
        .ok_or(KubernetesError::Member { member })
}

/// `aud`: one text or several (RFC 7519 §4.1.3).
fn audiences(claims: &Map<String, Value>) -> Result<Vec<String>, KubernetesError> {
    let member = || KubernetesError::Member { member: "aud" };
    match claims.get("aud") {
        Some(Value::String(one)) => Ok(vec![one.clone()]),
        Some(Value::Array(several)) => several
            .iter()
            .map(|audience| audience.as_str().map(str::to_owned).ok_or_else(member))
            .collect(),
        _ => Err(member()),
    }
}
