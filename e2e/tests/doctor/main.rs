//! `dlogin doctor` names each fault that is made here, with what to do, and costs
//! neither a PIN try nor a touch.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod card;
mod keys;
mod laptop;
mod surroundings;

use std::process::Command;

use e2e::laptop::Laptop;
use e2e::process;
use serde_json::Value;

/// What the doctor said, and how it ended.
struct Said {
    checks: Vec<Value>,
    code: i32,
}

fn examine(laptop: &Laptop) -> Said {
    examine_with(laptop.dlogin(&["doctor", "--json"]))
}

fn examine_with(mut command: Command) -> Said {
    let output = process::run(&mut command).unwrap();
    let printed = process::text(&output.stdout);
    let report: Value = serde_json::from_str(&printed)
        .unwrap_or_else(|error| panic!("{error}: {printed}{}", process::text(&output.stderr)));
    Said {
        checks: report["checks"].as_array().unwrap().clone(),
        code: output.status.code().unwrap(),
    }
}

impl Said {
    fn with(&self, level: &str) -> Vec<&Value> {
        let found = self.checks.iter();
        found.filter(|check| check["level"] == level).collect()
    }

    fn find(&self, level: &str, id: &str, what: &str) -> Option<&Value> {
        self.with(level)
            .into_iter()
            .find(|check| check["id"] == id && check["what"].as_str().unwrap().contains(what))
    }

    /// That it says this, and what to do.
    #[track_caller]
    fn names(&self, level: &str, id: &str, what: &str, todo: &str) -> &Self {
        let check = self
            .find(level, id, what)
            .unwrap_or_else(|| panic!("no {level} {id} {what:?} in {:#?}", self.checks));
        let said = check["todo"].as_str().unwrap_or_default();
        assert!(!said.is_empty() && said.contains(todo), "{check}");
        self
    }

    #[track_caller]
    fn without_fault(&self) -> &Self {
        assert!(self.with("fault").is_empty(), "{:#?}", self.checks);
        assert_eq!(self.code, 0);
        self
    }
}
