//! Programs that run ssh by themselves: rsync and ansible, with what
//! `dlogin ssh-config` writes and the key in the (virtual) YubiKey.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

use std::path::PathBuf;
use std::process::Command;

use e2e::agent::{Agent, ssh_config};
use e2e::site::{Site, USER};
use e2e::sshd::Sshd;
use e2e::{process, programs};
use virtual_yubikey::TouchMode;

/// A person with a certificate, an agent, and a host to go to.
struct Day {
    // Dropped in this order.
    agent: Agent,
    sshd: Sshd,
    config: PathBuf,
    site: Site,
}

impl Day {
    fn begin(serial: u32) -> Self {
        let site = Site::enrolled(serial).unwrap();
        site.laptop().succeed(&["ssh"]).unwrap();
        let sshd = site.sshd(USER).unwrap();
        let agent = Agent::start(site.laptop(), &["--pin-cache", "1h"]).unwrap();
        let me = process::succeed(Command::new("id").arg("-un")).unwrap();
        let config = ssh_config(site.laptop(), &sshd, "host", me.trim()).unwrap();
        Self {
            agent,
            sshd,
            config,
            site,
        }
    }

    fn program(&self, name: &str) -> Command {
        self.site.laptop().command(&programs::system(name).unwrap())
    }

    fn logs(&self) -> String {
        format!("{}\n{}", self.agent.log(), self.sshd.log())
    }

    fn touches(&self, work: impl FnOnce()) -> u64 {
        let before = self.site.touches();
        work();
        self.site.touches() - before
    }
}

#[test]
fn ssh_costs_the_card_fewer_commands_by_the_agent_than_by_ykcs11() {
    let day = Day::begin(48_000_003);
    let commands = |work: &mut dyn FnMut()| {
        let before = day.site.rig().commands();
        work();
        day.site.rig().commands() - before
    };
    let mut by_agent = || {
        let mut ssh = day.program("ssh");
        ssh.arg("-F").arg(&day.config).args(["host", "true"]);
        process::succeed(&mut ssh).unwrap_or_else(|error| panic!("{error}{}", day.logs()));
    };
    // The first login of an agent also attests the key.
    let first = commands(&mut by_agent);
    let later = commands(&mut by_agent);
    let me = process::succeed(Command::new("id").arg("-un")).unwrap();
    let ykcs11 = commands(&mut || {
        let mut ssh = day.site.ssh(&day.sshd, me.trim(), "true").unwrap();
        process::succeed(&mut ssh).unwrap_or_else(|error| panic!("{error}{}", day.logs()));
    });
    println!("commands: first {first}, later {later}, ykcs11 {ykcs11}");
    assert!(later <= first && first < ykcs11, "{first} {later} {ykcs11}");
    assert!(later > 0);
}

#[test]
fn rsync_carries_a_folder_with_one_touch() {
    let day = Day::begin(48_000_001);
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
    let day = Day::begin(48_000_002);
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
