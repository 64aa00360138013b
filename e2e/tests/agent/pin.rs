//! Who is asked for the PIN, how often, and what becomes of a wrong one.

use std::process::Command;
use std::time::{Duration, Instant};

use e2e::agent::{Agent, ssh_config};
use e2e::site::{PIN, Site, USER};
use e2e::terminal::Terminal;
use e2e::{process, programs};
use serde_json::json;

use crate::day::{Day, me};

#[test]
fn where_nobody_can_be_asked_batch_mode_fails_at_once_and_says_why() {
    let site = Site::enrolled(41_000_006).unwrap();
    let sshd = site.sshd(USER).unwrap();
    let mut agent = site.laptop().dlogin(&["agent"]);
    agent.env_remove("DLOGIN_ASKPASS");
    let agent = Agent::start_as(site.laptop(), agent).unwrap();
    let config = ssh_config(site.laptop(), &sshd, "host", &me()).unwrap();
    let before = site.touches();
    let batch = || {
        // Without a terminal of its own.
        let mut ssh = site.laptop().command(&programs::system("setsid").unwrap());
        ssh.args(["-w", "ssh", "-F"])
            .arg(&config)
            .args(["-o", "BatchMode=yes", "host", "true"])
            .env_remove("DLOGIN_ASKPASS");
        let begin = Instant::now();
        let output = process::run(&mut ssh).unwrap();
        assert_eq!(output.status.code(), Some(255));
        assert!(begin.elapsed() < Duration::from_secs(15));
        process::text(&output.stderr)
    };
    let stderr = batch();
    assert!(stderr.contains("nobody to ask for the PIN"), "{stderr}");
    assert!(stderr.contains("Permission denied (publickey)"), "{stderr}");
    // With a certificate it is the agent that cannot ask.
    site.laptop().succeed(&["ssh"]).unwrap();
    let touched = site.touches();
    let stderr = batch();
    assert!(stderr.contains("Permission denied (publickey)"), "{stderr}");
    assert!(
        agent.log().contains("nobody to ask for the PIN"),
        "{}",
        agent.log()
    );
    assert_eq!(site.touches(), touched);
    assert_eq!(touched - before, 1, "the login");
}

#[test]
fn a_locked_agent_has_no_keys_until_it_is_unlocked() {
    let day = Day::begin(41_000_007, &["--pin-cache", "1h"]);
    day.enters();
    assert!(day.ssh_add(&["-x"]).status.success());
    assert!(process::text(&day.ssh_add(&["-l"]).stdout).contains("no identities"));
    let refused = day
        .agent
        .service(&json!({"version": 1, "request": "list"}))
        .unwrap();
    assert_eq!(refused, json!({"refused": "locked"}));
    assert_eq!(day.touches(|| day.does_not_enter()), 0);
    assert!(day.ssh_add(&["-X"]).status.success());
    let asked = day.site.laptop().pin_prompts().len();
    day.enters();
    assert_eq!(
        day.site.laptop().pin_prompts().len() - asked,
        1,
        "locking forgets the PIN"
    );
}

#[test]
fn a_pin_is_asked_for_once_while_it_is_kept_and_each_time_otherwise() {
    for (serial, args, expected) in [
        (41_000_008, &["--pin-cache", "1h"][..], 1),
        (41_000_009, &[], 2),
    ] {
        let day = Day::begin(serial, args);
        let asked = day.site.laptop().pin_prompts().len();
        day.enters();
        day.enters();
        let asked = day.site.laptop().pin_prompts().len() - asked;
        assert_eq!(asked, expected, "{args:?}");
    }
}

#[test]
fn a_wrong_pin_is_sent_once_however_often_it_is_given() {
    let mut site = Site::enrolled(41_000_010).unwrap();
    site.laptop().succeed(&["ssh"]).unwrap();
    site.laptop_mut().set_pin("111111");
    let day = Day::with(site, &["--pin-cache", "1h"]);
    for _ in 0..3 {
        day.does_not_enter();
    }
    assert!(day.agent.log().contains("wrong PIN"), "{}", day.agent.log());
    // The card is free for others whenever nothing is signed.
    assert_eq!(day.pin_tries_left(), "2");
}

#[test]
fn a_pin_that_was_wrong_is_right_once_the_card_has_it() {
    let site = Site::enrolled(45_000_035).unwrap();
    site.laptop().succeed(&["ssh"]).unwrap();
    let (typed, program) = (site.dir().join("typed"), site.dir().join("askpass"));
    // Written by another process: see the tests of askpass in dlogin-core.
    let script = format!("#!/bin/sh\nhead -n1 {0}\nsed -i 1d {0}\n", typed.display());
    let line = "printf '%s' \"$2\" >\"$1\" && chmod 700 \"$1\"";
    let mut shell = Command::new("sh");
    shell.args(["-c", line, "sh"]).arg(&program).arg(script);
    process::succeed(&mut shell).unwrap();
    let mut agent = site.laptop().dlogin(&["agent"]);
    agent.env("DLOGIN_ASKPASS", &program);
    let day = Day::with_agent(site, agent);
    let types = |pin: &str| std::fs::write(&typed, pin).unwrap();
    types(&format!("246802\n{PIN}\n"));
    day.enters();
    let mut tool = day.program("yubico-piv-tool");
    tool.args(["-a", "change-pin", "-P", PIN, "-N", "246802"]);
    process::succeed(&mut tool).unwrap();
    types("246802\n");
    day.enters();
    assert_eq!(day.pin_tries_left(), "3");
}

#[test]
fn batch_mode_at_a_terminal_fails_at_once_too_where_a_login_without_it_asks() {
    let site = Site::enrolled(41_000_027).unwrap();
    let day = Day::with(site, &[]);
    let before = day.site.touches();
    let ssh = |option: &str| {
        let script = day.program("script");
        let config = day.config.display();
        let line = format!("ssh -F {config} {option} host echo entered");
        Terminal::run_as(script, &line).unwrap()
    };
    let (shown, code) = ssh("-o BatchMode=yes").end().unwrap();
    assert_eq!(code, Some(255), "{shown}");
    for said in ["nobody to ask for the PIN", "Permission denied (publickey)"] {
        assert!(shown.contains(said), "{said}: {shown}");
    }
    assert!(!shown.contains("PIN for YubiKey"), "{shown}");
    assert_eq!(day.site.touches(), before);
    let mut asked = ssh("");
    asked.wait_for("PIN for YubiKey 41000027").unwrap();
    asked.type_in(&format!("{PIN}\n")).unwrap();
    let (shown, code) = asked.end().unwrap();
    assert_eq!(code, Some(0), "{shown}");
    assert!(shown.contains("entered"), "{shown}");
}

/// At a terminal of its own, where nobody else than the person can be asked.
fn terminal(site: &Site, line: &str) -> Terminal {
    let mut script = site.laptop().command(&programs::system("script").unwrap());
    script.env_remove("DISPLAY").env_remove("WAYLAND_DISPLAY");
    Terminal::run_as(script, line).unwrap()
}

#[test]
fn in_the_background_of_a_terminal_the_agent_asks_nobody_and_goes_on() {
    let site = Site::enrolled(45_000_036).unwrap();
    site.laptop().succeed(&["ssh"]).unwrap();
    let sshd = site.sshd(USER).unwrap();
    let config = ssh_config(site.laptop(), &sshd, "host", &me()).unwrap();
    let line = format!(
        "set -m; \"$DLOGIN\" agent & \
         until [ -S $HOME/run/dlogin/service.sock ]; do sleep 0.1; done; \
         ssh -F {0} host true; ssh -F {0} host true; jobs; kill %1; wait %1; echo code=$?",
        config.display()
    );
    let (shown, _) = terminal(&site, &line).end().unwrap();
    let denied = shown.matches("Permission denied (publickey)").count();
    assert_eq!(denied, 2, "{shown}");
    for said in [
        "DLOGIN_ASKPASS",
        "pinentry",
        "--pin-cache",
        "Running",
        "code=0",
    ] {
        assert!(shown.contains(said), "{said}: {shown}");
    }
    assert!(!shown.contains("PIN for YubiKey"), "{shown}");
}

#[test]
fn an_agent_that_ends_at_its_question_leaves_a_terminal_that_shows_what_is_typed() {
    let site = Site::enrolled(45_000_037).unwrap();
    site.laptop().succeed(&["ssh"]).unwrap();
    let sshd = site.sshd(USER).unwrap();
    let config = ssh_config(site.laptop(), &sshd, "host", &me()).unwrap();
    let id = site.dir().join("id");
    let line = format!(
        "sh -c 'echo $$ >{}; exec \"$DLOGIN\" agent'; echo code=$?; stty -a",
        id.display()
    );
    let mut terminal = terminal(&site, &line);
    terminal.wait_for("SSH_AUTH_SOCK=").unwrap();
    let mut ssh = site.laptop().command(&programs::system("ssh").unwrap());
    ssh.arg("-F").arg(&config).args(["host", "true"]);
    let mut ssh = process::Background::start(ssh, &site.dir().join("ssh.log")).unwrap();
    terminal.wait_for("PIN for YubiKey 45000037").unwrap();
    let id = std::fs::read_to_string(id).unwrap();
    process::succeed(Command::new("kill").arg(id.trim())).unwrap();
    let (shown, _) = terminal.end().unwrap();
    let _ = ssh.wait().unwrap();
    assert!(shown.contains("code=0"), "{shown}");
    for back in ["echo", "isig"] {
        let on = shown.split_whitespace().any(|word| word == back);
        assert!(on, "{back} is off: {shown}");
    }
}
