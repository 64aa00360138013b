//! The crate needs no std.

use std::{path::Path, process::Command};

/// Builds a static library that has a panic handler of its own: with std below it there would be
/// two. The target folder is kept, so only the first run takes long.
#[test]
fn a_static_library_with_its_own_panic_handler_builds() {
    let proof = Path::new(env!("CARGO_MANIFEST_DIR")).join("no-std-proof");
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("no-std-proof");
    let output = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--locked", "--manifest-path"])
        .arg(proof.join("Cargo.toml"))
        .arg("--target-dir")
        .arg(&target)
        .env_remove("RUSTFLAGS")
        .output()
        .expect("cargo runs");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let library = target.join("debug/libpiv_attest_no_std_proof.a");
    assert!(library.is_file(), "{}", library.display());
}
