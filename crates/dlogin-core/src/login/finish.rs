//! From an answer to a certificate: challenge, finalize, download, check.

use std::sync::Arc;

use acme_wire::order::{Challenge, ChallengeStatus};
use acme_wire::problem::{Problem, ProblemType};
use instant_acme::{OrderStatus, RetryPolicy};
use rustls_pki_types::CertificateDer;
use tokio::task::JoinSet;
use zeroize::Zeroizing;

use super::order::{OrderError, Outcome};
use super::sign::Answered;
use crate::acme::{Session, step};
use crate::certificate::{CertificateError, ssh, x509};
use crate::{ProfileName, clock};

/// What all orders of a run share.
#[derive(Clone)]
pub(super) struct Context {
    pub(super) session: Arc<Session>,
    pub(super) root: CertificateDer<'static>,
    /// The end that was asked for, seconds since the epoch.
    pub(super) not_after: Option<u64>,
}

/// A certificate that was checked, to be written.
pub(super) struct Finished {
    pub(super) profile: ProfileName,
    pub(super) certificate: Checked,
    /// PEM.
    pub(super) key: Option<Zeroizing<String>>,
}

/// In the form in which it is written.
pub(super) enum Checked {
    Tls {
        chain: String,
    },
    Ssh {
        certificate: String,
        public_key: String,
    },
}

/// Finishes all orders at once, each for itself.
pub(super) async fn finish_all(
    context: &Context,
    answered: Vec<Answered>,
) -> Vec<Outcome<Finished>> {
    let mut tasks = JoinSet::new();
    for answered in answered {
        let context = context.clone();
        tasks.spawn(async move {
            let profile = answered.placed.profile.clone();
            (profile, finish(&context, answered).await)
        });
    }
    // A task that panics would have been reported by its profile; none does.
    let mut finished: Vec<_> = tasks.join_all().await;
    finished.sort_by(|a, b| a.0.cmp(&b.0));
    finished
}

async fn finish(context: &Context, answered: Answered) -> Result<Finished, OrderError> {
    let Answered {
        mut placed,
        response,
        spki,
        disk_key,
    } = answered;
    let (challenge, _): (Challenge, _) = context
        .session
        .post(&placed.challenge_url, &response)
        .await?;
    match challenge.status {
        ChallengeStatus::Valid => {}
        ChallengeStatus::Invalid => return Err(invalid(challenge.error)),
        ChallengeStatus::Pending | ChallengeStatus::Processing => {
            let status = placed.order.poll_ready(&RetryPolicy::default()).await;
            if status.map_err(step)? != OrderStatus::Ready {
                return Err(invalid(None));
            }
        }
    }

    // yubikey-01 certifies the key that just signed: nothing to add.
    let csr = match &disk_key {
        Some(key) => key.request()?,
        None => Vec::new(),
    };
    placed.order.finalize_csr(&csr).await.map_err(step)?;
    let body = match placed.order.certificate().await.map_err(step)? {
        Some(body) => body,
        None => placed
            .order
            .poll_certificate(&RetryPolicy::default())
            .await
            .map_err(step)?,
    };
    let certificate = check(context, &spki, &body)?;
    let key = disk_key.map(|key| key.to_pem()).transpose()?;
    Ok(Finished {
        profile: placed.profile,
        certificate,
        key,
    })
}

/// Decides by the content what it is: the two forms share no first byte.
fn check(context: &Context, spki: &[u8], body: &str) -> Result<Checked, CertificateError> {
    let not_after = context.not_after.map(clock::from_unix);
    let now = context.session.http().now();
    if body.trim_start().starts_with("-----BEGIN ") {
        x509::verify(
            body,
            &x509::Expected {
                root: &context.root,
                spki,
                not_after,
                now,
            },
        )?;
        Ok(Checked::Tls {
            chain: body.to_owned(),
        })
    } else {
        let checked = ssh::verify(
            body,
            &ssh::Expected {
                spki,
                not_after,
                now,
            },
        )?;
        Ok(Checked::Ssh {
            certificate: checked.certificate,
            public_key: checked.public_key,
        })
    }
}

fn invalid(problem: Option<Problem>) -> OrderError {
    match problem {
        Some(problem) => OrderError::Refused(Box::new(problem)),
        None => OrderError::Refused(Box::new(Problem::new(
            ProblemType::Unauthorized,
            "the CA refused the answer and did not say why",
        ))),
    }
}
