//! What was found.

use dlogin_core::Exit;
use serde::Serialize;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// As it should be.
    Ok,
    /// It works, and could be better or will not for long.
    Warning,
    /// Something does not work.
    Fault,
}

/// One thing that was looked at.
#[derive(Clone, Debug, Serialize)]
pub struct Check {
    /// What was looked at; stays the same from version to version.
    pub id: &'static str,
    /// How it is.
    pub level: Level,
    /// What was found, one line.
    pub what: String,
    /// What to do, one line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub todo: Option<String>,
    #[serde(skip)]
    exit: Exit,
}

/// All of it.
#[derive(Debug, Default, Serialize)]
pub struct Report {
    /// In the order in which they were made.
    pub checks: Vec<Check>,
}

impl Check {
    pub(crate) fn ok(id: &'static str, what: impl Into<String>) -> Self {
        Self {
            id,
            level: Level::Ok,
            what: what.into(),
            todo: None,
            exit: Exit::Done,
        }
    }

    pub(crate) fn warning(id: &'static str, what: impl Into<String>) -> Self {
        Self {
            level: Level::Warning,
            ..Self::ok(id, what)
        }
    }

    /// `exit` is what a command would end with that runs into it.
    pub(crate) fn fault(id: &'static str, exit: Exit, what: impl Into<String>) -> Self {
        Self {
            level: Level::Fault,
            exit,
            ..Self::ok(id, what)
        }
    }

    pub(crate) fn todo(mut self, todo: impl Into<String>) -> Self {
        self.todo = Some(todo.into());
        self
    }
}

impl Report {
    /// That of the first fault; done where there is none, warnings or not.
    #[must_use]
    pub fn exit(&self) -> Exit {
        self.checks
            .iter()
            .find(|check| check.level == Level::Fault)
            .map_or(Exit::Done, |check| check.exit)
    }

    /// How many checks came out like this.
    #[must_use]
    pub fn count(&self, level: Level) -> usize {
        self.checks
            .iter()
            .filter(|check| check.level == level)
            .count()
    }
}
