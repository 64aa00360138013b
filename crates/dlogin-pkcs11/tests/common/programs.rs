//! Programs that load the library.

use std::path::PathBuf;
use std::process::Command;

/// The library, which cargo builds beside the tests of its crate.
pub fn library() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let folders: Vec<_> = test.ancestors().skip(1).take(2).collect();
    folders
        .iter()
        .map(|folder| folder.join("libdlogin_pkcs11.so"))
        .find(|path| path.is_file())
        .unwrap_or_else(|| panic!("no libdlogin_pkcs11.so in {folders:?}"))
}

/// Runs to a good end; both outputs.
pub fn run(command: &mut Command) -> String {
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error}; run scripts/setup"));
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let both = text(&output.stdout) + &text(&output.stderr);
    assert!(output.status.success(), "{command:?}: {both}");
    both
}
