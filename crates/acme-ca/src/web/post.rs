//! A signed request (RFC 8555 §6): its body read within limits, its URL, nonce and signature
//! checked, its account found. Nothing else reads a payload.

use std::sync::Arc;
use std::time::Duration;

use acme_wire::jws::{self, SignedBy, UnverifiedJws, VerifiedJws};
use axum::body::Body;
use axum::extract::FromRequest;
use http::{Request, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};

use super::Web;
use super::paths;
use super::problem::Error;
use crate::orders::AccountStatus;
use crate::serve::Peer;
use crate::store::Orders;
use crate::store::orders::Account;

/// A well-formed request that nobody has verified.
pub(crate) struct Post {
    jws: UnverifiedJws,
    url: String,
    peer: Option<Peer>,
}

/// Who sent a request: an account, proven by its key.
pub(crate) struct Caller {
    /// The account.
    pub(crate) account: Account,
    /// The address it came from, where known.
    pub(crate) peer: Option<Peer>,
}

/// Who sent a request that an account or a bare key may send: revokeCert.
pub(crate) enum Sender {
    /// An account.
    Account(Caller),
    /// A key, from the address where known.
    Key(Option<Peer>),
}

impl Sender {
    /// The address it came from, where known.
    pub(crate) fn peer(&self) -> Option<Peer> {
        match self {
            Self::Account(caller) => caller.peer,
            Self::Key(peer) => *peer,
        }
    }
}

impl FromRequest<Arc<Web>> for Post {
    type Rejection = Error;

    async fn from_request(request: Request<Body>, web: &Arc<Web>) -> Result<Self, Error> {
        let media_type = request.headers().get(header::CONTENT_TYPE);
        if media_type.and_then(|value| value.to_str().ok()) != Some(jws::MEDIA_TYPE) {
            return Err(Error::MediaType);
        }
        let path = request
            .uri()
            .path_and_query()
            .map_or("/", http::uri::PathAndQuery::as_str);
        let url = web.ca.config().url.join(path);
        let peer = request.extensions().get::<Peer>().copied();
        let place = match peer {
            Some(peer) => Some(web.bodies.enter(peer.0.ip()).ok_or(Error::TooMany {
                what: "too many requests at a time",
                retry_after: 1,
            })?),
            None => None,
        };
        let body = read(request.into_body(), web.limits.body).await?;
        drop(place);
        Ok(Self {
            jws: UnverifiedJws::parse(&body)?,
            url,
            peer,
        })
    }
}

async fn read(body: Body, time: Duration) -> Result<bytes::Bytes, Error> {
    let body = Limited::new(body, jws::MAX_LEN);
    match tokio::time::timeout(time, body.collect()).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            Err(Error::TooLarge { most: jws::MAX_LEN })
        }
        Ok(Err(_)) => Err(Error::Broken),
        Err(_) => Err(Error::TooSlow),
    }
}

impl Post {
    /// The address that it came from, where known.
    pub(crate) fn peer(&self) -> Option<Peer> {
        self.peer
    }

    /// Verifies a request that carries its own key: newAccount.
    pub(crate) fn by_key(self, web: &Web) -> Result<VerifiedJws, Error> {
        if matches!(self.jws.signed_by(), SignedBy::Kid(_)) {
            return Err(jws::JwsError::KidWhereJwk.into());
        }
        self.fresh(web)?;
        Ok(self.jws.verify_embedded()?)
    }

    /// Verifies a request of an account.
    pub(crate) async fn by_account(self, web: &Web) -> Result<(Caller, VerifiedJws), Error> {
        let SignedBy::Kid(kid) = self.jws.signed_by() else {
            return Err(jws::JwsError::JwkWhereKid.into());
        };
        let id = paths::account_id(&web.ca.config().url, kid).ok_or(Error::NoAccount)?;
        self.fresh(web)?;
        let account = web.ca.store().account(id).await?.ok_or(Error::NoAccount)?;
        let key = web.account_keys.of(&account)?;
        let jws = self.jws.verify_with(&key)?;
        if account.status != AccountStatus::Valid {
            return Err(Error::AccountStatus {
                status: account.status,
            });
        }
        if account.disabled {
            return Err(Error::UserDisabled);
        }
        let caller = Caller {
            account,
            peer: self.peer,
        };
        Ok((caller, jws))
    }

    /// Verifies a request of an account that agreed to the terms as they are now: without it an
    /// account gets nothing new (RFC 8555 §7.3.3).
    pub(crate) async fn by_agreed_account(self, web: &Web) -> Result<(Caller, VerifiedJws), Error> {
        let (caller, jws) = self.by_account(web).await?;
        match &web.ca.config().acme.terms_of_service {
            Some(url) if caller.account.agreed.as_ref() != Some(url) => {
                Err(Error::Terms { url: url.clone() })
            }
            _ => Ok((caller, jws)),
        }
    }

    /// Verifies a request of an account, or one that carries its own key.
    pub(crate) async fn by_anybody(self, web: &Web) -> Result<(Sender, VerifiedJws), Error> {
        if matches!(self.jws.signed_by(), SignedBy::Jwk(_)) {
            let sender = Sender::Key(self.peer);
            return Ok((sender, self.by_key(web)?));
        }
        let (caller, jws) = self.by_account(web).await?;
        Ok((Sender::Account(caller), jws))
    }

    /// Verifies a POST-as-GET of an account.
    pub(crate) async fn post_as_get(self, web: &Web) -> Result<Caller, Error> {
        let (caller, jws) = self.by_account(web).await?;
        if jws.is_post_as_get() {
            Ok(caller)
        } else {
            Err(Error::NotPostAsGet)
        }
    }

    /// The URL that was signed is the one that was called, and the nonce is good. The nonce
    /// comes before the signature, which costs more.
    fn fresh(&self, web: &Web) -> Result<(), Error> {
        if self.jws.url() != self.url {
            return Err(Error::OtherUrl {
                signed: self.jws.url().chars().take(200).collect(),
            });
        }
        let now = u64::try_from(web.now()).unwrap_or(0);
        Ok(web.nonces.redeem(self.jws.nonce(), now)?)
    }
}
