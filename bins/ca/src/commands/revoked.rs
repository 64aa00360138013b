//! What was revoked, and when access really ends.

use acme_ca::Ca;
use acme_ca::store::{CertificateFilter, CertificateKind, CertificateRow, Certificates};

use crate::exit::Failure;
use crate::print;

/// What was revoked that would be valid still.
#[derive(serde::Serialize)]
pub(super) struct Revoked {
    /// The numbers of the certificates.
    certificates: Vec<String>,
    x509: usize,
    ssh: usize,
    /// Until when a server lets them in that asks for no revocation data, in seconds since 1970;
    /// none without certificates.
    until: Option<i64>,
}

impl Revoked {
    /// Of those that the filter finds.
    pub(super) async fn find(
        ca: &Ca,
        filter: CertificateFilter,
        now: i64,
    ) -> Result<Self, Failure> {
        let filter = CertificateFilter {
            revoked_at: Some(now),
            ..filter
        };
        let rows = ca.store().certificates(filter).await?;
        Self::of(ca, rows, now).await
    }

    /// Of these.
    pub(super) async fn of(
        _ca: &Ca,
        rows: Vec<CertificateRow>,
        _now: i64,
    ) -> Result<Self, Failure> {
        let ssh = rows
            .iter()
            .filter(|row| row.kind == CertificateKind::Ssh)
            .count();
        Ok(Self {
            x509: rows.len() - ssh,
            ssh,
            until: rows.iter().map(|row| row.not_after).max(),
            certificates: rows.into_iter().map(|row| row.id).collect(),
        })
    }

    pub(super) fn print(&self) -> Result<(), Failure> {
        let Some(until) = self.until else {
            return print::line("no certificate is valid any more");
        };
        print::line(&format!(
            "{} certificate(s) are revoked: {} for TLS, {} for SSH",
            self.certificates.len(),
            self.x509,
            self.ssh
        ))?;
        print::line(&format!(
            "a server that asks for no revocation data lets them in until {}",
            print::time(until)
        ))
    }
}
