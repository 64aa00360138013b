//! A Go program of our own: files, and the proxy's socket.

use std::path::{Path, PathBuf};
use std::process::Command;

use e2e::site::{DISK_NAME, HARDWARE_NAME};

use crate::Day;

/// The program, made with Go's own library and nothing of the network.
fn build(day: &Day) -> PathBuf {
    let program = day.site.dir().join("enter");
    let mut go = day.program("go");
    go.args(["build", "-o"])
        .arg(&program)
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/programs/enter.go"))
        // Go's library is built once, for all runs.
        .env("GOCACHE", concat!(env!("CARGO_TARGET_TMPDIR"), "/go"))
        .env("GO111MODULE", "off")
        .env("GOPROXY", "off")
        .env("GOTOOLCHAIN", "local")
        .env("CGO_ENABLED", "0")
        .env_remove("GOFLAGS");
    day.printed(&mut go);
    program
}

#[test]
fn a_go_program_enters_with_the_key_on_disk_and_through_the_proxy() {
    let day = Day::begin(47_000_009);
    let program = build(&day);
    let touches = day.touches(|| {
        let mut enter = day.adopt(Command::new(&program));
        enter.args(day.disk_arguments());
        assert!(day.printed(&mut enter).contains(DISK_NAME));
    });
    assert_eq!(touches, 0);
    let proxy = day.proxy(&[]);
    let touches = day.touches(|| {
        let mut enter = day.adopt(Command::new(&program));
        enter.arg("proxy").arg(proxy.socket());
        enter.arg("http://localhost/whoami");
        assert!(day.printed(&mut enter).contains(HARDWARE_NAME));
    });
    assert_eq!(touches, 1);
}
