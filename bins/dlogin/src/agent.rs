//! `dlogin agent` and `dlogin ssh-config`.

use std::io::IsTerminal;

use dlogin_agent::{Everywhere, Pinentry, Settings, ssh_config as lines};
use dlogin_core::pin::{Ask, Askpass, Unattended};
use dlogin_core::{Error, Exit, Paths};

use crate::arguments::{Agent, SshConfig};
use crate::{interrupt, print, terminal};

/// Runs the agent until a signal ends it.
pub(crate) fn run(arguments: &Agent) -> Exit {
    match serve(arguments) {
        Ok(()) => Exit::Done,
        Err(error) => failed(&error),
    }
}

fn failed(error: &dlogin_agent::Error) -> Exit {
    print::say(&format!("dlogin: {error}"));
    error.exit()
}

fn serve(arguments: &Agent) -> Result<(), dlogin_agent::Error> {
    // No other process of this person may look into the memory with the PIN.
    if let Err(error) =
        rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable)
    {
        print::say(&format!(
            "dlogin: warning: memory can be looked into: {error}"
        ));
    }
    let announce = Everywhere::new(|name| std::env::var_os(name), print::say);
    let settings = Settings {
        socket: arguments.socket.clone(),
        pin_lasts: arguments
            .pin_cache
            .map(|lifetime| lifetime.get())
            .unwrap_or_default(),
        forward: arguments.forward.clone(),
        local_only: arguments.local_only,
        serial: arguments.serial,
        ..Settings::new(Paths::from_env()?, ask(), Box::new(announce))
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()
        .map_err(dlogin_agent::Error::Start)?;
    let (agent, signer) = dlogin_agent::start(settings)?;
    // As ssh-agent says it, so that `eval` takes it. Nobody may be reading.
    let _ = print::line(&format!(
        "SSH_AUTH_SOCK={}; export SSH_AUTH_SOCK;",
        agent.ssh_socket().display()
    ));
    let outcome = runtime.block_on(async {
        tokio::select! {
            () = interrupt::signalled() => Ok(()),
            _ = tokio::task::spawn_blocking(move || signer.wait()) => {
                Err(dlogin_agent::Error::Stopped)
            }
        }
    });
    // A question may be open.
    terminal::restore_and_stay();
    // The thread that waits for the signer has nothing to end.
    runtime.shutdown_background();
    outcome
}

/// A program that asks, as ssh has it; pinentry; the terminal; nobody.
fn ask() -> Box<dyn Ask + Send> {
    let lookup = |name: &str| std::env::var_os(name);
    if let Some(askpass) = Askpass::from_lookup(lookup) {
        Box::new(askpass)
    } else if let Some(pinentry) = Pinentry::from_lookup(lookup) {
        Box::new(pinentry)
    } else if std::io::stdin().is_terminal() {
        terminal::ask_in_front()
    } else {
        Box::new(Unattended)
    }
}

/// Prints or writes the lines for ssh.
pub(crate) fn ssh_config(arguments: &SshConfig) -> Exit {
    let written = || -> Result<(), dlogin_agent::Error> {
        let program = std::env::current_exe().map_err(dlogin_agent::Error::Start)?;
        let wanted = lines::Wanted {
            program,
            paths: Paths::from_env()?.at(arguments.site.as_ref()),
            profile: arguments.profile.clone(),
            hosts: arguments.hosts.clone(),
        };
        let text = wanted.lines()?;
        if arguments.write {
            let home = std::env::var_os("HOME").ok_or(Error::NoHome)?;
            let written = lines::write(home.as_ref(), &text)?;
            let _ = print::line(&format!("written: {}", written.display()));
        } else {
            let _ = print::line(text.trim_end());
        }
        Ok(())
    };
    match written() {
        Ok(()) => Exit::Done,
        Err(error) => failed(&error),
    }
}
