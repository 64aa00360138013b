//! Everything that can go wrong, one variant each.

use std::io;
use std::path::PathBuf;

use dlogin_core::{Exit, ProfileName};

/// Why browsers are as they were.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No home.
    #[error("no home folder: set HOME")]
    NoHome,
    /// Root would leave files in somebody's home that its owner cannot change.
    #[error(
        "{} belongs to another user: run this as that user; \
         `sudo dlogin browser install --machine` is for the policies of the whole machine",
        path.display()
    )]
    NotYourHome {
        /// The home.
        path: PathBuf,
    },
    /// The module was not found.
    #[error(
        "libdlogin_pkcs11.so was not found (looked in {}): name it with --module PATH",
        looked.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
    )]
    NoModule {
        /// Where it was looked for.
        looked: Vec<PathBuf>,
    },
    /// Something else was named.
    #[error("{} is not a shared library: name libdlogin_pkcs11.so with --module", path.display())]
    NotAModule {
        /// The file.
        path: PathBuf,
    },
    /// A path that NSS's own files cannot hold.
    #[error("{} has a character that NSS cannot keep in a path: put it elsewhere", path.display())]
    Unwritable {
        /// The path.
        path: PathBuf,
    },
    /// NSS's tools are missing.
    #[error("{tool} is not installed: `sudo apt-get install libnss3-tools`, then try again")]
    NoTool {
        /// Which.
        tool: &'static str,
    },
    /// A browser runs.
    #[error(
        "a running browser has its database open: close it and try again; nothing was changed ({})",
        users.join("; ")
    )]
    InUse {
        /// "FOLDER: PROGRAM (process N)".
        users: Vec<String>,
    },
    /// A tool failed. What was changed before was put back.
    #[error("{tool} on {}: {said}; nothing was changed", folder.display())]
    Tool {
        /// Which.
        tool: &'static str,
        /// The database.
        folder: PathBuf,
        /// What it said.
        said: String,
    },
    /// The database has a password.
    #[error(
        "{} has a primary password, which dlogin does not ask for: import the file of \
         `dlogin export` in the browser's settings",
        folder.display()
    )]
    Password {
        /// The database.
        folder: PathBuf,
    },
    /// A file.
    #[error("cannot {doing} {}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// A verb.
        doing: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// Somebody's file that we cannot understand is not ours to replace.
    #[error("{} is not what it should be ({why}): correct it or move it away", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// The policies of the machine are root's.
    #[error("the policies of the machine are root's: `sudo dlogin browser {command} --machine`")]
    NotRoot {
        /// `install` or `remove`.
        command: &'static str,
    },
    /// Nothing there.
    #[error("there is no certificate {profile}: run `dlogin {profile}`")]
    NoCertificate {
        /// The profile.
        profile: ProfileName,
    },
    /// There is nothing to take out of the YubiKey.
    #[error(
        "the key of {profile} is in the YubiKey and stays there: \
         only certificates with a key on disk (yubikey-02) can be copied"
    )]
    InYubikey {
        /// The profile.
        profile: ProfileName,
    },
    /// An SSH certificate.
    #[error("{profile} is an SSH certificate: no browser can use it")]
    NotTls {
        /// The profile.
        profile: ProfileName,
    },
    /// A named database is none.
    #[error("{} has no NSS database (cert9.db)", folder.display())]
    NoDatabase {
        /// The folder.
        folder: PathBuf,
    },
    /// No database without the module.
    #[error(
        "every browser found has the module, which shows these certificates already: \
         name another database with --database"
    )]
    NothingToImportInto,
    /// A PKCS#12 file could not be made.
    #[error(transparent)]
    Pkcs12(#[from] crate::pkcs12::Error),
    /// The rest of dlogin.
    #[error(transparent)]
    Core(#[from] dlogin_core::Error),
}

impl Error {
    /// The program's exit code for it.
    #[must_use]
    pub fn exit(&self) -> Exit {
        match self {
            Self::NoHome
            | Self::NoModule { .. }
            | Self::NoTool { .. }
            | Self::NoCertificate { .. }
            | Self::NoDatabase { .. }
            | Self::NothingToImportInto => Exit::Missing,
            Self::NotYourHome { .. }
            | Self::NotRoot { .. }
            | Self::Unwritable { .. }
            | Self::InYubikey { .. }
            | Self::NotTls { .. } => Exit::Usage,
            Self::NotAModule { .. } | Self::Foreign { .. } => Exit::Input,
            Self::InUse { .. } | Self::Tool { .. } | Self::Password { .. } | Self::File { .. } => {
                Exit::Internal
            }
            Self::Pkcs12(error) => error.exit(),
            Self::Core(error) => error.exit(),
        }
    }
}

/// For `map_err`.
pub(crate) fn file(path: &std::path::Path, doing: &'static str) -> impl FnOnce(io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::File {
        path,
        doing,
        source,
    }
}
