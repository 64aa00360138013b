//! The audit table: every decision of the CA with its reasons, who asked, and about what.
//!
//! A decision goes to the table and, as one event of target `audit`, to the log. The table is
//! what counts: a decision that cannot be written down is not carried out.

use std::borrow::Cow;
use std::collections::BTreeMap;

use acme_wire::excerpt;
use serde::{Deserialize, Serialize};

use crate::store::{Audit, StoreError};

/// How a decision went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// It was done.
    Done,
    /// It was refused.
    Refused,
    /// It was refused, and somebody should look at it now.
    Alarm,
}

impl Outcome {
    /// As it stands in the table.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Refused => "refused",
            Self::Alarm => "alarm",
        }
    }

    /// From the table.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Done, Self::Refused, Self::Alarm]
            .into_iter()
            .find(|outcome| outcome.as_str() == name)
    }
}

/// The actor of everything that the operator does with `ca`.
pub const OPERATOR: &str = "operator";
/// The actor of what the server does by itself.
pub const SERVER: &str = "server";

/// How long a reason may be, in characters: senders have their say in it.
pub const MAX_REASON: usize = 500;
/// How long all reasons of a decision may be together, in bytes; what is beyond that is counted.
pub const MAX_REASONS: usize = 16 * 1024;

/// One decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// When, in seconds since 1970.
    pub at: i64,
    /// How it went.
    pub outcome: Outcome,
    /// What was decided: `user.add`, `key.add`, `challenge.answer`, `certificate.issue`, …
    pub action: Cow<'static, str>,
    /// Who asked: [`OPERATOR`], [`SERVER`], or an account.
    pub actor: String,
    /// What it is about: `user alice`, `key 7`, `order …`.
    pub subject: String,
    /// Why, all reasons, for a person. [`Decision::because`] and [`Decision::because_all`] cut
    /// them to [`MAX_REASON`] and [`MAX_REASONS`].
    pub reasons: Vec<String>,
    /// What else is known, by name.
    pub facts: BTreeMap<String, String>,
}

impl Decision {
    /// A decision without reasons or facts yet.
    pub fn new(
        outcome: Outcome,
        action: impl Into<Cow<'static, str>>,
        actor: impl Into<String>,
        subject: impl Into<String>,
        at: i64,
    ) -> Self {
        Self {
            at,
            outcome,
            action: action.into(),
            actor: actor.into(),
            subject: subject.into(),
            reasons: Vec::new(),
            facts: BTreeMap::new(),
        }
    }

    /// Adds one reason.
    #[must_use]
    pub fn because(mut self, reason: impl std::fmt::Display) -> Self {
        self.reasons.push(excerpt(reason, MAX_REASON));
        self
    }

    /// Adds several reasons.
    #[must_use]
    pub fn because_all<R: std::fmt::Display>(
        mut self,
        reasons: impl IntoIterator<Item = R>,
    ) -> Self {
        let mut room = MAX_REASONS;
        let mut untold = 0_usize;
        for reason in reasons {
            let reason = excerpt(reason, MAX_REASON);
            match room.checked_sub(reason.len()) {
                Some(left) if untold == 0 => {
                    room = left;
                    self.reasons.push(reason);
                }
                _ => untold += 1,
            }
        }
        if untold > 0 {
            self.reasons.push(format!("and {untold} more reasons"));
        }
        self
    }

    /// Adds a fact.
    #[must_use]
    pub fn fact(mut self, name: &str, value: impl std::fmt::Display) -> Self {
        self.facts.insert(name.to_owned(), value.to_string());
        self
    }

    /// Sends the decision to the log. [`record`] does it; call this only for a decision that
    /// was written in a transaction of its own (`store::audit::insert`).
    pub fn log(&self) {
        let Self {
            outcome,
            action,
            actor,
            subject,
            ..
        } = self;
        let reasons = self.reasons.join("; ");
        let facts = serde_json::to_string(&self.facts).unwrap_or_default();
        let outcome = outcome.as_str();
        match self.outcome {
            Outcome::Done => {
                tracing::info!(target: "audit", outcome, %action, actor, subject, reasons, facts);
            }
            Outcome::Refused => {
                tracing::warn!(target: "audit", outcome, %action, actor, subject, reasons, facts);
            }
            Outcome::Alarm => {
                tracing::error!(target: "audit", outcome, %action, actor, subject, reasons, facts);
            }
        }
    }
}

/// Writes a decision to the table and to the log.
///
/// # Errors
/// The store's: then the decision must not be carried out.
pub async fn record(store: &dyn Audit, decision: Decision) -> Result<(), StoreError> {
    decision.log();
    store.record_decision(decision).await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decision() -> Decision {
        Decision::new(Outcome::Refused, "order.new", SERVER, "order 1", 0)
    }

    #[test]
    fn a_reason_is_cut() {
        let reasons = decision().because("\u{7f}".repeat(100_000)).reasons;
        assert_eq!(reasons[0].chars().count(), MAX_REASON + 1);
        assert!(reasons[0].ends_with('…'));
    }

    #[test]
    fn many_reasons_are_told_while_there_is_room_and_counted_beyond() {
        let usual: Vec<String> = (0..100)
            .map(|n| format!("{n}.example: not yours"))
            .collect();
        assert_eq!(decision().because_all(&usual).reasons, usual);

        let long = "x".repeat(MAX_REASON);
        let all: Vec<&str> = vec![&long; 1000];
        let reasons = decision().because_all(all).reasons;
        let told = MAX_REASONS / MAX_REASON;
        assert_eq!(reasons.len(), told + 1);
        assert_eq!(reasons[told], format!("and {} more reasons", 1000 - told));
    }
}
