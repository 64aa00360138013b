//! Revocations in the store, and the lists that tell of them.

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, params};

use super::certificates::row;
use super::{CertificateRow, CertificateStatus, SqliteStore, StoreError};
use crate::audit::{Decision, Outcome};
use crate::revocation::Reason;

mod compromised;
mod held;

use held::set_revoked;
pub(super) use held::{Whose, Why, disarm_external_keys, revoke_all};

/// The name under which revoked keys are counted, beside the issuers of certificates.
pub const KEYS: &str = "keys";

/// Who says that a certificate is to be revoked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RevokedBy {
    /// The key in it, which signed the request.
    Key,
    /// The operator.
    Operator,
    /// An account that has the right to.
    Account,
}

/// A certificate that a list has to tell of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revoked {
    /// The serial number as the certificate shows it: hex for X.509, decimal for SSH.
    pub serial: String,
    /// When it was revoked, in seconds since 1970.
    pub at: i64,
    /// Why.
    pub reason: Reason,
}

/// A list as it was made last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredList {
    /// Whose list it is.
    pub signer: String,
    /// cRLNumber, or the KRL's version.
    pub number: u64,
    /// How many revocations it tells, of all that ever were.
    pub revision: u64,
    /// When it was made, in seconds since 1970.
    pub made: i64,
    /// When the next one is due at the latest, in seconds since 1970.
    pub next_update: Option<i64>,
    /// What relying parties get.
    pub body: Vec<u8>,
}

/// What was revoked, and the lists that tell of it.
#[async_trait]
pub trait Revocations: Send + Sync {
    /// Revokes one certificate, with the decision, whose time and first reason are the record's.
    /// [`StoreError::AlreadyRevoked`] if it is. Where the key itself or the operator says
    /// [`Reason::KeyCompromise`], the key is condemned in the same moment: nothing is certified for it
    /// again, the record that it may have is revoked, and so is what its holder has for it beside.
    async fn revoke_certificate(
        &self,
        id: &str,
        reason: Reason,
        by: RevokedBy,
        decision: Decision,
    ) -> Result<CertificateRow, StoreError>;
    /// The certificate that shows this issuer and serial number.
    async fn certificate_by_serial(
        &self,
        issuer: &str,
        serial: &str,
    ) -> Result<Option<CertificateRow>, StoreError>;
    /// How many revocations there ever were under these issuers.
    async fn revision(&self, issuers: &[String]) -> Result<u64, StoreError>;
    /// What was revoked under an issuer and would not be expired at `now`, by serial number.
    async fn revoked(&self, issuer: &str, now: i64) -> Result<Vec<Revoked>, StoreError>;
    /// The SubjectPublicKeyInfo of every revoked key.
    async fn revoked_keys(&self) -> Result<Vec<Vec<u8>>, StoreError>;
    /// A list as it was made last.
    async fn revocation_list(&self, name: &str) -> Result<Option<StoredList>, StoreError>;
    /// Keeps a new list, unless somebody else made one with its number meanwhile: then `false`.
    async fn keep_revocation_list(&self, name: &str, list: StoredList) -> Result<bool, StoreError>;
    /// Whether an account holds a valid authorization at `now` for each of these identifiers
    /// (type and value; a wildcard with its `*.`).
    async fn is_authorized(
        &self,
        account: &str,
        identifiers: &[(String, String)],
        now: i64,
    ) -> Result<bool, StoreError>;
}

/// The decision that a certificate is revoked.
#[must_use]
pub fn decision(certificate: &CertificateRow, reason: Reason, actor: &str, at: i64) -> Decision {
    let decision = Decision::new(
        Outcome::Done,
        "certificate.revoke",
        actor,
        format!("certificate {}", certificate.id),
        at,
    )
    .fact("serial", &certificate.serial)
    .fact("issuer", &certificate.issuer)
    .fact("reason", reason);
    match &certificate.user {
        Some(user) => decision.fact("user", user),
        None => decision,
    }
}

fn find(connection: &Connection, id: &str) -> Result<CertificateRow, StoreError> {
    connection
        .prepare_cached("SELECT * FROM certificates WHERE id = ?1")?
        .query_row([id], |found| Ok(row(found)))
        .optional()?
        .transpose()?
        .ok_or_else(|| StoreError::Missing {
            what: format!("certificate {id}"),
        })
}

fn revoke(
    connection: &Connection,
    id: &str,
    reason: Reason,
    by: RevokedBy,
    decision: &Decision,
) -> Result<(CertificateRow, Vec<Decision>), StoreError> {
    let certificate = find(connection, id)?;
    match certificate.status {
        CertificateStatus::Issued => {}
        CertificateStatus::Revoked => {
            return Err(StoreError::AlreadyRevoked {
                what: format!("certificate {id}"),
            });
        }
        CertificateStatus::Intended => {
            return Err(StoreError::Conflict {
                what: format!("certificate {id} is being issued: try again in a moment"),
            });
        }
    }
    let text = decision.reasons.first().map_or("", String::as_str);
    set_revoked(connection, id, reason, text, decision.at)?;
    let mut consequences = Vec::new();
    if by.condemns(reason) {
        let why = Why {
            reason,
            text: format!("its key is known to others: certificate {id} was revoked for that"),
            actor: decision.actor.clone(),
            at: decision.at,
        };
        consequences = compromised::condemn(connection, &certificate, &why)?;
    }
    Ok((find(connection, id)?, consequences))
}

fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

#[async_trait]
impl Revocations for SqliteStore {
    async fn revoke_certificate(
        &self,
        id: &str,
        reason: Reason,
        by: RevokedBy,
        decision: Decision,
    ) -> Result<CertificateRow, StoreError> {
        let id = id.to_owned();
        let written = decision.clone();
        let (row, consequences) = self
            .write_asked(decision, move |connection| {
                revoke(connection, &id, reason, by, &written)
            })
            .await?;
        consequences.iter().for_each(Decision::log);
        Ok(row)
    }

    async fn certificate_by_serial(
        &self,
        issuer: &str,
        serial: &str,
    ) -> Result<Option<CertificateRow>, StoreError> {
        self.read(|connection| {
            connection
                .prepare_cached("SELECT * FROM certificates WHERE issuer = ?1 AND serial = ?2")?
                .query_row([issuer, serial], |found| Ok(row(found)))
                .optional()?
                .transpose()
        })
    }

    async fn revision(&self, issuers: &[String]) -> Result<u64, StoreError> {
        self.read(|connection| {
            let mut statement =
                connection.prepare_cached("SELECT revision FROM revocations WHERE issuer = ?1")?;
            let mut revision = 0;
            for issuer in issuers {
                let one: Option<i64> =
                    statement.query_row([issuer], |row| row.get(0)).optional()?;
                revision += unsigned(one.unwrap_or(0));
            }
            Ok(revision)
        })
    }

    async fn revoked(&self, issuer: &str, now: i64) -> Result<Vec<Revoked>, StoreError> {
        self.read(|connection| {
            connection
                .prepare_cached(
                    "SELECT serial, revoked, revocation_code FROM certificates
                     WHERE status = 'revoked' AND issuer = ?1 AND not_after > ?2 ORDER BY serial",
                )?
                .query_and_then(params![issuer, now], |row| {
                    let code: Option<i64> = row.get(2)?;
                    Ok(Revoked {
                        serial: row.get(0)?,
                        at: row.get(1)?,
                        reason: Reason::from_code(code.unwrap_or(0)).map_err(|_| {
                            StoreError::Corrupt {
                                column: "certificates.revocation_code",
                            }
                        })?,
                    })
                })?
                .collect()
        })
    }

    async fn revoked_keys(&self) -> Result<Vec<Vec<u8>>, StoreError> {
        self.read(|connection| {
            Ok(connection
                .prepare_cached("SELECT spki FROM keys WHERE state = 'revoked' ORDER BY id")?
                .query_map([], |row| row.get(0))?
                .collect::<Result<_, _>>()?)
        })
    }

    async fn revocation_list(&self, name: &str) -> Result<Option<StoredList>, StoreError> {
        self.read(|connection| {
            Ok(connection
                .prepare_cached(
                    "SELECT signer, number, revision, made, next_update, body
                     FROM revocation_lists WHERE name = ?1",
                )?
                .query_row([name], |row| {
                    Ok(StoredList {
                        signer: row.get(0)?,
                        number: unsigned(row.get(1)?),
                        revision: unsigned(row.get(2)?),
                        made: row.get(3)?,
                        next_update: row.get(4)?,
                        body: row.get(5)?,
                    })
                })
                .optional()?)
        })
    }

    async fn keep_revocation_list(&self, name: &str, list: StoredList) -> Result<bool, StoreError> {
        let name = name.to_owned();
        self.write(move |connection| {
            let kept = connection
                .prepare_cached(
                    "INSERT INTO revocation_lists
                       (name, signer, number, revision, made, next_update, body)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
                     ON CONFLICT (name) DO UPDATE SET signer = ?2, number = ?3, revision = ?4,
                       made = ?5, next_update = ?6, body = ?7
                     WHERE number < ?3",
                )?
                .execute(params![
                    name,
                    list.signer,
                    signed(list.number),
                    signed(list.revision),
                    list.made,
                    list.next_update,
                    list.body,
                ])?;
            Ok(kept == 1)
        })
        .await
    }

    async fn is_authorized(
        &self,
        account: &str,
        identifiers: &[(String, String)],
        now: i64,
    ) -> Result<bool, StoreError> {
        self.read(|connection| {
            // What an order may take over, and what belongs to one order alone.
            let mut statement = connection.prepare_cached(
                "SELECT 1 FROM authorizations
                 WHERE account = ?1 AND value = ?3 AND reusable > ?4
                   AND kind = ?2 AND wildcard = ?5 AND status = 'valid'
                 UNION ALL
                 SELECT 1 FROM orders JOIN authorizations a ON a.order_id = orders.id
                 WHERE orders.account = ?1 AND a.kind = ?2 AND a.value = ?3 AND a.wildcard = ?5
                   AND a.status = 'valid' AND a.expires > ?4
                 LIMIT 1",
            )?;
            for (kind, value) in identifiers {
                let (value, wildcard) = match value.strip_prefix("*.") {
                    Some(base) if kind == "dns" => (base, true),
                    _ => (value.as_str(), false),
                };
                if !statement.exists(params![account, kind, value, now, wildcard])? {
                    return Ok(false);
                }
            }
            Ok(!identifiers.is_empty())
        })
    }
}
