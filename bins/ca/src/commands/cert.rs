//! `ca cert`.

use acme_ca::Ca;
use acme_ca::audit::OPERATOR;
use acme_ca::ca::now;
use acme_ca::revocation::Reason;
use acme_ca::store::revocation::{RevokedBy, decision};
use acme_ca::store::{
    CertificateFilter, CertificatePrefix, CertificateRow, Certificates, Revocations,
};

use super::revoked::Revoked;
use crate::arguments::Cert;
use crate::exit::Failure;
use crate::print;

pub(super) async fn run(ca: &Ca, command: &Cert, json: bool) -> Result<(), Failure> {
    match command {
        Cert::List {
            user,
            key,
            live,
            last,
        } => {
            let filter = CertificateFilter {
                user: user.as_ref().map(ToString::to_string),
                key: *key,
                live_at: live.then(now),
                limit: *last,
                ..CertificateFilter::default()
            };
            let certificates = ca.store().certificates(filter).await?;
            if json {
                return print::json(&certificates);
            }
            let rows: Vec<_> = certificates.iter().map(row).collect();
            print::table(
                &[
                    "CERTIFICATE",
                    "PROFILE",
                    "USER",
                    "KEY",
                    "NAMES",
                    "UNTIL",
                    "STATUS",
                ],
                &rows,
            )
        }
        Cert::Show { id } => {
            let none = || Failure::NoSuch {
                what: format!("certificate {id}"),
            };
            let certificate = ca
                .store()
                .certificate_by_prefix(id)
                .await?
                .ok_or_else(none)?;
            if json {
                let body = certificate.body.as_deref().map(String::from_utf8_lossy);
                let mut value = serde_json::to_value(&certificate).map_err(std::io::Error::from)?;
                if let Some(object) = value.as_object_mut() {
                    object.insert("body".into(), body.into());
                }
                return print::json(&value);
            }
            show(&certificate)
        }
        Cert::Revoke { id, reason } => revoke(ca, id, *reason, json).await,
    }
}

async fn revoke(
    ca: &Ca,
    id: &CertificatePrefix,
    reason: Reason,
    json: bool,
) -> Result<(), Failure> {
    let certificate =
        ca.store()
            .certificate_by_prefix(id)
            .await?
            .ok_or_else(|| Failure::NoSuch {
                what: format!("certificate {id}"),
            })?;
    let decision = decision(&certificate, reason, OPERATOR, now()).because(reason);
    let row = ca
        .store()
        .revoke_certificate(&certificate.id, reason, RevokedBy::Operator, decision)
        .await?;
    // With a key that others know went what its holder had for it beside.
    let filter = CertificateFilter {
        revoked_at: Some(now()),
        ..CertificateFilter::default()
    };
    let mut all = ca.store().certificates(filter).await?;
    all.retain(|one| {
        let because = one.reason.as_deref().unwrap_or_default();
        one.id == row.id || because.contains(&row.id)
    });
    let revoked = Revoked::of(ca, all, now()).await?;
    if json {
        return print::json_with(&row, "revoked_now", &revoked);
    }
    print::line(&format!("revoked certificate {}", row.id))?;
    revoked.print()
}

/// After a key or person lost its right: what is out there still, and until when.
#[derive(serde::Serialize)]
pub(super) struct StillValid {
    certificates: usize,
    /// In seconds since 1970; none without certificates.
    until: Option<i64>,
}

impl StillValid {
    pub(super) async fn find(ca: &Ca, filter: CertificateFilter) -> Result<Self, Failure> {
        let filter = CertificateFilter {
            live_at: Some(now()),
            ..filter
        };
        let certificates = ca.store().certificates(filter).await?;
        Ok(Self {
            certificates: certificates.len(),
            until: certificates.iter().map(|row| row.not_after).max(),
        })
    }

    pub(super) fn print(&self) -> Result<(), Failure> {
        match self.until {
            None => print::line("no certificate is valid any more"),
            Some(last) => print::line(&format!(
                "{} certificate(s) issued before stay valid, the last until {}",
                self.certificates,
                print::time(last)
            )),
        }
    }

    /// The changed record with what is still valid.
    pub(super) fn print_json(&self, record: &impl serde::Serialize) -> Result<(), Failure> {
        print::json_with(record, "still_valid", self)
    }

    /// The same, with what was revoked.
    pub(super) fn print_json_with(
        &self,
        record: &impl serde::Serialize,
        revoked: &Revoked,
    ) -> Result<(), Failure> {
        let mut value = serde_json::to_value(record).map_err(std::io::Error::from)?;
        if let Some(object) = value.as_object_mut() {
            let revoked = serde_json::to_value(revoked).map_err(std::io::Error::from)?;
            object.insert("revoked".to_owned(), revoked);
        }
        self.print_json(&value)
    }
}

fn or_dash(text: Option<&str>) -> String {
    text.unwrap_or("-").to_owned()
}

fn row(certificate: &CertificateRow) -> Vec<String> {
    vec![
        certificate.id.chars().take(12).collect(),
        certificate.profile.clone(),
        or_dash(certificate.user.as_deref()),
        certificate
            .key
            .map_or_else(|| "-".to_owned(), |key| key.to_string()),
        certificate.names.join(","),
        print::time(certificate.not_after),
        certificate.status.as_str().to_owned(),
    ]
}

fn show(certificate: &CertificateRow) -> Result<(), Failure> {
    print::fact("certificate", &certificate.id)?;
    print::fact("status", certificate.status.as_str())?;
    print::fact("kind", certificate.kind.as_str())?;
    print::fact("profile", &certificate.profile)?;
    print::fact("issuer", &certificate.issuer)?;
    print::fact("serial", &certificate.serial)?;
    print::fact("names", certificate.names.join(", "))?;
    print::fact("user", or_dash(certificate.user.as_deref()))?;
    if let Some(key) = certificate.key {
        print::fact("key", key)?;
    }
    if let Some(order) = &certificate.order_id {
        print::fact("order", order)?;
    }
    if let Some(order) = &certificate.replaced_by {
        print::fact("replaced by", order)?;
    }
    print::fact("from", print::time(certificate.not_before))?;
    print::fact("until", print::time(certificate.not_after))?;
    if let Some(revoked) = certificate.revoked {
        print::fact("revoked", print::time(revoked))?;
        print::fact("because", or_dash(certificate.reason.as_deref()))?;
    }
    if let Some(body) = &certificate.body {
        print::line("")?;
        print::lines(String::from_utf8_lossy(body).trim_end())?;
    }
    Ok(())
}
