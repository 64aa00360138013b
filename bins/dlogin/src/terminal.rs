//! The terminal, as far as it is asked and answered.

use std::fs::File;
use std::io::{self, BufRead, BufReader, IsTerminal, Write};

use dlogin_core::pin::{Ask, AskError, Askpass, Unattended, in_batch_mode};
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use zeroize::Zeroizing;

const TTY: &str = "/dev/tty";

/// Whom to ask: the program that `DLOGIN_ASKPASS` names, else the terminal,
/// else nobody; nor is the terminal for an ssh that is to ask nobody.
pub(crate) fn ask() -> Box<dyn Ask + Send> {
    if let Some(program) = Askpass::from_lookup(|name| std::env::var_os(name)) {
        Box::new(program)
    } else if File::open(TTY).is_ok() && !in_batch_mode() {
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
        let answer = answer(&format!("{text} [y/N] "))?;
        let answer = answer.trim();
        Ok(answer.eq_ignore_ascii_case("y") || answer.eq_ignore_ascii_case("yes"))
    }

    fn choose(
        &mut self,
        text: &str,
        options: &[String],
        usual: Option<usize>,
    ) -> Result<Option<usize>, AskError> {
        let mut question = format!("{text}\n");
        for (number, option) in options.iter().enumerate() {
            question.push_str(&format!("  {}  {option}\n", number + 1));
        }
        question.push_str(&match usual {
            Some(usual) => format!("Number [{}]: ", usual + 1),
            None => "Number: ".to_owned(),
        });
        for _ in 0..QUESTIONS {
            let answer = answer(&question)?;
            let answer = answer.trim();
            if answer.is_empty() {
                return Ok(usual);
            }
            let chosen = answer.parse::<usize>().ok();
            if let Some(chosen) = chosen.and_then(|number| number.checked_sub(1))
                && chosen < options.len()
            {
                return Ok(Some(chosen));
            }
        }
        Ok(None)
    }
}

/// How often a question is asked that nobody understands.
const QUESTIONS: usize = 3;

/// What is typed, and seen.
fn answer(question: &str) -> Result<String, AskError> {
    let answer = || -> io::Result<String> {
        let mut terminal = File::options().read(true).write(true).open(TTY)?;
        terminal.write_all(question.as_bytes())?;
        let mut answer = String::new();
        if BufReader::new(terminal).read_line(&mut answer)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(answer)
    };
    answer().map_err(failed)
}

/// Whether somebody sits at it who can be led through questions.
pub(crate) fn is_watched() -> bool {
    io::stdin().is_terminal()
        && io::stderr().is_terminal()
        && Askpass::from_lookup(|name| std::env::var_os(name)).is_none()
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
