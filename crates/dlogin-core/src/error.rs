//! Everything that can go wrong, one variant each.

use std::io;
use std::path::PathBuf;

use crate::Exit;

/// Why `dlogin` could not do what it was asked. The text is one line: what
/// happened and what to do next.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There is no place for files.
    #[error("no home folder: set HOME (or XDG_CONFIG_HOME and XDG_STATE_HOME)")]
    NoHome,

    /// A file could not be read, written or removed.
    #[error("cannot {doing} {}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// A verb.
        doing: &'static str,
        /// What the system said.
        source: io::Error,
    },

    /// `config.toml` is not what this program understands.
    #[error("{} {}: correct or remove the file", path.display(), toml_place(source))]
    Config {
        /// The file.
        path: PathBuf,
        /// The parser's complaint.
        source: Box<toml::de::Error>,
    },

    /// `config.toml` was written by a newer program.
    #[error("{} has version {found}, this dlogin knows up to {known}: use the newer dlogin", path.display())]
    ConfigVersion {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u32,
        /// The newest that is understood.
        known: u32,
    },

    /// The configuration cannot be written as TOML.
    #[error("cannot encode the configuration: {source}")]
    ConfigWrite {
        /// The encoder's complaint.
        source: toml::ser::Error,
    },

    /// `dlogin trust` was never run.
    #[error("no CA is trusted yet: run `dlogin trust URL --fingerprint SHA256`")]
    NoCa,
}

/// "line 3: unknown field `hello`", on one line.
fn toml_place(error: &toml::de::Error) -> String {
    let message = error.message().replace('\n', " ");
    // The whole display is "TOML parse error at line 3, column 1" and a
    // picture of the place; the first line tells where.
    let display = error.to_string();
    let place = display
        .lines()
        .next()
        .and_then(|first| first.split_once(" at "))
        .map_or("", |(_, place)| place);
    format!("{place}: {message}")
}

impl Error {
    /// The program's exit code for it.
    #[must_use]
    pub fn exit(&self) -> Exit {
        match self {
            Self::NoHome | Self::NoCa => Exit::Missing,
            Self::File { .. } | Self::ConfigWrite { .. } => Exit::Internal,
            Self::Config { .. } | Self::ConfigVersion { .. } => Exit::Usage,
        }
    }
}
