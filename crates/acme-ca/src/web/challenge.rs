//! Challenges (RFC 8555 §7.5.1): read, and answered. The answer of a YubiKey is decided while
//! its request waits, so that the response says how; control of a name is validated behind it,
//! and the response says how if that takes no time.

use std::sync::Arc;

use acme_wire::Timestamp;
use acme_wire::order::Challenge as ChallengeObject;
use axum::extract::{Path, State};
use axum::response::Response;
use http::{StatusCode, header};

use super::post::Post;
use super::problem::Error;
use super::{Web, answer, paths};
use crate::config::KeyChallenge;
use crate::kubernetes::CHALLENGE as KUBERNETES;
use crate::orders::ChallengeStatus;
use crate::store::orders::{Authorization, Challenge};
use crate::store::{Orders, StoreError};
use crate::validators::Method;

mod kubernetes;
mod names;
mod yubikey;

/// How the answer to a challenge is judged.
enum Kind {
    /// By what a YubiKey signed.
    Yubikey,
    /// By what a cluster says of a pod.
    Kubernetes,
    /// By looking at the name.
    Name(Method),
}

/// POST to a challenge: empty to read it, anything else is an answer. A challenge that was
/// answered stays so; to repeat an answer is to read it.
pub(crate) async fn post(
    State(web): State<Arc<Web>>,
    Path(id): Path<String>,
    post: Post,
) -> Result<Response, Error> {
    let (caller, jws) = post.by_account(&web).await?;
    let authorization = web
        .ca
        .store()
        .authorization(&caller.account.id, &id)
        .await?
        .ok_or(Error::NotFound)?;
    let challenge = authorization.challenge(&id).ok_or(Error::NotFound)?;
    if jws.is_post_as_get() || challenge.status != ChallengeStatus::Pending {
        return show(&web, &authorization, &id);
    }
    let answered = match kind_of(challenge)? {
        Kind::Yubikey => yubikey::answer(&web, &caller, &id, jws.payload()).await?,
        Kind::Kubernetes => {
            kubernetes::answer(&web, &caller, &authorization, challenge, jws.payload()).await?
        }
        Kind::Name(method) => {
            // An answer of these methods says nothing but that it is one (RFC 8555 §8.3).
            let _: serde_json::Map<String, serde_json::Value> = jws.json()?;
            names::respond(&web, &caller, &authorization, &id, method).await?
        }
    };
    show(&web, &answered, &id)
}

fn kind_of(challenge: &Challenge) -> Result<Kind, StoreError> {
    if let Ok(method) = challenge.kind.parse() {
        return Ok(Kind::Name(method));
    }
    if challenge.kind == KUBERNETES {
        return Ok(Kind::Kubernetes);
    }
    match challenge.kind.parse::<KeyChallenge>() {
        Ok(_) => Ok(Kind::Yubikey),
        Err(_) => Err(StoreError::Corrupt {
            column: "challenges.kind",
        }),
    }
}

fn show(web: &Web, authorization: &Authorization, id: &str) -> Result<Response, Error> {
    let challenge = authorization.challenge(id).ok_or(Error::NotFound)?;
    let up = paths::authorization(&web.ca.config().url, &authorization.id);
    let response = answer::json(StatusCode::OK, &object(web, challenge));
    let response = answer::with_link(response, &up, "up");
    Ok(if challenge.status == ChallengeStatus::Processing {
        answer::with_header(response, header::RETRY_AFTER, "1")
    } else {
        response
    })
}

/// A challenge as its client sees it.
pub(crate) fn object(web: &Web, challenge: &Challenge) -> ChallengeObject {
    ChallengeObject {
        kind: challenge.kind.clone(),
        url: paths::challenge(&web.ca.config().url, &challenge.id),
        status: challenge.status,
        validated: challenge
            .decided
            .filter(|_| challenge.status == ChallengeStatus::Valid)
            .and_then(Timestamp::from_epoch),
        error: challenge
            .problem
            .as_deref()
            .and_then(|problem| serde_json::from_str(problem).ok()),
        token: Some(challenge.token.clone()),
        more: serde_json::Map::new(),
    }
}
