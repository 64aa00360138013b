//! `make demo-browser`, without a terminal: both browsers enter, and pictures show it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

use std::process::Command;

use e2e::{process, programs};

#[test]
fn both_browsers_enter_with_a_touch_each_and_leave_a_picture() {
    let demo = programs::ours("demo_browser").unwrap();
    let printed = process::succeed(&mut Command::new(demo)).unwrap();
    assert!(
        printed.contains("Touches: 2 (Firefox 1, Chromium 1)"),
        "{printed}"
    );
    let pictures: Vec<_> = printed
        .lines()
        .filter_map(|line| line.trim().strip_prefix("picture: "))
        .collect();
    assert_eq!(pictures.len(), 2, "{printed}");
    for picture in pictures {
        assert!(std::fs::read(picture).unwrap().starts_with(b"\x89PNG"));
    }
}
