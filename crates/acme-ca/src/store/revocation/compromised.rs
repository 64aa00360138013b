//! Keys that others may know: nothing is certified for them again, and what was is revoked.

use der::{Decode, Encode};
use rusqlite::{Connection, OptionalExtension, params};
use sha2::{Digest, Sha256};
use sshcert_acme::ReceivedCertificate;
use x509_cert::certificate::TbsCertificate;

use super::held::{Whose, Why, revoke_all, set_revoked};
use super::{RevokedBy, decision};
use crate::audit::{Decision, Outcome};
use crate::records::KeyId;
use crate::revocation::Reason;
use crate::store::certificates::row;
use crate::store::{CertificateRow, StoreError};

impl RevokedBy {
    /// Whether a revocation for [`Reason::KeyCompromise`] condemns the key. Whoever merely has the
    /// right to revoke could shut others out with it.
    pub(super) fn condemns(self, reason: Reason) -> bool {
        reason == Reason::KeyCompromise && matches!(self, Self::Key | Self::Operator)
    }
}

/// The key in a certificate: its SubjectPublicKeyInfo. `None` for an OpenSSH certificate that was
/// not signed yet.
fn key_of(certificate: &CertificateRow) -> Option<Vec<u8>> {
    if let Ok(tbs) = TbsCertificate::from_der(&certificate.tbs) {
        return tbs.subject_public_key_info().to_der().ok();
    }
    let line = std::str::from_utf8(certificate.body.as_deref()?).ok()?;
    let certificate = ReceivedCertificate::read(line.trim_end()).ok()?;
    Some(certificate.subject().to_spki_der())
}

/// Nothing is certified for the key of this certificate again.
pub(super) fn remember(
    connection: &Connection,
    certificate: &CertificateRow,
    at: i64,
) -> Result<Option<Vec<u8>>, StoreError> {
    let key = key_of(certificate);
    if let Some(spki) = &key {
        let digest: [u8; 32] = Sha256::digest(spki).into();
        connection
            .prepare_cached(
                "INSERT OR IGNORE INTO compromised_keys (spki_sha256, since) VALUES (?1, ?2)",
            )?
            .execute(params![digest, at])?;
    }
    Ok(key)
}

/// The key of this certificate is known to others: its record is revoked if it has one, and so is
/// what its holder has for it beside the certificate. The decisions are written; log them once they are
/// committed.
pub(super) fn condemn(
    connection: &Connection,
    certificate: &CertificateRow,
    why: &Why,
) -> Result<Vec<Decision>, StoreError> {
    let Some(spki) = remember(connection, certificate, why.at)? else {
        return Ok(Vec::new());
    };
    let mut decisions = revoke_record(connection, &spki, why)?;
    for other in held_beside(connection, certificate, why.at)? {
        if key_of(&other).as_ref() != Some(&spki) {
            continue;
        }
        set_revoked(connection, &other.id, why.reason, &why.text, why.at)?;
        let decision = decision(&other, why.reason, &why.actor, why.at).because(&why.text);
        crate::store::audit::insert(connection, &decision)?;
        decisions.push(decision);
    }
    Ok(decisions)
}

/// A key of a YubiKey: its record says it from now on, to every order and in the KRL.
fn revoke_record(
    connection: &Connection,
    spki: &[u8],
    why: &Why,
) -> Result<Vec<Decision>, StoreError> {
    let digest: [u8; 32] = Sha256::digest(spki).into();
    let id: Option<i64> = connection
        .prepare_cached("SELECT id FROM keys WHERE spki_sha256 = ?1 AND state <> 'revoked'")?
        .query_row([digest], |row| row.get(0))
        .optional()?;
    let Some(id) = id.map(KeyId) else {
        return Ok(Vec::new());
    };
    connection
        .prepare_cached("UPDATE keys SET state = 'revoked', state_since = ?2 WHERE id = ?1")?
        .execute(params![id.0, why.at])?;
    let (actor, subject) = (&why.actor, format!("key {id}"));
    let decision = Decision::new(Outcome::Done, "key.revoke", actor, subject, why.at);
    let decision = decision.because(&why.text);
    crate::store::audit::insert(connection, &decision)?;
    let mut decisions = vec![decision];
    decisions.extend(revoke_all(connection, Whose::Key(id), why)?);
    Ok(decisions)
}

/// What is valid, or about to be, of the same account, record or person. Other people's
/// certificates of the key end by themselves: to look for them is to read every certificate.
fn held_beside(
    connection: &Connection,
    certificate: &CertificateRow,
    at: i64,
) -> Result<Vec<CertificateRow>, StoreError> {
    let user: Option<String> = match (&certificate.user, &certificate.account) {
        (Some(user), _) => Some(user.clone()),
        (None, Some(account)) => connection
            .prepare_cached("SELECT user FROM accounts WHERE id = ?1")?
            .query_row([account], |row| row.get(0))
            .optional()?
            .flatten(),
        (None, None) => None,
    };
    connection
        .prepare_cached(
            "SELECT * FROM certificates
             WHERE status IN ('intended', 'issued') AND not_after > ?1
               AND (account = ?2 OR key = ?3
                    OR key IN (SELECT id FROM keys WHERE user = ?4)
                    OR account IN (SELECT id FROM accounts WHERE user = ?4))",
        )?
        .query_and_then(
            params![
                at,
                certificate.account,
                certificate.key.map(|key| key.0),
                user
            ],
            row,
        )?
        .collect()
}
