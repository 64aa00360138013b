//! The ACME session: instant-acme for what every client does, and next to it,
//! with the same account key, the signed requests that it has no call for.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use acme_wire::jws::KeyId;
use acme_wire::problem::{Problem, ProblemType, Subproblem};
use acme_wire::{AccountKey, Directory, jws};
use base64ct::{Base64UrlUnpadded, Encoding};
use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde_json::json;
use zeroize::Zeroizing;

use crate::account::Account;
use crate::ca_error::CaError;
use crate::config::Ca;
use crate::http::{Answer, Http};
use crate::text::printable;
use crate::{Error, Paths};

/// How often a nonce may turn out to be spent before we give up.
const NONCE_TRIES: usize = 4;

/// Why a step of an order did not work.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StepError {
    /// The CA said no, and why.
    #[error("{0}")]
    Refused(Box<Problem>),
    /// The CA, or the way to it.
    #[error(transparent)]
    Ca(#[from] CaError),
    /// The account key.
    #[error(transparent)]
    Key(#[from] acme_wire::AccountKeyError),
}

/// The answer to a signed request.
pub(crate) struct Posted<T> {
    pub(crate) object: T,
    /// The URL of a new resource.
    pub(crate) location: Option<String>,
    /// How long the CA wants to be left alone.
    pub(crate) retry_after: Option<Duration>,
}

/// Fetches the directory (RFC 8555 section 7.1.1).
pub(crate) async fn directory(http: &Http, url: &str) -> Result<Directory, CaError> {
    let body = http.get(url).await?;
    serde_json::from_slice(&body).map_err(|error| CaError::Malformed {
        what: format!(
            "{} is not an ACME directory: {}",
            printable(url),
            printable(&error.to_string())
        ),
    })
}

/// An account at the CA, ready to order.
pub(crate) struct Session {
    http: Http,
    directory: Directory,
    directory_url: String,
    key: AccountKey,
    account: instant_acme::Account,
    nonces: Mutex<Vec<String>>,
}

impl Session {
    /// Takes up the stored account, or makes one and stores it.
    pub(crate) async fn open(
        http: Http,
        directory: Directory,
        ca: &Ca,
        paths: &Paths,
    ) -> Result<Self, Error> {
        let stored = Account::load(paths, ca)?;
        Self::with(http, directory, ca, paths, stored).await
    }

    /// The same with a new account: the CA no longer knows the stored one.
    pub(crate) async fn renew(self, ca: &Ca, paths: &Paths) -> Result<Self, Error> {
        Self::with(self.http, self.directory, ca, paths, Account::fresh()?).await
    }

    async fn with(
        http: Http,
        directory: Directory,
        ca: &Ca,
        paths: &Paths,
        stored: Account,
    ) -> Result<Self, Error> {
        let pkcs8 = stored.key.to_pkcs8_der()?;
        let builder = instant_acme::Account::builder_with_http(Box::new(http.clone()));
        let account = match &stored.url {
            Some(url) => {
                // The form of the credentials that carries the directory: it
                // was fetched already.
                let encoded = Zeroizing::new(Base64UrlUnpadded::encode_string(&pkcs8));
                let credentials = serde_json::from_value(json!({
                    "id": url,
                    "key_pkcs8": *encoded,
                    "urls": directory,
                }))
                .map_err(|error| CaError::Malformed {
                    what: printable(&error.to_string()),
                })?;
                builder.from_credentials(credentials).await.map_err(step)
            }
            None => {
                let pkcs8 = rustls_pki_types::PrivatePkcs8KeyDer::from(pkcs8.to_vec());
                match instant_acme::Key::from_pkcs8_der(pkcs8.clone_key()) {
                    Ok(key) => builder
                        .create_from_key((key, pkcs8.into()), ca.directory.clone())
                        .await
                        .map(|(account, _)| account)
                        .map_err(step),
                    Err(error) => Err(step(error)),
                }
            }
        }
        .map_err(|error| match error {
            StepError::Refused(problem) => Error::AccountRefused { problem },
            StepError::Ca(error) => Error::Ca(error),
            StepError::Key(error) => Error::AccountKey(error),
        })?;
        if stored.url.is_none() {
            stored.save(paths, ca, account.id())?;
        }
        Ok(Self {
            http,
            directory,
            directory_url: ca.directory.clone(),
            key: stored.key,
            account,
            nonces: Mutex::default(),
        })
    }

    /// What the CA offers.
    pub(crate) fn directory(&self) -> &Directory {
        &self.directory
    }

    /// RFC 7638 thumbprint of the account key.
    pub(crate) fn thumbprint(&self) -> [u8; 32] {
        self.key.jwk().thumbprint()
    }

    /// Whether a URL has the scheme, host and port of the directory.
    pub(crate) fn is_own_url(&self, url: &str) -> bool {
        self.http.is_home(url)
    }

    /// The connection.
    pub(crate) fn http(&self) -> &Http {
        &self.http
    }

    /// An order that was made by [`Session::post`], for the standard steps.
    pub(crate) async fn order(&self, url: String) -> Result<instant_acme::Order, StepError> {
        self.account.order(url).await.map_err(step)
    }

    /// A signed request whose answer is an object.
    pub(crate) async fn post<T: DeserializeOwned>(
        &self,
        url: &str,
        payload: &impl serde::Serialize,
    ) -> Result<Posted<T>, StepError> {
        let payload = serde_json::to_vec(payload).map_err(|error| CaError::Malformed {
            what: error.to_string(),
        })?;
        Self::object(url, &self.post_bytes(url, &payload).await?)
    }

    /// POST-as-GET of an object (RFC 8555 section 6.3).
    pub(crate) async fn look<T: DeserializeOwned>(
        &self,
        url: &str,
    ) -> Result<Posted<T>, StepError> {
        Self::object(url, &self.fetch(url).await?)
    }

    /// POST-as-GET of anything.
    pub(crate) async fn fetch(&self, url: &str) -> Result<Answer, StepError> {
        self.post_bytes(url, b"").await
    }

    fn object<T: DeserializeOwned>(url: &str, answer: &Answer) -> Result<Posted<T>, StepError> {
        let object = serde_json::from_slice(&answer.body).map_err(|error| CaError::Malformed {
            what: format!(
                "the answer from {} is not what RFC 8555 says: {}",
                printable(url),
                printable(&error.to_string())
            ),
        })?;
        Ok(Posted {
            object,
            location: answer.header("location").map(str::to_owned),
            // As a date it would need a clock; RFC 8555 section 8.2 has seconds.
            retry_after: answer
                .header("retry-after")
                .and_then(|seconds| seconds.parse().ok())
                .map(Duration::from_secs),
        })
    }

    async fn post_bytes(&self, url: &str, payload: &[u8]) -> Result<Answer, StepError> {
        let mut tries = 0;
        loop {
            tries += 1;
            let nonce = self.nonce().await?;
            let body = self
                .key
                .sign(url, &nonce, KeyId::Account(self.account.id()), payload)?;
            let request = http::Request::post(url)
                .header("content-type", jws::MEDIA_TYPE)
                .body(Bytes::from(body))
                .map_err(|error| CaError::Url {
                    url: printable(url),
                    reason: error.to_string(),
                })?;
            let answer = self.http.send(request).await?;
            self.keep_nonce(&answer);
            if answer.parts.status.is_success() {
                return Ok(answer);
            }
            let problem: Problem =
                serde_json::from_slice(&answer.body).map_err(|_| CaError::Status {
                    url: printable(url),
                    status: answer.parts.status.as_u16(),
                })?;
            if problem.kind == ProblemType::BadNonce && tries < NONCE_TRIES {
                continue;
            }
            return Err(StepError::Refused(Box::new(problem)));
        }
    }

    /// A nonce that an earlier answer brought, or a new one (RFC 8555 section
    /// 7.2).
    async fn nonce(&self) -> Result<String, CaError> {
        let kept = self
            .nonces
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop();
        if let Some(nonce) = kept {
            return Ok(nonce);
        }
        let url = &self.directory.new_nonce;
        let request = http::Request::head(url)
            .body(Bytes::new())
            .map_err(|error| CaError::Url {
                url: printable(url),
                reason: error.to_string(),
            })?;
        let answer = self.http.send(request).await?;
        replay_nonce(&answer).ok_or_else(|| CaError::Malformed {
            what: format!("{} gives no nonce", printable(&self.directory_url)),
        })
    }

    fn keep_nonce(&self, answer: &Answer) {
        if let Some(nonce) = replay_nonce(answer) {
            self.nonces
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(nonce);
        }
    }
}

fn replay_nonce(answer: &Answer) -> Option<String> {
    let nonce = answer.header("replay-nonce")?;
    (!nonce.is_empty() && nonce.len() <= jws::MAX_HEADER_VALUE).then(|| nonce.to_owned())
}

/// instant-acme's errors in our words.
pub(crate) fn step(error: instant_acme::Error) -> StepError {
    match error {
        instant_acme::Error::Api(problem) => StepError::Refused(Box::new(problem_of(problem))),
        instant_acme::Error::Other(inner) => match inner.downcast::<CaError>() {
            Ok(error) => StepError::Ca(*error),
            Err(other) => StepError::Ca(CaError::Malformed {
                what: printable(&other.to_string()),
            }),
        },
        other => StepError::Ca(CaError::Malformed {
            what: printable(&other.to_string()),
        }),
    }
}

fn problem_of(problem: instant_acme::Problem) -> Problem {
    let kind = |uri: Option<String>| {
        uri.as_deref()
            .map(ProblemType::from_uri)
            .unwrap_or_default()
    };
    let mut converted = Problem::new(kind(problem.r#type), problem.detail.unwrap_or_default());
    converted.status = problem.status;
    converted.subproblems = problem
        .subproblems
        .into_iter()
        .map(|part| Subproblem {
            kind: kind(part.r#type),
            detail: part.detail,
            identifier: None,
        })
        .collect();
    converted
}
