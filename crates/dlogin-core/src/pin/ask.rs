//! Whom to ask for a secret.

use std::{
    ffi::OsString,
    io::Read,
    path::PathBuf,
    process::{Command, Stdio},
};

use zeroize::Zeroizing;

/// The longest answer of an askpass program, in bytes.
const ANSWER_LIMIT: u64 = 1024;

/// Where secrets and confirmations come from.
pub trait Ask {
    /// Asks for a secret, without showing what is typed.
    ///
    /// # Errors
    /// [`AskError`] when there is no answer.
    fn secret(&mut self, text: &str) -> Result<Zeroizing<String>, AskError>;

    /// A PIN that is known without a question, because it was kept.
    fn known(&mut self) -> Option<Zeroizing<String>> {
        None
    }

    /// Asks a question that is answered with yes or no.
    ///
    /// # Errors
    /// [`AskError`] when there is no answer.
    fn confirm(&mut self, text: &str) -> Result<bool, AskError>;

    /// Asks which one of several it is to be; without an answer it is `usual`.
    /// Who can only be asked for secrets is not asked.
    ///
    /// # Errors
    /// [`AskError`] when there is no answer.
    fn choose(
        &mut self,
        text: &str,
        options: &[String],
        usual: Option<usize>,
    ) -> Result<Option<usize>, AskError> {
        let _ = (text, options);
        Ok(usual)
    }
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AskError {
    /// Neither a terminal nor a program to ask.
    #[error(
        "nobody to ask for the PIN: run dlogin at a terminal, or set DLOGIN_ASKPASS to a program that prints it"
    )]
    Nobody,
    /// The agent is at a terminal that another job has.
    #[error(
        "nobody to ask for the PIN: the agent is in the background of its terminal. Set \
         DLOGIN_ASKPASS to a program that asks, or install pinentry, and start it again; or give \
         it the PIN in the foreground (fg), for longer with --pin-cache"
    )]
    Background,
    /// The askpass program cannot be run.
    #[error("cannot run DLOGIN_ASKPASS ({}): {source}", program.display())]
    Program {
        /// The program.
        program: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The person closed the window, or the program failed.
    #[error("no PIN was given: {} ended with {status}", program.display())]
    Cancelled {
        /// The program.
        program: PathBuf,
        /// How it ended.
        status: std::process::ExitStatus,
    },
    /// The answer is no text, or too long.
    #[error("{} gave no usable answer: at most {ANSWER_LIMIT} bytes of text are read", program.display())]
    Answer {
        /// The program.
        program: PathBuf,
    },
    /// The terminal could not be read.
    #[error("cannot read from the terminal: {0}")]
    Terminal(std::io::Error),
    /// Ctrl-C at the question.
    #[error("interrupted")]
    Interrupted,
}

/// A program that asks, as ssh has it: the question is its only argument, the
/// answer the first line of what it prints. For a yes or no,
/// `SSH_ASKPASS_PROMPT=confirm` is set, and yes is exit status 0 with an empty
/// line or `yes`.
#[derive(Clone, Debug)]
pub struct Askpass {
    program: PathBuf,
}

impl Askpass {
    /// The variable that names the program.
    pub const VARIABLE: &'static str = "DLOGIN_ASKPASS";

    /// The program that the variable names, if it names one.
    #[must_use]
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<OsString>) -> Option<Self> {
        let program = lookup(Self::VARIABLE).filter(|p| !p.is_empty())?;
        Some(Self {
            program: program.into(),
        })
    }

    /// What the program prints in its first line.
    fn run(&self, text: &str, confirm: bool) -> Result<Zeroizing<String>, AskError> {
        let mut command = Command::new(&self.program);
        command
            .arg(text)
            .stdin(Stdio::null())
            .stdout(Stdio::piped());
        if confirm {
            command.env("SSH_ASKPASS_PROMPT", "confirm");
        }
        let mut child = command.spawn().map_err(self.cannot_run())?;
        // Room for all of it at once, so that growing leaves no copy behind.
        let mut answer = Zeroizing::new(Vec::with_capacity(ANSWER_LIMIT as usize + 1));
        let read = match child.stdout.take() {
            Some(out) => out.take(ANSWER_LIMIT + 1).read_to_end(&mut answer),
            None => Ok(0),
        };
        // Whatever it still writes goes nowhere: the pipe is closed now.
        let status = child.wait().map_err(self.cannot_run())?;
        read.map_err(self.cannot_run())?;
        let unusable = || AskError::Answer {
            program: self.program.clone(),
        };
        if answer.len() as u64 > ANSWER_LIMIT {
            return Err(unusable());
        }
        if !status.success() {
            return Err(AskError::Cancelled {
                program: self.program.clone(),
                status,
            });
        }
        let text = std::str::from_utf8(&answer).map_err(|_| unusable())?;
        let line = text.split(['\n', '\r']).next().unwrap_or_default();
        Ok(Zeroizing::new(line.to_owned()))
    }

    fn cannot_run(&self) -> impl FnOnce(std::io::Error) -> AskError {
        let program = self.program.clone();
        move |source| AskError::Program { program, source }
    }
}

impl Ask for Askpass {
    fn secret(&mut self, text: &str) -> Result<Zeroizing<String>, AskError> {
        self.run(text, false)
    }

    fn confirm(&mut self, text: &str) -> Result<bool, AskError> {
        match self.run(text, true) {
            // As ssh has it. A program that knows nothing of questions and
            // prints the PIN does not say yes.
            Ok(line) => Ok(line.is_empty() || line.eq_ignore_ascii_case("yes")),
            Err(AskError::Cancelled { .. }) => Ok(false),
            Err(e) => Err(e),
        }
    }
}

/// Nobody is there: every question fails.
#[derive(Clone, Copy, Debug)]
pub struct Unattended;

impl Ask for Unattended {
    fn secret(&mut self, _: &str) -> Result<Zeroizing<String>, AskError> {
        Err(AskError::Nobody)
    }

    fn confirm(&mut self, _: &str) -> Result<bool, AskError> {
        Err(AskError::Nobody)
    }
}
