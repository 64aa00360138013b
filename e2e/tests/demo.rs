//! `make demo` twice at once, without a terminal.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

use std::process::{Command, Stdio};

use e2e::{process, programs};

#[test]
fn two_demos_side_by_side_each_end_well_after_four_touches() {
    let demo = || {
        Command::new(programs::ours("demo").unwrap())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    };
    let running = [demo(), demo()];
    for demo in running {
        let output = demo.wait_with_output().unwrap();
        let printed = process::text(&output.stdout);
        assert!(
            output.status.success(),
            "{printed}{}",
            process::text(&output.stderr)
        );
        assert!(
            printed.contains("Touches: 4 (dlogin 2, ssh 1, curl 1)"),
            "{printed}"
        );
        assert!(!printed.contains('\x1b'), "no colours without a terminal");
    }
}
