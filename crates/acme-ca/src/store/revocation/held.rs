//! What goes when a right is taken away: certificates that somebody still holds, and keys for new
//! accounts.

use rusqlite::{Connection, params};

use super::compromised::remember;
use super::decision;
use crate::audit::Decision;
use crate::records::KeyId;
use crate::revocation::Reason;
use crate::store::certificates::row;
use crate::store::{CertificateRow, StoreError};

/// Whose certificates are revoked.
pub(in crate::store) enum Whose<'a> {
    /// What was issued for this key.
    Key(KeyId),
    /// What was issued for this person's keys, or to accounts bound to them.
    User(&'a str),
}

/// Why, who asked, and when.
pub(in crate::store) struct Why {
    pub(in crate::store) reason: Reason,
    pub(in crate::store) text: String,
    pub(in crate::store) actor: String,
    pub(in crate::store) at: i64,
}

/// Revokes all that somebody still holds, or is about to get; in the transaction of what takes
/// the right away. The decisions are written; log them once they are committed.
pub(in crate::store) fn revoke_all(
    connection: &Connection,
    whose: Whose<'_>,
    why: &Why,
) -> Result<Vec<Decision>, StoreError> {
    let (key, user) = match whose {
        Whose::Key(key) => (Some(key.0), None),
        Whose::User(user) => (None, Some(user)),
    };
    let held: Vec<CertificateRow> = connection
        .prepare_cached(
            "SELECT * FROM certificates
             WHERE status IN ('intended', 'issued') AND not_after > ?3
               AND (key = ?1 OR key IN (SELECT id FROM keys WHERE user = ?2)
                    OR account IN (SELECT id FROM accounts WHERE user = ?2))",
        )?
        .query_and_then(params![key, user, why.at], row)?
        .collect::<Result<_, _>>()?;
    let mut decisions = Vec::with_capacity(held.len());
    for certificate in &held {
        set_revoked(connection, &certificate.id, why.reason, &why.text, why.at)?;
        if why.reason == Reason::KeyCompromise {
            remember(connection, certificate, why.at)?;
        }
        let decision = decision(certificate, why.reason, &why.actor, why.at).because(&why.text);
        crate::store::audit::insert(connection, &decision)?;
        decisions.push(decision);
    }
    Ok(decisions)
}

/// Keys that a person was given for new accounts are good for nothing any more.
pub(in crate::store) fn disarm_external_keys(
    connection: &Connection,
    user: &str,
    at: i64,
) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "UPDATE external_keys SET mac = NULL, revoked = ?2
             WHERE user = ?1 AND used IS NULL AND revoked IS NULL",
        )?
        .execute(params![user, at])?;
    Ok(())
}

pub(super) fn set_revoked(
    connection: &Connection,
    id: &str,
    reason: Reason,
    text: &str,
    at: i64,
) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "UPDATE certificates
             SET status = 'revoked', revoked = ?2, reason = ?3, revocation_code = ?4
             WHERE id = ?1",
        )?
        .execute(params![id, at, text, reason.code()])?;
    Ok(())
}
