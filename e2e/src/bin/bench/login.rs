//! What a login costs, on both sides, beside the cryptography that it cannot
//! avoid. One run; read the ratios and the counts, not the times.

use std::time::Duration;

use e2e::site::{Site, USER};
use e2e::{Failure, Result};
use serde_json::Value;

use crate::cpu;

mod bare;

use bare::Bare;

/// Logins that are measured. The kernel counts processor time in hundredths of
/// a second, so that one alone would say nothing.
const LOGINS: u32 = 100;

/// Logs in, again and again.
pub(crate) fn run() -> Result<()> {
    let mut site = Site::enrolled(31_000_100)?;
    // The first login makes the account and warms both sides.
    site.laptop().succeed(&["tls", "ssh"])?;
    let server = site.ca_mut().server()?.id();

    let mut wall = Wall::default();
    let (own_before, ca_before) = (cpu::children()?, cpu::of(server)?);
    let (touches_before, posts_before) = (site.touches(), posts(&mut site)?);
    for _ in 0..LOGINS {
        let report = site.laptop().succeed(&["tls", "ssh", "--json"])?;
        wall.add(&serde_json::from_str(&report)?)?;
    }
    let own = cpu::children()?.saturating_sub(own_before) / LOGINS;
    let ca = cpu::of(server)?.saturating_sub(ca_before) / LOGINS;
    let touches = site.touches() - touches_before;
    let posts = u32::try_from(posts(&mut site)? - posts_before)? / LOGINS;

    // What a process costs that does nothing but start.
    let before = cpu::children()?;
    for _ in 0..LOGINS {
        site.laptop().succeed(&["--version"])?;
    }
    let start = cpu::children()?.saturating_sub(before) / LOGINS;

    println!("dlogin tls ssh: {LOGINS} logins of {USER}, touch automatic, release build\n");
    wall.print();
    println!("touches per login      {}", touches / u64::from(LOGINS));
    let bare = Bare::measure()?;
    println!("\nbare operations, same library, same run\n{bare}");
    println!("processor time per login");
    compare("dlogin", own, &bare.of_dlogin(posts));
    println!(
        "  of it, starting a process that only prints its version: {}",
        micros(start)
    );
    compare("ca", ca, &bare.of_ca(posts));
    println!("  per certificate (two per login): {}", micros(ca / 2));
    site.ca_mut().stop()
}

/// Signed requests that the CA has logged.
fn posts(site: &mut Site) -> Result<usize> {
    let log = site.ca_mut().server()?.log();
    Ok(log.lines().filter(|line| line.contains("POST")).count())
}

/// One row of operations: how many, what, and what one costs.
struct Operation {
    count: u32,
    what: &'static str,
    each: Duration,
}

fn compare(who: &str, spent: Duration, operations: &[Operation]) {
    let sum: Duration = operations.iter().map(|op| op.each * op.count).sum();
    let ratio = spent.as_secs_f64() / sum.as_secs_f64();
    println!(
        "{who}: {} spent, {} of it cryptography that it cannot avoid: {ratio:.1} times",
        micros(spent),
        micros(sum)
    );
    for Operation { count, what, each } in operations {
        println!("  {count:>3} x {what:<44} {:>10}", micros(*each * *count));
    }
}

fn micros(time: Duration) -> String {
    format!("{:.0} us", time.as_secs_f64() * 1e6)
}

/// Wall time as `dlogin --json` splits it, summed over the logins.
#[derive(Default)]
struct Wall {
    total: f64,
    card: f64,
    network: f64,
    waiting: f64,
    requests: u64,
    connections: u64,
}

impl Wall {
    fn add(&mut self, report: &Value) -> Result<()> {
        let measured = report
            .get("measured")
            .ok_or_else(|| Failure::new("dlogin --json has no \"measured\""))?;
        let number = |name: &str| {
            measured
                .get(name)
                .and_then(Value::as_f64)
                .ok_or_else(|| Failure::new(format!("dlogin --json has no measured.{name}")))
        };
        let count = |name: &str| {
            measured
                .get(name)
                .and_then(Value::as_u64)
                .ok_or_else(|| Failure::new(format!("dlogin --json has no measured.{name}")))
        };
        self.total += number("total_ms")?;
        self.card += number("card_ms")?;
        self.network += number("network_ms")?;
        self.waiting += number("waiting_ms")?;
        self.requests += count("requests")?;
        self.connections += count("tls_connections")?;
        Ok(())
    }

    fn print(&self) {
        let logins = f64::from(LOGINS);
        let own = self.total - self.card - self.network - self.waiting;
        println!("wall time per login    {:.2} ms", self.total / logins);
        for (what, time) in [
            ("card", self.card),
            ("network and CA", self.network),
            ("PIN program", self.waiting),
            ("own work", own),
        ] {
            println!(
                "  {what:<20} {:.2} ms  {:.0} %",
                time / logins,
                100.0 * time / self.total
            );
        }
        let per_login = |count: u64| count / u64::from(LOGINS);
        println!("HTTP requests          {}", per_login(self.requests));
        println!("TLS connections        {}", per_login(self.connections));
    }
}

/// Runs `f` until the mean is steady enough for a ratio, and gives the mean.
fn mean(mut f: impl FnMut() -> Result<()>) -> Result<Duration> {
    const TIMES: u32 = 400;
    for _ in 0..TIMES / 10 {
        f()?;
    }
    let before = cpu::own()?;
    for _ in 0..TIMES {
        f()?;
    }
    Ok(cpu::own()?.saturating_sub(before) / TIMES)
}
