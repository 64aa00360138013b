//! The agent as a process: one of them, at rest.

use std::path::PathBuf;
use std::time::Duration;

use e2e::agent::Agent;
use e2e::site::Site;
use e2e::{process, programs};

use crate::day::Day;

#[test]
fn one_agent_runs_and_what_a_dead_one_left_behind_is_replaced() {
    let mut day = Day::begin(41_000_019, &[]);
    let second = day.site.laptop().run(&["agent"]).unwrap();
    assert!(!second.status.success());
    assert!(process::text(&second.stderr).contains("an agent runs already"));
    day.agent
        .process()
        .signal(rustix::process::Signal::KILL)
        .unwrap();
    let _ = day.agent.process().wait().unwrap();
    assert!(day.agent.ssh_socket().exists(), "left behind");
    day.agent = Agent::start(day.site.laptop(), &[]).unwrap();
    day.enters();
    assert!(day.agent.process().stop().unwrap().success());
    assert!(!day.agent.ssh_socket().exists());
}

#[test]
fn at_rest_it_wakes_up_for_nothing_and_needs_little_memory() {
    let mut day = Day::begin(41_000_020, &["--pin-cache", "1h"]);
    day.enters();
    let proc = PathBuf::from(format!("/proc/{}", day.agent.process().id()));
    let number = |text: &str, field: &str| -> u64 {
        let line = text.lines().find(|l| l.starts_with(field)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    };
    let switches = || -> u64 {
        std::fs::read_dir(proc.join("task"))
            .unwrap()
            .filter_map(|task| std::fs::read_to_string(task.unwrap().path().join("status")).ok())
            .map(|status| number(&status, "voluntary_ctxt_switches"))
            .sum()
    };
    // Whatever the login began has ended when nothing moves for a while.
    let mut before = switches();
    assert!(process::within(process::PATIENCE, || {
        std::thread::sleep(Duration::from_millis(500));
        let now = switches();
        std::mem::replace(&mut before, now) == now
    }));
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(switches(), before, "no thread woke up in two seconds");
    let status = std::fs::read_to_string(proc.join("status")).unwrap();
    let own = number(&status, "RssAnon:");
    assert!(own < 10 * 1024, "{own} kB of its own");
    assert!(number(&status, "VmLck:") > 0, "the PIN is in locked memory");
}

#[test]
fn an_agent_that_can_tell_nobody_any_more_goes_on_signing() {
    let site = Site::enrolled(45_000_034).unwrap();
    site.laptop().succeed(&["ssh"]).unwrap();
    let shell = programs::system("sh").unwrap();
    let mut agent = site.laptop().command(&shell);
    agent
        .args(["-c", "exec \"$0\" agent 2>/dev/full"])
        .arg(programs::ours("dlogin").unwrap())
        .env("DLOGIN_LOG", "debug");
    let day = Day::with_agent(site, agent);
    day.enters_with_one_touch();
    day.enters_with_one_touch();
}
