//! Processor time and memory, as the kernel counts them.

use std::time::Duration;

use e2e::{Failure, Result};

/// Of all children that ended and were waited for.
pub(crate) fn children() -> Result<Duration> {
    times("self", [15, 16])
}

/// Of a running process, all threads.
pub(crate) fn of(process: u32) -> Result<Duration> {
    times(&process.to_string(), [13, 14])
}

/// Of this thread, in nanoseconds where the others count hundredths of seconds.
pub(crate) fn own() -> Result<Duration> {
    let schedstat = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    let nanoseconds = schedstat
        .split_whitespace()
        .next()
        .ok_or_else(|| Failure::new("/proc/thread-self/schedstat is empty"))?;
    Ok(Duration::from_nanos(nanoseconds.parse()?))
}

/// Resident memory of a running process, in bytes.
pub(crate) fn resident(process: u32) -> Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status"))?;
    let kibibytes = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .and_then(|rest| rest.split_whitespace().next())
        .ok_or_else(|| Failure::new("/proc/PID/status has no VmRSS"))?;
    Ok(kibibytes.parse::<u64>()? * 1024)
}

/// The sum of two fields of `/proc/PID/stat` (proc(5), counted from 0).
fn times(process: &str, fields: [usize; 2]) -> Result<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat"))?;
    // The name, field 1, may hold spaces; it ends with the last parenthesis.
    let (_, rest) = stat
        .rsplit_once(')')
        .ok_or_else(|| Failure::new("/proc/PID/stat has no name"))?;
    let values: Vec<&str> = rest.split_whitespace().collect();
    let mut ticks = 0;
    for field in fields {
        let text = values
            .get(field - 2)
            .ok_or_else(|| Failure::new("/proc/PID/stat is short"))?;
        ticks += text.parse::<u64>()?;
    }
    let hertz = rustix::param::clock_ticks_per_second();
    Ok(Duration::from_nanos(ticks * 1_000_000_000 / hertz))
}
