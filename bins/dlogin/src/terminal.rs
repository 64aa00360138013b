//! The terminal, as far as it is asked and answered.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};

use dlogin_core::pin::{Ask, AskError, Askpass, Unattended};
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use zeroize::Zeroizing;

const TTY: &str = "/dev/tty";

/// Whom to ask: the program that `DLOGIN_ASKPASS` names, else the terminal,
/// else nobody.
pub(crate) fn ask() -> Box<dyn Ask + Send> {
    if let Some(program) = Askpass::from_lookup(|name| std::env::var_os(name)) {
        Box::new(program)
    } else if File::open(TTY).is_ok() {
        Box::new(Terminal)
    } else {
        Box::new(Unattended)
    }
}

/// The person at the terminal.
struct Terminal;

fn failed(error: io::Error) -> AskError {
    match error.kind() {
        io::ErrorKind::Interrupted => AskError::Interrupted,
        // Ctrl-D, or the terminal went away.
        io::ErrorKind::UnexpectedEof => AskError::Nobody,
        _ => AskError::Terminal(error),
    }
}

impl Ask for Terminal {
    fn secret(&mut self, text: &str) -> Result<Zeroizing<String>, AskError> {
        // Whoever sees the question may type at once: it comes after echo is off.
        let echo = Echo::remember();
        echo.hide();
        let answer = File::options()
            .write(true)
            .open(TTY)
            .and_then(|mut terminal| terminal.write_all(text.as_bytes()))
            .and_then(|()| rpassword::read_password());
        echo.restore();
        answer.map(Zeroizing::new).map_err(failed)
    }

    fn confirm(&mut self, text: &str) -> Result<bool, AskError> {
        let answer = || -> io::Result<String> {
            let mut terminal = File::options().read(true).write(true).open(TTY)?;
            write!(terminal, "{text} [y/N] ")?;
            let mut answer = String::new();
            BufReader::new(terminal).read_line(&mut answer)?;
            Ok(answer)
        };
        let answer = answer().map_err(failed)?;
        let answer = answer.trim();
        Ok(answer.eq_ignore_ascii_case("y") || answer.eq_ignore_ascii_case("yes"))
    }
}

/// How the terminal was before a PIN was typed into it unseen.
pub(crate) struct Echo(Option<(File, Termios)>);

impl Echo {
    pub(crate) fn remember() -> Self {
        Self(File::open(TTY).ok().and_then(|terminal| {
            let before = tcgetattr(&terminal).ok()?;
            Some((terminal, before))
        }))
    }

    /// What is typed from now on is not shown, but for the end of its line.
    fn hide(&self) {
        if let Some((terminal, before)) = &self.0 {
            let mut hidden = before.clone();
            hidden.local_modes.remove(LocalModes::ECHO);
            hidden.local_modes.insert(LocalModes::ECHONL);
            let _ = tcsetattr(terminal, OptionalActions::Now, &hidden);
        }
    }

    pub(crate) fn restore(&self) {
        if let Some((terminal, before)) = &self.0 {
            let _ = tcsetattr(terminal, OptionalActions::Now, before);
        }
    }
}
