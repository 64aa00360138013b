//! How reports look.

use std::borrow::Cow;
use std::io::Write;

use acme_ca::store::StoreError;
use serde::Serialize;

use crate::arguments::Arguments;
use crate::exit::{Exit, Failure};

/// Whether a character says something to a terminal instead of being shown: controls, and what
/// changes the direction or the lines of the text around it.
fn commands(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{061c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{2069}' | '\u{feff}'
        )
}

/// The text with such characters written out: what strangers sent stands in refusals and in the
/// log, and only shows itself.
fn printable(text: &str) -> Cow<'_, str> {
    if !text.contains(commands) {
        return text.into();
    }
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        if commands(character) {
            shown.extend(character.escape_unicode());
        } else {
            shown.push(character);
        }
    }
    shown.into()
}

/// The same for JSON, where they stand in strings only.
fn printable_json(text: &str) -> String {
    text.chars()
        .map(|character| match u32::from(character) {
            code if commands(character) => format!("\\u{code:04x}"),
            _ => character.to_string(),
        })
        .collect()
}

/// One JSON value on one line.
pub(crate) fn json(value: &impl Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string(value).map_err(std::io::Error::from)?;
    Ok(writeln!(anstream::stdout(), "{}", printable_json(&text))?)
}

/// A record as JSON, with one more member.
pub(crate) fn json_with(
    record: &impl Serialize,
    name: &str,
    more: &impl Serialize,
) -> Result<(), Failure> {
    let mut value = serde_json::to_value(record).map_err(std::io::Error::from)?;
    let more = serde_json::to_value(more).map_err(std::io::Error::from)?;
    if let Some(object) = value.as_object_mut() {
        object.insert(name.to_owned(), more);
    }
    json(&value)
}

/// One line of text.
pub(crate) fn line(text: &str) -> Result<(), Failure> {
    Ok(writeln!(anstream::stdout(), "{}", printable(text))?)
}

/// Text of ours that has several lines, as PEM has.
pub(crate) fn lines(text: &str) -> Result<(), Failure> {
    text.lines().try_for_each(line)
}

/// A table with aligned columns; nothing but the header if it is empty.
pub(crate) fn table(header: &[&str], rows: &[Vec<String>]) -> Result<(), Failure> {
    let rows: Vec<Vec<Cow<'_, str>>> = rows
        .iter()
        .map(|row| row.iter().map(|cell| printable(cell)).collect())
        .collect();
    let width = |column: usize| {
        rows.iter()
            .filter_map(|row| row.get(column))
            .map(|cell| cell.chars().count())
            .chain(header.get(column).map(|cell| cell.chars().count()))
            .max()
            .unwrap_or(0)
    };
    let widths: Vec<usize> = (0..header.len()).map(width).collect();
    let show = |cells: &mut dyn Iterator<Item = &str>| {
        let text: String = cells
            .zip(&widths)
            .map(|(cell, width)| format!("{cell:width$}  "))
            .collect();
        line(text.trim_end())
    };
    show(&mut header.iter().copied())?;
    for row in &rows {
        show(&mut row.iter().map(AsRef::as_ref))?;
    }
    Ok(())
}

/// One fact with its name.
pub(crate) fn fact(name: &str, value: impl std::fmt::Display) -> Result<(), Failure> {
    line(&format!("{name:<14} {value}"))
}

/// A time for people.
pub(crate) fn time(seconds: i64) -> String {
    acme_ca::time_text(seconds)
}

/// What went wrong, on stderr; every reason on a line of its own.
pub(crate) fn error(arguments: &Arguments, error: &Failure) {
    if arguments.json {
        let value = serde_json::json!({
            "error": error.to_string(),
            "reasons": reasons(error),
            "exit": error.exit() as u8,
        });
        anstream::eprintln!("{}", printable_json(&value.to_string()));
        return;
    }
    match reasons(error).as_slice() {
        [] => anstream::eprintln!("ca: {}", printable(&error.to_string())),
        [only] => anstream::eprintln!("ca: {}", printable(only)),
        all => {
            anstream::eprintln!("ca: refused, for {} reasons:", all.len());
            for reason in all {
                anstream::eprintln!("  - {}", printable(reason));
            }
        }
    }
    if let Failure::Store(StoreError::Sqlite(_)) = error {
        anstream::eprintln!("ca: nothing was changed");
    }
}

/// Arguments that make no sense, for a program.
pub(crate) fn usage_error(error: &clap::Error) {
    let text = error.to_string();
    let text = text.trim().trim_start_matches("error: ");
    let value = serde_json::json!({
        "error": text.lines().next().unwrap_or_default(),
        "reasons": Vec::<String>::new(),
        "exit": Exit::Usage as u8,
    });
    anstream::eprintln!("{}", printable_json(&value.to_string()));
}

fn reasons(error: &Failure) -> Vec<String> {
    match error {
        Failure::Enrol(acme_ca::enrolment::EnrolError::Refused(refusals)) => {
            refusals.iter().map(ToString::to_string).collect()
        }
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Controls of both ranges, a forged line, and text that runs the other way.
    const HOSTILE: &str = "a\u{1b}[1A\u{9b}2K\r\nrecorded\u{202e}\u{2066}\u{2028}\u{7f}é";

    #[test]
    fn nothing_that_a_stranger_sent_speaks_to_the_terminal() {
        let shown = printable(HOSTILE);
        assert!(!shown.contains(commands), "{shown:?}");
        assert!(
            shown.contains("\\u{1b}[1A") && shown.ends_with('é'),
            "{shown:?}"
        );
        assert_eq!(printable("alice é"), "alice é");
    }

    #[test]
    fn json_keeps_what_it_says_and_speaks_to_no_terminal() {
        let text = printable_json(&serde_json::to_string(HOSTILE).unwrap());
        assert!(!text.contains(commands), "{text:?}");
        assert_eq!(serde_json::from_str::<String>(&text).unwrap(), HOSTILE);
    }
}
