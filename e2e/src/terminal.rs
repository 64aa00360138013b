//! A person at a terminal.

use std::io::{Read, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::Instant;

use crate::laptop::Laptop;
use crate::process::PATIENCE;
use crate::{Failure, Result, programs};

/// A shell command at a terminal of its own, made by `script`.
#[derive(Debug)]
pub struct Terminal {
    program: Child,
    keyboard: ChildStdin,
    screen: Receiver<Vec<u8>>,
    shown: String,
}

impl Terminal {
    /// Runs `line` as the person would on this laptop. The PIN is typed, and
    /// `$DLOGIN` is the program.
    pub fn run(laptop: &Laptop, line: &str) -> Result<Self> {
        Self::run_as(laptop.command(&programs::system("script")?), line)
    }

    /// The same from a command for `script` that was made ready.
    pub fn run_as(mut script: Command, line: &str) -> Result<Self> {
        let mut program = script
            .args(["-qefc", line, "/dev/null"])
            .env_remove("DLOGIN_ASKPASS")
            .env("DLOGIN", programs::ours("dlogin")?)
            .env("SHELL", "/bin/sh")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()?;
        let streams = (program.stdin.take(), program.stdout.take());
        let (Some(keyboard), Some(mut output)) = streams else {
            return Err(Failure::new("a pipe of script is missing"));
        };
        let (shows, screen) = mpsc::channel();
        std::thread::spawn(move || {
            let mut bytes = [0; 256];
            while let Ok(read) = output.read(&mut bytes) {
                let shown = bytes.get(..read).unwrap_or_default().to_vec();
                if shown.is_empty() || shows.send(shown).is_err() {
                    return;
                }
            }
        });
        Ok(Self {
            program,
            keyboard,
            screen,
            shown: String::new(),
        })
    }

    /// Reads on until the screen has shown `text`.
    pub fn wait_for(&mut self, text: &str) -> Result<()> {
        let end = Instant::now() + PATIENCE;
        while !self.shown.contains(text) {
            if !self.show_more(end)? {
                return Err(self.never(text));
            }
        }
        Ok(())
    }

    /// Whether there was more before the program closed its end.
    fn show_more(&mut self, until: Instant) -> Result<bool> {
        let left = until.saturating_duration_since(Instant::now());
        match self.screen.recv_timeout(left) {
            Ok(bytes) => {
                self.shown.push_str(&String::from_utf8_lossy(&bytes));
                Ok(true)
            }
            Err(RecvTimeoutError::Disconnected) => Ok(false),
            Err(RecvTimeoutError::Timeout) => Err(self.never("what was waited for")),
        }
    }

    fn never(&self, what: &str) -> Failure {
        Failure::new(format!("{what:?} never came: {}", self.shown))
    }

    /// What was shown so far; what is waited for next is looked for behind it.
    pub fn take_shown(&mut self) -> String {
        std::mem::take(&mut self.shown)
    }

    /// Types.
    pub fn type_in(&mut self, keys: &str) -> Result<()> {
        self.keyboard.write_all(keys.as_bytes())?;
        Ok(self.keyboard.flush()?)
    }

    /// All that was shown, and how it ended.
    pub fn end(mut self) -> Result<(String, Option<i32>)> {
        let end = Instant::now() + PATIENCE;
        while self.show_more(end)? {}
        Ok((self.take_shown(), self.program.wait()?.code()))
    }
}

impl Drop for Terminal {
    /// The end of the keyboard hangs the terminal up, and whoever is at it.
    fn drop(&mut self) {
        if matches!(self.program.try_wait(), Ok(None)) {
            let _ = self.program.kill();
            let _ = self.program.wait();
        }
    }
}
