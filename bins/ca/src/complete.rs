//! What shells complete, and the man pages.

use std::io::{self, Write};
use std::path::Path;

use clap::CommandFactory;
use manual::{Manual, Section, Shell, today};

use crate::arguments::{Arguments, after_help};

/// `--use`.
pub(crate) const USES: &[&str] = &["login", "proof"];

/// `ca completions`.
pub(crate) fn script(shell: Shell) -> io::Result<()> {
    io::stdout().write_all(&shell.script("ca")?)
}

/// `ca man`.
pub(crate) fn man(folder: &Path) -> io::Result<()> {
    let date = today(std::env::var("SOURCE_DATE_EPOCH").ok().as_deref());
    let manual = Manual::new(Arguments::command(), &after_help(), Section::System);
    manual.write(folder, &date).map(|_| ())
}
