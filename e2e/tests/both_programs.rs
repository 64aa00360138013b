//! What `ca` and `dlogin` have in common.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

use std::process::Command;

use e2e::{process, programs};

/// The table that `--help` ends with.
fn exit_codes(program: &str) -> Vec<String> {
    let mut command = Command::new(programs::ours(program).unwrap());
    let help = process::succeed(command.arg("--help")).unwrap();
    let (_, table) = help
        .split_once("Exit codes:\n")
        .expect("a table of exit codes");
    table.lines().map(|line| line.trim().to_owned()).collect()
}

#[test]
fn both_print_the_same_table_of_exit_codes() {
    let (ca, dlogin) = (exit_codes("ca"), exit_codes("dlogin"));
    assert_eq!(ca, dlogin);
    assert!(ca.len() >= 9, "{ca:?}");
    assert!(
        ca[0].starts_with("0 ") && ca[ca.len() - 1].starts_with("130 "),
        "{ca:?}"
    );
}
