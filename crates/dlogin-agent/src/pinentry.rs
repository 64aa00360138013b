//! pinentry, GnuPG's window for secrets, spoken to in Assuan.

use std::ffi::OsString;
use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use dlogin_core::pin::{Ask, AskError};
use zeroize::Zeroizing;

/// The longest line of Assuan, in bytes with its end.
const LINE: usize = 1024;
/// How many lines are read for one answer.
const LINES: usize = 16;
/// How long the window stays open.
const SECONDS: u32 = 60;

/// Asks with pinentry.
#[derive(Clone, Debug)]
pub struct Pinentry {
    program: PathBuf,
}

impl Pinentry {
    /// The `pinentry` on the PATH, where there is a desktop for its window.
    #[must_use]
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<OsString>) -> Option<Self> {
        let set = |name: &str| lookup(name).filter(|value| !value.is_empty());
        set("WAYLAND_DISPLAY").or_else(|| set("DISPLAY"))?;
        let path = set("PATH")?;
        std::env::split_paths(&path)
            .map(|folder| folder.join("pinentry"))
            .find(|program| program.is_file())
            .map(|program| Self { program })
    }

    fn talk(&self, text: &str, last: &str) -> Result<Zeroizing<String>, AskError> {
        let cannot_run = |source| AskError::Program {
            program: self.program.clone(),
            source,
        };
        let mut child = Command::new(&self.program)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(cannot_run)?;
        let commands = [
            "SETTITLE dlogin".to_owned(),
            format!("SETDESC {}", escaped(text)),
            "SETPROMPT PIN:".to_owned(),
            format!("SETTIMEOUT {SECONDS}"),
            last.to_owned(),
        ];
        let answer = dialogue(&mut child, &commands);
        // Its end closes the window; what it says then is of no use.
        drop(child.stdin.take());
        let status = child.wait().map_err(cannot_run)?;
        match answer {
            Some(Answer::Ok(text)) => Ok(text),
            Some(Answer::No) => Err(AskError::Cancelled {
                program: self.program.clone(),
                status,
            }),
            None => Err(AskError::Answer {
                program: self.program.clone(),
            }),
        }
    }
}

enum Answer {
    Ok(Zeroizing<String>),
    No,
}

/// Says each line once the one before it was answered. Options that an old
/// pinentry does not know do no harm; only the last answer counts.
fn dialogue(child: &mut Child, commands: &[String]) -> Option<Answer> {
    let mut to = child.stdin.take()?;
    let mut from = child.stdout.take()?;
    let mut answer = reply(&mut from)?;
    for command in commands {
        to.write_all(format!("{command}\n").as_bytes()).ok()?;
        answer = reply(&mut from)?;
    }
    Some(answer)
}

/// Lines up to `OK` or `ERR`, with the data among them.
fn reply(from: &mut impl Read) -> Option<Answer> {
    let mut data = Zeroizing::new(String::new());
    for _ in 0..LINES {
        let line = line(from)?;
        let line = std::str::from_utf8(&line).ok()?;
        if let Some(text) = line.strip_prefix("D ") {
            data = unescaped(text)?;
        } else if line == "OK" || line.starts_with("OK ") {
            return Some(Answer::Ok(data));
        } else if line.starts_with("ERR ") {
            return Some(Answer::No);
        }
    }
    None
}

/// A line without its end. The PIN is in one of them: no buffer that nobody wipes has
/// it, and none that is left behind by growing.
fn line(from: &mut impl Read) -> Option<Zeroizing<Vec<u8>>> {
    let mut line = Zeroizing::new(Vec::with_capacity(LINE));
    let mut byte = Zeroizing::new([0; 1]);
    while line.len() < LINE {
        from.read_exact(byte.as_mut_slice()).ok()?;
        match *byte {
            [b'\n'] => return Some(line),
            [byte] => line.push(byte),
        }
    }
    None
}

fn escaped(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '%' => "%25".to_owned(),
            '\r' => "%0D".to_owned(),
            '\n' => "%0A".to_owned(),
            c => c.to_string(),
        })
        .collect()
}

fn unescaped(text: &str) -> Option<Zeroizing<String>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(text.len()));
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let (digits, after) = rest.split_at_checked(2)?;
        rest = after;
        let digits = std::str::from_utf8(digits).ok()?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
    }
    let text = std::str::from_utf8(&bytes).ok()?;
    Some(Zeroizing::new(text.to_owned()))
}

impl Ask for Pinentry {
    fn secret(&mut self, text: &str) -> Result<Zeroizing<String>, AskError> {
        self.talk(text, "GETPIN")
    }

    fn confirm(&mut self, text: &str) -> Result<bool, AskError> {
        match self.talk(text, "CONFIRM") {
            Ok(_) => Ok(true),
            Err(AskError::Cancelled { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pinentry(script: &str) -> (tempfile::TempDir, Pinentry) {
        let dir = tempfile::tempdir().unwrap();
        let program = dir.path().join("pinentry");
        // Written by another process: what is open for writing in this one cannot be run, and a
        // test beside this one that starts a process keeps it open for a moment (ETXTBSY).
        let written = Command::new("sh")
            .args([
                "-c",
                "printf '#!/bin/sh\\n%s\\n' \"$2\" >\"$1\" && chmod 700 \"$1\"",
                "sh",
            ])
            .arg(&program)
            .arg(script)
            .status();
        assert!(written.unwrap().success());
        let path = dir.path().as_os_str().to_owned();
        let found = Pinentry::from_lookup(|name| match name {
            "PATH" => Some(path.clone()),
            "DISPLAY" => Some(":0".into()),
            _ => None,
        });
        (dir, found.unwrap())
    }

    const TALKS: &str = r#"echo "OK Pleased to meet you"
while read -r line; do
  case "$line" in
    GETPIN) echo "D 64%2582"; echo OK;;
    SETTIMEOUT*) echo "ERR 1 unknown";;
    CONFIRM) echo "ERR 83886179 cancelled";;
    *) echo OK;;
  esac
done"#;

    #[test]
    fn the_pin_is_asked_for_and_unescaped() {
        let (_dir, mut pinentry) = pinentry(TALKS);
        assert_eq!(pinentry.secret("PIN?\n100%").unwrap().as_str(), "64%82");
        assert!(!pinentry.confirm("Spend it?").unwrap());
    }

    #[test]
    fn a_pinentry_that_says_nonsense_or_nothing_gives_no_pin() {
        for script in [
            "",
            "yes x | head -c 100000",
            "echo OK; echo 'D %zz'; echo OK",
        ] {
            let (_dir, mut pinentry) = pinentry(script);
            assert!(pinentry.secret("PIN?").is_err(), "{script}");
        }
    }

    /// Remembers how much was asked for at a time.
    struct Watched<R>(R, Vec<usize>);

    impl<R: Read> Read for Watched<R> {
        fn read(&mut self, to: &mut [u8]) -> std::io::Result<usize> {
            self.1.push(to.len());
            self.0.read(to)
        }
    }

    #[test]
    fn nothing_is_read_ahead_into_memory_that_keeps_a_pin() {
        let mut from = Watched(&b"D 654321\nOK\nOK closing\n"[..], Vec::new());
        assert!(matches!(reply(&mut from), Some(Answer::Ok(pin)) if *pin == "654321"));
        assert_eq!(from.0, b"OK closing\n");
        assert!(from.1.iter().all(|length| *length == 1));
    }

    #[test]
    fn a_line_has_an_end_and_a_longest() {
        let longest = [&[b'x'; LINE - 1][..], b"\n"].concat();
        assert_eq!(line(&mut &longest[..]).unwrap().len(), LINE - 1);
        assert!(line(&mut &[b'x'; 2 * LINE][..]).is_none());
        assert!(line(&mut &b"OK"[..]).is_none());
    }

    #[test]
    fn without_a_desktop_there_is_no_window() {
        assert!(
            Pinentry::from_lookup(|name| (name == "PATH").then(|| "/usr/bin".into())).is_none()
        );
    }
}
