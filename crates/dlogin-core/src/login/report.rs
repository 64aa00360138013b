//! What a run came to.

use std::time::Duration;

use acme_wire::problem::{Problem, ProblemType};
use serde::{Serialize, Serializer};

use super::finish::{Checked, Finished};
use super::order::{OrderError, Outcome};
use crate::held::{Certificate, CertificateName, Folder, New};
use crate::text::printable;
use crate::{Error, Exit, ProfileName, SiteName};

/// Everything that a run did, profile by profile.
#[derive(Debug, Default, Serialize)]
pub struct Report {
    /// The site; `None` is the one without a name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub site: Option<SiteName>,
    /// The CA.
    pub ca: String,
    /// The CAs of the site that were asked before it, and why it was not them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub passed_over: Vec<PassedOver>,
    /// The YubiKey's serial number, where it tells one.
    pub serial: Option<String>,
    /// The certificates that are new.
    pub certificates: Vec<Issued>,
    /// What the CA refused.
    pub refused: Vec<Refused>,
    /// What went wrong otherwise.
    pub failed: Vec<Failed>,
    /// What was offered, but not ordered.
    pub skipped: Vec<Skipped>,
    /// The certificates that had expired and were taken away.
    pub removed: Vec<CertificateName>,
    /// What was not fetched, because what is there lives long enough.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub current: Vec<Certificate>,
    /// Every profile on offer was tried, to find out what is granted.
    pub discovery: bool,
    /// What it took.
    pub measured: Measured,
}

/// A CA that could not be asked.
#[derive(Debug, Serialize)]
pub struct PassedOver {
    /// The CA.
    pub ca: String,
    /// Why.
    pub why: String,
}

/// A new certificate.
#[derive(Debug, Serialize)]
pub struct Issued {
    /// The certificate, as it is on disk.
    #[serde(flatten)]
    pub certificate: Certificate,
}

/// A refusal by the CA.
#[derive(Debug, Serialize)]
pub struct Refused {
    /// The profile.
    pub profile: ProfileName,
    /// The type of the problem document, such as `unauthorized`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The CA's words.
    pub detail: String,
    /// The CA's words on each part, where it said more.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub reasons: Vec<String>,
}

/// A mishap.
#[derive(Debug, Serialize)]
pub struct Failed {
    /// The profile.
    pub profile: ProfileName,
    /// What happened.
    pub message: String,
    /// The exit code that it has by itself.
    #[serde(serialize_with = "code")]
    pub exit: Exit,
}

/// Something on offer that was not ordered, or could not be answered.
#[derive(Debug, Serialize)]
pub struct Skipped {
    /// The profile.
    pub profile: String,
    /// Why.
    pub why: String,
}

/// Times and counts of a run.
#[derive(Debug, Default, Serialize)]
pub struct Measured {
    /// All of it.
    #[serde(rename = "total_ms", serialize_with = "milliseconds")]
    pub total: Duration,
    /// Waiting for the YubiKey's signatures, touches included.
    #[serde(rename = "card_ms", serialize_with = "milliseconds")]
    pub card: Duration,
    /// Waiting for the CA, and for the YubiKey to be opened meanwhile.
    #[serde(rename = "network_ms", serialize_with = "milliseconds")]
    pub network: Duration,
    /// Waiting for the PIN to be typed.
    #[serde(rename = "waiting_ms", serialize_with = "milliseconds")]
    pub waiting: Duration,
    /// HTTP requests.
    pub requests: u32,
    /// TLS handshakes.
    pub tls_connections: u32,
}

fn code<S: Serializer>(exit: &Exit, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u8(exit.code())
}

fn milliseconds<S: Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64((time.as_secs_f64() * 1e6).round() / 1e3)
}

impl Report {
    /// The program's exit code: of the first mishap; else refused, where
    /// anything that was asked for was. A run that finds out what is granted
    /// asks for nothing in particular: one certificate is a success.
    #[must_use]
    pub fn exit(&self) -> Exit {
        if let Some(failed) = self.failed.first() {
            return failed.exit;
        }
        let nothing = self.certificates.is_empty();
        let refused = !self.refused.is_empty() || !self.skipped.is_empty();
        if nothing && !refused && !self.current.is_empty() {
            return Exit::Done;
        }
        if nothing || (!self.discovery && !self.refused.is_empty()) {
            return Exit::Refused;
        }
        if !self.discovery && !self.skipped.is_empty() {
            return Exit::Missing;
        }
        Exit::Done
    }

    /// Notes what failed and gives what did not.
    pub(super) fn keep<T>(&mut self, outcomes: Vec<Outcome<T>>) -> Vec<T> {
        outcomes
            .into_iter()
            .filter_map(|(profile, outcome)| match outcome {
                Ok(good) => Some(good),
                Err(error) => {
                    self.note(profile, error);
                    None
                }
            })
            .collect()
    }

    fn note(&mut self, profile: ProfileName, error: OrderError) {
        match error {
            OrderError::Refused(problem) => self.refused.push(Refused::new(profile, &problem)),
            // What a site has for other clients; nobody asked for it.
            error @ OrderError::NoChallenge { .. } if self.discovery => {
                self.skipped.push(Skipped {
                    profile: profile.to_string(),
                    why: error.to_string(),
                });
            }
            error => self.failed.push(Failed {
                profile,
                message: error.to_string(),
                exit: error.exit(),
            }),
        }
    }

    /// Writes a certificate and notes it.
    pub(super) fn store(&mut self, folder: &Folder, finished: Finished) {
        let new = match &finished.certificate {
            Checked::Tls { chain } => New::Tls { chain },
            Checked::Ssh {
                certificate,
                public_key,
            } => New::Ssh {
                certificate,
                public_key,
            },
        };
        let key = finished.key.as_deref().map(String::as_str);
        let stored = folder
            .store(&finished.profile, &new, key)
            .and_then(|()| folder.get(&finished.profile).ok_or(Error::Broken));
        match stored {
            Ok(certificate) => self.certificates.push(Issued { certificate }),
            Err(error) => self.note(finished.profile, OrderError::File(Box::new(error))),
        }
    }
}

impl Refused {
    fn new(profile: ProfileName, problem: &Problem) -> Self {
        Self {
            profile,
            kind: printable(problem.kind.name()),
            detail: printable(problem.detail.as_deref().unwrap_or_default()),
            reasons: problem
                .subproblems
                .iter()
                .take(16)
                .map(|part| printable(part.detail.as_deref().unwrap_or(part.kind.name())))
                .collect(),
        }
    }

    /// Whether the CA will say the same tomorrow: not entitled, rather than
    /// busy, broken or not understood.
    pub(super) fn is_denial(&self) -> bool {
        [ProblemType::Unauthorized, ProblemType::RejectedIdentifier]
            .iter()
            .any(|kind| kind.name() == self.kind)
    }
}
