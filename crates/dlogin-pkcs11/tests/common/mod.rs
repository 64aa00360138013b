//! A person's folder with certificates, an agent that does as told, and the
//! module through its C functions.
#![allow(dead_code, unreachable_pub, reason = "each test file uses its part")]

pub mod agent;
pub mod files;
pub mod programs;
pub mod token;

use std::path::{Path, PathBuf};
use std::process::Command;

/// Says to a test that it is the process of its own.
const ALONE: &str = "PKCS11_TEST_ALONE";

/// The environment decides where the module looks, and the module is one for
/// each process: so a test that loads it runs itself again, in a process of its
/// own. Gives the folder there, nothing in the process that waits for it.
pub fn alone(test: &str, prepare: impl FnOnce(&Path)) -> Option<PathBuf> {
    if let Some(runtime) = std::env::var_os(ALONE) {
        return Some(PathBuf::from(runtime).join("dlogin"));
    }
    let runtime = tempfile::tempdir().unwrap();
    let folder = runtime.path().join("dlogin");
    std::fs::create_dir(&folder).unwrap();
    prepare(&folder);
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture", "--test-threads=1"])
        .env(ALONE, runtime.path())
        .env("XDG_RUNTIME_DIR", runtime.path())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && text.contains("1 passed"),
        "{text}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    None
}
