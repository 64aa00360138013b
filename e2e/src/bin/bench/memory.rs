//! Memory of `ca serve` over many orders that expire: it must not grow.

use e2e::{Failure, Result};

use crate::cpu;
use crate::flows::{Load, Server};

/// How many orders.
pub(crate) const DEFAULT: u32 = 100_000;
const CLIENTS: u32 = 16;
/// Lines of the report.
const STEPS: u32 = 10;

/// Orders, and prints the memory after each tenth.
pub(crate) fn run(orders: u32) -> Result<()> {
    let load = Load::new()?;
    let server = Server::ca_with(
        load.place(),
        &[("lifetimes", "order = \"1m\"\nchallenge = \"1m\"")],
    )?;
    let mut workers = load.workers(&server, CLIENTS)?;
    println!(
        "{orders} orders of one minute, {CLIENTS} clients\n\n  orders   RSS MiB   database MiB"
    );
    let step = orders / STEPS;
    if step == 0 {
        return Err(Failure::new(format!("at least {STEPS} orders")));
    }
    for done in 1..=STEPS {
        load.run(&mut workers, step)?;
        println!(
            "{:>8}{:>10}{:>15}",
            done * step,
            cpu::resident(server.id())? >> 20,
            std::fs::metadata(load.place().dir.path().join("ca/ca.db"))?.len() >> 20,
        );
    }
    load.judge(&server, &workers)
}
