//! What the store knows of a certificate, and how it reads it.

use rusqlite::Row;

use super::SubjectKey;
use crate::records::KeyId;
use crate::revocation::Reason;
use crate::store::StoreError;

/// What is about to be signed.
#[derive(Debug, Clone)]
pub struct Intent {
    /// The certificate's number in this CA: 128 random bits, hex.
    pub id: String,
    /// The issuer: an X.509 name or an SSH CA key's fingerprint.
    pub issuer: String,
    /// The serial number as the certificate shows it: hex for X.509, decimal for SSH.
    pub serial: String,
    /// What it is.
    pub kind: CertificateKind,
    /// The profile.
    pub profile: String,
    /// The person, unless it is the server's own.
    pub user: Option<String>,
    /// Their key's record.
    pub key: Option<KeyId>,
    /// The order.
    pub order_id: Option<String>,
    /// The ACME account.
    pub account: Option<String>,
    /// Its key, where nothing else may use that.
    pub subject_key: Option<SubjectKey>,
    /// The names or principals in it.
    pub names: Vec<String>,
    /// From when, in seconds since 1970.
    pub not_before: i64,
    /// Until when, in seconds since 1970.
    pub not_after: i64,
    /// Exactly the bytes to be signed.
    pub tbs: Vec<u8>,
    /// When it was recorded, in seconds since 1970.
    pub at: i64,
}

/// What a certificate is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum CertificateKind {
    /// A TLS client certificate.
    X509,
    /// An OpenSSH user certificate.
    Ssh,
    /// The CA's own TLS server certificate.
    Server,
}

impl CertificateKind {
    /// As it is stored.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::X509 => "x509",
            Self::Ssh => "ssh",
            Self::Server => "server",
        }
    }
}

/// Where a certificate stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum CertificateStatus {
    /// About to be signed.
    Intended,
    /// Signed and recorded.
    Issued,
    /// Revoked.
    Revoked,
}

impl CertificateStatus {
    /// As it is stored.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Intended => "intended",
            Self::Issued => "issued",
            Self::Revoked => "revoked",
        }
    }
}

/// A certificate as it is on record.
#[derive(Debug, Clone, serde::Serialize)]
pub struct CertificateRow {
    /// The certificate's number in this CA.
    pub id: String,
    /// The issuer.
    pub issuer: String,
    /// The serial number as the certificate shows it.
    pub serial: String,
    /// What it is.
    pub kind: CertificateKind,
    /// Where it stands.
    pub status: CertificateStatus,
    /// The profile.
    pub profile: String,
    /// The person.
    pub user: Option<String>,
    /// Their key's record.
    pub key: Option<KeyId>,
    /// The order.
    pub order_id: Option<String>,
    /// The ACME account.
    pub account: Option<String>,
    /// The names or principals in it.
    pub names: Vec<String>,
    /// From when, in seconds since 1970.
    pub not_before: i64,
    /// Until when, in seconds since 1970.
    pub not_after: i64,
    /// What a client downloads, once it is issued: PEM chain or OpenSSH line.
    #[serde(skip)]
    pub body: Option<Vec<u8>>,
    /// The bytes that were to be signed.
    #[serde(skip)]
    pub tbs: Vec<u8>,
    /// When the intent was recorded.
    pub intended: i64,
    /// When it was signed.
    pub issued: Option<i64>,
    /// When it was revoked.
    pub revoked: Option<i64>,
    /// Why it was revoked.
    pub reason: Option<String>,
    /// The same as relying parties are told.
    pub revocation_reason: Option<Reason>,
    /// The order that replaces it, or is about to (RFC 9773 §5).
    pub replaced_by: Option<String>,
}

/// Which certificates are wanted.
#[derive(Debug, Clone, Default)]
pub struct CertificateFilter {
    /// Only this person's.
    pub user: Option<String>,
    /// Only this key's.
    pub key: Option<KeyId>,
    /// Only those that are issued and not expired at this time.
    pub live_at: Option<i64>,
    /// Only those that are revoked and would not be expired at this time.
    pub revoked_at: Option<i64>,
    /// At most so many.
    pub limit: Option<u32>,
}

pub(in crate::store) fn row(row: &Row<'_>) -> Result<CertificateRow, StoreError> {
    let kind: String = row.get("kind")?;
    let status: String = row.get("status")?;
    let names: String = row.get("names")?;
    Ok(CertificateRow {
        id: row.get("id")?,
        issuer: row.get("issuer")?,
        serial: row.get("serial")?,
        kind: [
            CertificateKind::X509,
            CertificateKind::Ssh,
            CertificateKind::Server,
        ]
        .into_iter()
        .find(|candidate| candidate.as_str() == kind)
        .ok_or(StoreError::Corrupt {
            column: "certificates.kind",
        })?,
        status: [
            CertificateStatus::Intended,
            CertificateStatus::Issued,
            CertificateStatus::Revoked,
        ]
        .into_iter()
        .find(|candidate| candidate.as_str() == status)
        .ok_or(StoreError::Corrupt {
            column: "certificates.status",
        })?,
        profile: row.get("profile")?,
        user: row.get("user")?,
        key: row.get::<_, Option<i64>>("key")?.map(KeyId),
        order_id: row.get("order_id")?,
        account: row.get("account")?,
        names: serde_json::from_str(&names).map_err(|_| StoreError::Corrupt {
            column: "certificates.names",
        })?,
        not_before: row.get("not_before")?,
        not_after: row.get("not_after")?,
        body: row.get("body")?,
        tbs: row.get("tbs")?,
        intended: row.get("intended")?,
        issued: row.get("issued")?,
        revoked: row.get("revoked")?,
        reason: row.get("reason")?,
        revocation_reason: row
            .get::<_, Option<i64>>("revocation_code")?
            .map(Reason::from_code)
            .transpose()
            .map_err(|_| StoreError::Corrupt {
                column: "certificates.revocation_code",
            })?,
        replaced_by: row.get("replaced_by")?,
    })
}
