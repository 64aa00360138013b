//! Programs that run ssh by themselves: rsync and ansible.

use std::process::Command;

use e2e::process;
use virtual_yubikey::TouchMode;

use crate::day::{Day, me};

#[test]
fn ssh_costs_the_card_fewer_commands_by_the_agent_than_by_ykcs11() {
    let day = Day::begin(48_000_003, &["--pin-cache", "1h"]);
    let commands = |work: &mut dyn FnMut()| {
        let before = day.site.rig().commands();
        work();
        day.site.rig().commands() - before
    };
    let mut by_agent = || {
        let mut ssh = day.over_ssh("ssh");
        ssh.args(["host", "true"]);
        process::succeed(&mut ssh).unwrap_or_else(|error| panic!("{error}{}", day.logs()));
    };
    // The first login of an agent also attests the key.
    let first = commands(&mut by_agent);
    let later = commands(&mut by_agent);
    let ykcs11 = commands(&mut || {
        let mut ssh = day.site.ssh(&day.sshd, &me(), "true").unwrap();
        process::succeed(&mut ssh).unwrap_or_else(|error| panic!("{error}{}", day.logs()));
    });
    println!("commands: first {first}, later {later}, ykcs11 {ykcs11}");
    assert!(later <= first && first < ykcs11, "{first} {later} {ykcs11}");
    assert!(later > 0);
}

#[test]
fn rsync_carries_a_folder_with_one_touch() {
    let day = Day::begin(48_000_001, &["--pin-cache", "1h"]);
    let (from, to) = (day.site.dir().join("from"), day.site.dir().join("to"));
    std::fs::create_dir(&from).unwrap();
    for name in ["one", "two"] {
        std::fs::write(from.join(name), name).unwrap();
    }
    let touches = day.touches(|| {
        let mut rsync = day.program("rsync");
        rsync
            .arg("--archive")
            .arg("--rsh")
            .arg(format!("ssh -F {}", day.config.display()))
            .arg(format!("{}/", from.display()))
            .arg(format!("host:{}", to.display()));
        process::succeed(&mut rsync).unwrap_or_else(|error| panic!("{error}{}", day.logs()));
    });
    for name in ["one", "two"] {
        assert_eq!(std::fs::read_to_string(to.join(name)).unwrap(), name);
    }
    assert_eq!(touches, 1);
}

/// ansible's ping module, which runs Python on the host.
fn ping(day: &Day) -> Command {
    let mut ansible = day.program("ansible");
    ansible
        .env("ANSIBLE_HOST_KEY_CHECKING", "True")
        .env("ANSIBLE_PIPELINING", "True")
        .env("ANSIBLE_LOCAL_TEMP", day.site.dir().join("ansible"))
        // One connection a task, so that each touch is counted; by default it
        // keeps the first open for all.
        .env(
            "ANSIBLE_SSH_ARGS",
            format!("-F {} -o ControlMaster=no", day.config.display()),
        )
        .args(["all", "--inventory", "host,", "--module-name", "ping"])
        .args([
            "--extra-vars",
            "ansible_python_interpreter=/usr/bin/python3",
        ]);
    ansible
}

#[test]
fn ansible_pings_and_without_a_touch_says_why_not() {
    let day = Day::begin(48_000_002, &["--pin-cache", "1h"]);
    let touches = day.touches(|| {
        let said = process::succeed(&mut ping(&day));
        let said = said.unwrap_or_else(|error| panic!("{error}{}", day.logs()));
        assert!(said.contains("\"ping\": \"pong\""), "{said}");
    });
    assert_eq!(touches, 1);
    day.site.rig().touch().set_mode(TouchMode::Deny);
    let output = process::run(&mut ping(&day)).unwrap();
    let said = process::text(&output.stdout) + &process::text(&output.stderr);
    assert!(!output.status.success());
    assert!(said.contains("UNREACHABLE"), "{said}");
    assert!(said.contains("Permission denied (publickey)"), "{said}");
}
