//! Processes that end with the journey, and waiting without sleeping blindly.

use std::fs::File;
use std::io::Write;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::{Failure, Result};

/// How long anything may take before the journey is given up.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A process in the background whose output goes to a file. Dropping it ends it.
#[derive(Debug)]
pub struct Background {
    child: Child,
    log: PathBuf,
}

impl Background {
    /// Starts `command` with both outputs in `log`.
    pub fn start(mut command: Command, log: &Path) -> Result<Self> {
        let file = File::options().create(true).append(true).open(log)?;
        command
            .stdin(Stdio::null())
            .stdout(file.try_clone()?)
            .stderr(file);
        let child = command.spawn().map_err(|error| {
            Failure::new(format!(
                "cannot start {}: {error}",
                command.get_program().display()
            ))
        })?;
        Ok(Self {
            child,
            log: log.to_owned(),
        })
    }

    /// What it printed so far.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Waits until it answers on `address`, or says why it never will.
    pub fn wait_for_port(&mut self, address: SocketAddr) -> Result<()> {
        self.wait_for(&format!("a listener on {address}"), || {
            TcpStream::connect_timeout(&address, Duration::from_secs(1)).is_ok()
        })
    }

    /// Waits until `ready`, as long as the process lives and patience lasts.
    pub fn wait_for(&mut self, what: &str, mut ready: impl FnMut() -> bool) -> Result<()> {
        let end = Instant::now() + PATIENCE;
        while !ready() {
            if let Some(status) = self.child.try_wait()? {
                return Err(Failure::new(format!(
                    "{status} before {what}:\n{}",
                    self.log()
                )));
            }
            if Instant::now() > end {
                return Err(Failure::new(format!("no {what}:\n{}", self.log())));
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }

    /// The process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends `signal`.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        Ok(kill_process(Pid::from_child(&self.child), signal)?)
    }

    /// Asks it to end (SIGTERM) and waits until it has.
    pub fn stop(&mut self) -> Result<ExitStatus> {
        self.signal(Signal::TERM)?;
        self.wait()
    }

    /// Waits until it has ended.
    pub fn wait(&mut self) -> Result<ExitStatus> {
        let end = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            if Instant::now() > end {
                return Err(Failure::new(format!("it does not end:\n{}", self.log())));
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// An address on loopback that nobody listens on now. The kernel hands out
/// ephemeral ports in turn, so that two journeys do not get the same one.
pub fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?)
}

/// Runs to the end; both outputs are kept.
pub fn run(command: &mut Command) -> Result<Output> {
    command.stdin(Stdio::null()).output().map_err(|error| {
        Failure::new(format!(
            "cannot start {}: {error}",
            command.get_program().display()
        ))
    })
}

/// Runs to the end with `input` on its standard input.
pub fn run_with_input(command: &mut Command, input: &str) -> Result<Output> {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        // Who does not read it says so by its exit code.
        let _ = stdin.write_all(input.as_bytes());
    }
    Ok(child.wait_with_output()?)
}

/// Runs to the end and wants success; gives what was printed.
pub fn succeed(command: &mut Command) -> Result<String> {
    let output = run(command)?;
    printed(command, &output)
}

/// What a program printed that ended well; what it said if it did not.
pub fn printed(command: &Command, output: &Output) -> Result<String> {
    if output.status.success() {
        return Ok(text(&output.stdout));
    }
    Err(Failure::new(format!(
        "{} ended with {}\n{}{}",
        command.get_program().display(),
        output.status,
        text(&output.stdout),
        text(&output.stderr),
    )))
}

/// Output as text.
#[must_use]
pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Waits until `holds`, at most so long; whether it came to hold.
#[must_use]
pub fn within(patience: Duration, mut holds: impl FnMut() -> bool) -> bool {
    let end = Instant::now() + patience;
    while !holds() {
        if Instant::now() > end {
            return false;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    true
}
