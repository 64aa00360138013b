//! Exit codes: one table for `dlogin` and `ca`.

use std::process::ExitCode;

use acme_ca::ca::{NoRandomness, OpenError};
use acme_ca::config::ConfigError;
use acme_ca::enrolment::{EnrolError, EnrolRefusal};
use acme_ca::pki::PkiError;
use acme_ca::revocation::lists::ListError;
use acme_ca::revocation::root::RootCrlError;
use acme_ca::serve::ServeError;
use acme_ca::setup::InitError;
use acme_ca::signer::KeyFileError;
use acme_ca::store::StoreError;

/// How the program ends. The numbers are an interface: scripts lean on them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    /// Something broke inside, or the disk would not take a file.
    Internal = 1,
    /// The arguments or the configuration make no sense.
    Usage = 2,
    /// A policy said no.
    Refused = 3,
    /// Something is not set up, or not there.
    Missing = 4,
    /// A clock is wrong.
    Clock = 5,
    /// An input file cannot be read or understood.
    Input = 7,
}

/// The table as `--help` shows it.
pub(crate) const HELP: &str = "\
Exit codes:
    0  done
    1  internal error, or the disk would not take a file
    2  the arguments or the configuration make no sense
    3  refused by the CA or by a policy
    4  not set up, or not found
    5  CA unreachable, not trusted or misbehaving, or a clock is wrong
    6  YubiKey, PIN or touch
    7  an input cannot be read or understood
  130  interrupted";

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Everything that can end a command early.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error(transparent)]
    Init(#[from] InitError),
    #[error(transparent)]
    Enrol(#[from] EnrolError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Serve(#[from] ServeError),
    #[error("cannot read {path}: {error}")]
    Bundle {
        path: std::path::PathBuf,
        error: std::io::Error,
    },
    #[error("{path} is longer than {most} bytes, so it is no bundle")]
    BundleTooLong { path: std::path::PathBuf, most: u64 },
    #[error(transparent)]
    Random(#[from] NoRandomness),
    #[error(transparent)]
    List(#[from] ListError),
    #[error(transparent)]
    RootCrl(#[from] RootCrlError),
    #[error("cannot write {path}: {error}")]
    File {
        path: std::path::PathBuf,
        error: std::io::Error,
    },
    #[error("there is no {what}")]
    NoSuch { what: String },
    #[error("cannot write: {0}")]
    Output(#[from] std::io::Error),
    #[error("a certificate of the CA cannot be written as PEM")]
    Pem,
}

impl Failure {
    pub(crate) fn is_broken_pipe(&self) -> bool {
        matches!(self, Self::Output(error) if error.kind() == std::io::ErrorKind::BrokenPipe)
    }

    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::Open(error) => open(error),
            Self::Init(InitError::Config(_)) => Exit::Usage,
            Self::Init(InitError::Exists { .. } | InitError::Open { .. }) => Exit::Refused,
            Self::Enrol(EnrolError::Refused(refusals)) => enrol(refusals),
            Self::Enrol(EnrolError::Store(error)) | Self::Store(error) => store(error),
            Self::Serve(ServeError::Open(error)) => open(error),
            Self::Serve(ServeError::Listen { .. }) => Exit::Missing,
            Self::Bundle { .. } | Self::BundleTooLong { .. } => Exit::Input,
            Self::NoSuch { .. } => Exit::Missing,
            Self::List(ListError::Store(error)) => store(error),
            Self::RootCrl(error) => root_crl(error),
            Self::Random(_) | Self::List(_) | Self::File { .. } => Exit::Internal,
            Self::Init(_) | Self::Serve(_) | Self::Output(_) | Self::Pem => Exit::Internal,
        }
    }
}

fn open(error: &OpenError) -> Exit {
    match error {
        OpenError::Config(ConfigError::NotThere { .. }) => Exit::Missing,
        OpenError::Config(_) | OpenError::Root { .. } => Exit::Usage,
        OpenError::Busy { .. } => Exit::Refused,
        OpenError::Store(error) => store(error),
        // What is to be mended there is a setting of the file.
        OpenError::Pki(PkiError::Key(KeyFileError::Open { .. })) => Exit::Usage,
        OpenError::Pki(PkiError::NotValidNow { .. }) => Exit::Clock,
        _ => Exit::Internal,
    }
}

fn root_crl(error: &RootCrlError) -> Exit {
    match error {
        // The root's key is not on this machine, as it should be.
        RootCrlError::Pki(PkiError::Key(KeyFileError::Io { .. })) => Exit::Missing,
        RootCrlError::Pki(PkiError::Key(KeyFileError::Open { .. })) => Exit::Usage,
        RootCrlError::Format { .. } => Exit::Input,
        _ => Exit::Internal,
    }
}

fn store(error: &StoreError) -> Exit {
    match error {
        StoreError::Exists { .. }
        | StoreError::Conflict { .. }
        | StoreError::AlreadyRevoked { .. }
        | StoreError::Withdrawn { .. } => Exit::Refused,
        StoreError::Ambiguous { .. } => Exit::Usage,
        StoreError::Missing { .. } => Exit::Missing,
        _ => Exit::Internal,
    }
}

/// A bundle that cannot be read is bad input, whatever else is wrong; what is not there comes
/// next; everything else is a refusal.
fn enrol(refusals: &[EnrolRefusal]) -> Exit {
    if refusals.iter().any(EnrolRefusal::is_unreadable) {
        Exit::Input
    } else if refusals.iter().any(|refusal| {
        matches!(
            refusal,
            EnrolRefusal::NoUser { .. } | EnrolRefusal::NoProfile { .. }
        )
    }) {
        Exit::Missing
    } else {
        Exit::Refused
    }
}
