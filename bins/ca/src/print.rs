//! How reports look.

use std::io::Write;

use acme_ca::store::StoreError;
use serde::Serialize;

use crate::arguments::Arguments;
use crate::exit::Failure;

/// One JSON value on one line.
pub(crate) fn json(value: &impl Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string(value).map_err(std::io::Error::from)?;
    line(&text)
}

/// One line of text.
pub(crate) fn line(text: &str) -> Result<(), Failure> {
    Ok(writeln!(anstream::stdout(), "{text}")?)
}

/// A table with aligned columns; nothing but the header if it is empty.
pub(crate) fn table(header: &[&str], rows: &[Vec<String>]) -> Result<(), Failure> {
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
    for row in rows {
        show(&mut row.iter().map(String::as_str))?;
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
        anstream::eprintln!("{value}");
        return;
    }
    match reasons(error).as_slice() {
        [] => anstream::eprintln!("ca: {error}"),
        [only] => anstream::eprintln!("ca: {only}"),
        all => {
            anstream::eprintln!("ca: refused, for {} reasons:", all.len());
            for reason in all {
                anstream::eprintln!("  - {reason}");
            }
        }
    }
    if let Failure::Store(StoreError::Sqlite(_)) = error {
        anstream::eprintln!("ca: nothing was changed");
    }
}

fn reasons(error: &Failure) -> Vec<String> {
    match error {
        Failure::Enrol(acme_ca::enrolment::EnrolError::Refused(refusals)) => {
            refusals.iter().map(ToString::to_string).collect()
        }
        _ => Vec::new(),
    }
}
