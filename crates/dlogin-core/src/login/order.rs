//! From a profile to a challenge: newOrder, authorization.

use std::sync::Arc;

use acme_wire::order::{Identifier, NewOrder, Order};
use acme_wire::problem::{Problem, ProblemType};
use acme_wire::timestamp::Timestamp;
use acme_yubikey::{ChallengeType, ChallengeValue};
use tokio::task::JoinSet;

use crate::acme::{Session, StepError, step};
use crate::certificate::CertificateError;
use crate::config::Ca;
use crate::text::printable;
use crate::{CaError, DiskKeyError, Error, Exit, Paths, ProfileName};

/// Why one order came to nothing.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OrderError {
    /// The CA said no, and why.
    #[error("{}", printable(&.0.to_string()))]
    Refused(Box<Problem>),
    /// The CA, or the way to it.
    #[error(transparent)]
    Ca(#[from] CaError),
    /// The challenge is none that this program answers.
    #[error("the CA offers no challenge that dlogin answers, but {offered}")]
    NoChallenge {
        /// What it offers.
        offered: String,
    },
    /// The challenge is not what its type says; nothing was signed.
    #[error("CA misbehaves: {0}")]
    Challenge(#[from] acme_yubikey::ChallengeValueError),
    /// The order is not the one that was asked for; nothing was signed.
    #[error("CA misbehaves: the order has another {what} than was asked for")]
    OtherOrder {
        /// What differs.
        what: &'static str,
    },
    /// The certificate is not what was ordered; it was not kept.
    #[error("CA misbehaves: the certificate was not kept: {0}")]
    Certificate(#[from] CertificateError),
    /// The message or the answer cannot be built.
    #[error("the answer cannot be built: {0}")]
    Message(#[from] acme_yubikey::MessageError),
    /// The answer cannot be sent.
    #[error("the answer cannot be built: {0}")]
    Response(#[from] acme_yubikey::ResponseError),
    /// No disk key.
    #[error(transparent)]
    DiskKey(#[from] DiskKeyError),
    /// The account key.
    #[error(transparent)]
    AccountKey(#[from] acme_wire::AccountKeyError),
    /// The YubiKey, the PIN, or the touch.
    #[error(transparent)]
    Card(#[from] Arc<crate::pin::PinError>),
    /// The certificate could not be written.
    #[error(transparent)]
    File(Box<Error>),
}

impl OrderError {
    /// The program's exit code for it.
    #[must_use]
    pub fn exit(&self) -> Exit {
        match self {
            Self::Refused(_) => Exit::Refused,
            Self::Ca(error) => error.exit(),
            Self::NoChallenge { .. }
            | Self::Challenge(_)
            | Self::OtherOrder { .. }
            | Self::Certificate(_) => Exit::Ca,
            Self::Card(error) => error.exit(),
            Self::File(error) => error.exit(),
            Self::Message(_) | Self::Response(_) | Self::DiskKey(_) | Self::AccountKey(_) => {
                Exit::Internal
            }
        }
    }
}

impl From<StepError> for OrderError {
    fn from(error: StepError) -> Self {
        match error {
            StepError::Refused(problem) => Self::Refused(problem),
            StepError::Ca(error) => Self::Ca(error),
            StepError::Key(error) => Self::AccountKey(error),
        }
    }
}

/// Whether the CA cannot answer now, so that another may be asked, under a
/// status that does not say so. Everything else that it says is an answer.
pub(super) fn is_down(problem: &Problem) -> bool {
    matches!(
        problem.kind,
        ProblemType::RateLimited | ProblemType::ServerInternal
    )
}

impl OrderError {
    /// Whether the CA could not be asked, so that another of its site may be.
    #[must_use]
    pub(super) fn is_down(&self) -> bool {
        match self {
            Self::Refused(problem) => is_down(problem),
            Self::Ca(error) => error.is_down(),
            _ => false,
        }
    }
}

/// An order that waits for its challenge to be answered.
pub(super) struct Placed {
    pub(super) profile: ProfileName,
    pub(super) order: instant_acme::Order,
    pub(super) kind: ChallengeType,
    pub(super) value: ChallengeValue,
    pub(super) challenge_url: String,
    /// Seconds since the epoch; 0 where none was asked for.
    pub(super) not_after: u64,
}

/// What became of a profile.
pub(super) type Outcome<T> = (ProfileName, Result<T, OrderError>);

/// Places all orders at once. Where the CA has forgotten the account, a new
/// one is made, once.
pub(super) async fn place_all(
    session: Session,
    ca: &Ca,
    paths: &Paths,
    profiles: &[ProfileName],
    identifier: &Identifier,
    not_after: Option<u64>,
) -> Result<(Arc<Session>, Vec<Outcome<Placed>>), Error> {
    let session = Arc::new(session);
    let placed = place_each(&session, profiles, identifier, not_after).await?;
    let forgotten = |outcome: &Outcome<Placed>| {
        matches!(&outcome.1, Err(OrderError::Refused(problem))
            if problem.kind == ProblemType::AccountDoesNotExist)
    };
    if !placed.iter().any(forgotten) {
        return Ok((session, placed));
    }
    // Every task has ended, so this is the last handle.
    let session = Arc::into_inner(session).ok_or(Error::Broken)?;
    let session = Arc::new(session.renew(ca, paths).await?);
    let placed = place_each(&session, profiles, identifier, not_after).await?;
    Ok((session, placed))
}

async fn place_each(
    session: &Arc<Session>,
    profiles: &[ProfileName],
    identifier: &Identifier,
    not_after: Option<u64>,
) -> Result<Vec<Outcome<Placed>>, Error> {
    let mut tasks = JoinSet::new();
    for profile in profiles.iter().cloned() {
        let session = Arc::clone(session);
        let identifier = identifier.clone();
        tasks.spawn(async move {
            let placed = place(&session, &profile, &identifier, not_after).await;
            (profile, placed)
        });
    }
    let mut placed = Vec::new();
    while let Some(outcome) = tasks.join_next().await {
        placed.push(outcome.map_err(|_| Error::Broken)?);
    }
    placed.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(placed)
}

async fn place(
    session: &Session,
    profile: &ProfileName,
    identifier: &Identifier,
    not_after: Option<u64>,
) -> Result<Placed, OrderError> {
    let asked = not_after
        .and_then(|seconds| i64::try_from(seconds).ok())
        .and_then(Timestamp::from_epoch);
    let new_order = NewOrder {
        identifiers: vec![identifier.clone()],
        profile: Some(profile.to_string()),
        not_before: None,
        not_after: asked,
        replaces: None,
    };
    let posted = session
        .post::<Order>(&session.directory().new_order, &new_order)
        .await?;
    let answer = posted.object;
    let url = posted.location.ok_or_else(|| CaError::Malformed {
        what: "the answer to newOrder has no Location".to_owned(),
    })?;
    let same = |what, same: bool| {
        if same {
            Ok(())
        } else {
            Err(OrderError::OtherOrder { what })
        }
    };
    // A CA that relays another's challenge would name the other's order.
    same("origin in its URL", session.is_own_url(&url))?;
    same("identifier", answer.identifiers == new_order.identifiers)?;
    same(
        "profile",
        answer.profile.as_deref() == Some(profile.as_str()),
    )?;
    same("notAfter", answer.not_after == asked)?;

    let mut order = session.order(url).await?;
    let (kind, token, challenge_url) = challenge(&mut order).await?;
    // Length and magic, before anything else is done with it.
    let value = ChallengeValue::from_token(kind, &token)?;
    Ok(Placed {
        profile: profile.clone(),
        order,
        kind,
        value,
        challenge_url,
        not_after: asked.and(not_after).unwrap_or(0),
    })
}

/// The one challenge that a YubiKey answers.
async fn challenge(
    order: &mut instant_acme::Order,
) -> Result<(ChallengeType, String, String), OrderError> {
    let mut authorizations = order.authorizations();
    let authorization = match authorizations.next().await {
        Some(authorization) => authorization.map_err(step)?,
        None => {
            return Err(CaError::Malformed {
                what: "the order has no authorization".to_owned(),
            }
            .into());
        }
    };
    let mut offered = Vec::new();
    for challenge in &authorization.challenges {
        use instant_acme::ChallengeType as Standard;
        offered.push(match &challenge.r#type {
            Standard::Unknown(name) => match name.parse::<ChallengeType>() {
                Ok(kind) => return Ok((kind, challenge.token.clone(), challenge.url.clone())),
                Err(_) => printable(name),
            },
            Standard::Http01 => "http-01".to_owned(),
            Standard::Dns01 => "dns-01".to_owned(),
            Standard::TlsAlpn01 => "tls-alpn-01".to_owned(),
            Standard::DeviceAttest01 => "device-attest-01".to_owned(),
            other => format!("{other:?}"),
        });
    }
    offered.truncate(8);
    Err(OrderError::NoChallenge {
        offered: offered.join(", "),
    })
}
