//! The terminal, as far as it is asked and answered.

use std::fs::File;
use std::io::{self, BufRead, BufReader, IsTerminal, Read, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};

use dlogin_core::pin::{Ask, AskError, Askpass, Unattended, in_batch_mode};
use rustix::process::getpgrp;
use rustix::termios::{
    LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcgetpgrp, tcsetattr,
};
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
        // Ctrl-C; no read gives that by itself.
        io::ErrorKind::Interrupted => AskError::Interrupted,
        // Ctrl-D, or the terminal went away.
        io::ErrorKind::UnexpectedEof => AskError::Nobody,
        _ => AskError::Terminal(error),
    }
}

impl Ask for Terminal {
    fn secret(&mut self, text: &str) -> Result<Zeroizing<String>, AskError> {
        // Whoever sees the question may type at once: it comes after echo is off.
        echo().hide();
        let answer = unseen(text);
        echo().restore();
        answer.map_err(failed)
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

/// Puts a question to the terminal, which is then read from.
fn put(question: &str) -> io::Result<File> {
    let mut terminal = File::options().read(true).write(true).open(TTY)?;
    terminal.write_all(question.as_bytes())?;
    Ok(terminal)
}

/// What is typed, and seen.
fn answer(question: &str) -> Result<String, AskError> {
    let answer = || -> io::Result<String> {
        let mut answer = String::new();
        if BufReader::new(put(question)?).read_line(&mut answer)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(answer)
    };
    answer().map_err(failed)
}

/// What is typed while nothing is shown: a line, or Ctrl-C, which [`Echo::hide`] has made a key
/// that ends one.
fn unseen(question: &str) -> io::Result<Zeroizing<String>> {
    let mut terminal = put(question)?;
    // Room for the longest line at once, so that growing leaves no copy behind.
    let mut typed = Zeroizing::new(Vec::with_capacity(LONGEST));
    let mut byte = Zeroizing::new([0; 1]);
    loop {
        terminal.read_exact(byte.as_mut_slice())?;
        match *byte {
            [b'\n'] => break,
            [CTRL_C] => return Err(io::ErrorKind::Interrupted.into()),
            _ if typed.len() == LONGEST => return Err(io::ErrorKind::InvalidData.into()),
            [byte] => typed.push(byte),
        }
    }
    let text = std::str::from_utf8(&typed).map_err(|_| io::ErrorKind::InvalidData)?;
    Ok(Zeroizing::new(text.to_owned()))
}

const CTRL_C: u8 = 3;

/// Longer lines a terminal does not give (`MAX_CANON` and more), in bytes.
const LONGEST: usize = 4096;

/// Whether somebody sits at it who can be led through questions.
pub(crate) fn is_watched() -> bool {
    io::stdin().is_terminal()
        && io::stderr().is_terminal()
        && Askpass::from_lookup(|name| std::env::var_os(name)).is_none()
}

/// The terminal while what is typed is not shown, and how it was before.
struct Hidden {
    terminal: File,
    before: Termios,
}

/// What is to be put back; and that the program ends by a signal: from then on echo stays.
/// Held while the terminal is changed.
#[derive(Default)]
struct Echo {
    hidden: Option<Hidden>,
    ended: bool,
}

static ECHO: Mutex<Echo> = Mutex::new(Echo {
    hidden: None,
    ended: false,
});

fn echo() -> MutexGuard<'static, Echo> {
    ECHO.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Echo {
    /// What is typed from now on is not shown, but for the end of its line. Ctrl-C ends the line
    /// instead of the program, which could not put echo back then.
    fn hide(&mut self) {
        if self.ended {
            return;
        }
        let Ok(terminal) = File::open(TTY) else {
            return;
        };
        let Ok(before) = tcgetattr(&terminal) else {
            return;
        };
        let mut hidden = before.clone();
        hidden
            .local_modes
            .remove(LocalModes::ECHO | LocalModes::ISIG);
        hidden.special_codes[SpecialCodeIndex::VEOL] = CTRL_C;
        hidden.local_modes.insert(LocalModes::ECHONL);
        let _ = tcsetattr(&terminal, OptionalActions::Now, &hidden);
        self.hidden = Some(Hidden { terminal, before });
    }

    /// As it was.
    fn restore(&mut self) {
        // Whoever is not in front would be stopped, and has nothing hidden any more.
        if let Some(Hidden { terminal, before }) = self.hidden.take()
            && is_in_front(&terminal)
        {
            let _ = tcsetattr(&terminal, OptionalActions::Now, &before);
        }
    }
}

/// Where a question is open, what is typed is shown again, and stays so: the program ends.
pub(crate) fn restore_and_stay() {
    let mut echo = echo();
    echo.ended = true;
    echo.restore();
}

/// Whether the terminal is for this job, and not for another one of its shell.
fn is_in_front(terminal: &File) -> bool {
    tcgetpgrp(terminal).is_ok_and(|group| group == getpgrp())
}

/// The person at the terminal, who is asked nothing while another job has it: the system would
/// stop this one at the question, and with it what it is asked for by others.
struct InFront(Box<dyn Ask + Send>);

/// Whom to ask, for a program that goes on in the background.
pub(crate) fn ask_in_front() -> Box<dyn Ask + Send> {
    Box::new(InFront(ask()))
}

impl InFront {
    fn person(&mut self) -> Result<&mut dyn Ask, AskError> {
        match File::open(TTY) {
            Ok(terminal) if !is_in_front(&terminal) => Err(AskError::Background),
            _ => Ok(&mut *self.0),
        }
    }
}

impl Ask for InFront {
    fn secret(&mut self, text: &str) -> Result<Zeroizing<String>, AskError> {
        self.person()?.secret(text)
    }

    fn confirm(&mut self, text: &str) -> Result<bool, AskError> {
        self.person()?.confirm(text)
    }
}
