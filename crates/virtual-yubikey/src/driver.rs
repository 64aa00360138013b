//! Where pcscd finds the reader driver.

use std::path::{Path, PathBuf};

use crate::error::Error;

/// Names the driver, when it is not beside the program.
pub const DRIVER_VARIABLE: &str = "VIRTUAL_YUBIKEY_IFD";
const FILE: &str = "libvirtual_yubikey_ifd.so";

/// `$VIRTUAL_YUBIKEY_IFD`, or the newest of those beside the running program:
/// cargo puts programs into `target/debug`, tests into `target/debug/deps`, and
/// the driver into either.
pub(crate) fn find() -> Result<PathBuf, Error> {
    if let Some(path) = std::env::var_os(DRIVER_VARIABLE) {
        return Ok(path.into());
    }
    let program = std::env::current_exe().map_err(|_| Error::NoDriver)?;
    let beside = program.parent().ok_or(Error::NoDriver)?;
    let folders = [
        Some(beside.to_owned()),
        Some(beside.join("deps")),
        beside.parent().map(Path::to_owned),
    ];
    folders
        .into_iter()
        .flatten()
        .map(|folder| folder.join(FILE))
        .filter_map(|file| Some((file.metadata().ok()?.modified().ok()?, file)))
        .max()
        .map(|(_, file)| file)
        .ok_or(Error::NoDriver)
}
