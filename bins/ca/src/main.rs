//! `ca`: what the operator runs. Parses arguments, calls `acme_ca`, prints.

use std::process::ExitCode;

use clap::{CommandFactory, Parser};

mod arguments;
mod commands;
mod complete;
mod exit;
mod print;

fn main() -> ExitCode {
    match manual::answer_shell(arguments::Arguments::command) {
        Ok(false) => {}
        Ok(true) => return ExitCode::SUCCESS,
        Err(_) => return exit::Exit::Usage.into(),
    }
    let arguments = match arguments::Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // `--help` and `--version` are "errors" of clap that go to stdout.
            let asked_for_json = std::env::args_os().any(|argument| argument == "--json");
            if error.use_stderr() && asked_for_json {
                print::usage_error(&error);
            } else {
                let _ = error.print();
            }
            return if error.use_stderr() {
                exit::Exit::Usage.into()
            } else {
                ExitCode::SUCCESS
            };
        }
    };
    let runtime = match commands::runtime() {
        Ok(runtime) => runtime,
        Err(error) => {
            anstream::eprintln!("ca: cannot start: {error}");
            return exit::Exit::Internal.into();
        }
    };
    match runtime.block_on(commands::run(&arguments)) {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever read our output has read enough, as in `ca log | head`.
        Err(error) if error.is_broken_pipe() => ExitCode::SUCCESS,
        Err(error) => {
            print::error(&arguments, &error);
            error.exit().into()
        }
    }
}
