//! Decisions in the store.

use async_trait::async_trait;
use rusqlite::{Connection, Row, params};

use super::{Audit, SqliteStore, StoreError};
use crate::audit::{Decision, Outcome};

/// Which decisions are wanted.
#[derive(Debug, Clone, Default)]
pub struct DecisionFilter {
    /// Only those after this number (for following the log).
    pub after: i64,
    /// Only the last so many.
    pub last: Option<u32>,
    /// Only refusals and alarms.
    pub refusals: bool,
    /// Only those whose subject, actor or facts hold this text.
    pub about: Option<String>,
}

impl DecisionFilter {
    /// What is wanted of the decisions up to now; the next call gives what came since, however
    /// little of it was wanted.
    ///
    /// # Errors
    /// The store's.
    pub async fn follow(
        &mut self,
        audit: &(impl Audit + ?Sized),
    ) -> Result<Vec<(i64, Decision)>, StoreError> {
        let newest = audit.last_decision().await?;
        let mut found = Vec::new();
        if newest > self.after {
            found = audit.decisions(self.clone()).await?;
        }
        self.after = found.last().map_or(newest, |(last, _)| newest.max(*last));
        self.last = None;
        Ok(found)
    }
}

/// Writes a decision in the transaction of what it is about, so that neither stands without the
/// other. Call [`Decision::log`] once it is committed.
///
/// # Errors
/// SQLite's.
pub fn insert(connection: &Connection, decision: &Decision) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "INSERT INTO decisions (at, outcome, action, actor, subject, reasons, facts)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?
        .execute(params![
            decision.at,
            decision.outcome.as_str(),
            decision.action,
            decision.actor,
            decision.subject,
            serde_json::to_string(&decision.reasons).map_err(corrupt)?,
            serde_json::to_string(&decision.facts).map_err(corrupt)?,
        ])?;
    Ok(())
}

fn corrupt(_: serde_json::Error) -> StoreError {
    StoreError::Corrupt {
        column: "decisions",
    }
}

fn decision(row: &Row<'_>) -> Result<(i64, Decision), StoreError> {
    let outcome: String = row.get("outcome")?;
    let decision = Decision {
        at: row.get("at")?,
        outcome: Outcome::from_name(&outcome).ok_or(StoreError::Corrupt {
            column: "decisions.outcome",
        })?,
        action: row.get::<_, String>("action")?.into(),
        actor: row.get("actor")?,
        subject: row.get("subject")?,
        reasons: serde_json::from_str(row.get_ref("reasons")?.as_str().unwrap_or_default())
            .map_err(corrupt)?,
        facts: serde_json::from_str(row.get_ref("facts")?.as_str().unwrap_or_default())
            .map_err(corrupt)?,
    };
    Ok((row.get("id")?, decision))
}

impl SqliteStore {
    /// Runs `work` and writes the decision that led to it in one transaction, then logs it.
    ///
    /// # Errors
    /// As [`SqliteStore::write`].
    pub async fn write_decided<T, F>(&self, decision: Decision, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        let (value, decision) = self
            .write(move |connection| {
                let value = work(connection)?;
                insert(connection, &decision)?;
                Ok((value, decision))
            })
            .await?;
        decision.log();
        Ok(value)
    }
}

impl SqliteStore {
    /// The same for what the operator asks; when the records stand against it, that is written
    /// down as a refusal.
    ///
    /// # Errors
    /// As [`SqliteStore::write`].
    pub async fn write_asked<T, F>(&self, decision: Decision, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        let mut refused = decision.clone();
        match self.write_decided(decision, work).await {
            Err(error) if error.is_refusal() => {
                refused.outcome = Outcome::Refused;
                crate::audit::record(self, refused.because(&error)).await?;
                Err(error)
            }
            done => done,
        }
    }
}

#[async_trait]
impl Audit for SqliteStore {
    async fn record_decision(&self, decision: Decision) -> Result<(), StoreError> {
        self.write(move |connection| insert(connection, &decision))
            .await
    }

    async fn decisions(&self, filter: DecisionFilter) -> Result<Vec<(i64, Decision)>, StoreError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT * FROM (
                   SELECT * FROM decisions
                   WHERE id > ?1 AND (?2 OR outcome <> 'done')
                     AND (?3 IS NULL OR instr(subject, ?3) OR instr(actor, ?3) OR instr(facts, ?3))
                   ORDER BY id DESC LIMIT ?4
                 ) ORDER BY id",
            )?;
            let rows = statement.query_and_then(
                params![
                    filter.after,
                    !filter.refusals,
                    filter.about,
                    filter.last.map_or(-1, i64::from),
                ],
                decision,
            )?;
            rows.collect()
        })
    }

    async fn last_decision(&self) -> Result<i64, StoreError> {
        self.read(|connection| {
            Ok(connection
                .prepare_cached("SELECT coalesce(max(id), 0) FROM decisions")?
                .query_row([], |row| row.get(0))?)
        })
    }
}
