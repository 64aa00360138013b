//! Where the programs are: ours beside the running executable, Debian's on the
//! usual paths.

use std::env;
use std::fs::Permissions;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{Failure, Result};

/// One of our own programs, as cargo built it: in the folder of this executable
/// or, for a test, in the one above it.
pub fn ours(name: &str) -> Result<PathBuf> {
    let here = env::current_exe()?;
    here.ancestors()
        .skip(1)
        .take(2)
        .map(|folder| folder.join(name))
        .find(|path| path.is_file())
        .ok_or_else(|| {
            Failure::new(format!(
                "{name} is not built; run 'cargo build --workspace --lib --bins' first"
            ))
        })
}

/// Our PKCS#11 module.
pub fn module() -> Result<PathBuf> {
    ours("libdlogin_pkcs11.so")
}

/// A program of the system. sshd and pcscd are not on everybody's PATH.
pub fn system(name: &str) -> Result<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .chain(["/usr/sbin", "/usr/bin"].map(PathBuf::from))
        .map(|folder| folder.join(name))
        .find(|path| path.is_file())
        .ok_or_else(|| Failure::new(format!("{name} is not installed; run scripts/setup")))
}

/// A shared library of the system, such as `libykcs11.so`.
pub fn library(name: &str) -> Result<PathBuf> {
    let folders = std::fs::read_dir("/usr/lib")?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.is_dir());
    folders
        .map(|folder| folder.join(name))
        .find(|path| path.exists())
        .ok_or_else(|| Failure::new(format!("{name} is not installed; run scripts/setup")))
}

/// The same command with a clock that is off, by so much as faketime(1) reads it: "+17h". The
/// library alone: its launcher would stay between us and the program, and leave it running when
/// it is killed.
pub fn with_clock(mut command: Command, off: &str) -> Result<Command> {
    command
        .env("LD_PRELOAD", library("faketime/libfaketime.so.1")?)
        .env("FAKETIME", off)
        .env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
    Ok(command)
}

/// A program as another user of the machine runs it (65534, nobody). Only root can
/// be somebody else: `None` for others, who are told so.
pub fn as_somebody_else(program: &Path) -> Result<Option<Command>> {
    if !rustix::process::getuid().is_root() {
        eprintln!("NOT TRIED: only root can be another user; run the tests as root");
        return Ok(None);
    }
    let mut command = Command::new(system("setpriv")?);
    command
        .args(["--reuid=65534", "--regid=65534", "--clear-groups"])
        .arg(program);
    Ok(Some(command))
}

/// Lets every user of the machine get at a socket and the folders that lead to it, below
/// `folder`: what is left in the way is what its owner asks the kernel.
pub fn open_to_all(folder: &Path, socket: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let set = |path: &Path, mode| std::fs::set_permissions(path, Permissions::from_mode(mode));
    for above in socket.ancestors().skip(1) {
        set(above, 0o755)?;
        if above == folder {
            break;
        }
    }
    Ok(set(socket, 0o666)?)
}

/// Whether `path` is there, as a sentence when it is not.
pub fn must_exist(path: &Path) -> Result<()> {
    if path.exists() {
        return Ok(());
    }
    Err(Failure::new(format!("{} is not there", path.display())))
}
