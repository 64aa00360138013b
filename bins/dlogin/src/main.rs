//! `dlogin`: what people run. Parses arguments, calls `dlogin_core`, prints.

use std::process::ExitCode;

use dlogin_core::Exit;

mod agent;
mod arguments;
mod browser;
mod commands;
mod complete;
mod doctor;
mod environment;
mod interrupt;
mod kubectl;
mod logging;
mod print;
mod proxy;
mod setup;
mod show;
mod terminal;

fn main() -> ExitCode {
    match manual::answer_shell(arguments::command) {
        Ok(false) => {}
        Ok(true) => return ExitCode::SUCCESS,
        Err(_) => return Exit::Usage.code().into(),
    }
    let arguments = match arguments::parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // `--help` and `--version` are "errors" of clap that go to stdout.
            let exit = if error.use_stderr() {
                print::usage(&error);
                Exit::Usage
            } else {
                let _ = error.print();
                Exit::Done
            };
            return exit.code().into();
        }
    };
    logging::start();
    // They need none of the threads that a login does.
    match &arguments.command {
        Some(arguments::Command::Agent(command)) => return agent::run(command).code().into(),
        Some(arguments::Command::SshConfig(command)) => {
            return agent::ssh_config(command).code().into();
        }
        Some(arguments::Command::Proxy(command)) => return proxy::run(command).code().into(),
        Some(arguments::Command::Completions { shell }) => {
            return complete::script(*shell).code().into();
        }
        Some(arguments::Command::Man { folder }) => return complete::man(folder).code().into(),
        Some(arguments::Command::Browser(command)) => {
            return browser::run(arguments.json, command).code().into();
        }
        Some(arguments::Command::Export(command)) => {
            return browser::export(arguments.json, command).code().into();
        }
        _ => {}
    }
    let left = match &arguments.command {
        Some(arguments::Command::Setup(_)) => {
            "what was said above is done and stays; `dlogin setup` again does the rest"
        }
        _ => "nothing was left behind",
    };
    let exit = interrupt::or_interrupted(commands::run(&arguments), left);
    let exit = match exit {
        Ok(exit) => exit,
        Err(error) => {
            print::error(arguments.json, &error);
            error.exit()
        }
    };
    exit.code().into()
}
