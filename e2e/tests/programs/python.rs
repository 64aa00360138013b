//! A Python program: files, and the proxy's socket.

use std::path::Path;
use std::process::Command;

use e2e::site::{DISK_NAME, HARDWARE_NAME};

use crate::Day;

#[test]
fn a_python_program_enters_with_the_key_on_disk_and_through_the_proxy() {
    let day = Day::begin(47_000_010);
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/programs/enter.py");
    let python = || {
        let mut python = day.adopt(Command::new("/usr/bin/python3"));
        python.arg(&script);
        python
    };
    let touches = day.touches(|| {
        let mut enter = python();
        enter.args(day.disk_arguments());
        assert!(day.printed(&mut enter).contains(DISK_NAME));
    });
    assert_eq!(touches, 0);
    let proxy = day.proxy(&[]);
    let touches = day.touches(|| {
        let mut enter = python();
        enter.arg("proxy").arg(proxy.socket()).arg("/whoami");
        let said = day.printed(&mut enter);
        assert_eq!(said.matches(HARDWARE_NAME).count(), 2, "{said}");
    });
    assert_eq!(touches, 1, "one connection carries both");
}
