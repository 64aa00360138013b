//! `make bench`: what the two programs cost. Each part is one run; read ratios
//! and counts, not times.

use std::process::ExitCode;

use e2e::{Failure, Result};

mod agent;
mod cpu;
mod flows;
mod login;
mod memory;

const USAGE: &str = "\
usage: bench            logins, signatures by the agent, then flows
       bench login           what a login costs, beside the cryptography that it cannot avoid
       bench agent [N]  N signatures each straight from the card, by agent and module (100)
       bench flows [N]  N orders (http-01) with 1, 8 and 32 clients: ca beside Pebble
       bench memory [N] memory of ca over N orders that expire (100000)";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match bench(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("bench failed: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn bench(args: &[String]) -> Result<()> {
    if cfg!(debug_assertions) {
        return Err(Failure::new("this is a debug build; run 'make bench'"));
    }
    let number = |default| match args.get(1) {
        Some(text) => text.parse().map_err(|_| Failure::new(USAGE)),
        None => Ok(default),
    };
    match args.first().map(String::as_str) {
        None => {
            login::run()?;
            println!();
            agent::run(agent::DEFAULT)?;
            println!();
            flows::run(flows::DEFAULT)
        }
        Some("login") => login::run(),
        Some("agent") => agent::run(number(agent::DEFAULT)?),
        // What `bench agent` starts.
        Some("agent-client") => agent::client(args.get(1..).unwrap_or_default()),
        Some("flows") => flows::run(number(flows::DEFAULT)?),
        Some("memory") => memory::run(number(memory::DEFAULT)?),
        Some("--help" | "-h") => {
            println!("{USAGE}");
            Ok(())
        }
        Some(_) => Err(Failure::new(USAGE)),
    }
}
