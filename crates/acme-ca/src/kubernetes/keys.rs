//! The keys that a cluster signs with (RFC 7517 §5), fetched when they are needed and kept for a
//! while.

use acme_wire::jwk::Jwk;
use serde::Deserialize;
use serde_json::{Map, Value};
use tokio::sync::Mutex;

use super::KubernetesError;
use super::error::{FetchError, short};
use super::fetch::Fetcher;

/// Keys that are older are fetched again, so that one that was withdrawn is not used for long.
const FRESH: i64 = 10 * 60;
/// Keys that are older are used no more, even if there are no newer ones to be had.
const STALE: i64 = 60 * 60;
/// After one attempt the next waits this long, whatever asks for it: tokens with invented key ids,
/// or an issuer that is down.
const PAUSE: i64 = 10;
/// More keys than this are not read.
const MOST: usize = 64;

/// A cluster's keys.
#[derive(Debug)]
pub(super) struct Keys {
    fetcher: Fetcher,
    /// Held while they are fetched, so that one fetch serves all who wait.
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    keys: Vec<(String, Jwk)>,
    /// When they were fetched.
    fetched: Option<i64>,
    /// When it was last tried.
    tried: Option<i64>,
}

impl Known {
    fn with_id(&self, id: &str) -> Vec<Jwk> {
        let with_id = |(own, key): &(String, Jwk)| (own == id).then(|| key.clone());
        self.keys.iter().filter_map(with_id).collect()
    }

    fn is_younger(&self, age: i64, now: i64) -> bool {
        self.fetched
            .is_some_and(|fetched| now.saturating_sub(fetched).abs() < age)
    }

    fn may_try(&self, now: i64) -> bool {
        self.tried
            .is_none_or(|tried| now.saturating_sub(tried).abs() >= PAUSE)
    }
}

impl Keys {
    pub(super) fn new(fetcher: Fetcher) -> Self {
        let known = Mutex::default();
        Self { fetcher, known }
    }

    /// The keys that have an id; never none.
    pub(super) async fn with_id(&self, id: &str, now: i64) -> Result<Vec<Jwk>, KubernetesError> {
        let mut known = self.known.lock().await;
        let mut failure = None;
        let has_it = known.keys.iter().any(|(own, _)| own == id);
        if (!has_it || !known.is_younger(FRESH, now)) && known.may_try(now) {
            known.tried = Some(now);
            match self.fetch().await {
                Ok(keys) => {
                    known.keys = keys;
                    known.fetched = Some(now);
                }
                Err(error) => {
                    tracing::warn!(%error, "the keys of a cluster cannot be fetched");
                    failure = Some(error);
                }
            }
        }
        if !known.is_younger(STALE, now) {
            return Err(failure.unwrap_or(FetchError::Lately).into());
        }
        let keys = known.with_id(id);
        match failure {
            _ if !keys.is_empty() => Ok(keys),
            // It may be a new key, which could not be fetched.
            Some(failure) => Err(failure.into()),
            None => Err(KubernetesError::UnknownKey { id: short(id) }),
        }
    }

    async fn fetch(&self) -> Result<Vec<(String, Jwk)>, FetchError> {
        let body = self.fetcher.fetch().await?;
        parse(&body).map_err(|reason| FetchError::NoKeys {
            url: self.fetcher.url(),
            reason,
        })
    }
}

#[derive(Deserialize)]
struct Set {
    keys: Vec<Map<String, Value>>,
}

/// The keys that can verify a token. Others are passed over (RFC 7517 §5): a set may hold keys for
/// other purposes.
fn parse(body: &[u8]) -> Result<Vec<(String, Jwk)>, String> {
    let set: Set = serde_json::from_slice(body).map_err(|error| short(&error.to_string()))?;
    if set.keys.len() > MOST {
        return Err(format!(
            "{} keys; no more than {MOST} are read",
            set.keys.len()
        ));
    }
    let usable = |members: &Map<String, Value>| {
        let id = members.get("kid")?.as_str()?.to_owned();
        Some((id, Jwk::from_json(members).ok()?))
    };
    let keys: Vec<_> = set.keys.iter().filter_map(usable).collect();
    if keys.is_empty() {
        return Err("no key that could verify a token".to_owned());
    }
    Ok(keys)
}
