//! From an answer to a certificate: challenge, finalize, download, check.

use std::sync::Arc;
use std::time::{Duration, Instant};

use acme_wire::order::{Challenge, ChallengeStatus, Finalize, Order, OrderStatus};
use acme_wire::problem::{Problem, ProblemType};
use base64ct::{Base64UrlUnpadded, Encoding};
use rustls_pki_types::CertificateDer;
use tokio::task::JoinSet;
use zeroize::Zeroizing;

use super::order::{OrderError, Outcome};
use super::sign::Answered;
use crate::acme::{Posted, Session};
use crate::certificate::{CertificateError, PEM_CHAIN, ssh, x509};
use crate::http::{Answer, PATIENCE};
use crate::text::printable;
use crate::{CaError, ProfileName, clock};

/// Before an order is looked at again; doubles each time.
const FIRST_PAUSE: Duration = Duration::from_millis(250);

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
    let session = &context.session;
    let challenge = session
        .post::<Challenge>(&placed.challenge_url, &response)
        .await?
        .object;
    match challenge.status {
        ChallengeStatus::Valid => {}
        ChallengeStatus::Invalid => return Err(invalid(challenge.error)),
        ChallengeStatus::Pending | ChallengeStatus::Processing => {
            let asked = session.look(placed.order.url()).await?;
            let order = settled(session, placed.order.url(), asked, OrderStatus::Pending).await?;
            if order.status != OrderStatus::Ready {
                return Err(invalid(order.error));
            }
        }
    }

    // yubikey-01 certifies the key that just signed: nothing to add.
    let csr = match &disk_key {
        Some(key) => Some(Base64UrlUnpadded::encode_string(&key.request()?)),
        None => None,
    };
    let finalize = placed.order.state().finalize.clone();
    let asked = session.post(&finalize, &Finalize { csr }).await?;
    let order = settled(session, placed.order.url(), asked, OrderStatus::Processing).await?;
    let url = match (order.status, order.certificate) {
        (OrderStatus::Valid, Some(url)) => url,
        _ => return Err(invalid(order.error)),
    };
    let body = session.fetch(&url).await?;
    let certificate = check(context, &spki, &body)?;
    let key = disk_key.map(|key| key.to_pem()).transpose()?;
    Ok(Finished {
        profile: placed.profile,
        certificate,
        key,
    })
}

/// Looks at an order again until it is no longer in the state that passes, or
/// patience ends.
async fn settled(
    session: &Session,
    url: &str,
    first: Posted<Order>,
    passing: OrderStatus,
) -> Result<Order, OrderError> {
    let begin = Instant::now();
    let mut pause = FIRST_PAUSE;
    let mut answer = first;
    while answer.object.status == passing {
        let wait = answer.retry_after.unwrap_or(pause).max(FIRST_PAUSE);
        if begin.elapsed().saturating_add(wait) > PATIENCE {
            return Err(CaError::Silent {
                url: printable(url),
                seconds: PATIENCE.as_secs(),
            }
            .into());
        }
        tokio::time::sleep(wait).await;
        pause = pause.saturating_mul(2);
        answer = session.look(url).await?;
    }
    Ok(answer.object)
}

/// The media type says what it is, and nothing else does (section 10 of the
/// protocol).
fn check(context: &Context, spki: &[u8], answer: &Answer) -> Result<Checked, CertificateError> {
    let not_after = context.not_after.map(clock::from_unix);
    let now = context.session.http().now();
    let media_type = answer
        .header("content-type")
        .and_then(|value| value.split(';').next())
        .unwrap_or_default()
        .trim();
    let body = std::str::from_utf8(&answer.body);
    if media_type.eq_ignore_ascii_case(PEM_CHAIN) {
        let checked = x509::verify(
            body.map_err(|_| CertificateError::NotPem)?,
            &x509::Expected {
                root: &context.root,
                spki,
                not_after,
                now,
            },
        )?;
        Ok(Checked::Tls {
            chain: checked.chain,
        })
    } else if media_type.eq_ignore_ascii_case(sshcert_acme::MEDIA_TYPE) {
        let checked = ssh::verify(
            body.map_err(|_| CertificateError::NotSsh("it is not text".to_owned()))?,
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
    } else {
        Err(CertificateError::MediaType {
            found: printable(media_type),
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
