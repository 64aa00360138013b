//! Revocation (RFC 8555 §7.6): by the account that had the certificate issued, by one that
//! holds an authorization for each of its names, or by the certificate's own key.

use std::net::IpAddr;
use std::sync::Arc;

use acme_wire::base64url;
use acme_wire::jws::VerifiedJws;
use acme_wire::revocation::RevokeCert;
use axum::extract::State;
use der::{Decode, Encode};
use http::StatusCode;
use sshcert_acme::ReceivedCertificate;
use x509_cert::Certificate;
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;

use super::Web;
use super::post::{Post, Sender};
use super::problem::Error;
use crate::audit::{self, Decision, Outcome};
use crate::revocation::Reason;
use crate::store::revocation::{RevokedBy, decision};
use crate::store::{CertificateRow, CertificateStatus, Revocations, StoreError};

/// POST to revokeCert.
pub(crate) async fn post(State(web): State<Arc<Web>>, post: Post) -> Result<StatusCode, Error> {
    let (sender, jws) = post.by_anybody(&web).await?;
    let now = web.now();
    let peer = sender.peer();
    web.may_fail(peer, now)?;
    let actor = match &sender {
        Sender::Account(caller) => format!("account {}", caller.account.id),
        Sender::Key(_) => format!("key {}", hex::encode(jws.key().thumbprint())),
    };
    match revoke(&web, &sender, &jws, &actor, now).await {
        Ok(()) => Ok(StatusCode::OK),
        Err(error @ (Error::Store(_) | Error::Internal { .. })) => Err(error),
        Err(error) => {
            web.failed(peer, now);
            let refused =
                Decision::new(Outcome::Refused, "certificate.revoke", &actor, &actor, now);
            audit::record(web.ca.store(), refused.because(&error)).await?;
            Err(error)
        }
    }
}

async fn revoke(
    web: &Web,
    sender: &Sender,
    jws: &VerifiedJws,
    actor: &str,
    now: i64,
) -> Result<(), Error> {
    let request: RevokeCert = jws.json()?;
    let sent = base64url::decode(&request.certificate).map_err(|_| Error::CertificateEncoding)?;
    let shown = Shown::read(&sent).ok_or(Error::CertificateEncoding)?;
    let found = web
        .ca
        .store()
        .certificate_by_serial(&shown.issuer, &shown.serial)
        .await?
        .filter(|found| is_of(found, &sent))
        .ok_or(Error::NoCertificate)?;
    // What is true of a certificate is told only to those who may revoke it.
    if !may_revoke(web, sender, jws, &shown, &found, now).await? {
        return Err(Error::MayNotRevoke);
    }
    if found.status == CertificateStatus::Revoked {
        return Err(Error::AlreadyRevoked);
    }
    if found.not_after <= now {
        return Err(Error::CertificateExpired);
    }
    let reason = request
        .reason
        .map_or(Ok(Reason::Unspecified), Reason::from_code)?;
    let decision = decision(&found, reason, actor, now).because("its holder asked for it");
    let by = match sender {
        Sender::Key(_) => RevokedBy::Key,
        Sender::Account(_) => RevokedBy::Account,
    };
    match web
        .ca
        .store()
        .revoke_certificate(&found.id, reason, by, decision)
        .await
    {
        Ok(_) => Ok(()),
        Err(StoreError::AlreadyRevoked { .. }) => Err(Error::AlreadyRevoked),
        Err(error) => Err(error.into()),
    }
}

async fn may_revoke(
    web: &Web,
    sender: &Sender,
    jws: &VerifiedJws,
    shown: &Shown,
    found: &CertificateRow,
    now: i64,
) -> Result<bool, Error> {
    let account = match sender {
        Sender::Key(_) => return Ok(jws.key().spki_der() == shown.spki),
        Sender::Account(caller) => &caller.account.id,
    };
    if found.account.as_ref() == Some(account) {
        return Ok(true);
    }
    let Some(identifiers) = &shown.identifiers else {
        return Ok(false);
    };
    let store = web.ca.store();
    Ok(store.is_authorized(account, identifiers, now).await?)
}

/// What a certificate that somebody sent shows of itself.
struct Shown {
    issuer: String,
    serial: String,
    spki: Vec<u8>,
    /// Type and value of what an account would have to be authorized for; `None` where the
    /// certificate names something that no authorization is about.
    identifiers: Option<Vec<(String, String)>>,
}

impl Shown {
    fn read(sent: &[u8]) -> Option<Self> {
        if let Some(line) = ssh_line(sent) {
            let certificate = ReceivedCertificate::read(&line).ok()?;
            return Some(Self {
                issuer: crate::pki::ssh_fingerprint(certificate.ca()),
                serial: certificate.serial().to_string(),
                spki: certificate.subject().to_spki_der(),
                identifiers: None,
            });
        }
        let certificate = Certificate::from_der(sent).ok()?;
        let tbs = certificate.tbs_certificate();
        // DER puts a zero before a number whose first bit is set.
        let serial = tbs.serial_number().as_bytes();
        Some(Self {
            issuer: tbs.issuer().to_string(),
            serial: hex::encode(serial.strip_prefix(&[0]).unwrap_or(serial)),
            spki: tbs.subject_public_key_info().to_der().ok()?,
            identifiers: match tbs.get_extension::<SubjectAltName>().ok()? {
                Some((_, names)) => names.0.iter().map(identifier).collect(),
                None => None,
            },
        })
    }
}

fn identifier(name: &GeneralName) -> Option<(String, String)> {
    match name {
        GeneralName::DnsName(name) => Some(("dns".into(), name.as_str().to_ascii_lowercase())),
        GeneralName::IpAddress(octets) => {
            let ip = match octets.as_bytes().len() {
                4 => IpAddr::from(<[u8; 4]>::try_from(octets.as_bytes()).ok()?),
                _ => IpAddr::from(<[u8; 16]>::try_from(octets.as_bytes()).ok()?),
            };
            Some(("ip".into(), ip.to_string()))
        }
        _ => None,
    }
}

/// The OpenSSH line of a certificate whose bytes begin with its type.
fn ssh_line(sent: &[u8]) -> Option<String> {
    use base64ct::{Base64, Encoding};
    let (length, rest) = sent.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
    let kind = std::str::from_utf8(rest.get(..length)?).ok()?;
    kind.ends_with("-cert-v01@openssh.com")
        .then(|| format!("{kind} {}", Base64::encode_string(sent)))
}

/// Whether the certificate on record is, byte for byte, the one that was sent.
fn is_of(found: &CertificateRow, sent: &[u8]) -> bool {
    let Some(body) = &found.body else {
        return false;
    };
    match ssh_line(sent) {
        Some(line) => std::str::from_utf8(body).is_ok_and(|body| body.trim_end() == line),
        None => crate::pki::certificate_der(body).as_deref() == Some(sent),
    }
}
