//! `ca log`.

use std::time::Duration;

use acme_ca::Ca;
use acme_ca::audit::Decision;
use acme_ca::store::DecisionFilter;

use crate::arguments::Log;
use crate::exit::Failure;
use crate::print;

/// How often `--follow` looks.
const PAUSE: Duration = Duration::from_millis(300);

pub(super) async fn run(ca: &Ca, command: &Log, json: bool) -> Result<(), Failure> {
    let mut filter = DecisionFilter {
        after: 0,
        last: command.last,
        refusals: command.refusals,
        about: command.about.clone(),
    };
    loop {
        for (number, decision) in filter.follow(ca.store()).await? {
            if json {
                let mut value = serde_json::to_value(&decision).map_err(std::io::Error::from)?;
                if let Some(object) = value.as_object_mut() {
                    object.insert("id".into(), number.into());
                }
                print::json(&value)?;
            } else {
                show(&decision)?;
            }
        }
        if !command.follow {
            return Ok(());
        }
        tokio::time::sleep(PAUSE).await;
    }
}

fn show(decision: &Decision) -> Result<(), Failure> {
    let outcome = decision.outcome.as_str();
    let facts: Vec<String> = decision
        .facts
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    print::line(&format!(
        "{}  {outcome:<7}  {:<18}  {}  by {}  {}",
        print::time(decision.at),
        decision.action,
        decision.subject,
        decision.actor,
        facts.join(" ")
    ))?;
    for reason in &decision.reasons {
        print::line(&format!("    {reason}"))?;
    }
    Ok(())
}
