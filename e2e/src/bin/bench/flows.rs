//! Full flows, newOrder to download, http-01 validated for real: `ca` with
//! SQLite on disk beside Debian's `pebble`, which keeps all in memory.
//!
//! Every row has a fresh server and the same driver. What to compare is the
//! server's processor time for each certificate; flows a second include the
//! driver, which shares the machine.

use std::time::{Duration, Instant};

use e2e::Result;

use crate::cpu;

mod client;
mod load;
mod server;

pub(crate) use load::Load;
pub(crate) use server::{Place, Server};

/// Certificates in each row.
pub(crate) const DEFAULT: u32 = 1000;
/// Clients at a time.
const CLIENTS: [u32; 3] = [1, 8, 32];
/// Flows of each client that are not counted.
const WARM_UP: u32 = 3;
/// What the server still does after the last answer belongs to the run.
const SETTLE: Duration = Duration::from_millis(300);

/// Prints the table.
pub(crate) fn run(flows: u32) -> Result<()> {
    println!(
        "orders with http-01, {flows} certificates a row, a fresh server for each row\n\n\
         server              clients   flows/s   CPU ms/certificate   certificates/CPU s   RSS MiB"
    );
    for clients in CLIENTS {
        for start in [Server::ca as fn(&Place) -> Result<Server>, Server::pebble] {
            row(start, clients, flows)?;
        }
    }
    println!(
        "\nca: P-256 leaf under a P-256 intermediate, SQLite on disk, each answer durable; \
         one validation a challenge\n\
         Pebble: RSA-2048 signature, all in memory, GOMAXPROCS=1 (it deadlocks otherwise); \
         three validations a challenge"
    );
    Ok(())
}

fn row(start: fn(&Place) -> Result<Server>, clients: u32, flows: u32) -> Result<()> {
    let load = Load::new()?;
    let server = start(load.place())?;
    let mut workers = load.workers(&server, clients)?;
    load.run(&mut workers, clients * WARM_UP)?;
    let before = cpu::of(server.id())?;
    let begin = Instant::now();
    load.run(&mut workers, flows)?;
    let wall = begin.elapsed();
    std::thread::sleep(SETTLE);
    let spent = cpu::of(server.id())?.saturating_sub(before);
    let each = spent.as_secs_f64() / f64::from(flows);
    println!(
        "{:<20}{clients:>7}{:>10.0}{:>21.2}{:>21.0}{:>10}",
        server.name(),
        f64::from(flows) / wall.as_secs_f64(),
        each * 1e3,
        1.0 / each,
        cpu::resident(server.id())? >> 20,
    );
    load.judge(&server, &workers)
}
