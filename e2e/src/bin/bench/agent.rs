//! What agent and module add to the card's own time for a signature. The ways take
//! turns, so that whatever else the machine does falls on all of them.

use std::time::Duration;

use e2e::agent::Agent;
use e2e::site::Site;
use e2e::{Failure, Result, process};
use serde_json::Value;
use virtual_yubikey::{Firmware, Settings};

mod card;
mod client;
mod module;

use client::Way;
pub(crate) use client::run as client;

/// What a YubiKey 5 takes for a P-256 signature.
const CARD: Duration = Duration::from_millis(60);
/// Signatures by each way, at the least.
pub(crate) const DEFAULT: u32 = 100;
/// Turns that each way has.
const ROUNDS: u32 = 5;

/// Signs, again and again.
pub(crate) fn run(signatures: u32) -> Result<()> {
    let key = Settings::new(Firmware::V5_7_4)
        .serial(31_000_300)
        .sign_delay(CARD);
    let site = Site::enrolled_with(key)?;
    site.laptop().succeed(&["tls", "ssh"])?;
    let mut agent = Agent::start(site.laptop(), &["--pin-cache", "1h"])?;
    let pcscd = site
        .rig()
        .pcscd()
        .ok_or_else(|| Failure::new("the virtual YubiKey has no pcscd of its own"))?;
    let watched = [agent.process().id().to_string(), pcscd.to_string()];

    let each = signatures.div_ceil(ROUNDS).max(1).to_string();
    let mut sums = Way::ALL.map(|way| (way, Sum::default()));
    for _ in 0..ROUNDS {
        for (way, sum) in &mut sums {
            let mut client = site.laptop().command(&std::env::current_exe()?);
            client
                .args(["agent-client", way.name(), &each])
                .args(&watched);
            let measured = process::succeed(&mut client)?;
            sum.add(&serde_json::from_str(&measured)?)?;
        }
    }
    println!(
        "{} signatures each way in {ROUNDS} turns, P-256, the card takes {} ms for one, touch \
         automatic\n",
        sums.first().map_or(0, |(_, sum)| sum.wall.len()),
        CARD.as_millis()
    );
    println!(
        "{:<34}{:>10}{:>8}   processor ms: client  agent  pcscd",
        "", "median ms", "beyond"
    );
    for (way, sum) in &mut sums {
        println!("{:<34}{sum}", way.what());
    }
    Ok(())
}

/// What the turns of one way add up to.
#[derive(Default)]
struct Sum {
    /// Of each signature, in ms.
    wall: Vec<f64>,
    /// Processor time of client, agent and pcscd, in ms.
    spent: [f64; 3],
}

impl Sum {
    fn add(&mut self, measured: &Value) -> Result<()> {
        let missing = || Failure::new(format!("not what a client measures: {measured}"));
        let number = |value: &Value| value.as_f64().ok_or_else(missing);
        let list = |name: &str| {
            measured
                .get(name)
                .and_then(Value::as_array)
                .ok_or_else(missing)
        };
        for wall in list("wall_ms")? {
            self.wall.push(number(wall)?);
        }
        for (sum, spent) in self.spent.iter_mut().zip(list("spent_ms")?) {
            *sum += number(spent)?;
        }
        Ok(())
    }

    fn median(&self) -> f64 {
        let mut sorted = self.wall.clone();
        sorted.sort_by(f64::total_cmp);
        sorted.get(sorted.len() / 2).copied().unwrap_or_default()
    }
}

impl std::fmt::Display for Sum {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let card = CARD.as_secs_f64() * 1e3;
        let median = self.median();
        let beyond = 100.0 * (median - card) / card;
        write!(f, "{median:>10.2}{beyond:>6.1} %")?;
        let count = self.wall.len().max(1) as f64;
        let [client, agent, pcscd] = self.spent.map(|spent| spent / count);
        write!(f, "{client:>23.2}{agent:>7.2}{pcscd:>7.2}")
    }
}
