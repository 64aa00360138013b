//! Completion in a shell: the shell asks the program itself at each TAB, so
//! that it completes what is true now, such as the profiles that were granted.

use std::io;

use clap::{Command, ValueEnum};
use clap_complete::CompleteEnv;
use clap_complete::engine::{ArgValueCandidates, CompletionCandidate};
use clap_complete::env::{Bash, EnvCompleter, Fish, Zsh};

/// The variable by which a shell says that it asks for completions.
pub const VARIABLE: &str = "DLOGIN_COMPLETE";

/// The shells that are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Shell {
    /// GNU Bash.
    Bash,
    /// zsh.
    Zsh,
    /// fish.
    Fish,
}

impl Shell {
    /// What the shell is to read, for the program of this name.
    ///
    /// # Errors
    /// None that memory does not give.
    pub fn script(self, program: &str) -> io::Result<Vec<u8>> {
        let mut script = Vec::new();
        let completer: &dyn EnvCompleter = match self {
            Self::Bash => &Bash,
            Self::Zsh => &Zsh,
            Self::Fish => &Fish,
        };
        completer.write_registration(VARIABLE, program, program, program, &mut script)?;
        if self == Self::Zsh {
            // A file on `fpath` is the body of a function that is called for
            // the first TAB already.
            script.extend_from_slice(
                format!(
                    "\nif [ \"$funcstack[1]\" = \"_{program}\" ]; then\n    \
                     _clap_dynamic_completer_{} \"$@\"\nfi\n",
                    program.replace('-', "_")
                )
                .as_bytes(),
            );
        }
        Ok(script)
    }
}

/// Answers a shell that asks for completions; whether one did. To be called
/// before anything else, since it takes the variable out of the environment.
///
/// # Errors
/// A shell that is not known, or standard output that takes nothing.
pub fn answer_shell(command: impl Fn() -> Command) -> Result<bool, clap::Error> {
    CompleteEnv::with_factory(command)
        .var(VARIABLE)
        .try_complete(std::env::args_os(), std::env::current_dir().ok().as_deref())
}

/// Completes one of a few words.
#[must_use]
pub fn words(words: &'static [&'static str]) -> ArgValueCandidates {
    ArgValueCandidates::new(move || words.iter().map(CompletionCandidate::new).collect())
}
