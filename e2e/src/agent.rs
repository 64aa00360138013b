//! `dlogin agent` on a laptop, and what speaks to it.

use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::Command;

use crate::laptop::Laptop;
use crate::process::Background;
use crate::sshd::Sshd;
use crate::{Failure, Result, programs};

pub mod protocol;

use protocol::exchange;

/// A running agent. Dropping it ends it.
#[derive(Debug)]
pub struct Agent {
    process: Background,
    folder: PathBuf,
}

impl Agent {
    /// Starts `dlogin agent ARGS…` and waits until it listens.
    pub fn start(laptop: &Laptop, args: &[&str]) -> Result<Self> {
        let mut command = laptop.dlogin(&["agent"]);
        command.args(args);
        Self::start_as(laptop, command)
    }

    /// The same from a command that was made ready.
    pub fn start_as(laptop: &Laptop, command: Command) -> Result<Self> {
        let log = laptop.home().join("agent.log");
        let mut process = Background::start(command, &log)?;
        // Logs of earlier agents on this laptop may be above.
        let folder = laptop.home().join("run/dlogin");
        let socket = folder.join("service.sock");
        process.wait_for("a listening agent", || UnixStream::connect(&socket).is_ok())?;
        Ok(Self { process, folder })
    }

    /// One that `activator` starts when a program connects to one of its
    /// sockets (systemd's socket activation).
    pub fn on_demand(laptop: &Laptop, mut activator: Command) -> Result<Self> {
        let folder = laptop.home().join("run/dlogin");
        let sockets = ["agent.sock", "service.sock"].map(|name| folder.join(name));
        for socket in &sockets {
            activator.arg("-l").arg(socket);
        }
        activator.arg(programs::ours("dlogin")?).arg("agent");
        let mut process = Background::start(activator, &laptop.home().join("agent.log"))?;
        process.wait_for("sockets", || sockets.iter().all(|socket| socket.exists()))?;
        Ok(Self { process, folder })
    }

    /// Where it speaks the OpenSSH agent protocol.
    #[must_use]
    pub fn ssh_socket(&self) -> PathBuf {
        self.folder.join("agent.sock")
    }

    /// What it said so far.
    #[must_use]
    pub fn log(&self) -> String {
        self.process.log()
    }

    /// The process.
    pub fn process(&mut self) -> &mut Background {
        &mut self.process
    }

    /// One message of the OpenSSH agent protocol, and its answer.
    pub fn ssh_message(&self, message: &[u8]) -> Result<Vec<u8>> {
        exchange(&self.ssh_socket(), message)
    }

    /// One request of the signing service, and its answer, both JSON.
    pub fn service(&self, request: &serde_json::Value) -> Result<serde_json::Value> {
        let answer = exchange(
            &self.folder.join("service.sock"),
            request.to_string().as_bytes(),
        )?;
        serde_json::from_slice(&answer).map_err(|error| Failure::new(error.to_string()))
    }

    /// `ssh-add ARGS…` with this agent.
    pub fn ssh_add(&self, laptop: &Laptop, args: &[&str]) -> Result<Command> {
        let mut command = laptop.command(&programs::system("ssh-add")?);
        command.env("SSH_AUTH_SOCK", self.ssh_socket()).args(args);
        Ok(command)
    }
}

/// A configuration for ssh: what `dlogin ssh-config` prints, and after it only
/// where `sshd` is, under the name `name`.
pub fn ssh_config(laptop: &Laptop, sshd: &Sshd, name: &str, user: &str) -> Result<PathBuf> {
    let lines = laptop.succeed(&["ssh-config"])?;
    let place = sshd.place();
    let file = laptop.home().join(format!("ssh_config-{name}"));
    std::fs::write(
        &file,
        format!(
            "{lines}\nHost {name}\n    HostName 127.0.0.1\n    Port {}\n    User {user}\n\
             Host *\n    UserKnownHostsFile {}\n    GlobalKnownHostsFile none\n    \
             StrictHostKeyChecking yes\n    IdentityFile none\n    \
             PreferredAuthentications publickey\n",
            place.port,
            place.known_hosts.display(),
        ),
    )?;
    Ok(file)
}
