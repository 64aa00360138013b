//! What was revoked, and when access really ends.

use acme_ca::Ca;
use acme_ca::revocation::lists::ListName;
use acme_ca::store::{CertificateFilter, CertificateKind, CertificateRow, Certificates};

use crate::exit::Failure;
use crate::print;

/// What was revoked that would be valid still. Times are seconds since 1970.
#[derive(serde::Serialize)]
pub(super) struct Revoked {
    /// The numbers of the certificates.
    certificates: Vec<String>,
    x509: usize,
    ssh: usize,
    /// Until when the last CRL that somebody may have fetched is good; none if it is over, or
    /// there never was one, or nothing is in it.
    old_crl_until: Option<i64>,
    /// Until when a server lets them in that asks for no revocation data; none without
    /// certificates.
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
    pub(super) async fn of(ca: &Ca, rows: Vec<CertificateRow>, now: i64) -> Result<Self, Failure> {
        let ssh = rows
            .iter()
            .filter(|row| row.kind == CertificateKind::Ssh)
            .count();
        let tls_until = rows
            .iter()
            .filter(|row| row.kind != CertificateKind::Ssh)
            .map(|row| row.not_after)
            .max();
        let mut old = None;
        for name in [ListName::Clients, ListName::Servers] {
            let list = ca.lists().last(name).await?;
            old = old.max(list.and_then(|list| list.next_update));
        }
        Ok(Self {
            x509: rows.len() - ssh,
            ssh,
            old_crl_until: old
                .filter(|until| *until > now)
                .zip(tls_until)
                .map(|(crl, certificates)| crl.min(certificates)),
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
        if self.x509 > 0 {
            print::line("a TLS server refuses them once it fetches the CRL again")?;
        }
        if let Some(until) = self.old_crl_until {
            print::line(&format!(
                "  the CRL that it may have now is good until {}",
                print::time(until)
            ))?;
        }
        if self.ssh > 0 {
            print::line("sshd refuses them once it fetches the KRL again")?;
        }
        print::line(&format!(
            "a server that fetches neither lets them in until {}",
            print::time(until)
        ))
    }
}
