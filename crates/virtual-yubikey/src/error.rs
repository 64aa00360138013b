//! What can go wrong around the card. What goes wrong inside is a status word.

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::Duration;

use crate::settings::Firmware;

/// A virtual YubiKey could not be made, kept or run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No randomness.
    #[error("no key could be generated: the system gives no random numbers")]
    KeyGeneration,
    /// A file of the state folder.
    #[error(transparent)]
    File(#[from] FileError),
    /// The folder holds this key with other firmware.
    #[error(
        "the key {serial} in this folder has firmware {kept}, not {asked}; \
         use another --dir or another --serial"
    )]
    OtherFirmware {
        /// Serial number, or "without serial".
        serial: String,
        /// What the folder says.
        kept: Firmware,
        /// What was asked for.
        asked: Firmware,
    },
    /// Two keys with one serial number.
    #[error("two keys with the serial number {0}: give each its own")]
    SameSerial(String),
    /// Somebody else uses the folder.
    #[error("a virtual YubiKey already runs in {}", .0.display())]
    AlreadyRunning(PathBuf),
    /// The driver was not found.
    #[error(
        "the reader driver libvirtual_yubikey_ifd.so is not beside this program; build it \
         with `cargo build -p virtual-yubikey-ifd` or name it in VIRTUAL_YUBIKEY_IFD"
    )]
    NoDriver,
    /// A socket could not be opened.
    #[error("cannot listen on {}: {source}", path.display())]
    Listen {
        /// Where.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A program could not be started.
    #[error("cannot start {program}: {source}")]
    Start {
        /// Which.
        program: String,
        /// Why.
        source: io::Error,
    },
    /// pcscd ended by itself.
    #[error("pcscd ended ({status}); it said:\n{log}")]
    Ended {
        /// How.
        status: ExitStatus,
        /// Its output.
        log: String,
    },
    /// pcscd runs, and never showed what it should.
    #[error("pcscd did not become ready within {} ms; it said:\n{log}", waited.as_millis())]
    NotReady {
        /// How long it was waited for.
        waited: Duration,
        /// Its output.
        log: String,
    },
    /// pcscd's own folder is missing and cannot be made.
    #[error(
        "pcscd needs the folder /run/pcscd, which is missing: \
         sudo install -d -m 0755 /run/pcscd"
    )]
    NoRunFolder,
    /// A test that ran with the keys failed.
    #[error("{test} failed with the virtual YubiKey:\n{output}")]
    TestFailed {
        /// Its name.
        test: String,
        /// What it printed.
        output: String,
    },
    /// Nobody answers at the control socket.
    #[error(
        "no virtual YubiKey runs in {}: start one with `virtual-yubikey run --dir {}`",
        dir.display(), dir.display()
    )]
    NotRunning {
        /// The state folder.
        dir: PathBuf,
    },
    /// The control socket broke off.
    #[error("the virtual YubiKey broke off: {0}")]
    Control(io::Error),
    /// The virtual YubiKey refused a request.
    #[error("{0}")]
    Refused(String),
    /// No vpcd listens there.
    #[error(
        "cannot connect to vpcd at {address}: {source}; it listens when a pcscd with the \
         driver of vsmartcard-vpcd runs"
    )]
    Vpcd {
        /// Host and port.
        address: String,
        /// Why.
        source: io::Error,
    },
}

/// A file of the state folder could not be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FileError {
    /// It cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It cannot be written.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It does not hold what it should.
    #[error(
        "{} is damaged; remove the folder to begin with a new key, or restore the file",
        path.display()
    )]
    Damaged {
        /// Which.
        path: PathBuf,
    },
}

impl FileError {
    pub(crate) fn read(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Read { path, source }
    }

    pub(crate) fn write(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Write { path, source }
    }
}
