//! The audit table: every decision of the CA with its reasons, who asked, and about what.
//!
//! A decision goes to the table and, as one event of target `audit`, to the log. The table is
//! what counts: a decision that cannot be written down is not carried out.

use std::borrow::Cow;
use std::collections::BTreeMap;

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
    /// Why, all reasons, for a person.
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
        self.reasons.push(reason.to_string());
        self
    }

    /// Adds several reasons.
    #[must_use]
    pub fn because_all<R: std::fmt::Display>(
        mut self,
        reasons: impl IntoIterator<Item = R>,
    ) -> Self {
        self.reasons
            .extend(reasons.into_iter().map(|reason| reason.to_string()));
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
