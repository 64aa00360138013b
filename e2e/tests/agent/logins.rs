//! ssh and what runs over it, with the lines of `dlogin ssh-config`.

use std::path::Path;
use std::process::Command;

use e2e::agent::Agent;
use e2e::site::{PIN, Site, USER};
use e2e::{process, programs};
use virtual_yubikey::TouchMode;

use crate::day::{Day, me};

#[test]
fn ssh_scp_git_and_a_jump_cost_one_touch_for_each_login() {
    let day = Day::begin(41_000_001, &[]);
    assert_eq!(day.touches(|| day.enters()), 1);

    let (from, to) = (day.site.dir().join("from"), day.site.dir().join("to"));
    std::fs::write(&from, "carried").unwrap();
    let touches = day.touches(|| {
        let mut scp = day.over_ssh("scp");
        scp.arg(&from).arg(format!("host:{}", to.display()));
        process::succeed(&mut scp).unwrap();
    });
    assert_eq!(std::fs::read_to_string(&to).unwrap(), "carried");
    assert_eq!(touches, 1);

    let work = day.site.dir().join("work");
    let far = day.site.dir().join("far.git");
    let git = |args: &[&str], inside: Option<&Path>| {
        let mut git = day.program("git");
        git.env(
            "GIT_SSH_COMMAND",
            format!("ssh -F {}", day.config.display()),
        )
        .args([
            "-c",
            "user.name=a",
            "-c",
            "user.email=a@b",
            "-c",
            "init.defaultBranch=main",
        ]);
        if let Some(folder) = inside {
            git.arg("-C").arg(folder);
        }
        process::succeed(git.args(args)).unwrap()
    };
    git(&["init", "-q", "--bare", far.to_str().unwrap()], None);
    git(&["init", "-q", work.to_str().unwrap()], None);
    git(
        &["commit", "-q", "--allow-empty", "-m", "first"],
        Some(&work),
    );
    let url = format!("ssh://host{}", far.display());
    assert_eq!(
        day.touches(|| {
            git(&["push", "-q", &url, "HEAD:main"], Some(&work));
        }),
        1
    );
    assert!(git(&["log", "--oneline", "main"], Some(&far)).contains("first"));

    let touches = day.touches(|| {
        let output = day.ssh(&["-J", "host", "host", "echo twice"]);
        assert_eq!(process::text(&output.stdout), "twice\n");
    });
    assert_eq!(touches, 2, "one for each host on the way");
}

#[test]
fn the_person_is_told_what_is_signed_and_for_which_host() {
    let day = Day::begin(41_000_002, &[]);
    day.enters();
    let host_key = process::succeed(
        Command::new("ssh-keygen")
            .arg("-lf")
            .arg(day.sshd.place().host_key),
    )
    .unwrap();
    let fingerprint = host_key.split_whitespace().nth(1).unwrap();
    let log = day.agent.log();
    let expected = format!(
        "Touch the YubiKey now: SSH login as {} to host {fingerprint} (asked by ssh)",
        me()
    );
    assert!(log.contains(&expected), "{expected}\n{log}");
    assert!(!log.contains(PIN), "{log}");
}

#[test]
fn a_certificate_that_is_not_there_is_fetched_before_the_connection() {
    let site = Site::enrolled(41_000_004).unwrap();
    let day = Day::with(site, &[]);
    assert_eq!(
        day.touches(|| day.enters()),
        2,
        "one to renew, one to enter"
    );
    assert_eq!(day.touches(|| day.enters()), 1, "it lives");
    // Two at once cost one renewal.
    day.site.laptop().succeed(&["logout"]).unwrap();
    let touches = day.touches(|| {
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| day.enters());
            }
        });
    });
    assert_eq!(touches, 3);
}

#[test]
fn if_needed_asks_neither_ca_nor_key_while_all_lives() {
    let mut site = Site::enrolled(41_000_005).unwrap();
    site.laptop().succeed(&[]).unwrap();
    let before = site.touches();
    site.ca_mut().stop().unwrap();
    for args in [&["--if-needed"][..], &["--if-needed", "ssh"]] {
        assert_eq!(site.laptop().succeed(args).unwrap(), "");
    }
    assert_eq!(site.touches(), before);
}

#[test]
fn keys_of_every_kind_enter() {
    for (serial, algorithm) in [
        (41_000_022, "RSA-2048"),
        (41_000_023, "P-384"),
        (41_000_024, "Ed25519"),
    ] {
        let site = Site::start(serial, TouchMode::Auto).unwrap();
        site.trust_ca().unwrap();
        site.add_user().unwrap();
        let setup = ["setup", "--use", "login", "--algorithm", algorithm];
        site.laptop().succeed(&setup).unwrap();
        let bundle = site.write_bundle("login").unwrap();
        let grant = format!("ssh={USER}");
        site.enrol("login", &bundle, &[grant]).unwrap();
        site.laptop().succeed(&["ssh"]).unwrap();
        let day = Day::with(site, &[]);
        assert_eq!(day.touches(|| day.enters()), 1, "{algorithm}");
    }
}

#[test]
fn hosts_with_and_without_the_lines_and_a_shared_connection_live_together() {
    let site = Site::enrolled(45_000_008).unwrap();
    site.laptop().succeed(&["ssh"]).unwrap();
    let agent = Agent::start(site.laptop(), &[]).unwrap();
    let sshd = site.sshd(USER).unwrap();
    let place = sshd.place();
    let written = site
        .laptop()
        .succeed(&["ssh-config", "--write", "one.example", "two.*"])
        .unwrap();
    assert!(written.contains("dlogin.conf"), "{written}");
    let control = site.dir().join("master");
    let person = site.laptop().home().join(".ssh/config");
    let mut config = std::fs::read_to_string(&person).unwrap();
    config.push_str(&format!(
        "Host two.example\n    ControlMaster auto\n    ControlPath {}\n    ControlPersist 60\n\
         Host *\n    HostName 127.0.0.1\n    Port {}\n    User {}\n    UserKnownHostsFile {}\n    \
         StrictHostKeyChecking yes\n    IdentityFile none\n    IdentityAgent none\n    \
         PreferredAuthentications publickey\n",
        control.display(),
        place.port,
        me(),
        place.known_hosts.display()
    ));
    std::fs::write(&person, config).unwrap();
    let ssh = |args: &[&str]| {
        let program = programs::system("ssh").unwrap();
        let mut ssh = site.laptop().command(&program);
        // ssh asks the system for the home, not the environment.
        process::run(ssh.arg("-F").arg(&person).args(args)).unwrap()
    };
    let shown = |host: &str| process::text(&ssh(&["-G", host]).stdout);
    for (host, ours) in [
        ("one.example", true),
        ("two.example", true),
        ("three.example", false),
    ] {
        let shown = shown(host);
        assert_eq!(shown.contains("dlogin/agent.sock"), ours, "{host}: {shown}");
        assert_eq!(shown.contains("ssh-cert.pub"), ours, "{host}: {shown}");
    }
    let touches = |work: &dyn Fn()| {
        let before = site.touches();
        work();
        site.touches() - before
    };
    let enters = |host: &str| {
        let output = ssh(&[host, "echo entered"]);
        let said = process::text(&output.stderr);
        assert_eq!(
            process::text(&output.stdout),
            "entered\n",
            "{said}{}",
            agent.log()
        );
    };
    assert_eq!(touches(&|| enters("one.example")), 1);
    assert_eq!(touches(&|| enters("two.example")), 1);
    assert_eq!(
        touches(&|| enters("two.example")),
        0,
        "one connection for both"
    );
    assert_eq!(
        touches(&|| assert!(!ssh(&["three.example", "true"]).status.success())),
        0
    );
    ssh(&["-O", "exit", "two.example"]);
}
